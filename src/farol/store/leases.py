"""Whose turn it is: of several workers one does what is due, and another takes over when that one dies.

A row a job says when it is due next and who is at it until when. A worker claims it by changing the row it read; the
database lets one of them. The clocks of the machines should agree to a few seconds, as they do with NTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import or_, select, update

from farol.store.database import Store
from farol.store.engine import IMMEDIATE, insert_new, store_errors
from farol.store.records import microseconds, moment
from farol.store.tables import turns


@dataclass(frozen=True, slots=True)
class Turn:
    """A job: when it is due, by which schedule, and who is at it until when (None: nobody)."""

    name: str
    schedule: str
    due: datetime  # aware
    holder: str | None
    until: datetime | None


class Turns:
    """The jobs of a store, as one worker sees them. Every method raises StoreError when the database cannot do it."""

    def __init__(self, store: Store) -> None:
        self._engine = store.engine
        self._written = store.engine.execution_options(**{IMMEDIATE: True})
        self._me = str(uuid4())

    def find(self, name: str) -> Turn | None:
        """A job as it stands; None where nobody planned it yet."""
        with store_errors(self._engine.url), self._engine.connect() as connection:
            row = connection.execute(select(turns).where(turns.c.name == name)).mappings().first()
        if row is None:
            return None
        until = None if row["until"] is None else moment(row["until"])
        return Turn(row["name"], row["schedule"], moment(row["due"]), row["holder"], until)

    def plan(self, name: str, schedule: str, due: datetime) -> None:
        """A job becomes due then, by this schedule, unless it has the schedule already; whoever is at it stays."""
        values = {"schedule": schedule, "due": microseconds(due)}
        with store_errors(self._engine.url), self._written.begin() as connection:
            if not insert_new(connection, turns, {"name": name, **values}):
                other = update(turns).where(turns.c.name == name, turns.c.schedule != schedule)
                connection.execute(other.values(**values))

    def claim(self, turn: Turn, now: datetime, until: datetime) -> bool:
        """Whether it is ours to do, until then: it is as we read it, and nobody is at it whose time is not over."""
        free = or_(turns.c.until.is_(None), turns.c.until <= microseconds(now))
        same = (turns.c.name == turn.name) & (turns.c.due == microseconds(turn.due))
        query = update(turns).where(same, free).values(holder=self._me, until=microseconds(until))
        with store_errors(self._engine.url), self._written.begin() as connection:
            return connection.execute(query).rowcount == 1

    def done(self, turn: Turn, due: datetime) -> None:
        """It is done, and due again then; nothing changes where another has taken over meanwhile."""
        ours = (turns.c.name == turn.name) & (turns.c.holder == self._me)
        values = {"due": microseconds(due), "holder": None, "until": None}
        with store_errors(self._engine.url), self._written.begin() as connection:
            connection.execute(update(turns).where(ours, turns.c.schedule == turn.schedule).values(**values))
            # Planned anew while we were at it: the new plan stays, we only let go.
            connection.execute(update(turns).where(ours).values(holder=None, until=None))
