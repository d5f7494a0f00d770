"""What could be expected before the sheet was there, beside what came true of the very same pupils.

The estimate is that of `farol.outcomes.estimation` (CBPE), from the answers to the pupils who are measured and what
such answers were worth in training; so the two sides show what such an estimate is worth to this school.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from farol.drift.verdicts import MIN_SAMPLES
from farol.evaluation.intervals import share_of
from farol.evaluation.metrics import MEASURES as OF_CARDS
from farol.evaluation.metrics import Estimate, Evaluation
from farol.i18n import Message, msg
from farol.outcomes.card_comparison import as_figure
from farol.outcomes.estimation import MEASURES, Expected, Floats, assumptions_of, estimate_each
from farol.outcomes.recalibration import IsotonicCalibration

_OF_CARDS = {"brier_score": "brier"}
"""What the metrics of a card call a measure, where it is another name."""
_UNKNOWN = Expected(None, None, None)


@dataclass(frozen=True, slots=True)
class Beside:
    """One figure: expected before, and realised (None: undefined)."""

    measure: str
    expected: Expected
    realised: Estimate | None

    @property
    def is_inside(self) -> bool | None:
        """Whether what came true lies in the interval of what was expected; None where either is unknown."""
        low, high = self.expected.low, self.expected.high
        if self.realised is None or low is None or high is None:
            return None
        return low <= self.realised.value <= high

    @property
    def title(self) -> Message:
        """What people call it."""
        if self.measure == "at_risk":
            return msg("Share at risk")
        found = OF_CARDS.get(_OF_CARDS.get(self.measure, self.measure))
        return msg("Accuracy") if found is None else found.title


@dataclass(frozen=True, slots=True)
class Before:
    """The share at risk and the measures of `n` pupils; below 30 nothing is expected."""

    n: int
    at_risk: Beside
    measures: tuple[Beside, ...]
    recalibrated: bool = False

    @property
    def is_enough(self) -> bool:
        """Whether there are figures at all."""
        return self.n >= MIN_SAMPLES

    @property
    def assumptions(self) -> tuple[Message, ...]:
        """What has to hold for it."""
        return assumptions_of(recalibrated=self.recalibrated)

    @property
    def figures(self) -> tuple[Beside, ...]:
        """The share at risk, then the measures."""
        return (self.at_risk, *self.measures)

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON."""
        return {
            "n": self.n,
            "at_risk": self.at_risk.expected.as_dict(),
            "measures": {one.measure: one.expected.as_dict() for one in self.measures},
            "realised": {one.measure: as_figure(one.realised) for one in self.figures},
            "assumptions": [words.render(locale) for words in self.assumptions],
        }


def before_of(
    probability: Floats, threshold: float, evaluation: Evaluation, learned: IsotonicCalibration | None = None
) -> Before:
    """What the answers (n,) to pupils let expect, beside the metrics of the same pupils."""
    expected = _expected(probability.tobytes(), threshold, learned) if probability.size >= MIN_SAMPLES else {}
    right = evaluation.confusion.get("true_positive", 0) + evaluation.confusion.get("true_negative", 0)
    shares = {"at_risk": evaluation.positives, "accuracy": right}

    def realised(measure: str) -> Estimate | None:
        if measure in shares:
            return share_of(shares[measure], evaluation.n) if evaluation.n else None
        found = evaluation.estimates[_OF_CARDS.get(measure, measure)]
        return found if isinstance(found, Estimate) else None

    def beside(measure: str) -> Beside:
        return Beside(measure, expected.get(measure, _UNKNOWN), realised(measure))

    measures = tuple(beside(measure) for measure in MEASURES)
    return Before(probability.size, beside("at_risk"), measures, learned is not None)


@lru_cache(maxsize=64)
def _expected(probability: bytes, threshold: float, learned: IsotonicCalibration | None) -> Mapping[str, Expected]:
    """Of the bytes of an array: a page that is read again draws nothing again."""
    return estimate_each(np.frombuffer(probability, dtype=np.float64), threshold, learned)
