"""A real uvicorn process on a loopback port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True, slots=True)
class Server:
    """A running process that answers."""

    base: str
    process: subprocess.Popen[bytes]


def free_address() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(port: int, artifacts: Path, data: Path, **settings: str) -> Iterator[Server]:
    """`uvicorn farol.app:app`, ended with SIGTERM and, if that is not heeded, killed."""
    environ = {**os.environ, "FAROL_ARTIFACTS": str(artifacts), "FAROL_DATA": str(data), **settings}
    command = [sys.executable, "-m", "uvicorn", "farol.app:app", "--port", str(port), "--log-level", "warning"]
    base = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, env=environ) as process:
        try:
            _await_answer(base, process)
            yield Server(base, process)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _await_answer(base: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        if process.poll() is not None:
            raise AssertionError(f"uvicorn ended with {process.returncode}")
        try:
            httpx.get(f"{base}/health", timeout=1)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("uvicorn did not answer")
