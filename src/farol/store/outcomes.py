"""What came true, beside what was forecast: a year's sheet as it was read, and which forecasts of it count.

Of the forecasts of a pupil, the last of each version counts, and of all versions the last; never one that was stored
after the year's sheet was first read, nor one of a model that had learned from that very year's answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, exists, func, select, update

from farol.files import canonical_json
from farol.store.database import PAGE, Store
from farol.store.records import microseconds, moment
from farol.store.tables import outcome_forecasts, outcomes, predictions


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a sheet says of one pupil: 1 at risk, 0 not, None no answer; and the pupil's group by audit column."""

    student: str
    label: int | None
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Eligible:
    """How the forecasts of a task were sorted: pupils with one that counts; answers stored too late; answers of models
    that had learned from the year.
    """

    pupils: int
    late: int
    learned: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of recording a year: pupils in the sheet, and how many of them are new, changed and gone since last."""

    year: int
    fingerprint: str
    first: datetime  # when the year was read first
    pupils: int
    added: int
    changed: int
    removed: int
    tasks: Mapping[str, Eligible]

    def as_dict(self) -> dict[str, object]:
        """For JSON: counts alone, no pupil."""
        return {
            "year": self.year,
            "sheet": self.fingerprint,
            "first_recorded": self.first.astimezone(UTC).isoformat(timespec="seconds"),
            "pupils": self.pupils,
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "tasks": {
                name: {"forecast": one.pupils, "too_late": one.late, "had_learned": one.learned}
                for name, one in self.tasks.items()
            },
        }


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast that counts. `answers` were given by its version to this pupil; `seq` orders all forecasts."""

    student: str
    version: str
    seq: int
    answers: int
    at: datetime
    year: int
    features: Mapping[str, float | None]
    prediction: int | None
    probability: float | None
    threshold: float


@dataclass(frozen=True, slots=True)
class Year:
    """All that is known of one year and task: the sheet's pupils and the forecasts that count, gone pupils' too."""

    task: str
    year: int
    first: datetime
    changed: datetime
    outcomes: Mapping[str, Outcome]
    forecasts: Sequence[Forecast]  # in the order they were stored


def sheet_fingerprint(said: Iterable[Outcome]) -> str:
    """sha256 over what a sheet says of all its pupils, in whatever order."""
    rows = sorted((one.student, one.label, dict(one.groups)) for one in said)
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
    """Makes the outcomes of `year` what the sheet says, and finds the forecasts that count, in one transaction.

    `said` has each pupil once. `horizons`: task → years between a forecast's inputs and its answer. `knew(task,
    version)` says whether that model had learned from the answers of `year`. The same sheet again changes nothing.
    """
    now = {one.student: one for one in said}
    fingerprint = sheet_fingerprint(now.values())
    with store.exclusive() as connection:
        before, first = _stored(connection, year)
        first = at if first is None else first
        added = [one for one in now.values() if one.student not in before]
        changed = [one for one in now.values() if one.student in before and before[one.student][0] != one]
        removed = [student for student in before if student not in now]
        if removed:
            _delete(connection, year, removed)
        times = {"fingerprint": fingerprint, "recorded": microseconds(first), "changed": microseconds(at)}
        if added:
            connection.execute(outcomes.insert(), [_values(year, one) | times for one in added])
        for one in changed:
            whose = (outcomes.c.year == year) & (outcomes.c.student == one.student)
            connection.execute(update(outcomes).where(whose).values(**(_values(year, one) | times)))
        if any(known != fingerprint for _, known in before.values()):
            connection.execute(update(outcomes).where(outcomes.c.year == year).values(fingerprint=fingerprint))
        tasks = {
            task: _match(connection, year, task, asked=year - horizon, first=first, knew=knew)
            for task, horizon in horizons.items()
        }
    return Recorded(year, fingerprint, first, len(now), len(added), len(changed), len(removed), tasks)


def years_of(store: Store, task: str) -> list[int]:
    """The years, ascending, that have outcomes and forecasts of this task that count."""
    both = exists().where(outcome_forecasts.c.year == outcomes.c.year, outcome_forecasts.c.task == task)
    with store.snapshot() as connection:
        found = connection.execute(select(outcomes.c.year).where(both).distinct().order_by(outcomes.c.year))
        return [int(year) for year in found.scalars()]


def read_year(store: Store, task: str, year: int) -> Year | None:
    """What is known of a year, all of one moment; None where its sheet was never read."""
    with store.snapshot() as connection:
        table = outcomes.c
        rows = connection.execute(select(outcomes).where(table.year == year).order_by(table.student)).mappings().all()
        if not rows:
            return None
        mine = (outcome_forecasts.c.year == year) & (outcome_forecasts.c.task == task)
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
            .where(mine)
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
    """Everything kept of one pupil's outcomes, as JSON values, the earliest year first."""
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
    """Erases one pupil's outcomes, and which forecasts counted; how many years had one."""
    connection.execute(delete(outcome_forecasts).where(outcome_forecasts.c.student == student))
    return int(connection.execute(delete(outcomes).where(outcomes.c.student == student)).rowcount)


def purge_outcomes(connection: Connection, before: int) -> int:
    """Removes the outcomes last said before a moment (microseconds), and every trace of forecasts that are gone."""
    gone = connection.execute(delete(outcomes).where(outcomes.c.changed < before)).rowcount
    still = exists().where(predictions.c.seq == outcome_forecasts.c.seq)
    connection.execute(delete(outcome_forecasts).where(~still))
    return int(gone)


def _stored(connection: Connection, year: int) -> tuple[dict[str, tuple[Outcome, str]], datetime | None]:
    rows = connection.execute(select(outcomes).where(outcomes.c.year == year)).mappings().all()
    said = {row["student"]: (_outcome(row["student"], row["label"], row["groups"]), row["fingerprint"]) for row in rows}
    return said, moment(min(row["recorded"] for row in rows)) if rows else None


def _outcome(student: str, label: int | None, groups: str) -> Outcome:
    return Outcome(student, label, json.loads(groups))


def _values(year: int, one: Outcome) -> dict[str, object]:
    groups = json.dumps(dict(one.groups), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return {"year": year, "student": one.student, "label": one.label, "groups": groups}


def _delete(connection: Connection, year: int, students: Sequence[str]) -> None:
    for start in range(0, len(students), PAGE):
        some = outcomes.c.student.in_(students[start : start + PAGE])
        connection.execute(delete(outcomes).where(outcomes.c.year == year, some))


def _match(
    connection: Connection, year: int, task: str, *, asked: int, first: datetime, knew: Callable[[str, str], bool]
) -> Eligible:
    """Finds the forecasts of a task for inputs of `asked` that count for `year`, and keeps which they are."""
    table = predictions.c
    mine = (table.task == task) & (table.year == asked) & table.student.is_not(None)
    last = func.max(table.seq).label("seq")
    query = (
        select(table.student, table.version, last, func.count().label("answers"))
        .where(mine, table.at < microseconds(first))
        .group_by(table.student, table.version)
    )
    late = connection.execute(select(func.count()).where(mine, table.at >= microseconds(first))).scalar_one()
    found = connection.execute(query).mappings().all()
    learned = {version for version in {row["version"] for row in found} if knew(task, version)}
    kept = [{"year": year, "task": task, **row} for row in found if row["version"] not in learned]
    ours = (outcome_forecasts.c.year == year) & (outcome_forecasts.c.task == task)
    connection.execute(delete(outcome_forecasts).where(ours))
    if kept:
        connection.execute(outcome_forecasts.insert(), kept)
    return Eligible(
        pupils=len({row["student"] for row in kept}),
        late=int(late),
        learned=sum(row["answers"] for row in found if row["version"] in learned),
    )
