"""A real uvicorn process on a loopback port."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.waiting import eventually


@dataclass(frozen=True, slots=True)
class Server:
    """A running process that answers."""

    base: str
    process: subprocess.Popen[bytes]


@contextmanager
def serving(port: int, artifacts: Path, data: Path, **settings: str) -> Iterator[Server]:
    """`uvicorn farol.app:app`, ended with SIGTERM, and killed where that does not end it."""
    environ = {**os.environ, "FAROL_ARTIFACTS": str(artifacts), "FAROL_DATA": str(data), **settings}
    command = [sys.executable, "-m", "uvicorn", "farol.app:app", "--port", str(port), "--log-level", "warning"]
    base = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, env=environ) as process:
        try:
            await_answer(base, process)
            yield Server(base, process)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def await_answer(base: str, process: subprocess.Popen[Any]) -> None:
    """Until the server of this process answers at `base`; AssertionError when the process ends first."""

    def is_answering() -> bool:
        assert process.poll() is None, f"the server ended with {process.returncode}"
        try:
            httpx.get(f"{base}/health", timeout=5)
        except httpx.TransportError:
            return False
        return True

    eventually(is_answering)
