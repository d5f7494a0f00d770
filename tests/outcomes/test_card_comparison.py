"""Promised and realised, metric by metric: verdicts by hand, and seldom a false one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from farol.api.answers.outcomes import ComparisonAnswer
from farol.evaluation.metrics import Estimate, Evaluation, Undefined, evaluate
from farol.outcomes.calibration import band_calibrations
from farol.outcomes.card_comparison import (
    COMPARED,
    FEWEST_CASES,
    FEWEST_ROWS,
    CardMetrics,
    compare_with_card,
)
from farol.training.sections import evaluation as section_of
from tests.played import section


def came(n: int = 400, positives: int = 200, **figures: tuple[float, float, float]) -> Evaluation:
    """What came true, every metric 0.6 but those given."""
    estimates: dict[str, Estimate | Undefined] = dict.fromkeys(COMPARED, Estimate(0.6, 0.5, 0.7))
    estimates |= {name: Estimate(*figure) for name, figure in figures.items()}
    return Evaluation(n, positives, estimates, {})


def changed(metric: str, value: float) -> Evaluation:
    """What came true, with another value of one metric."""
    whole = came()
    estimate = Estimate(value, value - 0.05, value + 0.05)
    return Evaluation(whole.n, whole.positives, {**whole.estimates, metric: estimate}, {})


def promised(n: int = 400, positives: int = 200, **figures: tuple[float, float, float]) -> CardMetrics:
    """What the card says, every metric 0.6 but those given."""
    metrics = dict.fromkeys(COMPARED, Estimate(0.6, 0.55, 0.65))
    return CardMetrics(n, positives, metrics | {name: Estimate(*figure) for name, figure in figures.items()})


def test_the_difference_is_wide_enough_for_all_metrics_together() -> None:
    (comparison, *_) = compare_with_card(promised(roc_auc=(0.80, 0.75, 0.85)), came(roc_auc=(0.60, 0.52, 0.68)))
    # 2.69011 of 1.95996 standard errors, for seven metrics: 1.37253 times sqrt(0.08² + 0.05²) is 0.12948.
    assert comparison.difference is not None
    assert comparison.difference.value == pytest.approx(-0.2)
    assert comparison.difference.low == pytest.approx(-0.32948, abs=1e-5)
    assert comparison.difference.high == pytest.approx(-0.07052, abs=1e-5)
    assert (comparison.metric, comparison.verdict, comparison.reason) == ("roc_auc", "worse", None)


@pytest.mark.parametrize(
    ("metric", "value", "verdict"),
    [
        ("roc_auc", 0.9, "better"),
        ("roc_auc", 0.3, "worse"),
        ("brier", 0.9, "worse"),
        ("brier", 0.3, "better"),
        ("ece", 0.3, "better"),
        ("recall", 0.68, "within"),
    ],
)
def test_better_and_worse_follow_the_metric(metric: str, value: float, verdict: str) -> None:
    compared = {comparison.metric: comparison for comparison in compare_with_card(promised(), changed(metric, value))}
    assert compared[metric].verdict == verdict
    assert {comparison.verdict for name, comparison in compared.items() if name != metric} == {"within"}


@pytest.mark.parametrize(
    ("n", "positives"),
    [(FEWEST_ROWS - 1, 15), (400, FEWEST_CASES - 1), (400, 400 - FEWEST_CASES + 1)],
)
def test_of_few_pupils_nothing_is_concluded(n: int, positives: int) -> None:
    for promise, realised in ((promised(n, positives), came()), (promised(), came(n, positives))):
        comparisons = compare_with_card(promise, realised)
        assert {comparison.verdict for comparison in comparisons} == {"unknown"}
        assert str(n) in str(comparisons[0].reason)
        assert comparisons[0].difference is not None
    assert {comparison.verdict for comparison in compare_with_card(promised(100, 20), came(100, 80))} == {"within"}


def test_calibration_error_of_far_fewer_pupils_is_not_compared() -> None:
    (*others, ece) = compare_with_card(promised(400, 200), came(199, 100))
    assert ece.metric == "ece"
    assert (ece.verdict, "error greater" in str(ece.reason)) == ("unknown", True)
    assert {comparison.verdict for comparison in others} == {"within"}
    assert compare_with_card(promised(400, 200), came(200, 100))[-1].verdict == "within"
    (*others, ece) = compare_with_card(promised(400, 200), came(801, 400))
    assert (ece.verdict, "error smaller" in str(ece.reason)) == ("unknown", True)
    assert {comparison.verdict for comparison in others} == {"within"}
    assert compare_with_card(promised(400, 200), came(800, 400))[-1].verdict == "within"


def test_undefined_or_unpromised_figures_are_reported() -> None:
    nothing = evaluate(np.zeros(40), np.full(40, 0.2), 0.5, seed=0, resamples=1)
    compared = {comparison.metric: comparison for comparison in compare_with_card(promised(), nothing)}
    assert (compared["roc_auc"].verdict, compared["roc_auc"].realised) == ("unknown", None)
    assert "same answer" in str(compared["roc_auc"].reason)
    unpromised = compare_with_card(None, came())
    assert {(comparison.verdict, str(comparison.reason)) for comparison in unpromised} == {
        ("unknown", "the card does not say")
    }
    body = ComparisonAnswer.of(compared["roc_auc"], "pt_BR").model_dump()
    assert (body["realised"], body["difference"], body["verdict_label"]) == (None, None, "não há dados para dizer")
    assert body["promised"] == {"value": 0.6, "low": 0.55, "high": 0.65}


def test_a_promise_is_read_from_a_report_and_nothing_else() -> None:
    promise = CardMetrics.read(section(300, 150, roc_auc=0.8))
    assert promise is not None
    assert (promise.n, promise.positives, promise.metrics["roc_auc"]) == (300, 150, Estimate(0.8, 0.75, 0.85))
    tested = evaluate(np.tile([0.0, 1.0], 20), np.linspace(0, 1, 40), 0.5, seed=0, resamples=9)
    whole = CardMetrics.read(section_of(tested))
    assert whole is not None
    assert set(whole.metrics) == set(COMPARED)
    nothing: tuple[object, ...] = (None, {}, [], {"n": "many"})
    for none in nothing:
        assert CardMetrics.read(none) is None
    undefined = section(300, 150) | {"roc_auc": {"value": None, "low": None, "high": None}}
    read = CardMetrics.read(undefined)
    assert read is not None
    assert "roc_auc" not in read.metrics


def test_without_change_a_broken_promise_is_seldom_reported() -> None:
    """At most 5% of years for all seven metrics together; 100 invented years, of which the seed decides."""
    rng = np.random.default_rng(5)
    false = 0
    for year in range(100):
        sides = []
        for n in (300, 240):
            probability = rng.beta(1.2, 1.2, n)
            label = (rng.random(n) < probability).astype(np.float64)
            sides.append(evaluate(label, probability, 0.5, seed=year, resamples=100))
        promise = CardMetrics.read(section_of(sides[0]))
        false += any(comparison.verdict in {"better", "worse"} for comparison in compare_with_card(promise, sides[1]))
    assert false <= 8


def test_a_model_that_got_worse_is_found() -> None:
    rng = np.random.default_rng(6)
    sides = []
    for noise in (0.0, 0.5):
        probability = rng.beta(0.6, 0.6, 400)
        label = (rng.random(400) < (1 - noise) * probability + noise * 0.5).astype(np.float64)
        sides.append(evaluate(label, probability, 0.5, seed=0, resamples=200))
    verdicts = {
        comparison.metric: comparison.verdict
        for comparison in compare_with_card(CardMetrics.read(section_of(sides[0])), sides[1])
    }
    assert {verdicts[name] for name in ("roc_auc", "brier", "precision", "recall", "ece")} == {"worse"}


def test_bands_are_those_of_the_card_with_what_came_true() -> None:
    report = {
        "bands": {
            "bands": [
                {"low": 0.0, "high": 0.5, "expected": {"low": 0.1, "high": 0.3}},
                {"low": 0.5, "high": 0.9, "expected": {"low": 0.6, "high": 0.8}},
                {"low": 0.9, "high": 1.0, "expected": {"low": 0.9, "high": 1.0}},
            ]
        }
    }
    probability = np.r_[np.full(20, 0.2), np.full(20, 0.5), 1.0]
    label = np.r_[np.ones(4), np.zeros(16), np.zeros(20), 1.0]
    first, second, third = band_calibrations(report, label, probability)
    assert (first.n, first.kept) == (20, True)
    assert first.said == pytest.approx(0.2)
    assert first.came is not None
    assert first.came.value == pytest.approx(0.2)
    assert (second.n, second.kept, second.expected) == (20, False, Estimate(0.7, 0.6, 0.8))
    assert (third.n, third.kept) == (1, True)
    empty = band_calibrations(report, label[:1], probability[:1])[1]
    assert (empty.n, empty.said, empty.came, empty.kept) == (0, None, None, None)
    assert empty.expected == Estimate(0.7, 0.6, 0.8)


def test_bands_are_judged_together_those_nobody_fell_into_aside() -> None:
    """A difference that one band alone would not keep, and one of five does: each may be wrong in 1% of years."""
    edges = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9]
    share = {"low": 0.4, "high": 0.6}
    bands = [{"low": low, "high": high, "expected": share} for low, high in pairwise(edges)]

    def kept(asked: list[float]) -> bool | None:
        # In the first band 15 of 50 come true: 0.2 less than expected. The interval of 95% (Newcombe's, of Wilson's and
        # the card's) ends at −0.03; that of 99%, which five bands together take, at +0.02.
        label = np.r_[np.ones(15), np.zeros(35), np.full(len(asked), 1.0)]
        probability = np.r_[np.full(50, 0.05), asked]
        return band_calibrations({"bands": {"bands": bands}}, label, probability)[0].kept

    assert kept([]) is False
    assert kept([0.2, 0.4, 0.6, 0.8]) is True


def test_without_a_card_the_usual_bands_expect_nothing() -> None:
    bands = band_calibrations(None, np.array([1.0]), np.array([0.95]))
    assert [(band.low, band.high) for band in bands] == [
        (0, 0.1),
        (0.1, 0.3),
        (0.3, 0.5),
        (0.5, 0.7),
        (0.7, 0.9),
        (0.9, 1),
    ]
    assert {(band.expected, band.kept) for band in bands} == {(None, None)}
    assert bands[-1].n == 1
