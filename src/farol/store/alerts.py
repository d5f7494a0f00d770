"""The alerts: the state of each task's alert, and the messages that are still to be sent about it.

A change of state and its messages are written in one transaction. The first worker that comes sends a message, and each
is sent at least once: a process that dies between sending and noting it leaves the message to be sent again, under the
same id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, select, update
from sqlalchemy.sql import ColumnElement

from farol.store.database import Store
from farol.store.engine import insert_new
from farol.store.history import ALERT, add_event
from farol.store.records import microseconds, moment
from farol.store.tables import alert_states, outbox

KEPT = timedelta(days=90)
"""How long a delivered message stays in the database."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message for one channel. Its `message` id is the same on all channels and at every attempt."""

    message: str
    channel: str
    at: datetime  # aware, as the others
    body: Mapping[str, object]  # JSON values
    attempts: int = 0
    due: datetime | None = None  # None: delivered, or set aside
    delivered: datetime | None = None
    problem: str | None = None
    seq: int = 0

    @property
    def is_set_aside(self) -> bool:
        """Whether it was not delivered and nobody tries any more."""
        return self.due is None and self.delivered is None


def add_letter(connection: Connection, letter: Letter) -> None:
    """Adds a letter that is due at once, within the transaction of `connection`."""
    values = {
        "message": letter.message,
        "channel": letter.channel,
        "at": microseconds(letter.at),
        "body": json.dumps(dict(letter.body), ensure_ascii=False, allow_nan=False),
        "attempts": 0,
        "due": microseconds(letter.at),
    }
    connection.execute(outbox.insert().values(**values))


class Outbox:
    """The outbox of a store. Every method raises StoreError when the database cannot do what is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def due(self, channel: str, now: datetime, limit: int) -> list[Letter]:
        """The letters of a channel that are due by `now`, the oldest first."""
        query = select(outbox).where(outbox.c.channel == channel, outbox.c.due <= microseconds(now))
        return self._letters(query.order_by(outbox.c.seq).limit(limit))

    def latest(self, limit: int) -> list[Letter]:
        """The last letters, the newest first, delivered or not."""
        return self._letters(select(outbox).order_by(outbox.c.seq.desc()).limit(limit))

    def take(self, letter: Letter, until: datetime) -> bool:
        """Whether this process may send the letter; no other will until then. False where another was faster."""
        assert letter.due is not None  # noqa: S101  # only what is due is taken
        same = outbox.c.due == microseconds(letter.due)
        return self._change(letter, {"due": microseconds(until), "attempts": outbox.c.attempts + 1}, same)

    def delivered(self, letter: Letter, at: datetime) -> None:
        """Notes that the letter has arrived."""
        self._change(letter, {"due": None, "delivered": microseconds(at), "problem": None})

    def failed(self, letter: Letter, problem: str, again: datetime | None) -> None:
        """Notes that the letter did not arrive. The next attempt is at `again`; None sets it aside."""
        # A slower process's failure must not undo another's delivery.
        values = {"due": None if again is None else microseconds(again), "problem": problem}
        self._change(letter, values, outbox.c.delivered.is_(None))

    def release(self, now: datetime) -> int:
        """Makes every letter due now that was not delivered, those set aside too; how many there are."""
        query = update(outbox).where(outbox.c.delivered.is_(None)).values(due=microseconds(now))
        with self._store.transaction() as connection:
            return connection.execute(query).rowcount

    def depth(self) -> tuple[dict[str, int], dict[str, int]]:
        """Channel → letters waiting, and channel → letters set aside."""
        is_aside = outbox.c.due.is_(None)
        query = select(outbox.c.channel, is_aside, func.count()).where(outbox.c.delivered.is_(None))
        query = query.group_by(outbox.c.channel, is_aside)
        waiting: dict[str, int] = {}
        aside: dict[str, int] = {}
        with self._store.reading() as connection:
            for channel, gone, count in connection.execute(query):
                (aside if gone else waiting)[channel] = int(count)
        return waiting, aside

    def forget(self, now: datetime) -> int:
        """Removes the letters delivered longer ago than KEPT; how many they were."""
        query = delete(outbox).where(outbox.c.delivered < microseconds(now - KEPT))
        with self._store.transaction() as connection:
            return connection.execute(query).rowcount

    def _letters(self, query: Select[Any]) -> list[Letter]:
        with self._store.reading() as connection:
            return [_letter(row) for row in connection.execute(query).mappings()]

    def _change(self, letter: Letter, values: Mapping[str, object], *only: ColumnElement[bool]) -> bool:
        query = update(outbox).where(outbox.c.seq == letter.seq, *only).values(**values)
        with self._store.transaction() as connection:
            return connection.execute(query).rowcount == 1


def _letter(row: RowMapping) -> Letter:
    return Letter(
        message=row["message"],
        channel=row["channel"],
        at=moment(row["at"]),
        body=json.loads(row["body"]),
        attempts=row["attempts"],
        due=None if row["due"] is None else moment(row["due"]),
        delivered=None if row["delivered"] is None else moment(row["delivered"]),
        problem=row["problem"],
        seq=row["seq"],
    )


@dataclass(frozen=True, slots=True)
class AlertState:
    """A task's alert: the verdict last sent, since when it holds, and the figures of the last check."""

    task: str
    version: str
    verdict: str
    since: datetime  # aware
    checked: datetime  # aware
    figures: Mapping[str, object]  # JSON values


@dataclass(frozen=True, slots=True)
class Change:
    """A new verdict, the details of its event, and the letters about it."""

    verdict: str
    details: Mapping[str, object]
    letters: tuple[Letter, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """The result of a check: the figures to keep, and the change of state, if there is one."""

    figures: Mapping[str, object]
    change: Change | None


class AlertStates:
    """The states of the alerts in a store. Every method raises StoreError when the database cannot do what is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[AlertState]:
        """The states of all tasks that were ever checked, by name."""
        with self._store.reading() as connection:
            return [_state(row) for row in connection.execute(select(alert_states).order_by("task")).mappings()]

    def advance(
        self, task: str, version: str, at: datetime, quiet: str, judge: Callable[[AlertState], Judged]
    ) -> Change | None:
        """Judges a check against the state before it, and keeps result, event and letters in one transaction.

        Another worker that checks the same task waits meanwhile, so that only one of them sees a change. A task that
        was never checked begins with the verdict `quiet`. An error that `judge` raises passes through, and nothing is
        changed. A check that is older than the last one changes nothing.
        """
        table = alert_states.c
        now = microseconds(at)
        first = {"task": task, "version": version, "verdict": quiet, "since": now, "checked": now, "figures": "{}"}
        with self._store.transaction() as connection:
            insert_new(connection, alert_states, first)
            row = connection.execute(select(alert_states).where(table.task == task).with_for_update()).mappings().one()
            before = _state(row)
            if before.checked > at:
                return None
            judged = judge(before)
            values = {"version": version, "checked": now, "figures": json.dumps(dict(judged.figures), allow_nan=False)}
            change = judged.change
            if change is not None:
                values |= {"verdict": change.verdict, "since": now}
                add_event(connection, ALERT, at, task, change.details)
                for letter in change.letters:
                    add_letter(connection, letter)
            connection.execute(update(alert_states).where(table.task == task).values(**values))
        return change


def _state(row: RowMapping) -> AlertState:
    return AlertState(
        task=row["task"],
        version=row["version"],
        verdict=row["verdict"],
        since=moment(row["since"]),
        checked=moment(row["checked"]),
        figures=json.loads(row["figures"]),
    )
