"""What a model's card promised, held against what came true.

Promised and realised are measured on different pupils, so the two figures are independent. Their difference gets the
interval of Zou and Donner (2008) from the intervals of both, widened as a normal's would be, so that of all metrics of
one set of pupils a wrong "better" or "worse" comes in about 5% of the years, and not in 5% for each (Bonferroni). Only
where that interval leaves out zero is the promise not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from farol.evaluation.intervals import difference_of
from farol.evaluation.metrics import COVERAGE, MEASURES, Estimate, Evaluation, Undefined
from farol.i18n import Message, msg

Verdict = Literal["within", "better", "worse", "unknown"]

COMPARED = ("roc_auc", "average_precision", "precision", "recall", "f1", "brier", "ece")
FEWEST_ROWS = 100
FEWEST_CASES = 20
"""Of fewer pupils, or fewer at risk or not at risk, nothing is concluded: resampling them gives intervals that are too
narrow near the ends of the scale, and of 60 pupils the verdict was wrong in 9% of years.
"""
FEWEST_FOR_ECE = 0.5
"""The calibration error of few pupils is greater by chance alone: neither side may have less than this share of the
other's pupils."""

WORDS: Mapping[Verdict, Message] = {
    "within": msg("as promised"),
    "better": msg("better than promised"),
    "worse": msg("worse than promised"),
    "unknown": msg("cannot be told"),
}


@dataclass(frozen=True, slots=True)
class Promise:
    """A section of a report: the metrics of `n` test rows, `positives` of them at risk."""

    n: int
    positives: int
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric. `difference` is realised minus promised, wide enough for all of `COMPARED` together; `reason` says
    why nothing can be told.
    """

    metric: str
    promised: Estimate | None
    realised: Estimate | None
    difference: Estimate | None
    verdict: Verdict
    reason: Message | None

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON."""
        return {
            "metric": self.metric,
            "title": MEASURES[self.metric].title.render(locale),
            "greater_is_better": MEASURES[self.metric].greater_is_better,
            "promised": as_figure(self.promised),
            "realised": as_figure(self.realised),
            "difference": as_figure(self.difference),
            "verdict": self.verdict,
            "verdict_label": WORDS[self.verdict].render(locale),
            "reason": None if self.reason is None else self.reason.render(locale),
        }


def as_figure(estimate: Estimate | None) -> dict[str, float] | None:
    """An estimate for JSON, to six decimals."""
    if estimate is None:
        return None
    return {name: round(getattr(estimate, name), 6) + 0.0 for name in ("value", "low", "high")}


def promise_in(section: object) -> Promise | None:
    """What a section of report.json promises; None where it is none."""
    match section:
        case {"n": int(n), "positives": int(positives), **rest}:
            read = {name: estimate_in(rest.get(name)) for name in COMPARED}
            return Promise(n, positives, {name: one for name, one in read.items() if one is not None})
        case _:
            return None


def estimate_in(figure: object) -> Estimate | None:
    """A figure of report.json; None where it is undefined or absent."""
    match figure:
        case {"value": int() | float() as value, "low": int() | float() as low, "high": int() | float() as high}:
            return Estimate(float(value), float(low), float(high))
        case _:
            return None


def compare_with(promise: Promise | None, realised: Evaluation) -> tuple[Comparison, ...]:
    """Every metric of `COMPARED`, promised and realised."""
    return tuple(_compared(metric, promise, realised) for metric in COMPARED)


def _compared(metric: str, promise: Promise | None, realised: Evaluation) -> Comparison:
    promised = None if promise is None else promise.metrics.get(metric)
    came = realised.estimates[metric]
    if isinstance(came, Undefined):
        return Comparison(metric, promised, None, None, "unknown", came.reason)
    if promise is None or promised is None:
        return Comparison(metric, None, came, None, "unknown", msg("the card does not say"))
    difference = difference_of(widened(came, len(COMPARED)), widened(promised, len(COMPARED)))
    reason = _too_few(metric, promise, realised)
    if reason is not None:
        return Comparison(metric, promised, came, difference, "unknown", reason)
    verdict: Verdict = "within"
    if difference.low > 0 or difference.high < 0:
        verdict = "better" if (difference.low > 0) == MEASURES[metric].greater_is_better else "worse"
    return Comparison(metric, promised, came, difference, verdict, None)


def _too_few(metric: str, promise: Promise, realised: Evaluation) -> Message | None:
    for n, positives in ((realised.n, realised.positives), (promise.n, promise.positives)):
        if n < FEWEST_ROWS or not FEWEST_CASES <= positives <= n - FEWEST_CASES:
            return msg(
                "too few pupils: {n}, of whom {positives} at risk; it takes {rows}, and {cases} of either kind",
                n=n,
                positives=positives,
                rows=FEWEST_ROWS,
                cases=FEWEST_CASES,
            )
    if metric == "ece" and realised.n < FEWEST_FOR_ECE * promise.n:
        return msg("of so much fewer pupils than on the card it is greater by chance alone")
    if metric == "ece" and promise.n < FEWEST_FOR_ECE * realised.n:
        return msg("of so many more pupils than on the card it is smaller by chance alone")
    return None


def widened(one: Estimate, among: int) -> Estimate:
    """A 95% interval made as wide as a normal's must be, so that of `among` such together 95% hold them all."""
    usual, wide = (NormalDist().inv_cdf(1 - (1 - COVERAGE) / 2 / tests) for tests in (1, among))
    factor = wide / usual
    return Estimate(one.value, one.value - factor * (one.value - one.low), one.value + factor * (one.high - one.value))
