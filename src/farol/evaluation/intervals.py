"""Intervals that need no resampling: of a share, of the difference of two shares, of a number of true cases."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from farol.evaluation.metrics import COVERAGE, Estimate

Floats = NDArray[np.float64]


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
    chances = np.ones(1)
    for chance in probability.tolist():
        chances = np.convolve(chances, (1 - chance, chance))
    reached = np.cumsum(chances)
    tail = (1 - COVERAGE) / 2
    low, high = (int(np.searchsorted(reached, level)) for level in (tail, 1 - tail))
    mean = float(probability.sum())
    return Estimate(mean, min(float(low), mean), max(float(min(high, probability.size)), mean))
