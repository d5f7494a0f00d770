"""Intervals that need no resampling: of a share, of the difference of two shares, of a number of true cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from farol.evaluation.metrics import COVERAGE, Estimate

Floats = NDArray[np.float64]

_TOGETHER = 256
"""Groups that `true_cases_of_each` computes at once."""


def share_of(part: float, whole: float, *, coverage: float = COVERAGE) -> Estimate:
    """The share `part / whole` with its score interval (Wilson, 1927); all of [0, 1] where the whole is nothing."""
    if whole <= 0:
        return Estimate(0.0, 0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + coverage / 2)
    share, spread = part / whole, z * z / whole
    centre = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / whole + spread / (4 * whole)) / (1 + spread)
    return Estimate(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def difference_of(figure: Estimate, other: Estimate) -> Estimate:
    """`one − other` of independent figures, from their intervals (Newcombe, 1998, method 10; Zou & Donner, 2008)."""
    value = figure.value - other.value
    low = value - sqrt((figure.value - figure.low) ** 2 + (other.high - other.value) ** 2)
    high = value + sqrt((figure.high - figure.value) ** 2 + (other.value - other.low) ** 2)
    return Estimate(value, low, high)


def true_cases(probability: Floats) -> Estimate:
    """How many of pupils with these probabilities (n,) will be at risk: the mean, and the central 95% of the number.

    The number of successes in independent trials of unequal chances (Poisson's binomial), computed exactly by adding
    one pupil after another. It speaks of chance alone and takes the probabilities as they are.
    """
    return true_cases_of_each([probability])[0]


def true_cases_of_each(groups: Sequence[Floats]) -> list[Estimate]:
    """`true_cases` of several groups, those of like size together: thousands of classes take a few hundredths of a
    second."""
    order = sorted(range(len(groups)), key=lambda place: groups[place].size)
    cases: dict[int, Estimate] = {}
    for start in range(0, len(order), _TOGETHER):
        places = order[start : start + _TOGETHER]
        some = [groups[place] for place in places]
        cases |= zip(places, _cases_of_like_size(some), strict=True)
    return [cases[place] for place in range(len(groups))]


def _cases_of_like_size(groups: Sequence[Floats]) -> Iterator[Estimate]:
    """A pupil of probability 0 changes nothing: with them the smaller groups are filled up."""
    most = groups[-1].size
    filled = np.zeros((most, len(groups)))
    for place, probability in enumerate(groups):
        filled[: probability.size, place] = probability
    chances = np.zeros((most + 1, len(groups)))  # how likely each number of cases is, after the pupils so far
    chances[0] = 1
    for known, chance in enumerate(filled, 1):
        chances[1 : known + 1] = chances[1 : known + 1] * (1 - chance) + chances[:known] * chance
        chances[0] *= 1 - chance
    reached = np.cumsum(chances, axis=0)
    tail = (1 - COVERAGE) / 2
    lows, highs = ((reached < level).sum(axis=0).tolist() for level in (tail, 1 - tail))
    for probability, low, high in zip(groups, lows, highs, strict=True):
        mean = float(probability.sum())
        yield Estimate(mean, min(float(low), mean), max(float(min(high, probability.size)), mean))
