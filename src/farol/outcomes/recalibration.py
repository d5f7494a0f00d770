"""What an answer was worth in training: how many of the pupils with that probability were at risk.

A model's probability need not be the share at risk among those who get it. Next year's is a mean over the rules of
ages that may come (docs/model.md), of which one will: the model sorts pupils better than its own probabilities say.
So they are held against the labels of training pupils whom the model had not seen, by isotonic regression (Ayer and
others, 1955; for probabilities Zadrozny and Elkan, 2002): the shares nearest to what was counted that never fall as
the probability rises. The reference has both counts in a hundred bins, so that no row is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from farol.model.reference import SCORE_BINS, Reference

Floats = NDArray[np.float64]

FEWEST_ROWS = 100
FEWEST_CASES = 20
"""Of fewer training answers, or fewer at risk or not at risk, no shares are learned."""


@dataclass(frozen=True, slots=True)
class IsotonicCalibration:
    """Training answers in a hundred bins of the probability, and those of them at risk. Hashable, so remembered."""

    counts: tuple[int, ...]
    at_risk: tuple[int, ...]

    @classmethod
    def of(cls, reference: Reference) -> Self | None:
        """What a reference knows; None of too few rows."""
        found = cls(reference.score[:SCORE_BINS], reference.at_risk[:SCORE_BINS])
        n, cases = sum(found.counts), sum(found.at_risk)
        return found if n >= FEWEST_ROWS and FEWEST_CASES <= cases <= n - FEWEST_CASES else None


@lru_cache(maxsize=64)
def worth(learned: IsotonicCalibration) -> Floats:
    """The share at risk (100,) that an answer in each bin stands for; between bins without training rows, a line."""
    found = _shares(np.array(learned.counts, dtype=np.float64), np.array(learned.at_risk, dtype=np.float64))
    found.flags.writeable = False
    return found


@lru_cache(maxsize=8)
def resampled(learned: IsotonicCalibration, draws: int) -> Floats:
    """`worth` (draws, 100) of training rows drawn with replacement (Efron, 1979); fixed seed. A tenth of a second."""
    n = sum(learned.counts)
    at_risk = np.array(learned.at_risk, dtype=np.float64)
    cells = np.concatenate((at_risk, np.array(learned.counts) - at_risk)) / n
    drawn = np.random.default_rng(0).multinomial(n, cells, draws).astype(np.float64)
    cases, others = drawn[:, :SCORE_BINS], drawn[:, SCORE_BINS:]
    found = np.array([_shares(*one) for one in zip(cases + others, cases, strict=True)])
    found.flags.writeable = False
    return found


def _shares(counts: Floats, at_risk: Floats) -> Floats:
    """Isotonic regression of the shares at risk by pooling adjacent violators: counts (b,) and cases (b,) give (b,)."""
    known = np.flatnonzero(counts)
    pools: list[tuple[float, float, int]] = []  # rows, cases, bins of each
    for counted, cases in zip(counts[known].tolist(), at_risk[known].tolist(), strict=True):
        pool = (counted, cases, 1)
        while pools and pools[-1][1] * pool[0] >= pool[1] * pools[-1][0]:
            before = pools.pop()
            pool = (before[0] + pool[0], before[1] + pool[1], before[2] + pool[2])
        pools.append(pool)
    shares = np.repeat([pool[1] / pool[0] for pool in pools], [pool[2] for pool in pools])
    found: Floats = np.interp(np.arange(counts.size), known, shares)
    return found
