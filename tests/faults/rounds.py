"""Rounds of load with a SIGKILL at a random moment, on each kind of database, by one worker or several."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import psycopg

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


def kills(service: Service) -> tuple[Kill, ...]:
    """The ways there are to kill something of this service."""
    ways: list[Kill] = [kill_all]
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
        time.sleep(random.uniform(0, 0.3))
    assert service.process is not None
    if service.process.poll() is not None:
        service.start()
    service.wait_for(lambda: service.ask("GET", "/ready").status == 200)
    service.wait_for(lambda: len(service.worker_pids()) == service.workers)
    notes.send_again(service)
