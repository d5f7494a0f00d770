"""The label: who is at risk by the profile's rule, this year and the next."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from farol.profile import Label
from farol.workbook.cells import Floats, Objects

_COMPARE: Mapping[str, Callable[[Floats, float], NDArray[np.bool_]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


def at_risk(label: Label, numbers: Mapping[str, Floats]) -> Floats:
    """1 where the rule says at risk, 0 where not, NaN where the column has no value."""
    values = numbers[label.column]
    return np.where(np.isnan(values), np.nan, _COMPARE[label.operator](values, label.value))


def contradictions(label: Label, numbers: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """Where the label's column is not the difference that it should be; nowhere when the profile names none."""
    values = numbers[label.column]
    if label.minuend is None or label.subtrahend is None:
        return np.zeros(len(values), dtype=np.bool_)
    difference = numbers[label.minuend] - numbers[label.subtrahend]
    return ~np.isnan(values) & ~np.isnan(difference) & ~np.isclose(values, difference)


def next_values(student: Objects, year: NDArray[np.int64], values: Floats) -> Floats:
    """For each row (n,), the value of the same student in the following year; NaN where there is no such row."""
    place = {key: position for position, key in enumerate(zip(student, year.tolist(), strict=True))}
    following = [place.get((code, this_year + 1), -1) for code, this_year in zip(student, year.tolist(), strict=True)]
    row = np.array(following, dtype=np.int64)
    return np.where(row >= 0, np.append(values, np.nan)[row], np.nan)
