"""Several processes on one port: uvicorn's supervisor, told of ends, and workers that do not outlive it."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import threading
from functools import partial
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.multiprocess import mark_process_dead
from uvicorn import Config
from uvicorn.supervisors import Multiprocess

from farol.api.logs import logging_config
from farol.api.server import HTTP
from farol.api.tracing import check_tracing
from farol.metrics import FOLDER
from farol.profile import load_profile
from farol.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

    from fastapi import FastAPI

logger = logging.getLogger("farol.serve")


def supervise(settings: Settings, sockets: list[socket], started: Callable[[], None]) -> None:
    """Serve with `settings.workers` processes on open sockets until SIGTERM or SIGINT, then until all have drained.

    A worker that ends is replaced; one that does not answer the supervisor for some seconds is killed and replaced.
    One that cannot start ends them all: so would the next. `started` is called just before the first starts. Before
    that: ProfileError for an unusable profile, MissingExtraError where what sends traces is not installed.
    """
    load_profile(settings.profile)
    check_tracing(settings)
    remove_left_over()
    metrics = tempfile.mkdtemp(prefix=f"{_METRICS}{os.getpid()}-")
    os.environ[FOLDER] = metrics  # the workers are new interpreters: they find it before they load the library
    try:
        config = Config(
            partial(worker_app, settings),
            factory=True,
            workers=settings.workers,
            http=HTTP,
            access_log=False,  # ours says no more than a route's template
            server_header=False,
            log_config=logging_config(settings),
        )
        started()
        Supervisor(config, sockets=sockets).run()
    finally:
        del os.environ[FOLDER]
        shutil.rmtree(metrics, ignore_errors=True)


_METRICS = "farol-metrics-"


def remove_left_over() -> None:
    """Folders of figures of services that were killed: of processes that are no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_METRICS}*-*"):
        pid = folder.name.removeprefix(_METRICS).partition("-")[0]
        if pid.isdecimal() and len(pid) < 10 and not _is_running(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


class Supervisor(Multiprocess):
    """uvicorn's; it tells of a worker's end at once, and takes what that worker had waiting out of the metrics."""

    def keep_subprocess_alive(self) -> None:
        """Replace what has ended."""
        before = list(self.processes)
        super().keep_subprocess_alive()
        for process in before:
            if process not in self.processes:
                logger.warning("Worker %s ended with %s; another takes its place.", process.pid, process.exitcode)
                mark_process_dead(process.pid, os.environ[FOLDER])  # type: ignore[no-untyped-call]  # not annotated


def worker_app(settings: Settings) -> FastAPI:
    """The application in a worker, which is to end when its supervisor has been killed.

    Else nobody would replace it, and a new supervisor would find the port taken.
    """
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), name="farol-parent", daemon=True).start()
    # Only here: the supervisor answers nobody, and is to cost little and to start its workers at once.
    from farol.app import create_app

    return create_app(settings)


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    signal.raise_signal(signal.SIGTERM)
