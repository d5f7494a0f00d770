"""Proportions of predictions beside those of training rows: missing values, values never seen, answers “at risk”.

The p-value is exact: without drift, the rows with the property that are among the predictions are a draw without
replacement from all rows with it (Fisher's exact test, 1935). So it holds for 30 rows as for 30 million.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import lgamma, sqrt

import numpy as np

from farol.drift.verdicts import Band, Verdict, is_alarm, verdict_for

MODERATE, SEVERE = 0.05, 0.15
"""A difference of five percentage points is a moderate drift, one of fifteen a severe drift, if beyond chance."""

_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class ProportionDrift:
    """A proportion of `n` predictions beside that of the reference. `value` is None where nothing was counted.

    `low` and `high` are its 95% interval; `p_value` is that of the difference, which is significant up to `alpha`.
    """

    value: float | None
    low: float
    high: float
    reference: float
    n: int
    p_value: float
    alpha: float
    band: Band
    verdict: Verdict

    @property
    def alarm(self) -> bool:
        """The difference is beyond a band and beyond chance."""
        return is_alarm(self.verdict)

    def as_dict(self) -> dict[str, object]:
        """As a snapshot stores it."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "reference": self.reference,
            "p_value": self.p_value,
            "alpha": self.alpha,
            "band": self.band,
            "verdict": self.verdict,
            "alarm": self.alarm,
        }


def proportion_drift(part: int, n: int, was: float, m: float, *, alpha: float, rising: bool = False) -> ProportionDrift:
    """`part` of `n` predictions beside `was` of `m` training rows; `rising`: only a greater proportion is a drift.

    The counts of weighted training rows are not whole; they are rounded for the test.
    """
    reference = was / m if m else 0.0
    if n == 0 or not m:
        return ProportionDrift(None, 0.0, 1.0, reference, n, 1.0, alpha, "none", "insufficient_data")
    value = part / n
    lower, upper = tails(part, n, min(round(was), round(m)), round(m))
    p_value = upper if rising else min(1.0, 2 * min(lower, upper))
    band = proportion_band(value - reference if rising else abs(value - reference))
    low, high = wilson(part, n)
    verdict = verdict_for(n, band, significant=p_value <= alpha)
    return ProportionDrift(value, low, high, reference, n, p_value, alpha, band, verdict)


def proportion_band(difference: float) -> Band:
    """The band of a difference of two proportions."""
    if difference < MODERATE:
        return "none"
    return "moderate" if difference < SEVERE else "severe"


def wilson(part: float, n: float) -> tuple[float, float]:
    """The 95% score interval of a proportion (Wilson, 1927); all of [0, 1] where nothing was counted."""
    if n <= 0:
        return 0.0, 1.0
    share, spread = part / n, _Z95**2 / n
    centre = (share + spread / 2) / (1 + spread)
    half = _Z95 * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


@lru_cache(maxsize=4096)
def tails(part: int, n: int, was: int, m: int) -> tuple[float, float]:
    """The probabilities that at most, and at least, `part` of `n` rows have a property that `part + was` of all
    `n + m` rows have, if the `n` are drawn at random. Exact; the cost grows with m, not with n.
    """
    total = part + was
    # Seen from the reference: how many of the property fall to its m rows; few values, even for millions of draws.
    lowest, highest = max(0, total - n), min(m, total)
    here = _log_choose(total, was) + _log_choose(n + m - total, m - was) - _log_choose(n + m, m)
    values = np.arange(lowest, highest, dtype=np.float64)
    steps = np.log((total - values) * (m - values)) - np.log((values + 1) * (n - total + values + 1))
    logs = np.concatenate(([0.0], np.cumsum(steps)))
    weights = np.exp(logs - logs[was - lowest] + here)
    at_most, at_least = float(weights[: was - lowest + 1].sum()), float(weights[was - lowest :].sum())
    return min(1.0, at_least), min(1.0, at_most)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
