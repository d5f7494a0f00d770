"""Bands of risk: how many pupils with such a probability, of whom as much was known, were at risk in the end.

Training measures them on pupils that the model had not seen, and stores them in the bundle's report under `support`
(`farol.training.support`). A probability is worth less where less is known of the pupil, so there is a group of bands
for each set of hidden features that may be missing, and in it for each number of other features that are known; those
who lack just what many training rows lacked are a group of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from farol.i18n import Message, msg
from farol.model.bins import FEW
from farol.profile import Text

Floats = NDArray[np.float64]

MOST_SUBSETS = 4
"""With up to as many hidden features every set of missing ones is measured; with more, none missing and all."""

UNMEASURED = -1


@dataclass(frozen=True, slots=True)
class Band:
    """Probabilities from `low` to `high`; of such pupils a share between the two others (95%) was at risk.

    `share` is that of all pupils of whom as much was known. `answered`: whether such a probability is an answer, or
    says too little to tell the pupil from those.
    """

    low: float
    high: float
    expected_low: float
    expected_high: float
    share: float = 0.5
    answered: bool = True

    def words(self, state: Text) -> Message:
        """The band for a reader; `state` is the label's."""
        return msg(
            "Of pupils of whom as much was known, with a risk between {low} and {high}, {expected_low} to "
            "{expected_high} were {state} in the end.",
            state=state,
            low=f"{self.low:.0%}",
            high=f"{self.high:.0%}",
            expected_low=f"{self.expected_low:.0%}",
            expected_high=f"{self.expected_high:.0%}",
        )


def patterns_of(hidden: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The sets of hidden features that may be missing and are measured, the empty one first, all of them last."""
    if len(hidden) > MOST_SUBSETS:
        return (), tuple(hidden)
    return tuple(missing for size in range(len(hidden) + 1) for missing in combinations(hidden, size))


@dataclass(frozen=True, slots=True, eq=False)
class JudgedAnswers:
    """What holds for n probabilities by what is known of each pupil."""

    threshold: Floats  # (n,)
    band: NDArray[np.int64]  # (n,) places in the bands of the support, or UNMEASURED
    answered: NDArray[np.bool_]  # (n,)


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """The bands of a task: for every pupil those that were measured for pupils of whom as much was known.

    `places` (patterns, features known + 2, cells between `edges`) has each band's place in `bands`; the last number
    of known features stands for pupils who lack just what training rows lacked.
    """

    edges: Floats  # where bands may begin and end, without the ends of all
    usual: NDArray[np.int64]  # (sets,) what the features that many training rows lacked add up to, ascending
    bands: tuple[Band, ...]
    places: NDArray[np.int64]
    thresholds: Floats  # (patterns,)
    weights: NDArray[np.int64]  # (features, 3): what a missing one adds to pattern, number and set of missing
    answers: NDArray[np.bool_] = field(init=False)  # as `places`

    def __post_init__(self) -> None:
        answered = np.array([*(band.answered for band in self.bands), False])  # the last for what was not measured
        object.__setattr__(self, "answers", answered[self.places])

    @classmethod
    def of(cls, support: Mapping[str, Any], features: Sequence[str], hidden: Sequence[str]) -> Self:
        """The bands of a report's `support`. ValueError, KeyError or TypeError where it is something else."""
        each = len(hidden) <= MOST_SUBSETS
        # Random numbers in place of powers of two: no two sets of up to a hundred features add up to the same.
        drawn = np.random.default_rng(0).integers(1 << 56, size=len(features)).tolist()
        weights = np.array(
            [
                (1 << hidden.index(name) if each else 1, 0, 0) if name in hidden else (0, 1, number)
                for name, number in zip(features, drawn, strict=True)
            ],
            dtype=np.int64,
        )
        known = len(features) - len(hidden)
        patterns = (1 << len(hidden)) if each else len(hidden) + 1
        edges = [float(edge) for edge in support["edges"]]
        usual = [int(weights[np.isin(features, lacking), 2].sum()) for lacking in support["usual"]]
        places = np.full((patterns, known + 2, len(edges) - 1), UNMEASURED, dtype=np.int64)
        thresholds = np.full(patterns, 0.5)
        bands: list[Band] = []
        for group in support["groups"]:
            missing = np.isin(features, group["without"])
            pattern = int(weights[missing, 0].sum())
            threshold = float(group["threshold"])
            if not 0 < threshold < 1 or not set(group["without"]) <= set(hidden):
                raise ValueError("not a group of bands")
            thresholds[pattern] = threshold
            for source in group["bands"]:
                first, last = edges.index(source["low"]), edges.index(source["high"])
                places[pattern, known + 1 if group["known"] is None else group["known"], first:last] = len(bands)
                bands.append(_band(source, float(group["share"])))
        return cls(
            np.array(edges[1:-1]),
            np.array([*sorted(usual), np.iinfo(np.int64).max]),
            tuple(bands),
            places,
            thresholds,
            weights,
        )

    def judge(self, features: Floats, probability: Floats) -> JudgedAnswers:
        """What holds for raw features (n, k), NaN missing, and the probabilities (n,) that the model gave for them."""
        pattern, missing, lacking = self._sums(features)
        most = self.places.shape[1] - 2
        is_usual = self.usual[np.searchsorted(self.usual, lacking)] == lacking
        cell = np.searchsorted(self.edges, probability, side="right")  # an edge belongs above, and 1 to the last
        place = (pattern, np.where(is_usual, most + 1, most - missing), cell)
        return JudgedAnswers(self.thresholds[pattern], self.places[place], self.answers[place])

    def _sums(self, features: Floats) -> tuple[NDArray[np.int64], ...]:
        """What the missing features of each row (n,) add up to, in pattern, number and set."""
        if len(features) <= FEW:
            return tuple((np.isnan(features) @ self.weights).T)
        # Of many rows one feature after the other: numpy has no fast product of whole numbers.
        sums = np.zeros((3, len(features)), dtype=np.int64)
        for column, weights in zip(features.T, self.weights.tolist(), strict=True):
            rows = np.flatnonzero(np.isnan(column))
            for place, weight in enumerate(weights if rows.size else ()):
                if weight:
                    sums[place, rows] += weight
        return tuple(sums)


def _band(source: Mapping[str, Any], share: float) -> Band:
    expected = source["expected"]
    return Band(
        float(source["low"]),
        float(source["high"]),
        float(expected["low"]),
        float(expected["high"]),
        share,
        bool(source["answered"]),
    )


def bands_of(report: Mapping[str, Any]) -> tuple[Band, ...]:
    """The bands of a bundle's report for pupils of whom as much is known as usually, the lowest first."""
    bands = report["bands"]["bands"]
    return tuple(Band(band["low"], band["high"], band["expected"]["low"], band["expected"]["high"]) for band in bands)


def risk_text(probability: float, locale: str) -> str:
    """A probability for a reader: whole percent, near certainty with a decimal, and never certainty itself."""
    percent = min(max(100 * probability, 0.1), 99.9)
    if 1 <= percent <= 99:
        return f"{percent:.0f}%"
    text = f"{percent:.1f}%"
    return text if locale == "en" else text.replace(".", ",")


def prevalence_range(report: Mapping[str, Any]) -> tuple[float, float]:
    """The least and the greatest share at risk among the years the model was trained and tested on."""
    shares = report["prevalence"]
    return min(shares["train"], shares["test"]), max(shares["train"], shares["test"])
