"""Classes: how many of each are expected at risk, against the year before and the other classes.

Often whole classes fall behind, and a list of pupils does not show it. In the public schools of Wisconsin, choosing
schools and districts found as many of those who did not graduate as choosing pupils did (Perdomo, Britton, Hardt and
Abebe, "Difficult Lessons on Social Prediction from Wisconsin Public Schools", 2023). `targeting` says what holds here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from farol.evaluation.intervals import Floats, difference_of, share_of
from farol.evaluation.metrics import Estimate
from farol.pupils.ranking import By, ExpectedCases
from farol.school.listing import RISKS, ListReader
from farol.school.standings import Standings, expected_cases_of_each, expected_of_sums
from farol.store.database import Store
from farol.store.tables import pupil_years

ENOUGH = 5
"""Fewer answered pupils are not compared: one of them would be a fifth of the class."""


@dataclass(frozen=True, slots=True)
class ClassCount:
    """A class, or all pupils (`name` ""), or those without a class (None).

    `bands` counts the pupils of each band of `RISKS`, those without an answer last. `share` is the expected share at
    risk among those with an answer, `now` that of this year among those of whom it is known, `before` that of the class
    of the same name in the year before, with other pupils in it. `against`: share minus that of the other classes.
    `level` and `school` are those of most of the pupils, None where they are not known.
    """

    name: str | None
    level: float | None
    school: str | None
    pupils: int
    bands: tuple[int, ...]
    expected: ExpectedCases
    share: Estimate | None
    now: Estimate | None
    before: Estimate | None
    against: Estimate | None

    @property
    def stands_out(self) -> bool:
        """Whether chance alone would seldom set the class so far apart from the others."""
        return self.against is not None and (self.against.low > 0 or self.against.high < 0)


@dataclass(frozen=True, slots=True)
class Targeting:
    """The expected cases among `pupils` chosen one by one and by whole classes, of `whole` in all."""

    pupils: int
    classes: tuple[str, ...]
    by_pupil: float
    by_class: float
    by_lot: float
    whole: float

    @property
    def ratio(self) -> float:
        """What choosing classes reaches of what choosing pupils does."""
        return self.by_class / self.by_pupil if self.by_pupil else 1.0


def class_counts(store: Store, standings: Standings, reader: ListReader, by: By = By.all) -> list[ClassCount]:
    """All pupils that may be seen, then each of their classes, then those without a class. Raises StoreError."""
    seen = np.flatnonzero(standings.seen_by(reader.classes) & standings.of(by))
    before = _year_before(store, standings.year, reader)
    groups = np.unique(standings.group[seen])
    by_group = seen[np.argsort(standings.group[seen], kind="stable")]
    parts = np.split(by_group, np.searchsorted(standings.group[by_group], groups))[1:]  # before the first is nobody
    names = ["", *(None if place < 0 else standings.classes[place] for place in groups.tolist())]
    befores = {**before, "": _sum_of(before)}
    members = list(_members(standings, [seen, *parts]))
    whole, *sums = [_Sums.of(each.chances) for each in members]
    others = [_Sums(), *(whole.without(each) for each in sums)]
    counts = [
        _count(name, each, rest, befores.get(name)) for name, each, rest in zip(names, members, others, strict=True)
    ]
    return sorted(counts, key=lambda count: count.name is None)


@dataclass(frozen=True, slots=True, eq=False)
class _Members:
    """The pupils of a class: how many, the probabilities of those with an answer, what is known of this year."""

    n: int
    chances: Floats  # the highest first
    expected: ExpectedCases
    at_risk_now: Floats  # of whom it is known
    level: float | None
    school: str | None


def _members(standings: Standings, groups: Sequence[NDArray[np.int64]]) -> Iterator[_Members]:
    """The pupils of each group of ascending positions."""
    has_level = ~np.isnan(standings.level)
    levels = np.unique(standings.level[has_level])
    level_of = np.where(has_level, np.searchsorted(levels, standings.level), -1)
    ranked = [standings.ranked(positions) for positions in groups]
    for positions, chances, expected in zip(groups, ranked, expected_cases_of_each(ranked), strict=True):
        now = standings.at_risk_now[positions]
        level, school = _most_common(level_of[positions]), _most_common(standings.school[positions])
        yield _Members(
            positions.size,
            chances,
            expected,
            now[~np.isnan(now)],
            None if level is None else float(levels[level]),
            None if school is None else standings.schools[school],
        )


def _most_common(places: NDArray[np.int64]) -> int | None:
    """The place that occurs most; None where none is known (−1)."""
    known = places[places >= 0]
    return int(np.bincount(known).argmax()) if known.size else None


@dataclass(frozen=True, slots=True)
class _Sums:
    """How many pupils with an answer, and the sums of their probabilities p and of p (1 − p)."""

    n: int = 0
    mean: float = 0.0
    variance: float = 0.0

    @classmethod
    def of(cls, chances: Floats) -> _Sums:
        return cls(chances.size, float(chances.sum()), float((chances * (1 - chances)).sum()))

    def without(self, part: _Sums) -> _Sums:
        return _Sums(self.n - part.n, self.mean - part.mean, self.variance - part.variance)


def targeting(standings: Standings, reader: ListReader, places: int, by: By = By.all) -> Targeting | None:
    """Whole classes of the highest average risk, as many as hold `places` pupils, against as many pupils chosen one by
    one; None where there are not two classes to choose between, or all would be chosen."""
    mask = standings.seen_by(reader.classes) & standings.of(by) & ~np.isnan(standings.probability)
    named = mask & (standings.group >= 0)
    groups, sizes = np.unique(standings.group[named], return_counts=True)
    if groups.size < 2:
        return None
    sums = np.bincount(standings.group[named], weights=standings.probability[named])[groups]
    order = np.argsort(-sums / sizes, kind="stable")
    chosen = order[: int(np.searchsorted(np.cumsum(sizes[order]), places)) + 1]
    pupils = int(sizes[chosen].sum())
    ranked = standings.probability[mask]
    if pupils >= ranked.size:
        return None
    return Targeting(
        pupils=pupils,
        classes=tuple(standings.classes[place] for place in groups[chosen].tolist()),
        by_pupil=float(ranked[:pupils].sum()),
        by_class=float(sums[chosen].sum()),
        by_lot=float(ranked.mean() * pupils),
        whole=float(ranked.sum()),
    )


def _count(name: str | None, members: _Members, rest: _Sums, before: tuple[int, int] | None) -> ClassCount:
    """A class, beside the rest. The interval of the others, who are many, is the normal curve's."""
    share, others = _share(members.expected), _share(expected_of_sums(rest.n, rest.mean, rest.variance))
    known, answered = members.at_risk_now, members.chances.size
    reached = answered - np.searchsorted(members.chances[::-1], RISKS)  # how many have each risk or more
    return ClassCount(
        name=name,
        level=members.level,
        school=members.school,
        pupils=members.n,
        bands=(*np.diff(reached, prepend=0).tolist(), members.n - answered),
        expected=members.expected,
        share=share,
        now=share_of(float(known.sum()), known.size) if known.size else None,
        before=share_of(*before) if before is not None and before[1] else None,
        against=None if share is None or others is None else difference_of(share, others),
    )


def _share(expected: ExpectedCases) -> Estimate | None:
    if expected.n < ENOUGH:
        return None
    return Estimate(*(value / expected.n for value in (expected.value, expected.low, expected.high)))


def _year_before(store: Store, year: int, reader: ListReader) -> dict[str | None, tuple[int, int]]:
    """Class → pupils at risk and pupils of whom it is known, in the last year before."""
    table = pupil_years.c
    bounds = [] if reader.classes is None else [table["class"].in_(sorted(reader.classes))]
    with store.snapshot() as connection:
        last = connection.execute(select(func.max(table.year)).where(table.year < year)).scalar()
        if last is None:
            return {}
        counts = select(table["class"], func.sum(table.label), func.count(table.label))
        rows = connection.execute(counts.where(table.year == last, *bounds).group_by(table["class"])).all()
    return {name: (int(at_risk or 0), int(known)) for name, at_risk, known in rows}


def _sum_of(before: dict[str | None, tuple[int, int]]) -> tuple[int, int]:
    return sum(at_risk for at_risk, _ in before.values()), sum(known for _, known in before.values())
