"""The label: who is at risk by the profile's rule, this year and the next."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from farol.profile import Label, Profile
from farol.workbook.cells import Floats, Objects
from farol.workbook.derived import holds, values_of


def at_risk(
    profile: Profile, numbers: Mapping[str, Floats], categories: Mapping[str, Objects], year: NDArray[np.int64]
) -> Floats:
    """1 where the label's rule says at risk (n,), 0 where not, NaN where its column has no value."""
    label = profile.label
    return holds(label, values_of(profile, label.column, numbers, categories, year.astype(np.float64)))


def contradictions(label: Label, numbers: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """Where the label's column is not the difference that it should be; nowhere when the profile names none."""
    if label.minuend is None or label.subtrahend is None or label.column not in numbers:
        return np.zeros(len(next(iter(numbers.values()), ())), dtype=np.bool_)
    values = numbers[label.column]
    difference = numbers[label.minuend] - numbers[label.subtrahend]
    return ~np.isnan(values) & ~np.isnan(difference) & ~np.isclose(values, difference)


def next_values(profile: Profile, student: Objects, year: NDArray[np.int64], values: Floats) -> Floats:
    """For each row (n,), the value of the same student in the following period; NaN where there is no such row."""
    if not profile.follows_pupils:
        return np.full(len(values), np.nan)
    years = year.tolist()
    place = {key: position for position, key in enumerate(zip(student, years, strict=True))}
    later = {period: profile.period_after(period) for period in set(years)}
    following = [place.get((code, later[period]), -1) for code, period in zip(student, years, strict=True)]
    row = np.array(following, dtype=np.int64)
    return np.where(row >= 0, np.append(values, np.nan)[row], np.nan)
