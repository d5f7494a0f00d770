"""Expected performance: by hand, against labels drawn from the probabilities, and what it does not say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, precision_score, recall_score, roc_auc_score

from farol.api.answers.performance import PerformanceAnswer
from farol.drift.windows import parse_window
from farol.model.bundle import Bundle
from farol.model.counters import SCORE, WITHOUT, Counted
from farol.model.reference import score_index
from farol.outcomes.estimation import (
    MEASURES,
    ExpectedMeasure,
    IsotonicCalibration,
    estimate,
    estimate_rows,
    expected_performance,
)
from farol.store.database import Store
from farol.store.records import Prediction, uuid7

Floats = NDArray[np.float64]

NOW = datetime(2024, 7, 1, 2, 30, tzinfo=UTC)


def cells(probability: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[int, ...]:
    return tuple(np.bincount(score_index(probability), minlength=101).tolist())


def test_four_answers_by_hand() -> None:
    # Expected at risk: 0.9 + 0.8 of the two answered 1, 0.3 + 0.2 of the two answered 0; 2.2 in all.
    values = estimate_rows(np.array([0.3, 0.9, 0.2, 0.8, np.nan]), 0.5)
    assert values == pytest.approx(
        {
            "precision": 1.7 / 2,
            "recall": 1.7 / 2.2,
            "f1": 2 * 1.7 / (2 + 2.2),
            "accuracy": (1.7 + 0.7 + 0.8) / 4,
            "brier_score": (0.09 + 0.16 + 0.21 + 0.16) / 4,
            # Each pair counts by the chance that one is at risk and the other not; a pupil and itself half.
            "roc_auc": (0.2 * 0.4 + 0.3 * 1.15 + 0.8 * 1.6 + 0.9 * 1.75) / (2.2 * 1.8),
        }
    )


@pytest.mark.parametrize("worth", ["said", "learned"])
def test_measures_weigh_both_labels_of_every_pupil(worth: str) -> None:
    """scikit-learn's metrics of a table in which each pupil stands twice: at risk and not, weighted by the chances."""
    rng = np.random.default_rng(4)
    probability, threshold = np.r_[rng.beta(0.8, 1.2, 60), 0.25, 0.25, 0.25].round(3), 0.25
    learned = None if worth == "said" else IsotonicCalibration((40, *(0,) * 98, 60), (8, *(0,) * 98, 45))
    # Learned are 20% in the lowest hundredth, 75% in the highest, and a line between.
    chances = probability if learned is None else 0.2 + 0.55 * np.floor(probability * 100) / 99
    label = np.r_[np.ones(probability.size), np.zeros(probability.size)]
    said, weight = np.tile(probability, 2), np.r_[chances, 1 - chances]
    predicted = said >= threshold
    assert estimate_rows(probability, threshold, learned) == pytest.approx(
        {
            "roc_auc": roc_auc_score(label, said, sample_weight=weight),
            "precision": precision_score(label, predicted, sample_weight=weight),
            "recall": recall_score(label, predicted, sample_weight=weight),
            "f1": f1_score(label, predicted, sample_weight=weight),
            "accuracy": accuracy_score(label, predicted, sample_weight=weight),
            "brier_score": brier_score_loss(label, said, sample_weight=weight),
        },
        abs=1e-12,
    )


@pytest.mark.parametrize("sure", [False, True])
def test_a_model_with_wrong_probabilities_is_estimated_right(sure: bool) -> None:
    rng = np.random.default_rng(7)

    def pupils(n: int, centre: float) -> tuple[Floats, Floats]:
        """What the model says, and what becomes of them: it says half of what it knows, or twice as much."""
        logit = rng.normal(centre, 1.2, n)
        label = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.float64)
        return 1 / (1 + np.exp(-logit * (2 if sure else 0.5))), label

    said, label = pupils(4_000, 0)
    learned = IsotonicCalibration(cells(said)[:100], cells(said[label == 1])[:100])
    now, came = pupils(4_000, 0.7)  # others than in training, and what an answer is worth has not changed
    corrected, naive = estimate(cells(now), 0.5, learned), estimate(cells(now), 0.5)
    real = float(((now >= 0.5) == came).mean())
    assert corrected.measures["accuracy"].value == pytest.approx(real, abs=0.02)
    assert naive.measures["accuracy"].value != pytest.approx(real, abs=0.05)
    assert (corrected.calibrated, naive.calibrated) == (True, False)
    assert str(corrected.assumptions[0]) != str(naive.assumptions[0])


def test_learning_from_few_pupils_gives_a_wider_interval() -> None:
    answered = tuple(10 if i < 100 else 0 for i in range(101))

    def width(rows: int) -> float:
        measures = estimate(
            answered, 0.5, IsotonicCalibration((rows,) * 100, tuple(i * rows // 100 for i in range(100)))
        ).measures
        assert measures["roc_auc"].low is not None
        assert measures["roc_auc"].high is not None
        return measures["roc_auc"].high - measures["roc_auc"].low

    assert width(5) > 1.2 * width(500)


def test_the_counters_give_what_the_rows_give() -> None:
    probability = np.random.default_rng(1).beta(0.8, 1.2, 5_000)
    threshold = 0.437
    rows, counted = estimate_rows(probability, threshold), estimate(cells(probability), threshold)
    assert counted.n == 5_000
    assert counted.at_risk == pytest.approx(probability.mean(), abs=0.002)
    for name in MEASURES:
        assert counted.measures[name].value == pytest.approx(rows[name], abs=0.005)


def test_the_interval_holds_figures_of_labels_drawn_as_said() -> None:
    rng = np.random.default_rng(2)
    inside = dict.fromkeys(("roc_auc", "accuracy", "brier_score"), 0)
    for _ in range(120):
        probability = rng.beta(0.8, 1.2, 400)
        label = rng.random(400) < probability
        measures = estimate(cells(probability), 0.5).measures
        real = {
            "roc_auc": roc_auc_score(label, probability),
            "accuracy": float(((probability >= 0.5) == label).mean()),
            "brier_score": brier_score_loss(label, probability),
        }
        for name, value in real.items():
            measure = measures[name]
            assert measure.low is not None
            assert measure.high is not None
            inside[name] += measure.low <= value <= measure.high
    assert min(inside.values()) >= 0.9 * 120


def test_few_answers_have_no_figures_and_one_sided_ones_not_all() -> None:
    nothing = ExpectedMeasure(None, None, None)
    few = estimate(tuple(29 if i == 60 else 3 if i == 100 else 0 for i in range(101)), 0.5)
    assert (few.n, few.abstained, few.at_risk, set(few.measures.values())) == (29, 3, None, {nothing})
    all_no = estimate(tuple(60 if i == 20 else 0 for i in range(101)), 0.5)
    assert all_no.measures["precision"] == nothing
    assert all_no.measures["recall"].value == 0.0
    assert all_no.measures["accuracy"].value == pytest.approx(0.795)


@pytest.mark.parametrize("threshold", [0.29, 0.5, 0.0301, 0.999, 1e-12])
def test_a_threshold_in_a_bin_splits_it(threshold: float) -> None:
    estimation = estimate((100,) * 100 + (0,), threshold)
    # Spread evenly over 0 to 1: right are those at risk above the threshold and those not at risk below it.
    right = (1 - threshold**2) / 2 + (threshold - threshold**2 / 2)
    assert estimation.at_risk == pytest.approx(0.5)
    assert estimation.measures["accuracy"].value == pytest.approx(right, abs=1e-4)


def test_performance_comes_from_the_counters_of_a_window(bundle: Bundle, store: Store) -> None:
    counted = replace(Counted.of({SCORE: 95}), slices=("source=api",))
    row = Prediction(uuid7(NOW), NOW, bundle.task, bundle.version, "api", {}, 1, "x", 0.95, 0.5, 2024, (), counted)
    store.write([replace(row, id=uuid7(NOW)) for _ in range(40)])
    window = parse_window("7d", now=NOW)
    whole, api = (
        expected_performance(store, bundle, window),
        expected_performance(store, bundle, window, part="source=api"),
    )
    assert whole == api
    assert whole.n == 40
    assert whole.measures["precision"].value == pytest.approx(0.955)
    assert expected_performance(store, bundle, window, part="source=command").n == 0
    body = PerformanceAnswer.of(bundle, window, "", whole, "pt_BR")
    assert body.threshold == bundle.manifest.threshold
    assert body.calibrated is False
    assert body.assumptions[0].startswith("Uma probabilidade vale o que diz")


def test_performance_is_calibrated_by_the_bundles_reference(bundle: Bundle, store: Store) -> None:
    row = Prediction(
        uuid7(NOW), NOW, bundle.task, bundle.version, "api", {}, 1, "x", 0.95, 0.5, 2024, (), Counted.of({SCORE: 95})
    )
    store.write([replace(row, id=uuid7(NOW)) for _ in range(40)])
    # In training a quarter of the pupils answered like these was at risk, and a tenth of those answered 0.05.
    counts = [0] * 101
    cases = [0] * 101
    counts[5], cases[5], counts[95], cases[95] = 200, 20, 200, 50
    known = replace(bundle, reference=replace(bundle.reference, score=tuple(counts), at_risk=tuple(cases)))
    estimation = expected_performance(store, known, parse_window("7d", now=NOW))
    assert estimation.calibrated
    assert estimation.at_risk == pytest.approx(0.25)
    assert estimation.measures["precision"].value == pytest.approx(0.25)
    assert estimation.measures["brier_score"].value == pytest.approx(0.25 * 0.045**2 + 0.75 * 0.955**2)


def test_answers_without_a_hidden_feature_are_left_out(bundle: Bundle, store: Store) -> None:
    row = Prediction(
        uuid7(NOW), NOW, bundle.task, bundle.version, "api", {}, 1, "x", 0.95, 0.5, 2024, (), Counted.of({SCORE: 95})
    )
    apart = replace(row, probability=0.6, counted=Counted.of({SCORE: 60, WITHOUT: 60}))
    silent = replace(row, probability=None, prediction=None, counted=Counted.of({SCORE: 100, WITHOUT: 100}))
    alone = [replace(row, id=uuid7(NOW)) for _ in range(40)]
    store.write(alone)
    window = parse_window("7d", now=NOW)
    before = expected_performance(store, bundle, window)
    store.write([replace(each, id=uuid7(NOW)) for each in [apart] * 30 + [silent] * 5])
    estimation = expected_performance(store, bundle, window)
    assert (estimation.n, estimation.abstained, estimation.measures) == (40, 5, before.measures)
    assert before.left_out is None
    words = [text.render("en") for text in estimation.assumptions]
    assert words[0].startswith("Answers without “Adequacy to the level” that are not in this estimate: 30.")
