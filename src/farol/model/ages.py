"""Ages next year: what the rule of ages says of a pupil, exact to the month.

The age on a reference day gives the level a pupil should be at. The table and the day move from one sheet to the next.
A forecast knows the tables that the latest sheet applied and wrote down; it does not know the day of the next sheet:
the PEDE took three different days in three years. So next year's day may be the end of any of its twelve months, all
equally likely. At the end of a month the month of birth gives the age exactly, so the day of birth is never needed.

A pupil has one of three ages next year: the age `base`, one more, or two more, with shares that add up to one. The year
and month of birth give them best; then the year of birth, or the age on a sheet's own reference day; and worst an age
taken on an unknown day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from farol.profile import AgeRule, Operator, Profile
from farol.workbook.derived import COMPARE, LookUp

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MONTHS = 12
OLDEST = 120
MOST_PROMOTIONS = 3
_HALF_A_MONTH = 15


@dataclass(frozen=True, slots=True, eq=False)
class Births:
    """What is known of the birthdays of n pupils: `base` (n,) the youngest age they can have next year, NaN unknown;
    `state` (n,) how well it is known, and from what: a row of `shares`."""

    base: Floats
    state: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Ages:
    """A profile's age rule, ready to be computed with: all chances are looked up, for one pupil or many."""

    rule: AgeRule
    since: Integers  # (r,) the years of the dated rules
    passed: Floats  # (r,) how many months' birthdays have passed on the sheet's own day
    tables: tuple[LookUp, ...]  # the different ones among those applied
    applied: Integers  # (r,) which of them
    at_risk: Callable[[Floats, float], NDArray[np.bool_]]
    value: float
    lowest: float  # the level of the first column of `odds`
    odds: Floats  # (r, s, b, l) the chance by rule, state, youngest age and level

    @classmethod
    def of(cls, profile: Profile) -> Self | None:
        """The rule of a profile; None when it has none."""
        if profile.rule is None:
            return None
        column, label = profile.columns[str(profile.level)], profile.label
        range_ = (column.minimum or 0.0, column.maximum or 0.0)
        return cls._ready(profile.rule, label.operator, float(str(label.value)), range_)

    @classmethod
    @lru_cache(maxsize=8)
    def _ready(cls, rule: AgeRule, at_risk: Operator, value: float, range_: tuple[float, float]) -> Self:
        """The look-ups, which take a megabyte: made once and shared."""
        lowest, highest = range_
        levels = np.arange(lowest, highest + MOST_PROMOTIONS + 1)
        ages = np.arange(OLDEST + 3, dtype=np.float64)
        risks = np.array(
            [
                np.mean(
                    [
                        COMPARE[at_risk](levels[:, np.newaxis] - LookUp.of(table)(ages), value)
                        for table in (dated.applied, dated.written)
                    ],
                    axis=0,
                )
                for dated in rule.dated
            ]
        )  # (r, l, ages): the share of the tables known by which a level at an age is at risk
        three = np.stack([risks[:, :, later : later + OLDEST + 1] for later in range(3)], axis=-1)
        applied = list(dict.fromkeys(dated.applied for dated in rule.dated))
        return cls(
            rule=rule,
            since=np.array([dated.since for dated in rule.dated], dtype=np.int64),
            passed=np.array([dated.month - (dated.day < _HALF_A_MONTH) for dated in rule.dated], dtype=np.float64),
            tables=tuple(LookUp.of(table) for table in applied),
            applied=np.array([applied.index(dated.applied) for dated in rule.dated], dtype=np.int64),
            at_risk=COMPARE[at_risk],
            value=value,
            lowest=lowest,
            # In one piece: else every look-up would copy it.
            odds=np.ascontiguousarray(np.einsum("rlbj,sj->rsbl", three, _shares())),
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns from which ages are known, the best first."""
        names = (self.rule.birth_year, self.rule.birth_month, self.rule.age)
        return tuple(name for name in names if name is not None)

    def known_in(self, year: Floats) -> Integers:
        """Which dated rule (n,) is the latest up to each year (n,); the first one for earlier years."""
        latest: Integers = np.maximum(self.since.searchsorted(year, side="right") - 1, 0)
        return latest

    def expected(self, age: Floats, year: Floats) -> Floats:
        """The level (n,) for an age (n,) by the table applied in each year (n,); NaN where the age is."""
        which = self.applied[self.known_in(year)]
        expected = self.tables[0](age)
        for position, table in enumerate(self.tables[1:], start=1):
            expected = np.where(which == position, table(age), expected)
        return expected

    def births(self, columns: Mapping[str, Floats], year: Floats) -> Births:
        """What sheet columns (n,) of some years (n,) say of the pupils' birthdays."""
        born, month, age = self._given(columns, year)
        state = np.where(np.isnan(month), MONTHS, month - 1)
        by_age = np.isnan(born)
        state = np.where(by_age, MONTHS + 1 + self._passed(year, otherwise=MONTHS + 1), state)
        return Births(np.where(by_age, np.floor(age), year - born), state)

    def possible(self, columns: Mapping[str, Floats], year: Floats) -> Births:
        """Every month of birth that the columns leave possible, all equally likely: arrays (n, 12).

        Where the month is known all twelve are that month, and where nothing is known all are unknown.
        """
        born, month, age = (values[:, np.newaxis] for values in self._given(columns, year))
        state = np.where(np.isnan(month) | np.isnan(born), np.arange(MONTHS), month - 1)
        # An age taken on an unknown day counts as one of the end of the year.
        passed = self._passed(year, otherwise=MONTHS)[:, np.newaxis]
        base = np.where(np.isnan(born), np.floor(age) + (state >= passed), year[:, np.newaxis] - born)
        return Births(base, state)

    def chance(self, level: Floats, births: Births, known: Floats, promotions: float = 0.0) -> Floats:
        """The probability that the label's rule says at risk next year, `promotions` levels above `level` (n,).

        It is over next year's reference day and the tables known in the year `known` (n,); NaN where the level or the
        birthday is. The answer has the shape of the births, (n,) or (n, 12), with `level` and `known` as (n, 1) then.
        """
        return self.chance_from(self.start(births, known), level, promotions)

    def start(self, births: Births, known: Floats) -> Floats:
        """Where in the table of chances the levels of each pupil begin, NaN where the birthday is unknown.

        What `chance` does in two steps, so that several chances of the same pupils share the first.
        """
        _, states, bases, levels = self.odds.shape
        base = np.minimum(np.maximum(births.base, 0), bases - 1)
        start: Floats = ((self.known_in(known) * states + births.state) * bases + base) * levels
        return start

    def chance_from(self, start: Floats, level: Floats, promotions: float) -> Floats:
        """The second step of `chance`."""
        highest = self.odds.shape[3] - 1
        place = start + np.minimum(np.maximum(np.rint(level + (promotions - self.lowest)), 0), highest)
        unknown = np.isnan(place)
        return np.where(unknown, np.nan, self.odds.take(np.where(unknown, 0, place).astype(np.int64)))

    def by_table(self, level: Floats, age: Floats, known: int) -> Floats:
        """1 or 0 (2, …) by the label's rule for a level at an age, under the tables applied and written of `known`."""
        dated = self.rule.dated[int(self.known_in(np.array([float(known)]))[0])]
        after = np.stack([level - LookUp.of(table)(age) for table in (dated.applied, dated.written)])
        return np.where(np.isnan(after), np.nan, self.at_risk(after, self.value))

    def _given(self, columns: Mapping[str, Floats], year: Floats) -> tuple[Floats, Floats, Floats]:
        """Year of birth, month of birth and age (n,), NaN where missing."""
        missing = np.full(year.shape, np.nan)
        names = (self.rule.birth_year, self.rule.birth_month, self.rule.age)
        born, month, age = (missing if name is None else columns.get(name, missing) for name in names)
        return born, month, age

    def _passed(self, year: Floats, *, otherwise: float) -> Floats:
        """How many months' birthdays (n,) have passed on the day of the year's sheet; `otherwise` if it is unknown."""
        which = self.known_in(year)
        return np.where(self.since[which] == year, self.passed[which], otherwise)


def _shares() -> Floats:
    """By state (s, 3), the shares of next year's month ends at which a pupil has the youngest age, one and two more.

    States 0–11 are the months of birth, in a known year; 12 is a known year alone; 13–25 an age alone, taken when the
    birthdays of 0–12 months had passed; 26 an age taken on an unknown day.

    Born in month b of a known year, a pupil has had the birthday at the ends of months b … 12. Of an age alone, taken
    when the birthdays of m months had passed, m twelfths were born a year later than the others.
    """
    had = (MONTHS - np.arange(MONTHS)) / MONTHS
    by_month = np.column_stack((1 - had, had, np.zeros(MONTHS)))
    later = np.roll(by_month, 1, axis=1)
    by_day = np.array([np.concatenate((by_month[:m], later[m:])).mean(axis=0) for m in range(MONTHS + 1)])
    return np.concatenate((by_month, by_month.mean(axis=0, keepdims=True), by_day, by_day.mean(axis=0, keepdims=True)))
