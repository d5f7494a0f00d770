"""The estimate made before the sheet, beside what came true of the same pupils.

The estimate is that of `farol.outcomes.estimation` (CBPE), from the answers to the pupils who are measured. So the two
sides show how good such an estimate is for this school.
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
from farol.outcomes.estimation import (
    MEASURES,
    ExpectedMeasure,
    Floats,
    IsotonicCalibration,
    assumptions_of,
    estimate_each,
)

_OF_CARDS = {"brier_score": "brier"}
"""The name that a card's metrics have for a measure, where it is another one."""
_UNKNOWN = ExpectedMeasure(None, None, None)


@dataclass(frozen=True, slots=True)
class MeasurePair:
    """One measure: expected before, and realised (None: undefined)."""

    measure: str
    expected: ExpectedMeasure
    realised: Estimate | None

    @property
    def is_inside(self) -> bool | None:
        """Whether the realised value lies in the interval of the expected one; None where either is unknown."""
        low, high = self.expected.low, self.expected.high
        if self.realised is None or low is None or high is None:
            return None
        return low <= self.realised.value <= high

    @property
    def title(self) -> Message:
        """The name for readers."""
        return measure_title(self.measure)


@dataclass(frozen=True, slots=True)
class EstimateVsActual:
    """The share at risk and the measures of `n` pupils; below 30 nothing is expected."""

    n: int
    at_risk: MeasurePair
    measures: tuple[MeasurePair, ...]
    calibrated: bool = False

    @property
    def is_enough(self) -> bool:
        """Whether there are expected values at all."""
        return self.n >= MIN_SAMPLES

    @property
    def assumptions(self) -> tuple[Message, ...]:
        """What has to hold for the estimate."""
        return assumptions_of(calibrated=self.calibrated)

    @property
    def pairs(self) -> tuple[MeasurePair, ...]:
        """The share at risk, then the measures."""
        return (self.at_risk, *self.measures)


def measure_title(measure: str) -> Message:
    """The name of a measure for readers."""
    if measure == "at_risk":
        return msg("Share at risk")
    metric = OF_CARDS.get(_OF_CARDS.get(measure, measure))
    return msg("Accuracy") if metric is None else metric.title


def estimate_vs_actual(
    probability: Floats, threshold: float, evaluation: Evaluation, calibration: IsotonicCalibration | None = None
) -> EstimateVsActual:
    """The estimate from the probabilities (n,) of pupils, beside the metrics of the same pupils."""
    expected = _expected(probability.tobytes(), threshold, calibration) if probability.size >= MIN_SAMPLES else {}
    right = evaluation.confusion.get("true_positive", 0) + evaluation.confusion.get("true_negative", 0)
    shares = {"at_risk": evaluation.positives, "accuracy": right}

    def realised(measure: str) -> Estimate | None:
        if measure in shares:
            return share_of(shares[measure], evaluation.n) if evaluation.n else None
        metric = evaluation.estimates[_OF_CARDS.get(measure, measure)]
        return metric if isinstance(metric, Estimate) else None

    def pair(measure: str) -> MeasurePair:
        return MeasurePair(measure, expected.get(measure, _UNKNOWN), realised(measure))

    measures = tuple(pair(measure) for measure in MEASURES)
    return EstimateVsActual(probability.size, pair("at_risk"), measures, calibration is not None)


@lru_cache(maxsize=64)
def _expected(
    probability: bytes, threshold: float, calibration: IsotonicCalibration | None
) -> Mapping[str, ExpectedMeasure]:
    """The estimate from the bytes of an array: a page that is read again draws nothing again."""
    return estimate_each(np.frombuffer(probability, dtype=np.float64), threshold, calibration)
