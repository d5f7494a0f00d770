"""What is to be sent, kept until it is: written in the transaction that decides it, sent by whoever comes first.

At least once: a process that dies between sending and noting it sends again, under the same message id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, delete, func, select, update
from sqlalchemy.sql import ColumnElement

from farol.store.database import Store
from farol.store.engine import IMMEDIATE, store_errors
from farol.store.records import microseconds, moment
from farol.store.tables import outbox

KEPT = timedelta(days=90)
"""How long what was delivered stays to be looked at."""


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
        """Nobody tries any more, and it was not delivered."""
        return self.due is None and self.delivered is None


def add_letter(connection: Connection, letter: Letter) -> None:
    """Put a letter into the outbox, to be sent at once, within a transaction that is under way."""
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
        self._engine = store.engine
        self._written = store.engine.execution_options(**{IMMEDIATE: True})

    def due(self, channel: str, now: datetime, limit: int) -> list[Letter]:
        """The letters of a channel that should be sent by now, the oldest first."""
        query = select(outbox).where(outbox.c.channel == channel, outbox.c.due <= microseconds(now))
        return self._letters(query.order_by(outbox.c.seq).limit(limit))

    def latest(self, limit: int) -> list[Letter]:
        """The last letters, the newest first, whatever became of them."""
        return self._letters(select(outbox).order_by(outbox.c.seq.desc()).limit(limit))

    def take(self, letter: Letter, until: datetime) -> bool:
        """Whether this process may send the letter now; until then nobody else will. False: another was faster."""
        assert letter.due is not None  # noqa: S101  # only what is due is taken
        same = outbox.c.due == microseconds(letter.due)
        return self._change(letter, {"due": microseconds(until), "attempts": outbox.c.attempts + 1}, same)

    def delivered(self, letter: Letter, at: datetime) -> None:
        """The letter has arrived."""
        self._change(letter, {"due": None, "delivered": microseconds(at), "problem": None})

    def failed(self, letter: Letter, problem: str, again: datetime | None) -> None:
        """The letter did not arrive; the next attempt is `again`, or None: it is set aside."""
        # A slower process's failure must not undo another's delivery.
        values = {"due": None if again is None else microseconds(again), "problem": problem}
        self._change(letter, values, outbox.c.delivered.is_(None))

    def release(self, now: datetime) -> int:
        """Everything not delivered, also what was set aside, is due now; how many that are."""
        query = update(outbox).where(outbox.c.delivered.is_(None)).values(due=microseconds(now))
        with store_errors(self._engine.url), self._written.begin() as connection:
            return connection.execute(query).rowcount

    def depth(self) -> tuple[dict[str, int], dict[str, int]]:
        """Channel → letters waiting, and channel → letters set aside."""
        is_aside = outbox.c.due.is_(None)
        query = select(outbox.c.channel, is_aside, func.count()).where(outbox.c.delivered.is_(None))
        query = query.group_by(outbox.c.channel, is_aside)
        waiting: dict[str, int] = {}
        aside: dict[str, int] = {}
        with store_errors(self._engine.url), self._engine.connect() as connection:
            for channel, gone, count in connection.execute(query):
                (aside if gone else waiting)[channel] = int(count)
        return waiting, aside

    def forget(self, now: datetime) -> int:
        """Removes what was delivered longer ago than KEPT; how many letters that were."""
        query = delete(outbox).where(outbox.c.delivered < microseconds(now - KEPT))
        with store_errors(self._engine.url), self._written.begin() as connection:
            return connection.execute(query).rowcount

    def _letters(self, query: object) -> list[Letter]:
        with store_errors(self._engine.url), self._engine.connect() as connection:
            return [_letter(row) for row in connection.execute(query).mappings()]  # type: ignore[call-overload]

    def _change(self, letter: Letter, values: Mapping[str, object], *only: ColumnElement[bool]) -> bool:
        query = update(outbox).where(outbox.c.seq == letter.seq, *only).values(**values)
        with store_errors(self._engine.url), self._written.begin() as connection:
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
