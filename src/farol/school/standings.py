"""How the pupils of a question stand, by risk: what lists, classes and counts are computed from.

One pass over the stored answers is kept in memory until the pupils' rows change: 100,000 pupils are a few megabytes,
and every count of a page is then a matter of microseconds. The service reads them by itself after each change, which
takes a second. What a viewer may see is a mask over it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from farol.evaluation.capacity import USUAL
from farol.evaluation.intervals import Floats
from farol.evaluation.metrics import COVERAGE
from farol.profile import fold
from farol.pupils.ranking import By, ExpectedCases
from farol.store.database import Store
from farol.store.pupils import revision
from farol.store.tables import pupil_answers, pupil_years

Mask = NDArray[np.bool_]

EXACT = 2_000
"""Up to as many pupils the interval of expected cases is exact; beyond, the normal curve differs by less than one."""

_KEPT: WeakKeyDictionary[Store, dict[str, Standings]] = WeakKeyDictionary()
_READING = Lock()
"""Two who ask at once would read the same rows side by side, and both take twice as long."""


@dataclass(frozen=True, slots=True, eq=False)
class Standings:
    """The answers for one question and year, the highest risk first, those without an answer (NaN) last.

    `group` and `school` have each pupil's place in `classes` and `schools`, −1 where it is unknown. The class is that
    of the latest year there is of the pupil, as for their page and their cases: it says who may see them. `raising`
    are the features that raise the risk, as they are stored.
    """

    task: str
    year: int
    revision: str
    student: NDArray[np.object_]  # (n,)
    probability: Floats  # (n,)
    at_risk_now: Floats  # (n,) NaN unknown
    level: Floats  # (n,) NaN unknown
    group: NDArray[np.int64]  # (n,)
    classes: tuple[str, ...]
    school: NDArray[np.int64]  # (n,)
    schools: tuple[str, ...]
    raising: NDArray[np.object_]  # (n,)

    def class_at(self, position: int) -> str | None:
        """The class of the pupil at a position."""
        place = int(self.group[position])
        return None if place < 0 else self.classes[place]

    def seen_by(self, classes: Collection[str] | None) -> Mask:
        """Which pupils (n,) somebody may see: those of `classes`, all where it is None."""
        if classes is None:
            return np.ones(len(self.group), dtype=np.bool_)
        places = [place for place, name in enumerate(self.classes) if name in classes]
        mask: Mask = np.isin(self.group, places)
        return mask

    def of(self, by: By) -> Mask:
        """Which pupils (n,) a list of this kind is made of."""
        if by is By.all:
            return np.ones(len(self.group), dtype=np.bool_)
        mask: Mask = self.at_risk_now == (1.0 if by is By.recovery else 0.0)
        return mask

    def in_class(self, name: str) -> Mask:
        """The pupils (n,) of a class; nobody where there is no such class."""
        mask: Mask = self.group == (self.classes.index(name) if name in self.classes else len(self.classes))
        return mask

    def in_school(self, name: str) -> Mask:
        """The pupils (n,) of a school; nobody where there is no such school."""
        mask: Mask = self.school == (self.schools.index(name) if name in self.schools else len(self.schools))
        return mask

    def raised_by(self, feature: str) -> Mask:
        """The pupils (n,) whose risk a feature raises."""
        part = f",{feature},"
        return np.array([part in text for text in self.raising], dtype=np.bool_)

    def among(self, students: Collection[str]) -> Mask:
        """Which pupils (n,) have one of these codes."""
        return np.array([student in students for student in self.student], dtype=np.bool_)

    def ranked(self, mask: Mask | NDArray[np.int64]) -> Floats:
        """The probabilities of those of `mask` (or at ascending positions) who have an answer, the highest first."""
        chosen = self.probability[mask]
        return chosen[~np.isnan(chosen)]


def standings_of(store: Store, task: str) -> Standings | None:
    """The standings of the last year that was answered; None where the question was never answered. StoreError."""
    kept = _KEPT.setdefault(store, {})
    with store.snapshot() as connection:
        known = kept.get(task)
        if known is not None and known.revision == revision(connection):
            return known
    with _READING, store.snapshot() as connection:
        now, known = revision(connection), kept.get(task)
        if known is None or known.revision != now:
            known = _read(connection, task, now)
            if known is None:
                kept.pop(task, None)
            else:
                kept[task] = known
        return known


def _read(connection: Connection, task: str, now: str) -> Standings | None:
    table = pupil_answers.c
    year = connection.execute(select(func.max(table.year)).where(table.task == task)).scalar()
    if year is None:
        return None
    query = select(
        table.student,
        table.probability,
        table.at_risk_now,
        table.level,
        table["class"],
        table.school,
        table.raising,
    )
    rows = connection.execute(query.where(table.task == task, table.year == year)).all()
    student, *columns, answered, schools, raising = zip(*rows, strict=True)
    since = _classes_since(connection, year)
    groups = [since.get(code, group) for code, group in zip(student, answered, strict=True)]
    probability, at_risk_now, level = (np.array(column, dtype=np.float64) for column in columns)
    codes = np.array(student, dtype=np.str_)
    order = np.lexsort((codes, -probability))  # NaN comes last
    classes, group = _places_of(groups, natural)
    known_schools, school = _places_of(schools, fold)
    return Standings(
        task=task,
        year=int(year),
        revision=now,
        student=np.array(student, dtype=np.object_)[order],
        probability=probability[order],
        at_risk_now=at_risk_now[order],
        level=level[order],
        group=group[order],
        classes=classes,
        school=school[order],
        schools=known_schools,
        raising=np.array([sys.intern(text) for text in raising], dtype=np.object_)[order],
    )


def _classes_since(connection: Connection, year: int) -> dict[str, str | None]:
    """Pupil → class in the latest year there is of them, of those with a year from `year` on."""
    table = pupil_years.c
    query = select(table.student, table["class"]).where(table.year >= year).order_by(table.year)
    return {row[0]: row[1] for row in connection.execute(query)}


def _places_of(names: Sequence[str | None], key: Callable[[str], Any]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The names in order, and the place of each row's, −1 where it has none."""
    known = tuple(sorted({name for name in names if name is not None}, key=key))
    places: dict[str | None, int] = {name: place for place, name in enumerate(known)}
    return known, np.array([places.get(name, -1) for name in names], dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Whom a list of `places` holds: the pupils of a group whose probability is `cut` or more, so all who tie."""

    ranked: Floats  # the group's probabilities, the highest first
    places: int
    cut: float  # above every probability where the list has no place

    @property
    def listed(self) -> int:
        """How many pupils are on the list."""
        return int(np.searchsorted(-self.ranked, -self.cut, side="right"))

    @property
    def tied(self) -> int:
        """How many share the last place, where they are more than the places left for them; else 0."""
        return self.listed - int(np.searchsorted(-self.ranked, -self.cut)) if self.listed > self.places else 0

    def rank(self, probability: float) -> int:
        """The place of a probability among the group: 1 + how many are higher."""
        return 1 + int(np.searchsorted(-self.ranked, -probability))


def choose(ranked: Floats, places: int | None) -> Places:
    """The list of `places` among probabilities in descending order; None: the usual share of them."""
    wanted = min(len(ranked), max(1, USUAL.places(len(ranked)) if places is None else places))
    return Places(ranked, wanted, float(ranked[wanted - 1]) if wanted else 2.0)


def expected_cases(probability: Floats) -> ExpectedCases:
    """The expected cases among pupils with these probabilities (n,), exactly for up to `EXACT` pupils."""
    return expected_cases_of_each([probability])[0]


def expected_cases_of_each(groups: Sequence[Floats]) -> list[ExpectedCases]:
    """The same for several groups at once."""
    exact = iter(ExpectedCases.of_each([group for group in groups if group.size <= EXACT]))
    return [
        next(exact)
        if group.size <= EXACT
        else expected_of_sums(group.size, float(group.sum()), float((group * (1 - group)).sum()))
        for group in groups
    ]


def expected_of_sums(n: int, mean: float, variance: float) -> ExpectedCases:
    """The expected cases of many pupils by the normal curve: `mean` is the sum of p, `variance` that of p (1 − p)."""
    half = NormalDist().inv_cdf(0.5 + COVERAGE / 2) * max(variance, 0.0) ** 0.5
    low, high = max(0, int(np.floor(mean - half))), min(n, int(np.ceil(mean + half)))
    return ExpectedCases(n, mean, low, high)


_DIGITS = re.compile(r"([0-9]+)")


def natural(name: str) -> list[tuple[int, str]]:
    """The order in which people put names: 9B before 10A."""
    return [(int(part), "") if place % 2 else (-1, part) for place, part in enumerate(_DIGITS.split(name))]
