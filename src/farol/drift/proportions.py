"""Shares of predictions against shares of training rows: what is missing, what was never seen, what is answered 1.

Chance is counted exactly: if nothing changed, which of all rows with the property are among the predictions is a draw
without replacement (Fisher's exact test, 1935). No approximation, so that it holds for 30 rows as for 30 million.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import lgamma, sqrt

import numpy as np

from farol.drift.verdicts import Band, Verdict, is_alarm, verdict_for

MODERATE, SEVERE = 0.05, 0.15
"""A share that differs by five points of a hundred is a moderate drift, by fifteen a severe one, if beyond chance."""

_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class ShareDrift:
    """A share of `n` predictions beside that of the reference. `value` is None where nothing was counted.

    `low` and `high` are its 95% interval, `chance` the probability that such a difference comes by chance alone; it
    is beyond chance from `alpha` down.
    """

    value: float | None
    low: float
    high: float
    reference: float
    n: int
    chance: float
    alpha: float
    band: Band
    verdict: Verdict

    @property
    def alarm(self) -> bool:
        """The difference is beyond a band and beyond chance."""
        return is_alarm(self.verdict)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "reference": self.reference,
            "chance": self.chance,
            "alpha": self.alpha,
            "band": self.band,
            "verdict": self.verdict,
            "alarm": self.alarm,
        }


def share_drift(part: int, n: int, was: float, m: float, *, alpha: float, rising: bool = False) -> ShareDrift:
    """`part` of `n` predictions against `was` of `m` training rows; `rising`: only a greater share is a drift.

    A reference that was weighted has no whole counts; they are rounded.
    """
    reference = was / m if m else 0.0
    if n == 0 or not m:
        return ShareDrift(None, 0.0, 1.0, reference, n, 1.0, alpha, "none", "insufficient_data")
    value = part / n
    lower, upper = tails(part, n, min(round(was), round(m)), round(m))
    chance = upper if rising else min(1.0, 2 * min(lower, upper))
    band = share_band(value - reference if rising else abs(value - reference))
    low, high = wilson(part, n)
    verdict = verdict_for(n, band, significant=chance <= alpha)
    return ShareDrift(value, low, high, reference, n, chance, alpha, band, verdict)


def share_band(difference: float) -> Band:
    """Which band a difference of shares falls into."""
    if difference < MODERATE:
        return "none"
    return "moderate" if difference < SEVERE else "severe"


def wilson(part: float, n: float) -> tuple[float, float]:
    """The 95% score interval of a share (Wilson, 1927); all of [0, 1] where nothing was counted."""
    if n <= 0:
        return 0.0, 1.0
    share, spread = part / n, _Z95**2 / n
    centre = (share + spread / 2) / (1 + spread)
    half = _Z95 * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


@lru_cache(maxsize=4096)
def tails(part: int, n: int, was: int, m: int) -> tuple[float, float]:
    """The chances that at most, and at least, `part` of the `n` drawn have the property that `part + was` of all
    `n + m` rows have. Exact; the cost grows with m, not with n.
    """
    total = part + was
    # Seen from the reference: how many of the property fall to its m rows; few values, even for millions of draws.
    lowest, highest = max(0, total - n), min(m, total)
    here = _log_choose(total, was) + _log_choose(n + m - total, m - was) - _log_choose(n + m, m)
    values = np.arange(lowest, highest, dtype=np.float64)
    steps = np.log((total - values) * (m - values)) - np.log((values + 1) * (n - total + values + 1))
    logs = np.concatenate(([0.0], np.cumsum(steps)))
    chances = np.exp(logs - logs[was - lowest] + here)
    at_most, at_least = float(chances[: was - lowest + 1].sum()), float(chances[was - lowest :].sum())
    return min(1.0, at_least), min(1.0, at_most)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
