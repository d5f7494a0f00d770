"""The null distribution: further rows of the population that the training rows came from, drawn many times.

Given training counts c, the counts of n further rows are drawn from the Dirichlet-multinomial distribution with
parameters c + ½: Jeffreys' prior for the shares, then n rows. For bins that end at training quantiles of a continuous
feature this is, but for the half, the exact distribution, whatever the feature's own: the gaps between ordered
training values are filled like Pólya's urn (Wilks, "Mathematical Statistics", 1962, section 8.7). So the reference
counts as the finite sample it is.

χ² is no substitute where bins are rare: at 30 rows its critical value is up to twice too large, at 100 up to a sixth
too small, since half a count hides an empty bin in the one case and the logarithm weighs it heavily in the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor, inf, log

import numpy as np
from numpy.typing import NDArray

from farol.drift.mann_whitney import probability_of_superiority
from farol.drift.psi import psi

Floats = NDArray[np.float64]

DRAWS = 9_999
"""A figure above the k-th largest of B drawn figures has a probability of at most k / (B + 1) (Dwass, 1957)."""

MOST_DRAWS = 199_999
"""For the small levels that many tests at once leave to each. At still smaller levels nothing is significant."""

_STEP = 1.02
_EXACT_TO = 200


def further_rows(reference: tuple[float, ...], n: int, draws: int = DRAWS) -> NDArray[np.int64]:
    """Counts (draws, bins) of `n` further rows of the population that gave the counts `reference`; fixed seed."""
    rng = np.random.default_rng(0)
    shares = rng.standard_gamma(np.array(reference) + 0.5, (draws, len(reference)))
    counts: NDArray[np.int64] = rng.multinomial(n, shares / shares.sum(axis=1, keepdims=True))
    return counts


def rounded(n: int) -> int:
    """`n`, or up to 2% less where it is large: so that each new prediction does not need new draws.

    Critical values fall with n, so that those of fewer rows are safe.
    """
    if n <= _EXACT_TO:
        return n
    return max(_EXACT_TO, floor(_STEP ** floor(log(n, _STEP))))


@dataclass(frozen=True, slots=True)
class CriticalValues:
    """Of the PSI, and of the distance of the probability of superiority from one half, either way."""

    psi: float
    superiority: float


@lru_cache(maxsize=4096)
def exact_critical_values(
    reference: tuple[float, ...], ordered: int, n: int, psi_alpha: float, superiority_alpha: float
) -> CriticalValues:
    """The values that `n` further rows exceed with probability `psi_alpha` and `superiority_alpha`.

    `ordered`: how many of the first bins are in order; the others take no part in the probability of superiority. Give
    `rounded(n)`. Takes about 20 ms, and the result is cached.
    """
    least = min(psi_alpha, superiority_alpha)
    draws = DRAWS if least * (DRAWS + 1) >= 1 else min(MOST_DRAWS, ceil(1 / least))
    drawn, was = further_rows(reference, n, draws), np.array(reference)
    figures = psi(was, drawn)
    distances = np.abs(probability_of_superiority(was[:ordered], drawn[:, :ordered]) - 0.5)
    return CriticalValues(_exceeded(figures, psi_alpha), _exceeded(distances, superiority_alpha))


def _exceeded(drawn: Floats, alpha: float) -> float:
    place = int(alpha * (drawn.size + 1))
    return float(np.sort(drawn)[-place]) if place else inf
