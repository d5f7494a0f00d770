"""The threshold: the probability from which a pupil is said to be at risk, chosen without the year of the test.

One half means "more likely than not", which is what readers expect, and does not depend on the share at risk in one
year, which moves (in the PEDE, from 70% to 46% in two years). Another threshold takes its place only if it has a better
F1, beyond chance, for training pupils that the model had not seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from farol.evaluation.capacity import NEARLY_ALL, Capacity
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


def even_threshold(label: Floats, probability: Floats) -> Threshold:
    """One half, where the answers (n,) that would choose another one are those by which the model is tested."""
    predicted = (probability >= EVEN)[:, None]
    f1 = float(_f1(np.ones((1, label.size)), label, predicted)[0, 0])
    reason = msg(
        "50%, more likely than not; any other threshold would be chosen with the same pupils who test the model"
    )
    return Threshold(EVEN, EVEN, f1, f1, reason)


def _f1(weights: Floats, label: Floats, predicted: NDArray[np.bool_]) -> Floats:
    """F1 (b, t) of predictions (n, t) under weights (b, n); 0 where nobody is at risk nor predicted to be."""
    hits = weights @ (predicted * label[:, None])
    named = weights @ predicted + (weights @ label)[:, None]
    f1: Floats = np.divide(2 * hits, named, out=np.zeros_like(hits), where=named > 0)
    return f1


@dataclass(frozen=True, slots=True)
class GuardedThreshold:
    """The threshold after the guard, the share of training pupils it points out, and whether it chooses at all."""

    threshold: Threshold
    flagged: float
    chooses: bool


def guarded(threshold: Threshold, probability: Floats, capacity: Capacity) -> GuardedThreshold:
    """Keep a threshold that points out some and not nearly all of the out-of-fold training pupils (n,).

    Else the one that points out as many as there is capacity for stands in, and says why. Where the model gives so
    many pupils the same answer that no threshold chooses, the first stays and `chooses` is False.
    """

    def flagged(value: float) -> float:
        return float((probability >= value).mean())

    def chooses(share: float) -> bool:
        return 0 < share <= NEARLY_ALL

    share = flagged(threshold.value)
    if chooses(share):
        return GuardedThreshold(threshold, share, chooses=True)
    ranked = np.sort(probability)[::-1]
    value = float(np.round(ranked[capacity.places(probability.size) - 1], 6)) - 1e-6
    other = flagged(value)
    if not (0 < value < 1 and chooses(other)):
        return GuardedThreshold(threshold, share, chooses=False)
    return GuardedThreshold(
        replace(threshold, value=value, reason=_fallen_back(threshold.value, share, capacity)), other, True
    )


def _fallen_back(value: float, share: float, capacity: Capacity) -> Message:
    return msg(
        "at {value}, {share} of the training pupils whom the model had not seen would be pointed out, which is no "
        "choice; so the threshold is the one that points out {capacity} of them",
        value=f"{value:.0%}",
        share=f"{share:.0%}",
        capacity=str(capacity),
    )
