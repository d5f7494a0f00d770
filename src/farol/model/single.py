"""One pupil in plain numbers: what `farol.model.inputs`, `features`, `ages` and `bins` do with whole columns.

Every request for one pupil is scored here. In arrays of length one each operation of numpy costs up to a microsecond:
an answer would take 52 µs instead of 14 for this year's question, and 113 instead of 17 for next year's, of the 400 to
500 that a whole request takes. So the arithmetic is written twice, and the rules once: they are read from the parts
that own them. The operations are the same on the same doubles; a property test holds both to the same bits.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, inf
from typing import Self

import numpy as np
from numpy.typing import NDArray

from farol.model.ages import MONTHS, Ages, LookUp
from farol.model.bins import FeatureBins
from farol.model.features import YEAR, Preprocessing
from farol.model.inputs import Inputs, ValueRule
from farol.model.reference import Reference
from farol.profile import Derived, Profile

Value = float | None
"""A number, or None where it is missing."""

Values = dict[str, Value]
"""The columns of one pupil, the year among them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One derived column: see `farol.model.features.DerivedStep`."""

    name: str
    function: Callable[[Values], Value]
    minimum: float
    maximum: float
    fills: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Bins:
    """The bins of one feature, the first of which stands at `start` of a tally."""

    points: tuple[float, ...]
    is_discrete: bool
    missing: int
    start: int
    lowest: float
    highest: float

    @classmethod
    def of(cls, bins: FeatureBins, start: int) -> Self:
        points = bins.edges if bins.values is None else bins.values
        lowest = -inf if bins.lowest is None else bins.lowest
        highest = inf if bins.highest is None else bins.highest
        return cls(points or (), bins.values is not None, bins.size - 1, start, lowest, highest)


class Single:
    """A bundle's way from one pupil's values to what the model takes, and to where the pupil counts."""

    def __init__(
        self,
        profile: Profile,
        inputs: Inputs,
        preprocessing: Preprocessing,
        reference: Reference,
        starts: Mapping[str, int],
    ) -> None:
        """`starts` says where in a tally each feature's bins begin."""
        plan = inputs.plan
        self._features = plan.features
        self._rules = tuple((name, _Cleaning(rule)) for name, rule in inputs.rules.items())
        self._steps = tuple(
            _Step(step.name, _function(profile.derived[step.name], profile), step.minimum, step.maximum, step.fills)
            for step in plan.steps
        )
        self._bins = tuple(_Bins.of(bins, starts[bins.feature]) for bins in reference.features)
        self._medians = None if preprocessing.medians is None else tuple(preprocessing.medians.tolist())
        self._scaling = tuple(zip(preprocessing.centres.tolist(), preprocessing.scales.tolist(), strict=True))

    def features(self, values: Mapping[str, Value], year: float) -> list[Value]:
        """The raw features of a pupil in a year, in the task's order."""
        known: Values = {YEAR: year}
        for name, clean in self._rules:
            value = values.get(name)
            known[name] = None if value is None else clean(value)
        for step in self._steps:
            if not step.fills or known[step.name] is None:
                value = step.function(known)
                known[step.name] = None if value is None or not step.minimum <= value <= step.maximum else value
        return [known[name] for name in self._features]

    def model_inputs(self, features: Sequence[Value]) -> NDArray[np.float32]:
        """What the model takes (1, m): see `Preprocessing.transform`."""
        if self._medians is None:
            return np.array([features], dtype=np.float32)  # NaN for None
        filled = [
            *(median if value is None else value for value, median in zip(features, self._medians, strict=True)),
            *(1.0 if value is None else 0.0 for value in features),
        ]
        scaled = [(value - centre) / scale for value, (centre, scale) in zip(filled, self._scaling, strict=True)]
        return np.array([scaled], dtype=np.float32)

    def cells(self, features: Sequence[Value]) -> tuple[list[int], list[int]]:
        """The cell each feature counts in, and the positions of those outside the values of training."""
        cells, outside = [], []
        for position, (value, bins) in enumerate(zip(features, self._bins, strict=True)):
            if value is None:
                cells.append(bins.start + bins.missing)
                continue
            index = bisect_right(bins.points, value)
            if bins.is_discrete:
                index = index - 1 if index and bins.points[index - 1] == value else bins.missing - 1
            cells.append(bins.start + index)
            if not bins.lowest <= value <= bins.highest:
                outside.append(position)
        return cells, outside


class _Cleaning:
    """What the sheets' cleaning makes of one value: see `Inputs.clean`."""

    __slots__ = ("_high", "_highest", "_low", "_lowest", "_zero")

    def __init__(self, rule: ValueRule) -> None:
        self._low, self._high = rule.low, rule.high
        self._lowest, self._highest = rule.lowest, rule.highest
        self._zero = rule.zero_is_missing

    def __call__(self, value: float) -> Value:
        if not self._lowest <= value <= self._highest:
            return None
        clipped = min(max(value, self._low), self._high)
        return None if self._zero and clipped == 0 else clipped


def _function(derived: Derived, profile: Profile) -> Callable[[Values], Value]:
    """How a derived column comes from others: see `farol.model.features`."""
    if derived.kind == "difference":
        return _Difference(str(derived.minuend), str(derived.subtrahend))
    if derived.kind == "table":
        table = _Table(LookUp.of(derived.table))
        return lambda known: table(known[str(derived.source)])
    ages = Ages.of(profile)
    if ages is None:  # the plan of features has refused it already
        raise ValueError(f"{derived.name} needs the rule of ages")
    if derived.kind == "chance":
        return _Chance(ages, str(profile.level), derived.promotions)
    age, tables = ages.rule.age, tuple(_Table(table) for table in ages.tables)
    applied, since = ages.applied.tolist(), ages.since.tolist()
    return lambda known: tables[applied[_latest(since, known[YEAR])]](known[age])


class _Difference:
    """One column less another, the year among them."""

    def __init__(self, minuend: str, subtrahend: str) -> None:
        self._minuend, self._subtrahend = minuend, subtrahend

    def __call__(self, known: Values) -> Value:
        left, right = known[self._minuend], known[self._subtrahend]
        return None if left is None or right is None else left - right


class _Table:
    """`LookUp` for one value."""

    def __init__(self, table: LookUp) -> None:
        self._bounds, self._results = table.bounds.tolist(), table.results.tolist()

    def __call__(self, value: Value) -> Value:
        return None if value is None else self._results[bisect_left(self._bounds, value)]


class _Chance:
    """`Ages.chance` for one pupil whose rule of ages is known up to the year of the values."""

    def __init__(self, ages: Ages, level: str, promotions: float) -> None:
        rule = ages.rule
        self._born, self._month, self._age = rule.birth_year, rule.birth_month, rule.age
        self._level, self._shift = level, promotions - ages.lowest
        self._since, self._passed = ages.since.tolist(), ages.passed.tolist()
        self._odds = ages.odds

    def __call__(self, known: Values) -> Value:
        year, level, age = known[YEAR], known[self._level], known[self._age]
        born = None if self._born is None else known[self._born]
        if year is None or level is None or (born is None and age is None):
            return None
        rule = _latest(self._since, year)
        if born is not None:
            month = None if self._month is None else known[self._month]
            state, base = MONTHS if month is None else month - 1, year - born
        else:
            state = MONTHS + 1 + (self._passed[rule] if self._since[rule] == year else MONTHS + 1)
            base = floor(age or 0)
        _, states, bases, levels = self._odds.shape
        base = min(max(base, 0), bases - 1)
        column = min(max(round(level + self._shift), 0), levels - 1)
        chance: float = self._odds.item(int(((rule * states + state) * bases + base) * levels + column))
        return chance


def _latest(since: list[int], year: Value) -> int:
    """`Ages.known_in` for one year."""
    return max(bisect_right(since, year or 0) - 1, 0)
