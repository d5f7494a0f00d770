"""A real standalone Spark cluster and a real Sail server on 127.0.0.1, for tests and benchmarks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

from tests.ports import held_port
from tests.waiting import eventually

BIN = Path(sys.executable).parent
SPARK = Path(pyspark.__file__).parent
ENVIRON = {
    **os.environ,
    "SPARK_HOME": str(SPARK),
    "SPARK_LOCAL_IP": "127.0.0.1",
    "PYSPARK_PYTHON": sys.executable,
    "FAROL_LOCALE": "en",
}


@dataclass(frozen=True, slots=True)
class SparkCluster:
    """A standalone master and its workers, each in a process group of its own with what it starts."""

    url: str
    workers: tuple[subprocess.Popen[bytes], ...]


def started(log: Path, *command: str, environ: Mapping[str, str] = ENVIRON) -> subprocess.Popen[bytes]:
    """A process in a group of its own, whose output goes to a file."""
    with log.open("wb") as file:
        return subprocess.Popen(command, env=environ, stdout=file, stderr=file, start_new_session=True)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(port: int) -> bool:
    """Whether somebody listens at a port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def spark_cluster(folder: Path, *, workers: int) -> Iterator[SparkCluster]:
    """A standalone master and workers of one core each, every one with an address of its own: a task that runs twice
    does not do so on the same one. `folder` gets their logs.
    """
    java = str(SPARK / "bin" / "spark-class")
    with held_port() as port:
        page, url = ("--webui-port", "0"), f"spark://127.0.0.1:{port}"
        master = started(folder / "master", java, "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1",
                         "--port", str(port), *page)  # fmt: skip
        started_workers = tuple(
            started(
                folder / host, java, "org.apache.spark.deploy.worker.Worker", "--host", host, "--cores", "1",
                "--memory", "1g", "--work-dir", str(folder / f"of-{host}"), *page, url,
                environ={**ENVIRON, "SPARK_LOCAL_IP": host},
            )
            for host in (f"127.0.0.{number}" for number in range(1, workers + 1))
        )  # fmt: skip
        try:
            eventually(lambda: (folder / "master").read_text("utf-8").count("Registering worker") == workers)
            yield SparkCluster(url, started_workers)
        finally:
            for process in (*started_workers, master):
                stop(process)


@contextmanager
def sail_server(folder: Path) -> Iterator[str]:
    """The address of a Sail server. `folder` gets its log."""
    with held_port() as port:
        command = (str(BIN / "sail"), "spark", "server", "--ip", "127.0.0.1", "--port", str(port))
        server = started(folder / "sail", *command)
        try:
            eventually(lambda: answers(port))
            yield f"sc://127.0.0.1:{port}"
        finally:
            stop(server)
