"""What happened to a task: another version served, a workbook learned from, outcomes recorded, an alert that changed.

Events explain a history: a jump of the figures beside the day on which another model was promoted needs no alarm.
They hold counts and versions, never a pupil.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from farol.store.database import Store
from farol.store.engine import IMMEDIATE, insert_new, store_errors
from farol.store.records import microseconds, moment, uuid7
from farol.store.tables import events

SERVED = "served"
"""Another version answers: `version`, `previous` (None at the beginning) and `by`: `promotion` or `rollback`."""
WORKBOOK = "workbook"
"""A version served for the first time learned from this: `fingerprint` (beginning), `years`, `version`."""
OUTCOMES = "outcomes"
"""What really happened was recorded."""
ALERT = "alert"
"""The state of an alert changed: `from`, `to`, `version`, `reason`, `n`, `features`."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a moment, to one task or (None) to all."""

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
        """Keep an event; False, and nothing kept, where one with the same `once` (200 characters) is kept already."""
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
    """`Events.record` within a transaction that is under way."""
    values = {
        "id": uuid7(at),
        "at": microseconds(at),
        "kind": kind,
        "task": task,
        "details": json.dumps(dict(details), ensure_ascii=False, allow_nan=False),
        "once": once,
    }
    return insert_new(connection, events, values)
