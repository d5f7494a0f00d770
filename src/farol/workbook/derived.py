"""Columns computed from others, row by row, and the conditions on columns: what a label or a task's rows rest on."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from farol.profile import Condition, Operator, Profile, stem
from farol.profile.checking import YEAR
from farol.workbook.cells import Floats, Objects

COMPARE: Mapping[Operator, Callable[[Floats, float], NDArray[np.bool_]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True, eq=False)
class LookUp:
    """A table of (upper bound inclusive, result) as arrays, ready to be looked up in."""

    bounds: Floats  # (b,)
    results: Floats  # (b + 1,)

    @classmethod
    def of(cls, table: tuple[tuple[float, float], ...]) -> Self:
        """The table of a profile, its last bound inf."""
        # NaN sorts behind every bound and so finds the NaN that stands behind the table's last result.
        results = [*(result for _, result in table), np.nan]
        return cls(np.array([bound for bound, _ in table]), np.array(results))

    def __call__(self, values: Floats) -> Floats:
        """What the table gives for values (n,); NaN for NaN."""
        results: Floats = self.results[np.searchsorted(self.bounds, values, side="left")]
        return results


def values_of(
    profile: Profile, name: str, numbers: Mapping[str, Floats], categories: Mapping[str, Objects], year: Floats
) -> Floats | Objects:
    """The values (n,) that a condition means by `name`: of a column, of the year, or derived by difference or table."""
    if name == YEAR:
        return year
    if name in categories:
        return categories[name]
    if name in numbers:
        return numbers[name]
    derived = profile.derived[name]

    def source(other: str | None) -> Floats:
        return values_of(profile, str(other), numbers, {}, year).astype(np.float64)

    if derived.kind == "difference":
        values = source(derived.minuend) - source(derived.subtrahend)
    else:
        values = LookUp.of(derived.table)(source(derived.source))
    low = -np.inf if derived.minimum is None else derived.minimum
    high = np.inf if derived.maximum is None else derived.maximum
    return np.where((values >= low) & (values <= high), values, np.nan)


def holds(rule: Condition, values: Floats | Objects) -> Floats:
    """1 where a condition holds for values (n,), 0 where not, NaN where the value is missing. Words are compared as
    headers are, in either gender and number (`farol.profile.stem`).
    """
    wanted = rule.value if isinstance(rule.value, tuple) else (rule.value,)
    if values.dtype == np.object_:
        words = {stem(str(word)) for word in wanted}
        inside = np.array([value is not None and stem(str(value)) in words for value in values], dtype=np.bool_)
        missing = np.array([value is None for value in values], dtype=np.bool_)
        return np.where(missing, np.nan, inside != (rule.operator == "!="))
    floats = values.astype(np.float64)
    if any(isinstance(value, str) for value in wanted):  # a category of which no word is known here
        return np.full(len(floats), np.nan)
    if rule.operator == "in":
        met = np.isin(floats, np.array(wanted, dtype=np.float64))
    else:
        met = COMPARE[rule.operator](floats, float(wanted[0]))
    return np.where(np.isnan(floats), np.nan, met)
