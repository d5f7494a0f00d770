"""What a model's card promised, compared with what came true.

The two are measured on different pupils, so the figures are independent. Their difference gets the interval of Zou and
Donner (2008) from the intervals of both. It is widened as a normal's would be, so that over all metrics of one set of
pupils together a wrong "better" or "worse" comes in about 5% of the years (Bonferroni). Only an interval without zero
says that the promise was not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from farol.evaluation.intervals import difference_of
from farol.evaluation.metrics import COVERAGE, MEASURES, Estimate, Evaluation, Undefined
from farol.i18n import Message, count, msg
from farol.model.bundle import Bundle

Verdict = Literal["within", "better", "worse", "unknown"]

COMPARED = ("roc_auc", "average_precision", "precision", "recall", "f1", "brier", "ece")
FEWEST_ROWS = 100
FEWEST_CASES = 20
"""Fewer pupils, or fewer at risk or not at risk, get no verdict: resampling them gives intervals that are too narrow
near the ends of the scale, and with 60 pupils the verdict was wrong in 9% of years.
"""
FEWEST_FOR_ECE = 0.5
"""The calibration error of few pupils is greater by chance alone: neither side may have less than this share of the
other's pupils."""

WORDS: Mapping[Verdict, Message] = {
    "within": msg("as promised"),
    "better": msg("better than promised"),
    "worse": msg("worse than promised"),
    "unknown": msg("not enough to say"),
}


@dataclass(frozen=True, slots=True)
class CardMetrics:
    """A section of a report: the metrics of `n` test rows, `positives` of them at risk."""

    n: int
    positives: int
    metrics: Mapping[str, Estimate]

    @classmethod
    def read(cls, section: object) -> CardMetrics | None:
        """The metrics of a section of report.json; None where it has none."""
        match section:
            case {"n": int(n), "positives": int(positives), **figures}:
                metrics = {name: _estimate_in(figures.get(name)) for name in COMPARED}
                return cls(n, positives, {name: metric for name, metric in metrics.items() if metric is not None})
            case _:
                return None

    @classmethod
    def of(cls, bundle: Bundle | None, name: str = "test") -> CardMetrics | None:
        """What a card promises of `test` or a group of it.

        The promise is for pupils who get an answer: the report has the section `answered` where some test pupils get
        none.
        """
        if bundle is None:
            return None
        match bundle.report:
            case {"answered": {**answered}}:
                return cls.read(answered.get(name))
            case {"groups": {**groups}} if name != "test":
                return cls.read(groups.get(name))
            case report:
                return cls.read(report.get(name)) if name == "test" else None


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric. `difference` is realised minus promised, wide enough for all of `COMPARED` together; `reason` says
    why there is no verdict.
    """

    metric: str
    promised: Estimate | None
    realised: Estimate | None
    difference: Estimate | None
    verdict: Verdict
    reason: Message | None


def compare_with_card(card: CardMetrics | None, realised: Evaluation) -> tuple[MetricComparison, ...]:
    """Every metric of `COMPARED`, promised and realised."""
    return tuple(_compared(metric, card, realised) for metric in COMPARED)


def _compared(metric: str, card: CardMetrics | None, realised: Evaluation) -> MetricComparison:
    promised = None if card is None else card.metrics.get(metric)
    came = realised.estimates[metric]
    if isinstance(came, Undefined):
        return MetricComparison(metric, promised, None, None, "unknown", came.reason)
    if card is None or promised is None:
        return MetricComparison(metric, None, came, None, "unknown", msg("the card does not say"))
    difference = difference_of(widened(came, len(COMPARED)), widened(promised, len(COMPARED)))
    reason = _too_few(metric, card, realised)
    if reason is not None:
        return MetricComparison(metric, promised, came, difference, "unknown", reason)
    verdict: Verdict = "within"
    if difference.low > 0 or difference.high < 0:
        verdict = "better" if (difference.low > 0) == MEASURES[metric].greater_is_better else "worse"
    return MetricComparison(metric, promised, came, difference, verdict, None)


def _too_few(metric: str, card: CardMetrics, realised: Evaluation) -> Message | None:
    for n, positives in ((realised.n, realised.positives), (card.n, card.positives)):
        if n < FEWEST_ROWS or not FEWEST_CASES <= positives <= n - FEWEST_CASES:
            return msg(
                "too few pupils: {n} (at risk: {positives}); at least {rows} are needed, of them {cases} at "
                "risk and {cases} not at risk",
                n=count(n),
                positives=count(positives),
                rows=count(FEWEST_ROWS),
                cases=count(FEWEST_CASES),
            )
    if metric == "ece" and realised.n < FEWEST_FOR_ECE * card.n:
        return msg("there are far fewer pupils than on the card: chance alone makes this error greater")
    if metric == "ece" and card.n < FEWEST_FOR_ECE * realised.n:
        return msg("there are far more pupils than on the card: chance alone makes this error smaller")
    return None


def _estimate_in(figure: object) -> Estimate | None:
    """A figure of report.json; None where it is undefined or absent."""
    match figure:
        case {"value": int() | float() as value, "low": int() | float() as low, "high": int() | float() as high}:
            return Estimate(float(value), float(low), float(high))
        case _:
            return None


def widened(estimate: Estimate, tests: int) -> Estimate:
    """A 95% interval widened as a normal's would be, so that `tests` such intervals together hold all in 95%."""
    usual, wide = (NormalDist().inv_cdf(1 - (1 - COVERAGE) / 2 / n) for n in (1, tests))
    factor = wide / usual
    return Estimate(
        estimate.value,
        estimate.value - factor * (estimate.value - estimate.low),
        estimate.value + factor * (estimate.high - estimate.value),
    )
