"""The history: events, and for how long the snapshots of drift are kept.

Events explain the figures: a jump on the day on which another model was promoted needs no alarm. They hold counts and
versions, never a pupil, and are kept for ever. Snapshots are all kept for DETAILED days, then the last of each day for
DAILY days, then the last of each week for ever: 52 a year for each task, version and length of window.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, delete, or_, select

from farol.store.database import Store
from farol.store.engine import IMMEDIATE, insert_new, store_errors
from farol.store.records import day_of, microseconds, moment, uuid7
from farol.store.tables import drift_snapshots, events

SERVED = "served"
"""Another version is in use: `version`, `previous` (None at the beginning) and `by`: `promotion` or `rollback`."""
WORKBOOK = "workbook"
"""The workbook of a version used for the first time: `fingerprint` (its beginning), `years`, `version`."""
OUTCOMES = "outcomes"
"""What came true in a year was recorded: `year`, `pupils` of the sheet, of a former one `changed` and `removed`."""
ALERT = "alert"
"""The state of an alert changed: `from`, `to`, `version`, `reason`, `n`, `features`."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one task, or to all (None)."""

    id: str
    at: datetime  # aware
    kind: str
    task: str | None
    details: Mapping[str, object]  # JSON values


class Events:
    """The events in a store. Every method raises StoreError when the database cannot do what is asked."""

    def __init__(self, store: Store) -> None:
        self._engine = store.engine

    def record(
        self, kind: str, at: datetime, task: str | None, details: Mapping[str, object], *, once: str | None = None
    ) -> bool:
        """Keeps an event. False and nothing kept where one with the same `once` (200 characters) is there."""
        writing = self._engine.execution_options(**{IMMEDIATE: True})
        with store_errors(self._engine.url), writing.begin() as connection:
            return add_event(connection, kind, at, task, details, once=once)

    def latest(self, limit: int, task: str | None = None, kind: str | None = None) -> list[Event]:
        """The last `limit` events of a task and of all tasks together, the newest first."""
        query = select(events).order_by(events.c.at.desc(), events.c.seq.desc()).limit(limit)
        if task is not None:
            query = query.where(or_(events.c.task == task, events.c.task.is_(None)))
        if kind is not None:
            query = query.where(events.c.kind == kind)
        with store_errors(self._engine.url), self._engine.connect() as connection:
            return [
                Event(row["id"], moment(row["at"]), row["kind"], row["task"], json.loads(row["details"]))
                for row in connection.execute(query).mappings()
            ]


def add_event(
    connection: Connection,
    kind: str,
    at: datetime,
    task: str | None,
    details: Mapping[str, object],
    *,
    once: str | None = None,
) -> bool:
    """`Events.record` within the transaction of `connection`."""
    values = {
        "id": uuid7(at),
        "at": microseconds(at),
        "kind": kind,
        "task": task,
        "details": json.dumps(dict(details), ensure_ascii=False, allow_nan=False),
        "once": once,
    }
    return insert_new(connection, events, values)


DETAILED = 30
"""Days for which every snapshot is kept."""
DAILY = 400
"""Days for which one snapshot a day is kept."""
_AT_ONCE = 500


def compact(store: Store, now: datetime) -> int:
    """Removes the snapshots of drift that need not be kept; how many they were. A second time removes nothing more.

    Raises StoreError.
    """
    table = drift_snapshots.c
    columns = (table.seq, table.at, table.task, table.version, table.first, table.last)
    old = select(*columns).where(table.at < microseconds(now - timedelta(days=DETAILED)))
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        rows = [(seq, moment(at), kind) for seq, at, *kind in connection.execute(old)]
        spare = sorted(_spare(rows, day_of(now)))
        for batch in _batches(spare):
            connection.execute(delete(drift_snapshots).where(table.seq.in_(batch)))
    return len(spare)


def _spare(rows: Iterable[tuple[int, datetime, list[object]]], today: date) -> set[int]:
    """All but the last of each period and kind."""
    kept: dict[tuple[object, ...], tuple[datetime, int]] = {}
    every = set()
    for seq, at, (task, version, first, last) in rows:
        day = day_of(at)
        period: object = day if (today - day).days <= DAILY else day.isocalendar()[:2]
        length = (last - first).days if isinstance(first, date) and isinstance(last, date) else None
        kind = (task, version, length, period)
        every.add(seq)
        kept[kind] = max(kept.get(kind, (at, seq)), (at, seq))
    return every - {seq for _, seq in kept.values()}


def _batches(numbers: list[int]) -> Iterator[tuple[int, ...]]:
    for start in range(0, len(numbers), _AT_ONCE):
        yield tuple(numbers[start : start + _AT_ONCE])
