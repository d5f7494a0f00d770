"""`/ready` is 200 exactly when a prediction would be stored: both are asked, poll by poll, whatever is wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from psycopg import OperationalError

from farol.store.engine import open_engine
from farol.store.patience import Patience
from farol.store.postgresql import PatientAsyncConnection, PatientConnection
from tests.api.shape import PUPIL
from tests.faults.service import Service
from tests.faults.test_stores import LINUX, fill, small_disk
from tests.postgresql import Cluster

POLLS = 6


def polled(service: Service, times: int = POLLS) -> list[tuple[int, int]]:
    """The status of a prediction and then that of `/ready`, on connections of their own."""
    return [(service.ask("POST", "/predict", PUPIL).status, service.ask("GET", "/ready").status) for _ in range(times)]


def agrees(service: Service, status: int) -> None:
    """Both come to it, and then agree poll by poll. Each worker sees for itself, within a second, what has changed."""
    service.wait_for(lambda: polled(service) == [(status, status)] * POLLS)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_database_that_another_program_locks_is_not_ready(trained: Path, tmp_path: Path, workers: int) -> None:
    file = tmp_path / "data" / "farol.db"
    with Service(trained, tmp_path, f"sqlite:///{file}?timeout=0.3", workers=workers) as service:
        agrees(service, 200)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            agrees(service, 503)
            assert service.ask("GET", "/health").status == 200
            other.execute("ROLLBACK")
        agrees(service, 200)


@LINUX
@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_not_ready(trained: Path, tmp_path: Path, workers: int) -> None:
    with (
        small_disk(tmp_path / "disk") as disk,
        Service(trained, tmp_path, f"sqlite:///{disk / 'farol.db'}", workers=workers) as service,
    ):
        agrees(service, 200)
        ballast = disk / "ballast"
        fill(ballast)
        agrees(service, 503)
        ballast.unlink()
        agrees(service, 200)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("damaged", ["predictions", "ix_predictions_at", "counters"])
def test_a_damaged_page_is_not_ready(trained: Path, tmp_path: Path, workers: int, damaged: str) -> None:
    file = tmp_path / "data" / "farol.db"
    with Service(trained, tmp_path, f"sqlite:///{file}", workers=workers) as service:
        agrees(service, 200)
        assert service.process is not None
        service.process.terminate()
        service.process.wait(60)
        with sqlite3.connect(file) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [damaged]).fetchone()
            (size,) = database.execute("PRAGMA page_size").fetchone()
        database.close()
        with file.open("r+b") as pages:
            pages.seek((page - 1) * size)
            pages.write(b"\xff" * size)
        service.start(ready=False)
        agrees(service, 503)


@contextmanager
def silent(cluster: Cluster) -> Iterator[None]:
    """Every process of the server is stopped: the system still takes connections for it, and nothing answers."""
    first = int((cluster.data / "postmaster.pid").read_text().splitlines()[0])
    pids = [first, *children(first)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@LINUX
@pytest.mark.postgresql
@pytest.mark.parametrize("workers", [1, 2])
def test_postgresql_that_says_nothing_is_not_ready(
    trained: Path, tmp_path: Path, cluster: Cluster, workers: int
) -> None:
    url = cluster.new_database() + "&connect_timeout=2"
    with Service(trained, tmp_path, url, workers=workers, environ={"FAROL_STORE_TIMEOUT": "0.5"}) as service:
        agrees(service, 200)
        with silent(cluster):
            agrees(service, 503)
            assert service.ask("GET", "/health").status == 200
        agrees(service, 200)


Change = Callable[[Path, Path], None]


def moved_over(file: Path, copy: Path) -> None:
    copy.replace(file)


def log_removed(file: Path, _copy: Path) -> None:
    Path(f"{file}-wal").unlink()


def both_removed(file: Path, copy: Path) -> None:
    log_removed(file, copy)
    Path(f"{file}-shm").unlink()


def file_removed(file: Path, _copy: Path) -> None:
    file.unlink()


def all_removed(file: Path, copy: Path) -> None:
    both_removed(file, copy)
    file_removed(file, copy)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("change", [moved_over, log_removed, both_removed, file_removed, all_removed])
def test_a_database_that_is_not_itself_is_not_ready(
    trained: Path, tmp_path: Path, workers: int, change: Change
) -> None:
    file, copy = tmp_path / "data" / "farol.db", tmp_path / "copy.db"
    with Service(trained, tmp_path, f"sqlite:///{file}", workers=workers) as service:
        agrees(service, 200)
        with sqlite3.connect(file) as source, sqlite3.connect(copy) as target:
            source.backup(target)
        source.close()
        target.close()
        change(file, copy)
        agrees(service, 503)


@pytest.mark.postgresql
def test_a_server_that_does_not_answer_is_given_up(cluster: Cluster) -> None:
    engine = open_engine(cluster.new_database())
    args, options = engine.dialect.create_connect_args(engine.url)
    patience = Patience()
    patience.seconds = 0.2
    connection = PatientConnection.waiting(patience, *args, **options)
    with pytest.raises(OperationalError, match="does not answer"):
        connection.execute("SELECT pg_sleep(60)")
    assert connection.closed

    async def ask() -> None:
        connection = await PatientAsyncConnection.waiting(patience, *args, **options)
        with pytest.raises(OperationalError, match="does not answer"):
            await connection.execute("SELECT pg_sleep(60)")
        assert connection.closed

    asyncio.run(ask())
    engine.dispose()
