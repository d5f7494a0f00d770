"""The correlation of two features from counts by groups of both: Spearman's, and its null distribution.

Rows of one group share the middle of their ranks (Kendall, "Rank Correlation Methods", 1948, chapter 3), each side by
its own rows: a feature that only moved, its order kept, leaves the correlation nearly unchanged.

Without drift, the rows of this period are further rows of the population that training came from. Its shares are known
through the counts of training alone. So shares are drawn by the Bayesian bootstrap (Rubin, 1981), and then as many rows
as there are: this respects that the reference is a finite sample, and keeps ties, heaps and few rows. A cell that
training never had stays empty. Half a row for each cell, as in `farol.drift.null_distribution`, would add a dozen
independent rows, and would take a tenth from a strong correlation among a hundred rows.
"""

from __future__ import annotations

from math import atanh, sqrt

import numpy as np
from numpy.typing import NDArray

from farol.drift.verdicts import Band

Floats = NDArray[np.float64]
Table = NDArray[np.int64]

MODERATE, SEVERE = 0.3, 0.5
"""Cohen's q, the difference of two correlations after Fisher's transformation: medium and large (Cohen, 1988, chapter
4).

From independence these are correlations of 0.29 and 0.46. The PSI of two bivariate normal distributions with the same
margins, one of them with no correlation and the other with r, is r² / (1 − r²): 0.1 at 0.30, 0.25 at 0.45.
"""

STRONGEST = 0.95
"""Stronger correlations count as this one: near 1 the transformation grows without bound."""

DRAWS = 2_000
"""Drawn at a time."""

_MANY = 10
_EQUAL = 1e-12
_95 = 1.959964


def spearman(tables: NDArray[np.generic]) -> Floats:
    """Spearman's ρ (…) of rows counted by groups of two features, in order (…, a, b).

    NaN where there is no correlation: no rows, or all of them in one group of a feature.
    """
    counts = tables.astype(np.float64)
    rows, columns = counts.sum(axis=-1), counts.sum(axis=-2)
    total = rows.sum(axis=-1)
    across, down = _centred(rows, total), _centred(columns, total)
    together = np.einsum("...a,...ab,...b->...", across, counts, down)
    spread = np.sqrt((rows * across**2).sum(axis=-1) * (columns * down**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation: Floats = np.clip(np.where(spread > 0, together / spread, np.nan), -1.0, 1.0)
    return correlation


def _centred(counts: Floats, total: Floats) -> Floats:
    """The middle rank of each group (…, a), less the mean of all ranks."""
    ranks: Floats = np.cumsum(counts, axis=-1) - counts / 2 - total[..., np.newaxis] / 2
    return ranks


def change(was: float, now: float) -> float:
    """Cohen's q of two correlations: below zero where features go together less, or the other way."""
    return _transformed(now) - _transformed(was)


def band(q: float) -> Band:
    """The band of a change, in either direction."""
    if abs(q) < MODERATE:
        return "none"
    return "moderate" if abs(q) < SEVERE else "severe"


def interval(correlation: float, n: int) -> tuple[float, float]:
    """The 95% interval of a rank correlation of `n` rows (Bonett and Wright, 2000); (-1, 1) for up to three."""
    if n <= 3:
        return -1.0, 1.0
    middle, half = _transformed(correlation), _95 * sqrt((1 + correlation**2 / 2) / (n - 3))
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))


def p_value(reference: Table, now: float, n: int, alpha: float) -> float:
    """The two-sided p-value of a correlation `now` of `n` further rows of the population of `reference` (a, b).

    Draws with a fixed seed, enough for a test at level `alpha`. Draws without a correlation never count as further out.
    Drawing stops when too many draws are further out for the level to be reached, which never adds an alarm
    (Besag and Clifford, 1991).
    """
    rng = np.random.default_rng(0)
    present = reference.ravel() > 0
    cells = reference.ravel()[present].astype(np.float64)
    below = above = drawn = 0
    # Of one more than 2 / alpha draws none may be further out, of half as many again two.
    while drawn < 3 / alpha and min(below, above) < _MANY:
        shares = rng.standard_gamma(cells, (DRAWS, cells.size))
        tables = np.zeros((DRAWS, reference.size))
        tables[:, present] = rng.multinomial(n, shares / shares.sum(axis=1, keepdims=True))
        values = spearman(tables.reshape(DRAWS, *reference.shape))
        below, above = below + int(np.sum(values <= now + _EQUAL)), above + int(np.sum(values >= now - _EQUAL))
        drawn += DRAWS
    return min(1.0, 2 * (min(below, above) + 1) / (drawn + 1))


def _transformed(correlation: float) -> float:
    return atanh(min(max(correlation, -STRONGEST), STRONGEST))
