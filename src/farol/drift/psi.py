"""Population stability index between two sets of counts over the same bins. Pure: counts in, numbers out.

PSI = Σ (pᵢ − qᵢ) ln(pᵢ / qᵢ), with p the current and q the reference shares (Jeffreys' divergence; in credit scoring
since Lewis, "An Introduction to Credit Scoring", 1992). Identical distributions do not give 0 but about
(bins − 1)(1/n + 1/m): PSI / (1/n + 1/m) nearly follows χ² with bins − 1 degrees of freedom (Yurdakul, "Statistical
Properties of Population Stability Index", 2018). So a figure means little without its critical value.
"""

from __future__ import annotations

from functools import lru_cache
from math import erfc, exp, lgamma, log, sqrt

import numpy as np
from numpy.typing import NDArray

from farol.drift.verdicts import Band

Floats = NDArray[np.float64]
Counts = NDArray[np.float64] | NDArray[np.int64]

MODERATE, SEVERE = 0.10, 0.25
"""The bands of the original system: below 0.1 no drift, below 0.25 moderate, else severe."""

_Z95 = 1.959963984540054


def psi(reference: Counts, current: Counts) -> Floats:
    """PSI of two (…, bins) arrays of counts over the last axis, (…,); `reference` is not empty.

    Both sides are smoothed alike: half a count for every bin used (as many as Jeffreys' prior gives), spread in the
    proportions of the two sides together. So an empty bin gives a finite figure, swapping the sides changes nothing,
    and equal proportions give exactly 0 whatever the two sizes; a uniform half count would not.
    """
    p, q = _smoothed(current, reference), _smoothed(reference, current)
    total: Floats = ((p - q) * _log_ratio(p, q)).sum(axis=-1)
    return total


def used_bins(reference: Counts, current: Counts) -> NDArray[np.int64]:
    """How many bins are not empty on both sides, over the last axis: (…,)."""
    counted: NDArray[np.int64] = (reference + current > 0).sum(axis=-1)
    return counted


def interval(reference: Counts, current: Counts) -> tuple[float, float]:
    """An approximate 95% interval of the PSI between the populations behind two (bins,) arrays of counts.

    The delta method for both multinomial samples, plus the variance 2(bins − 1)(1/n + 1/m)² that remains where the
    first derivative vanishes, about the estimate less the excess expected by chance alone. The upper end is never
    below the estimate, the lower never below 0. With nothing counted: 0 and infinity.
    """
    n, m = float(current.sum()), float(reference.sum())
    if n == 0:
        return 0.0, float("inf")
    p, q = _smoothed(current, reference), _smoothed(reference, current)
    ratio, used = _log_ratio(p, q), p > 0
    ones = np.ones_like(p)
    by_p = ratio + 1 - np.divide(q, p, out=ones.copy(), where=used)
    by_q = 1 - ratio - np.divide(p, q, out=ones.copy(), where=used)
    scale, freedom = 1 / n + 1 / m, float(used_bins(reference, current)) - 1
    variance = _variance(by_p, p) / n + _variance(by_q, q) / m + 2 * freedom * scale**2
    estimate = float(((p - q) * ratio).sum())
    centre, half = estimate - freedom * scale, _Z95 * sqrt(variance)
    return max(0.0, centre - half), max(estimate, centre + half)


@lru_cache(maxsize=4096)
def critical_value(n: int, m: float, bins: int, alpha: float) -> float:
    """The PSI that two samples of one distribution, of n and m rows over `bins` bins, exceed with probability `alpha`.

    Roughly, where no bin is rare: see `farol.drift.null_distribution`. Infinity where n or m is 0, 0 where one bin
    holds everything.
    """
    if n == 0 or m == 0:
        return float("inf")
    return (1 / n + 1 / m) * chi_square_quantile(bins - 1, alpha)


def band(value: float) -> Band:
    """The fixed band of a PSI."""
    if value < MODERATE:
        return "none"
    return "moderate" if value < SEVERE else "severe"


def chi_square_quantile(freedom: int, alpha: float) -> float:
    """The value that χ² with `freedom` degrees of freedom exceeds with probability `alpha`; 0 for no freedom.

    By bisection on the exact tail, a finite sum for whole degrees (Abramowitz & Stegun 26.4.4 and 26.4.5).
    """
    if freedom == 0:
        return 0.0
    low, high = 0.0, float(freedom)
    while _chi_square_tail(high, freedom) > alpha:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        if _chi_square_tail(middle, freedom) > alpha:
            low = middle
        else:
            high = middle
    return high


def _chi_square_tail(x: float, freedom: int) -> float:
    half = x / 2
    tail, start = (erfc(sqrt(half)), 1) if freedom % 2 else (exp(-half), 2)
    return tail + sum(exp(k / 2 * log(half) - half - lgamma(k / 2 + 1)) for k in range(start, freedom, 2))


def _smoothed(counts: Counts, other: Counts) -> Floats:
    together = counts + other
    weight = (together > 0).sum(axis=-1, keepdims=True) / 2
    pooled = together / together.sum(axis=-1, keepdims=True)
    shares: Floats = (counts + weight * pooled) / (counts.sum(axis=-1, keepdims=True) + weight)
    return shares


def _log_ratio(p: Floats, q: Floats) -> Floats:
    """ln(p / q); 0 for the bins that are empty on both sides."""
    used = p > 0
    ratio: Floats = np.log(np.divide(p, q, out=np.ones_like(p), where=used))
    return ratio


def _variance(values: Floats, weights: Floats) -> float:
    mean = float((weights * values).sum())
    return float((weights * (values - mean) ** 2).sum())
