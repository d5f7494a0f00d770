"""From which probability on a pupil is said to be at risk, chosen without looking at the year it is tested on.

One half says what readers think they read, "more likely than not", and does not lean on the share at risk in one
year, which moves (in the PEDE, from 70% to 46% in two years). So it stays, unless another threshold has a better F1
for training pupils the model had not seen, by more than chance explains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farol.i18n import Message, msg

Floats = NDArray[np.float64]

EVEN = 0.5
CANDIDATES = tuple(step / 20 for step in range(2, 19))  # 0.10, 0.15 … 0.90
_RESAMPLES = 500
_CONFIDENCE = 0.99  # the best of seventeen candidates was picked, so one in twenty would be too easy


@dataclass(frozen=True, slots=True)
class Threshold:
    """The threshold used, the best one out of fold, the F1 of both there, and the reason in words."""

    value: float
    best: float
    f1_at_half: float
    f1_at_best: float
    reason: Message


def choose_threshold(label: Floats, probability: Floats, *, seed: int) -> Threshold:
    """The threshold for out-of-fold probabilities (n,) of training rows with labels (n,) of 0 and 1.

    Of the candidates the one with the greatest F1 is taken, if in 99% of bootstrap resamples of the rows its F1 is
    above that of one half; else one half.
    """
    predicted = probability[:, None] >= np.array(CANDIDATES)
    half = CANDIDATES.index(EVEN)
    scores = _f1(np.ones((1, label.size)), label, predicted)[0]
    best = half if scores[half] == scores.max() else int(scores.argmax())
    weights = np.random.default_rng(seed).multinomial(label.size, np.full(label.size, 1 / label.size), size=_RESAMPLES)
    drawn = _f1(weights.astype(np.float64), label, predicted[:, [half, best]])
    clear = float((drawn[:, 1] > drawn[:, 0]).mean()) >= _CONFIDENCE
    value = CANDIDATES[best] if clear else EVEN
    reason = (
        msg(
            "at {value}, training pupils whom the model had not seen get a better F1 than at 50%, by more than chance "
            "explains",
            value=f"{value:.0%}",
        )
        if clear
        else msg(
            "50%, more likely than not; no other threshold gives training pupils whom the model had not seen a better "
            "F1 by more than chance explains"
        )
    )
    return Threshold(value, CANDIDATES[best], float(scores[half]), float(scores[best]), reason)


def _f1(weights: Floats, label: Floats, predicted: NDArray[np.bool_]) -> Floats:
    """F1 (b, t) of predictions (n, t) under weights (b, n); 0 where nobody is at risk nor predicted to be."""
    hits = weights @ (predicted * label[:, None])
    named = weights @ predicted + (weights @ label)[:, None]
    found: Floats = np.divide(2 * hits, named, out=np.zeros_like(hits), where=named > 0)
    return found
