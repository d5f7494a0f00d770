"""Servers as processes of their own, for the time they are measured."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Server:
    """A running server under test."""

    name: str
    port: int
    pid: int


@contextlib.contextmanager
def running(
    name: str, command: list[str], port: int, ready: str, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server, from when it answers `ready` until it is not needed any more."""
    process = subprocess.Popen(command, env=os.environ | dict(env or {}), stdout=subprocess.DEVNULL)
    try:
        for _ in range(1_200):
            if answers(port, ready):
                break
            if process.poll() is not None:
                sys.exit(f"{name} ended with {process.returncode}")
            time.sleep(0.05)
        yield Server(name, port, process.pid)
    finally:
        stop(process)


def answers(port: int, path: str, body: bytes | None = None) -> bool:
    """Whether there is an answer of 200."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(20)


def resident(pid: int) -> float:
    """Megabytes of a process that are in memory."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]  # Linux always says it


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
