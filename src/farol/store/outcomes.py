"""Outcomes: what a year's sheet says of each pupil, and which forecasts of that year count.

Of a pupil's forecasts the last of each version counts for the version, and the last of all for the year. A forecast
that was stored after the year's sheet was first read never counts, nor does one of a model that had learned from that
year's answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, exists, func, select, update

from farol.files import canonical_json
from farol.store.database import PAGE, Store
from farol.store.history import OUTCOMES, add_event
from farol.store.records import microseconds, moment, utc_text
from farol.store.tables import outcome_forecasts, outcomes, predictions


@dataclass(frozen=True, slots=True)
class Outcome:
    """A pupil in a sheet. `label`: 1 at risk, 0 not, None: not said. `groups`: audit column → the pupil's group."""

    student: str
    label: int | None
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Eligible:
    """The forecasts of a task: pupils with a forecast that counts, forecasts stored too late, and forecasts of models
    that had learned from the year.
    """

    pupils: int
    late: int
    learned: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """A year that was recorded: pupils in the sheet, and how many are new, changed and gone since it was last read."""

    year: int
    fingerprint: str
    first: datetime  # when the year was read first
    pupils: int
    added: int
    changed: int
    removed: int
    tasks: Mapping[str, Eligible]

    def as_dict(self) -> dict[str, object]:
        """The counts as JSON values; no pupil."""
        return {
            "year": self.year,
            "sheet": self.fingerprint,
            "first_recorded": utc_text(self.first),
            "pupils": self.pupils,
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "tasks": {
                name: {"forecast": eligible.pupils, "too_late": eligible.late, "had_learned": eligible.learned}
                for name, eligible in self.tasks.items()
            },
        }


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast that counts. Its version gave `answers` forecasts of this pupil; `seq` orders all forecasts."""

    student: str
    version: str
    seq: int
    answers: int
    at: datetime
    year: int
    features: Mapping[str, float | str | None]
    prediction: int | None
    probability: float | None
    threshold: float


@dataclass(frozen=True, slots=True)
class Year:
    """The outcomes of a year and the forecasts of a task that count, also of pupils who are no longer in the sheet."""

    task: str
    year: int
    first: datetime
    changed: datetime
    outcomes: Mapping[str, Outcome]
    forecasts: Sequence[Forecast]  # in the order they were stored


def sheet_fingerprint(said: Iterable[Outcome]) -> str:
    """sha256 over a sheet's outcomes; their order does not matter."""
    rows = sorted((outcome.student, outcome.label, dict(outcome.groups)) for outcome in said)
    return hashlib.sha256(canonical_json(rows)).hexdigest()


def record(
    store: Store,
    year: int,
    said: Sequence[Outcome],
    horizons: Mapping[str, int],
    knew: Callable[[str, str], bool],
    *,
    at: datetime,
) -> Recorded:
    """Replaces the outcomes of `year` by those of the sheet and finds the forecasts that count, in one transaction.

    `said` has each pupil once. `horizons`: task → years between a forecast's inputs and its answer. `knew(task,
    version)` says whether that model had learned from the answers of `year`. The same sheet again changes nothing.
    """
    now = {outcome.student: outcome for outcome in said}
    fingerprint = sheet_fingerprint(now.values())
    with store.exclusive() as connection:
        before, first = _stored(connection, year)
        first = at if first is None else first
        added = [outcome for outcome in now.values() if outcome.student not in before]
        changed = [
            outcome for outcome in now.values() if outcome.student in before and before[outcome.student][0] != outcome
        ]
        removed = [student for student in before if student not in now]
        if removed:
            _delete(connection, year, removed)
        times = {"fingerprint": fingerprint, "recorded": microseconds(first), "changed": microseconds(at)}
        if added:
            connection.execute(outcomes.insert(), [_values(year, outcome) | times for outcome in added])
        for outcome in changed:
            same = (outcomes.c.year == year) & (outcomes.c.student == outcome.student)
            connection.execute(update(outcomes).where(same).values(**(_values(year, outcome) | times)))
        if any(known != fingerprint for _, known in before.values()):
            connection.execute(update(outcomes).where(outcomes.c.year == year).values(fingerprint=fingerprint))
        if added or changed or removed:
            details = {"year": year, "pupils": len(now), "changed": len(changed), "removed": len(removed)}
            add_event(connection, OUTCOMES, at, None, details)
        tasks = {
            task: _match(connection, year, task, asked=year - horizon, first=first, knew=knew)
            for task, horizon in horizons.items()
        }
    return Recorded(year, fingerprint, first, len(now), len(added), len(changed), len(removed), tasks)


def years_of(store: Store, task: str) -> list[int]:
    """The years with outcomes and with forecasts of this task that count, ascending."""
    both = exists().where(outcome_forecasts.c.year == outcomes.c.year, outcome_forecasts.c.task == task)
    with store.snapshot() as connection:
        years = connection.execute(select(outcomes.c.year).where(both).distinct().order_by(outcomes.c.year))
        return [int(year) for year in years.scalars()]


def read_year(store: Store, task: str, year: int) -> Year | None:
    """A year as it is stored at one moment; None where its sheet was never read."""
    with store.snapshot() as connection:
        table = outcomes.c
        rows = connection.execute(select(outcomes).where(table.year == year).order_by(table.student)).mappings().all()
        if not rows:
            return None
        of_task = (outcome_forecasts.c.year == year) & (outcome_forecasts.c.task == task)
        whole = predictions.c
        query = (
            select(
                outcome_forecasts.c.student,
                outcome_forecasts.c.version,
                outcome_forecasts.c.seq,
                outcome_forecasts.c.answers,
                *(whole.at, whole.year, whole.features, whole.prediction, whole.probability, whole.threshold),
            )
            .join(predictions, whole.seq == outcome_forecasts.c.seq)
            .where(of_task)
            .order_by(outcome_forecasts.c.seq)
        )
        forecasts = [
            Forecast(**{**row, "at": moment(row["at"]), "features": json.loads(row["features"])})
            for row in connection.execute(query).mappings()
        ]
    said = {row["student"]: _outcome(row["student"], row["label"], row["groups"]) for row in rows}
    first, changed = min(row["recorded"] for row in rows), max(row["changed"] for row in rows)
    return Year(task, year, moment(first), moment(changed), said, forecasts)


def outcomes_of(connection: Connection, student: str) -> list[dict[str, object]]:
    """One pupil's outcomes as JSON values, the earliest year first."""
    query = select(outcomes).where(outcomes.c.student == student).order_by(outcomes.c.year)
    return [
        {
            "year": row["year"],
            "at_risk": row["label"],
            "groups": json.loads(row["groups"]),
            "sheet": row["fingerprint"],
        }
        for row in connection.execute(query).mappings()
    ]


def erase_outcomes(connection: Connection, student: str) -> int:
    """Erases one pupil's outcomes and the note of the forecasts that counted; the number of years that had one."""
    connection.execute(delete(outcome_forecasts).where(outcome_forecasts.c.student == student))
    return int(connection.execute(delete(outcomes).where(outcomes.c.student == student)).rowcount)


def purge_outcomes(connection: Connection, before: int) -> int:
    """Removes outcomes that have not changed since `before` (microseconds), and the notes of forecasts that are gone.

    Gives the number of outcomes that were removed.
    """
    removed = connection.execute(delete(outcomes).where(outcomes.c.changed < before)).rowcount
    is_stored = exists().where(predictions.c.seq == outcome_forecasts.c.seq)
    connection.execute(delete(outcome_forecasts).where(~is_stored))
    return int(removed)


def _stored(connection: Connection, year: int) -> tuple[dict[str, tuple[Outcome, str]], datetime | None]:
    rows = connection.execute(select(outcomes).where(outcomes.c.year == year)).mappings().all()
    said = {row["student"]: (_outcome(row["student"], row["label"], row["groups"]), row["fingerprint"]) for row in rows}
    return said, moment(min(row["recorded"] for row in rows)) if rows else None


def _outcome(student: str, label: int | None, groups: str) -> Outcome:
    return Outcome(student, label, json.loads(groups))


def _values(year: int, outcome: Outcome) -> dict[str, object]:
    groups = json.dumps(dict(outcome.groups), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return {"year": year, "student": outcome.student, "label": outcome.label, "groups": groups}


def _delete(connection: Connection, year: int, students: Sequence[str]) -> None:
    for start in range(0, len(students), PAGE):
        page = outcomes.c.student.in_(students[start : start + PAGE])
        connection.execute(delete(outcomes).where(outcomes.c.year == year, page))


def _match(
    connection: Connection, year: int, task: str, *, asked: int, first: datetime, knew: Callable[[str, str], bool]
) -> Eligible:
    """Notes which forecasts of a task, for inputs of the year `asked`, count for `year`."""
    table = predictions.c
    of_task = (table.task == task) & (table.year == asked) & table.student.is_not(None)
    last = func.max(table.seq).label("seq")
    query = (
        select(table.student, table.version, last, func.count().label("answers"))
        .where(of_task, table.at < microseconds(first))
        .group_by(table.student, table.version)
    )
    late = connection.execute(select(func.count()).where(of_task, table.at >= microseconds(first))).scalar_one()
    rows = connection.execute(query).mappings().all()
    learned = {version for version in {row["version"] for row in rows} if knew(task, version)}
    kept = [{"year": year, "task": task, **row} for row in rows if row["version"] not in learned]
    ours = (outcome_forecasts.c.year == year) & (outcome_forecasts.c.task == task)
    connection.execute(delete(outcome_forecasts).where(ours))
    if kept:
        connection.execute(outcome_forecasts.insert(), kept)
    return Eligible(
        pupils=len({row["student"] for row in kept}),
        late=int(late),
        learned=sum(row["answers"] for row in rows if row["version"] in learned),
    )
