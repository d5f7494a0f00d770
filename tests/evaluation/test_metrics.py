"""Metrics against scikit-learn and against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from farol.evaluation import metrics
from farol.evaluation.metrics import (
    COMPARED,
    MEASURES,
    Estimate,
    Undefined,
    calibration_bins,
    compare,
    evaluate,
    whole_top,
)

Floats = NDArray[np.float64]


def drawn(n: int, seed: int = 0, digits: int = 9) -> tuple[Floats, Floats]:
    """Labels and probabilities that agree somewhat; few digits make ties."""
    generator = np.random.default_rng(seed)
    probability = np.round(generator.random(n), digits)
    label = (generator.random(n) < probability**1.5).astype(np.float64)
    return label, probability


@pytest.mark.parametrize("digits", [9, 1])
def test_values_are_those_of_scikit_learn(digits: int) -> None:
    label, probability = drawn(400, digits=digits)
    predicted = probability >= 0.4
    metrics = evaluate(label, probability, 0.4, seed=0, resamples=10).values()
    assert metrics["precision"] == pytest.approx(sk.precision_score(label, predicted))
    assert metrics["recall"] == pytest.approx(sk.recall_score(label, predicted))
    assert metrics["f1"] == pytest.approx(sk.f1_score(label, predicted))
    assert metrics["roc_auc"] == pytest.approx(sk.roc_auc_score(label, probability))
    assert metrics["average_precision"] == pytest.approx(sk.average_precision_score(label, probability))
    assert metrics["brier"] == pytest.approx(sk.brier_score_loss(label, probability))


def test_values_by_hand() -> None:
    label = np.array([1.0, 0.0, 1.0, 0.0])
    probability = np.array([0.9, 0.8, 0.6, 0.1])
    evaluation = evaluate(label, probability, 0.7, seed=0, resamples=50)
    assert evaluation.confusion == {"true_positive": 1, "false_positive": 1, "false_negative": 1, "true_negative": 1}
    assert (evaluation.n, evaluation.positives) == (4, 2)
    values = evaluation.values()
    assert values["precision"] == values["recall"] == values["f1"] == pytest.approx(0.5)
    assert values["roc_auc"] == pytest.approx(3 / 4)
    assert values["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert values["brier"] == pytest.approx((0.01 + 0.64 + 0.16 + 0.01) / 4)
    assert values["ece"] == pytest.approx((0.1 + 0.8 + 0.4 + 0.1) / 4)


def test_a_probability_at_the_threshold_is_a_prediction_of_risk() -> None:
    evaluation = evaluate(np.array([1.0, 0.0]), np.array([0.5, 0.4]), 0.5, seed=0, resamples=5)
    assert evaluation.confusion["true_positive"] == 1


def test_calibration_error_is_zero_for_the_share_itself() -> None:
    label = np.tile([1.0, 0.0, 0.0, 0.0], 50)
    honest = evaluate(label, np.full(200, 0.25), 0.5, seed=0, resamples=50)
    wrong = evaluate(label, np.full(200, 0.75), 0.5, seed=0, resamples=50)
    assert honest.values()["ece"] == pytest.approx(0)
    assert wrong.values()["ece"] == pytest.approx(0.5)


def test_calibration_bins_are_equal_and_keep_ties_together() -> None:
    assert np.bincount(calibration_bins(drawn(1000)[1], 10)).tolist() == [100] * 10
    assert calibration_bins(np.array([0.1, 0.5, 0.5, 0.5, 0.5, 0.9]), 2).tolist() == [0, 1, 1, 1, 1, 1]


def test_the_interval_is_that_of_a_plain_bootstrap() -> None:
    label, probability = drawn(300, seed=1)
    area = evaluate(label, probability, 0.5, seed=0, resamples=2_000).estimates["roc_auc"]
    assert isinstance(area, Estimate)
    generator = np.random.default_rng(5)
    plain = []
    for _ in range(300):
        rows = generator.integers(0, 300, 300)
        plain.append(sk.roc_auc_score(label[rows], probability[rows]))
    assert area.low == pytest.approx(np.quantile(plain, 0.025), abs=0.015)
    assert area.high == pytest.approx(np.quantile(plain, 0.975), abs=0.015)


def test_a_difference_is_ours_minus_theirs_and_paired() -> None:
    label, ours = drawn(300, seed=1)
    theirs = np.clip(ours + np.random.default_rng(2).normal(0, 0.04, 300), 0, 1)
    differences = compare(label, ours, theirs, seed=0, resamples=500)
    ours_alone, theirs_alone = (
        evaluate(label, answers, 0.5, seed=0, resamples=500).estimates for answers in (ours, theirs)
    )
    assert set(differences) == set(COMPARED)
    for name, difference in differences.items():
        mine, rival = ours_alone[name], theirs_alone[name]
        assert isinstance(difference, Estimate)
        assert isinstance(mine, Estimate)
        assert isinstance(rival, Estimate)
        assert difference.value == pytest.approx(mine.value - rival.value)
        assert difference.low <= difference.value <= difference.high
        # The two answers are nearly the same, so what they share cancels out.
        assert difference.high - difference.low < 0.7 * (mine.high - mine.low), name
    same = compare(label, ours, ours, seed=0, resamples=50)["roc_auc"]
    assert same == Estimate(0.0, 0.0, 0.0)


def test_a_difference_of_what_cannot_be_computed_says_why() -> None:
    differences = compare(np.ones(20), np.linspace(0, 1, 20), np.zeros(20), seed=0, resamples=20)
    assert isinstance(differences["roc_auc"], Undefined)
    assert isinstance(differences["brier"], Estimate)
    assert all(isinstance(figure, Undefined) for figure in compare(*[np.zeros(0)] * 3, seed=0).values())


@pytest.mark.parametrize(
    ("rows", "share", "whole"), [(378, 0.2, 75), (10, 0.3, 3), (4, 0.2, 1), (0, 0.2, 0), (7, 1.0, 7)]
)
def test_a_share_is_a_whole_number_of_pupils(rows: int, share: float, whole: int) -> None:
    assert whole_top(rows, share) == whole


def test_many_rows_are_resampled_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    label, probability = drawn(200)
    whole = evaluate(label, probability, 0.5, seed=3, resamples=100)
    monkeypatch.setattr(metrics, "_CELLS_AT_ONCE", 200 * 7)
    parts = evaluate(label, probability, 0.5, seed=3, resamples=100)
    for name, figure in whole.estimates.items():
        other = parts.estimates[name]
        assert isinstance(figure, Estimate)
        assert isinstance(other, Estimate)
        assert [other.value, other.low, other.high] == pytest.approx([figure.value, figure.low, figure.high]), name


def test_same_seed_same_interval_other_seed_other_interval() -> None:
    label, probability = drawn(100)
    first = evaluate(label, probability, 0.5, seed=1, resamples=200)
    assert first == evaluate(label, probability, 0.5, seed=1, resamples=200)
    assert first != evaluate(label, probability, 0.5, seed=2, resamples=200)


@pytest.mark.parametrize(
    ("label", "probability", "undefined"),
    [
        ([1, 1, 1], [0.9, 0.8, 0.7], {"roc_auc": "same answer"}),
        (
            [0, 0, 0],
            [0.9, 0.8, 0.7],
            {"roc_auc": "same answer", "recall": "at risk", "average_precision": "at risk", "recall_top": "at risk"},
        ),
        ([0, 1, 1], [0.1, 0.2, 0.3], {"precision": "pointed out"}),
        (
            [0, 0],
            [0.1, 0.2],
            {
                "precision": "pointed out",
                "recall": "at risk",
                "f1": "nobody is",
                "roc_auc": "same",
                "average_precision": "at risk",
                "recall_top": "at risk",
            },
        ),
        ([], [], dict.fromkeys(MEASURES, "no pupils")),
    ],
)
def test_what_cannot_be_computed_says_why(
    label: list[float], probability: list[float], undefined: dict[str, str]
) -> None:
    evaluation = evaluate(np.array(label, float), np.array(probability, float), 0.5, seed=0, resamples=20)
    reasons = {
        name: str(figure.reason) for name, figure in evaluation.estimates.items() if isinstance(figure, Undefined)
    }
    assert set(reasons) == set(undefined)
    assert all(words in reasons[name] for name, words in undefined.items())


def test_each_metric_says_whether_greater_is_better() -> None:
    better_when_smaller = {name for name, measure in MEASURES.items() if not measure.greater_is_better}
    assert better_when_smaller == {"brier", "ece"}
    label = np.tile([1.0, 0.0], 50)
    good = evaluate(label, np.where(label == 1, 0.9, 0.1), 0.5, seed=0, resamples=5).values()
    bad = evaluate(label, np.where(label == 1, 0.2, 0.8), 0.5, seed=0, resamples=5).values()
    for name, measure in MEASURES.items():
        assert (good[name] > bad[name]) == measure.greater_is_better, name


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 10)), max_size=40),
    st.floats(0.05, 0.95),
    st.randoms(use_true_random=False),
)
def test_estimates_do_not_depend_on_the_order_of_rows(
    rows: list[tuple[bool, int]], threshold: float, shuffler: object
) -> None:
    label = np.array([float(positive) for positive, _ in rows])
    probability = np.array([tenth / 10 for _, tenth in rows])
    evaluation = evaluate(label, probability, threshold, seed=0, resamples=30)
    order = np.argsort(np.array([shuffler.random() for _ in rows]))  # type: ignore[attr-defined] # hypothesis' Random
    again = evaluate(label[order], probability[order], threshold, seed=0, resamples=1)
    assert sum(evaluation.confusion.values()) == evaluation.n == len(rows)
    for name, figure in evaluation.estimates.items():
        other = again.estimates[name]
        assert type(figure) is type(other)
        if isinstance(figure, Estimate) and isinstance(other, Estimate):
            assert 0 <= figure.low <= figure.value <= figure.high <= 1
            assert other.value == pytest.approx(figure.value)
