"""`farol serve` as a real group of processes that a test may kill, all of it or one worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self

from tests.ports import held_port
from tests.waiting import eventually

COMMAND = "from farol.cli import main; main()"
BROKEN = (OSError, HTTPException)
"""The errors that a caller sees when a server was killed."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, read to its end."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.content)
        return body


class Caller:
    """One connection, kept as long as it holds; raises one of BROKEN where there is no whole answer."""

    def __init__(self, port: int, timeout: float = 30) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=timeout)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        content = None if body is None else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._connection.request(method, path, content, {"Content-Type": "application/json", **named})
            answer = self._connection.getresponse()
            return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        except BROKEN:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()


@dataclass
class Service:
    """A service that is started, killed and started again on the same port and store."""

    artifacts: Path
    data: Path
    url: str
    workers: int = 1
    environ: dict[str, str] = field(default_factory=dict)
    before: Callable[[], None] | None = None
    """Is called in the new process before the program is."""
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    _held: ExitStack = field(default_factory=ExitStack)
    """The port, also while nothing is running."""

    def __enter__(self) -> Self:
        with ExitStack() as held:
            self.port = self.port or held.enter_context(held_port())
            self.start()
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
        self._held.close()

    def start(self, *, ready: bool = True) -> None:
        environ = {
            **os.environ,
            "FAROL_ARTIFACTS": str(self.artifacts),
            "FAROL_DATA": str(self.data),
            "FAROL_DATABASE_URL": self.url,
            **self.environ,
        }
        options = ["serve", "--port", str(self.port), "--workers", str(self.workers), "--log-level", "error"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *options],
            env=environ,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            preexec_fn=self.before,  # noqa: PLW1509  what is given makes system calls only
        )
        self.wait_for(lambda: self.ask("GET", "/ready" if ready else "/health").status == 200)
        if ready and self.workers > 1:
            self.wait_for(lambda: len(self.worker_pids()) == self.workers)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        """One request on a connection of its own."""
        caller = Caller(self.port)
        try:
            return caller.ask(method, path, body, **headers)
        finally:
            caller.close()

    def wait_for(self, true: Callable[[], bool]) -> None:
        """Until it is so; a server that does not answer yet is no reason to give up, one that ended is."""

        def is_so() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"farol serve ended with {self.process.returncode}"
            try:
                return true()
            except BROKEN:
                return False

        eventually(is_so)

    def worker_pids(self) -> list[int]:
        """The processes that answer."""
        assert self.process is not None
        if self.workers == 1:
            return [self.process.pid]
        return [pid for pid in _children(self.process.pid) if "spawn_main" in _command_line(pid)]

    def kill(self) -> None:
        """SIGKILL to every process at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_worker(self, index: int = 0) -> None:
        """SIGKILL to one of those that answer."""
        os.kill(self.worker_pids()[index], signal.SIGKILL)
        if self.workers == 1:
            assert self.process is not None
            self.process.wait()


def _children(parent: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in listed.stdout.split()]


def _command_line(pid: int) -> str:
    listed = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout
