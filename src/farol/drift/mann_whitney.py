"""Whether values moved up or down: the probability of superiority. Pure: counts in, numbers out.

It is P(X > Y) + ½ P(X = Y) for a value X of a prediction and a value Y of a training row, over the bins that are in
order: 0.5 without drift. It is the statistic of the Mann–Whitney test (1947) divided by the number of pairs, also
called the common language effect size (McGraw and Wong, 1992; with ties Vargha and Delaney, 2000). It needs far fewer
pupils than the PSI to find a shift, because it asks one question and not ten. Its bands are the PSI's: between two
normal distributions a PSI of 0.1 is a shift of 0.316 standard deviations, a probability of Φ(0.316/√2) = 0.588; a PSI
of 0.25 is half a standard deviation, 0.638.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from farol.drift.psi import Counts
from farol.drift.verdicts import Band

Floats = NDArray[np.float64]

MODERATE, SEVERE = 0.088, 0.138
"""How far from one half the bands begin."""

_Z95 = 1.959963984540054


def probability_of_superiority(reference: Counts, current: Counts) -> Floats:
    """Of two (…, bins) arrays of counts over the last axis: (…,); one half where a side is empty."""
    below = reference.cumsum(axis=-1) - reference / 2
    pairs = reference.sum(axis=-1) * current.sum(axis=-1)
    above = (current * below).sum(axis=-1)
    probability: Floats = np.divide(above, pairs, out=np.full(np.shape(pairs), 0.5), where=pairs > 0)
    return probability


def standard_error(reference: Counts, current: Counts) -> float:
    """Of the probability for two (bins,) arrays of one population, with ties; infinity where a side is empty."""
    n, m = float(current.sum()), float(reference.sum())
    if n == 0 or m == 0:
        return float("inf")
    ties, rows = reference + current, n + m
    spread = rows + 1 - float((ties**3 - ties).sum()) / (rows * (rows - 1))
    return sqrt(max(0.0, spread) / (12 * n * m))


def interval(reference: Counts, current: Counts) -> tuple[float, float]:
    """An approximate 95% interval of the probability, by the variances of placements (DeLong et al., 1988)."""
    n, m = float(current.sum()), float(reference.sum())
    if n == 0 or m == 0:
        return 0.0, 1.0
    centre = float(probability_of_superiority(reference, current))
    current_placements = (reference.cumsum() - reference / 2) / m
    reference_placements = 1 - (current.cumsum() - current / 2) / n
    variance = float((current * (current_placements - centre) ** 2).sum()) / n**2
    variance += float((reference * (reference_placements - centre) ** 2).sum()) / m**2
    half = _Z95 * sqrt(variance)
    return max(0.0, centre - half), min(1.0, centre + half)


def band(value: float) -> Band:
    """The band of a probability of superiority, by its distance from one half."""
    distance = abs(value - 0.5)
    if distance < MODERATE:
        return "none"
    return "moderate" if distance < SEVERE else "severe"
