"""The state of each task's alert: which verdict was last told, since when, and the figures of the last check."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, select, update

from farol.store.database import Store
from farol.store.engine import IMMEDIATE, insert_new, store_errors
from farol.store.events import ALERT, add_event
from farol.store.outbox import Letter, add_letter
from farol.store.records import microseconds, moment
from farol.store.tables import alert_states


@dataclass(frozen=True, slots=True)
class AlertState:
    """What is known of a task's alert: `verdict` was last told and holds since `since`; `figures` are of `checked`."""

    task: str
    version: str
    verdict: str
    since: datetime  # aware
    checked: datetime  # aware
    figures: Mapping[str, object]  # JSON values


@dataclass(frozen=True, slots=True)
class Change:
    """A new verdict, the event that tells of it, and what is to be sent about it."""

    verdict: str
    details: Mapping[str, object]
    letters: tuple[Letter, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a check makes of the state before it: the figures to keep, and the change, if there is one."""

    figures: Mapping[str, object]
    change: Change | None


class States:
    """The states in a store. Every method raises StoreError when the database cannot do what is asked."""

    def __init__(self, store: Store) -> None:
        self._engine = store.engine

    def all(self) -> list[AlertState]:
        """Every task that was ever checked, by name."""
        with store_errors(self._engine.url), self._engine.connect() as connection:
            return [_state(row) for row in connection.execute(select(alert_states).order_by("task")).mappings()]

    def advance(
        self, task: str, version: str, at: datetime, quiet: str, judge: Callable[[AlertState], Judged]
    ) -> Change | None:
        """Judge one check against the state before it, and keep all that follows in one transaction.

        Whoever else checks the same task waits meanwhile, so a change is seen by one of them only. A task that was
        never checked begins as `quiet`. What `judge` raises passes through, and then nothing was changed. A check
        that is older than the last one changes nothing.
        """
        table = alert_states.c
        now = microseconds(at)
        first = {"task": task, "version": version, "verdict": quiet, "since": now, "checked": now, "figures": "{}"}
        writing = self._engine.execution_options(**{IMMEDIATE: True})
        with store_errors(self._engine.url), writing.begin() as connection:
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
