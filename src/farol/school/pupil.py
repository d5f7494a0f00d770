"""One pupil: the years, the answers, what came of earlier forecasts, and the others of the same level beside them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, func, select

from farol.model.scoring import Answer, Scorer
from farol.model.vocabulary import Given
from farol.school.names import names_of
from farol.store.database import Store
from farol.store.records import moment
from farol.store.tables import outcome_forecasts, outcomes, predictions, pupil_answers, pupil_years

FEWEST_PEERS = 5
"""Of fewer pupils no distribution is shown: it would be their values."""

MOST_PEERS = 2_000
"""Of more pupils of a level in a year these many are looked at, by the order of their codes."""


@dataclass(frozen=True, slots=True)
class PupilYear:
    """A pupil's row of a year. `label`: whether at risk then, None where it is not known."""

    year: int
    group: str | None
    level: float | None
    label: bool | None
    values: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class PupilAnswer:
    """An answer as it is stored; `reasons` as JSON."""

    task: str
    year: int
    version: str
    at: datetime
    at_risk_now: bool | None
    probability: float | None
    expected: tuple[float, float] | None
    reasons: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PastForecast:
    """A forecast that counts for `year`, and what the sheet of that year says: None, nothing."""

    task: str
    year: int
    at: datetime
    probability: float | None
    came: bool | None


@dataclass(frozen=True, slots=True)
class PupilRecord:
    """What the page of a pupil shows. `years` and `answers` are the earliest first; the last year is the present."""

    student: str
    name: str | None
    years: tuple[PupilYear, ...]
    answers: tuple[PupilAnswer, ...]
    past: tuple[PastForecast, ...]

    @property
    def group(self) -> str | None:
        """The class of the last year: who may see it may see the pupil."""
        return self.years[-1].group

    @property
    def present(self) -> PupilYear:
        """The row of the last year."""
        return self.years[-1]

    def answer(self, task: str) -> PupilAnswer | None:
        """The answer of a task for the last year."""
        ours = [answer for answer in self.answers if answer.task == task and answer.year == self.present.year]
        return ours[-1] if ours else None


@dataclass(frozen=True, slots=True)
class Quartiles:
    """The middle half of `n` pupils, and their median."""

    n: int
    low: float
    median: float
    high: float


def read_pupil(store: Store, student: str, *, with_name: bool) -> PupilRecord | None:
    """The record of a pupil; None where no year has the code. Raises StoreError."""
    with store.snapshot() as connection:
        years = select(pupil_years).where(pupil_years.c.student == student).order_by(pupil_years.c.year)
        rows = connection.execute(years).mappings().all()
        if not rows:
            return None
        answers = select(pupil_answers).where(pupil_answers.c.student == student)
        stored = connection.execute(answers.order_by(pupil_answers.c.year, pupil_answers.c.task)).mappings().all()
        name = names_of(connection, [student]).get(student) if with_name else None
        past = _past(connection, student)
    return PupilRecord(
        student=student,
        name=name,
        years=tuple(
            PupilYear(row["year"], row["class"], row["level"], _known(row["label"]), json.loads(row["values"]))
            for row in rows
        ),
        answers=tuple(
            PupilAnswer(
                task=row["task"],
                year=row["year"],
                version=row["version"],
                at=moment(row["at"]),
                at_risk_now=_known(row["at_risk_now"]),
                probability=row["probability"],
                expected=None if row["expected_low"] is None else (row["expected_low"], row["expected_high"]),
                reasons=row["reasons"],
                missing=tuple(json.loads(row["missing"])),
            )
            for row in stored
        ),
        past=past,
    )


def quartiles(
    store: Store, year: PupilYear, columns: Collection[str], classes: Collection[str] | None
) -> dict[str, Quartiles]:
    """Column → the middle half of the pupils of the same year and level whom the viewer may see. Raises StoreError."""
    table = pupil_years.c
    query = select(table["values"]).where(table.year == year.year).order_by(table.student).limit(MOST_PEERS)
    query = query.where(table.level.is_(None) if year.level is None else table.level == year.level)
    if classes is not None:
        query = query.where(table["class"].in_(sorted(classes)))
    with store.snapshot() as connection:
        peers = [json.loads(text) for text in connection.execute(query).scalars()]
    known = {name: [row[name] for row in peers if isinstance(row.get(name), int | float)] for name in columns}
    return {
        name: Quartiles(len(values), *(float(value) for value in np.quantile(values, [0.25, 0.5, 0.75])))
        for name, values in known.items()
        if len(values) >= FEWEST_PEERS
    }


def scenario(scorer: Scorer, year: PupilYear, changed: Mapping[str, float]) -> tuple[Answer, Answer]:
    """The answers of a model for what is known of a pupil, and for the same with some values changed.

    Nothing is stored, and nothing is said about causes. Raises InputError where nothing is known to answer from.
    """
    known: dict[str, Given] = {
        name: value for name, value in year.values.items() if name in scorer.bundle.inputs.columns
    }
    return scorer.score_one(known, year.year), scorer.score_one({**known, **changed}, year.year)


def _past(connection: Connection, student: str) -> tuple[PastForecast, ...]:
    ours = outcome_forecasts.c
    last = func.max(ours.seq).label("seq")
    latest = select(ours.task, ours.year, last).where(ours.student == student).group_by(ours.task, ours.year).subquery()
    query = (
        select(latest.c.task, latest.c.year, predictions.c.at, predictions.c.probability, outcomes.c.label)
        .join(predictions, predictions.c.seq == latest.c.seq)
        .outerjoin(outcomes, (outcomes.c.year == latest.c.year) & (outcomes.c.student == student))
        .order_by(latest.c.year, latest.c.task)
    )
    return tuple(
        PastForecast(task, year, moment(at), probability, _known(label))
        for task, year, at, probability, label in connection.execute(query)
    )


def _known(label: int | None) -> bool | None:
    return None if label is None else bool(label)
