"""Leases: of several workers one does a job that is due, and another takes over when that one dies.

A row says when a job is due next, which worker has it, and until when. A worker claims a job by changing the row that
it read; the database lets one worker do so. The machines' clocks should agree to a few seconds, as they do with NTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import or_, select, update

from farol.store.database import Store
from farol.store.engine import insert_new
from farol.store.records import microseconds, moment
from farol.store.tables import leases

_SKEW = 60_000_000
"""Microseconds by which the clocks of two machines may differ."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A job: when it is due, by which schedule, and which worker has it until when (None: nobody)."""

    job: str
    schedule: str
    due: datetime  # aware
    holder: str | None
    until: datetime | None


class Leases:
    """The leases in a store, for one worker. Every method raises StoreError when the database cannot do it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._worker = str(uuid4())

    def find(self, job: str) -> Lease | None:
        """The lease of a job; None where nobody planned the job yet."""
        with self._store.reading() as connection:
            row = connection.execute(select(leases).where(leases.c.job == job)).mappings().first()
        if row is None:
            return None
        until = None if row["until"] is None else moment(row["until"])
        return Lease(row["job"], row["schedule"], moment(row["due"]), row["holder"], until)

    def plan(self, job: str, schedule: str, due: datetime) -> None:
        """Makes a job due at `due` by this schedule, unless it has the schedule already. Its holder keeps it."""
        values = {"schedule": schedule, "due": microseconds(due)}
        with self._store.transaction() as connection:
            if not insert_new(connection, leases, {"job": job, **values}):
                other = update(leases).where(leases.c.job == job, leases.c.schedule != schedule)
                connection.execute(other.values(**values))

    def claim(self, lease: Lease, now: datetime, until: datetime) -> bool:
        """Whether this worker has the job from now on, until then.

        False where the row is no longer as it was read, or where another worker has the job and its time is not over.
        A time that ends later than `until` was written while a clock was ahead, and does not count.
        """
        held_until = leases.c.until
        free = or_(held_until.is_(None), held_until <= microseconds(now), held_until > microseconds(until) + _SKEW)
        same = (leases.c.job == lease.job) & (leases.c.due == microseconds(lease.due))
        query = update(leases).where(same, free).values(holder=self._worker, until=microseconds(until))
        with self._store.transaction() as connection:
            return connection.execute(query).rowcount == 1

    def replan(self, lease: Lease, due: datetime) -> None:
        """Makes a job due earlier than it was planned. Nothing changes where the row is no longer as it was read."""
        same = (leases.c.job == lease.job) & (leases.c.due == microseconds(lease.due))
        with self._store.transaction() as connection:
            connection.execute(update(leases).where(same).values(due=microseconds(due)))

    def done(self, lease: Lease, due: datetime) -> None:
        """Gives the job back, due again at `due`. Nothing changes where another worker took over meanwhile."""
        ours = (leases.c.job == lease.job) & (leases.c.holder == self._worker)
        values = {"due": microseconds(due), "holder": None, "until": None}
        with self._store.transaction() as connection:
            connection.execute(update(leases).where(ours, leases.c.schedule == lease.schedule).values(**values))
            # A job that got another schedule meanwhile keeps it; this worker only lets go.
            connection.execute(update(leases).where(ours).values(holder=None, until=None))
