"""Starts jobs in processes of their own, and sees to those that were cut off; one for each worker of the service."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from farol.errors import StoreError
from farol.intake.jobs import SiteJob, beat, busy_uploads, cut_off
from farol.intake.uploads import prune
from farol.settings import Settings
from farol.store.database import Store

logger = logging.getLogger("farol.jobs")

LOOK_SECONDS = 2.0

_PROGRAM = "import sys; from farol.intake.work import main; main(sys.stdin.buffer)"
_KEPT = (
    "artifacts",
    "data",
    "database_url",
    "timezone",
    "locale",
    "max_workbook_bytes",
    "max_workbook_unpacked_bytes",
    "max_workbook_cells",
    "store_timeout",
)
"""Settings that a job goes by."""


class JobRunner:
    """The children of one worker. A child ends when its worker does: it reads a pipe that closes then."""

    def __init__(self, settings: Settings, store: Callable[[], Store]) -> None:
        self._settings, self._store = settings, store
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._changing = threading.Lock()
        self._stopped = False

    def start(self, job: SiteJob) -> None:
        """Let a child do a job that waits. Raises OSError where the system starts no process."""
        values = self._settings.model_dump(mode="json", include=set(_KEPT))
        request = json.dumps({"job": job.id, "settings": values}).encode() + b"\n"
        with self._changing:
            if self._stopped:
                return
            child = subprocess.Popen(  # noqa: S603  our own interpreter and program
                [sys.executable, "-P", "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._children[job.id] = child
        assert child.stdin is not None  # noqa: S101  asked for above
        with suppress(BrokenPipeError):  # it ended at once: `look` says so
            child.stdin.write(request)
            child.stdin.flush()  # the pipe stays open: its end tells the child that we are gone

    def look(self) -> None:
        """Bury children that ended, begin again what must go on, and delete old uploads. Raises StoreError."""
        with self._changing:
            ended = [job for job, child in self._children.items() if child.poll() is not None]
            for job in ended:
                self._bury(job)
        store, now = self._store(), datetime.now(UTC)
        for job, child in list(self._children.items()):
            # A child that is still loading on a busy machine says nothing by itself yet.
            if not beat(store, job, now, ("waiting", "running")):
                child.kill()
        again = cut_off(store, now, ended)
        if again is not None:
            logger.warning("A job was cut off while it put models into use, and is begun again.")
            self.start(again)
        prune(self._settings, store, now, busy=busy_uploads(store))

    def stop(self) -> None:
        """End all children; jobs that had changed nothing are over, others go on when Farol runs again."""
        with self._changing:
            self._stopped = True
            ended = list(self._children)
            for child in self._children.values():
                child.kill()
                child.wait()
            for job in ended:
                self._bury(job)
        if ended:
            with suppress(StoreError):  # whoever runs next sees that they are silent
                cut_off(self._store(), datetime.now(UTC), ended)

    def _bury(self, job: str) -> None:
        child = self._children.pop(job)
        if child.stdin is not None:
            with suppress(OSError):
                child.stdin.close()
