"""Rounds of load with a SIGKILL at a random moment, on each kind of database, by one worker or several."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from farol.store.backup import backup, restore
from tests.api.shape import PUPIL
from tests.faults.load import Load, Notes
from tests.faults.service import Service

Kill = Callable[[Service], None]


def kill_all(service: Service) -> None:
    """Every process of the service at once; started again."""
    service.kill()


def kill_worker(service: Service) -> None:
    """One worker: where there are several, the supervisor starts another and the others go on."""
    service.kill_worker(random.randrange(service.workers))


def kill_backend(service: Service) -> None:
    """One process of PostgreSQL: the server then ends all others and recovers."""
    with psycopg.connect(service.url, autocommit=True) as connection:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        pids = [pid for (pid,) in connection.execute(query)]
    os.kill(random.choice(pids), signal.SIGKILL)


def _file(service: Service) -> Path:
    return Path(service.url.removeprefix("sqlite:///"))


def _refused_and_killed(service: Service) -> None:
    """Until it is noticed, which takes one prediction of each worker; then the end, for what follows is a new start."""
    service.wait_for(lambda: all(service.ask("POST", "/predict", PUPIL).status == 503 for _ in range(4)))
    service.kill()


def remove_log(service: Service) -> None:
    """-wal is deleted while it is written."""
    Path(f"{_file(service)}-wal").unlink()
    _refused_and_killed(service)


def remove_index(service: Service) -> None:
    """-shm is deleted."""
    Path(f"{_file(service)}-shm").unlink()
    _refused_and_killed(service)


def remove_both(service: Service) -> None:
    """-wal and -shm are deleted, as by a person who tidies up."""
    for suffix in ("-wal", "-shm"):
        Path(f"{_file(service)}{suffix}").unlink()
    _refused_and_killed(service)


def remove_file(service: Service) -> None:
    """The database itself is moved away, and put back where it was once the service has ended."""
    file = _file(service)
    away = file.rename(file.with_name("away"))
    _refused_and_killed(service)
    away.rename(file)


def replace_file(service: Service) -> None:
    """A copy is moved over the database; then the way back that the error names: restore the saved copy."""
    file, copy = _file(service), _file(service).with_name("copy.db")
    backup(service.url, copy)
    copy.replace(file)
    _refused_and_killed(service)
    rescued = max(file.parent.glob("*-rescued-*.db"), key=lambda path: path.stat().st_mtime_ns)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    restore(service.url, rescued)
    for path in file.parent.glob("*-rescued-*.db"):
        path.unlink()


def cut_power(service: Service) -> None:
    """As after a power cut: no index, and behind the last commit the half of a page that was being written.

    Pages that the disk had said to have, and had not, are left out: nothing simple can take those away again.
    """
    service.kill()
    file = _file(service)
    Path(f"{file}-shm").unlink(missing_ok=True)
    with Path(f"{file}-wal").open("ab") as log:
        log.write(random.randbytes(random.randrange(1, 6_000)))


CHANGES: tuple[Kill, ...] = (remove_log, remove_index, remove_both, remove_file, replace_file, cut_power)
"""The changes that the three files of an SQLite database may meet under a running service."""


def kills(service: Service) -> tuple[Kill, ...]:
    """The ways there are to kill something of this service."""
    ways: list[Kill] = [kill_all]
    if service.url.startswith("sqlite"):
        ways.extend(CHANGES)
    if service.workers > 1:
        ways.append(kill_worker)
    if service.url.startswith("postgresql"):
        ways.append(kill_backend)
    return tuple(ways)


def run_round(service: Service, notes: Notes, kill: Kill, *, least: float = 0.05, most: float = 0.6) -> None:
    """Load, a kill, load again where something still answers, a start where nothing does; then what had no answer."""
    begin = len(notes.acknowledged)
    with Load(service, notes):
        service.wait_for(lambda: len(notes.acknowledged) > begin)
        time.sleep(random.uniform(least, most))  # nothing waits for this: it draws the moment of the kill
        kill(service)
        time.sleep(random.uniform(0, 0.3))  # nor for this: it draws how much load comes after the kill
    assert service.process is not None
    if service.process.poll() is not None:
        service.start()
    service.wait_for(lambda: service.ask("GET", "/ready").status == 200)
    service.wait_for(lambda: len(service.worker_pids()) == service.workers)
    notes.send_again(service)
