"""Expected performance: by hand, against labels drawn from the probabilities, and what it does not say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from farol.bundle import Bundle
from farol.monitoring.drift import parse_window
from farol.monitoring.estimation import MEASURES, Expected, estimate, estimate_rows, performance
from farol.reference import score_index
from farol.store.database import Store
from farol.store.records import Prediction, uuid7
from farol.tallies import SCORE, Counted

NOW = datetime(2024, 7, 1, 2, 30, tzinfo=UTC)


def cells(probability: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[int, ...]:
    return tuple(np.bincount(score_index(probability), minlength=101).tolist())


def test_four_answers_by_hand() -> None:
    # Expected at risk: 0.9 + 0.8 of the two answered 1, 0.3 + 0.2 of the two answered 0; 2.2 in all.
    found = estimate_rows(np.array([0.3, 0.9, 0.2, 0.8, np.nan]), 0.5)
    assert found == pytest.approx(
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


def test_the_counters_give_what_the_rows_give() -> None:
    probability = np.random.default_rng(1).beta(0.8, 1.2, 5_000)
    threshold = 0.437
    rows, counted = estimate_rows(probability, threshold), estimate(cells(probability), threshold)
    assert counted.n == 5_000
    assert counted.at_risk == pytest.approx(probability.mean(), abs=0.002)
    for name in MEASURES:
        assert counted.measures[name].value == pytest.approx(rows[name], abs=0.005)


def test_labels_that_the_probabilities_promise_give_figures_inside_the_interval() -> None:
    rng = np.random.default_rng(2)
    inside = dict.fromkeys(("roc_auc", "accuracy", "brier_score"), 0)
    for _ in range(120):
        probability = rng.beta(0.8, 1.2, 400)
        label = rng.random(400) < probability
        found = estimate(cells(probability), 0.5).measures
        real = {
            "roc_auc": roc_auc_score(label, probability),
            "accuracy": float(((probability >= 0.5) == label).mean()),
            "brier_score": brier_score_loss(label, probability),
        }
        for name, value in real.items():
            one = found[name]
            assert one.low is not None
            assert one.high is not None
            inside[name] += one.low <= value <= one.high
    assert min(inside.values()) >= 0.9 * 120


def test_few_answers_have_no_figures_and_one_sided_ones_not_all() -> None:
    nothing = Expected(None, None, None)
    few = estimate(tuple(29 if i == 60 else 3 if i == 100 else 0 for i in range(101)), 0.5)
    assert (few.n, few.abstained, few.at_risk, set(few.measures.values())) == (29, 3, None, {nothing})
    all_no = estimate(tuple(60 if i == 20 else 0 for i in range(101)), 0.5)
    assert all_no.measures["precision"] == nothing
    assert all_no.measures["recall"].value == 0.0
    assert all_no.measures["accuracy"].value == pytest.approx(0.795)


@pytest.mark.parametrize("threshold", [0.29, 0.5, 0.0301, 0.999, 1e-12])
def test_a_threshold_in_a_bin_splits_it(threshold: float) -> None:
    found = estimate((100,) * 100 + (0,), threshold)
    # Spread evenly over 0 to 1: right are those at risk above the threshold and those not at risk below it.
    right = (1 - threshold**2) / 2 + (threshold - threshold**2 / 2)
    assert found.at_risk == pytest.approx(0.5)
    assert found.measures["accuracy"].value == pytest.approx(right, abs=1e-4)


def test_performance_is_read_from_the_counters_of_a_window_and_a_slice(bundle: Bundle, store: Store) -> None:
    counted = replace(Counted.of({SCORE: 95}), slices=("source=api",))
    row = Prediction(uuid7(NOW), NOW, bundle.task, bundle.version, "api", {}, 1, "x", 0.95, 0.5, (), counted)
    store.write([replace(row, id=uuid7(NOW)) for _ in range(40)])
    window = parse_window("7d", now=NOW)
    whole, api = performance(store, bundle, window), performance(store, bundle, window, part="source=api")
    assert whole == api
    assert whole.n == 40
    assert whole.measures["precision"].value == pytest.approx(0.955)
    assert performance(store, bundle, window, part="source=command").n == 0
    body = whole.as_dict("pt_BR")
    assert body["threshold"] == bundle.manifest.threshold
    assert str(body["assumptions"]).startswith("['Uma probabilidade vale agora")
