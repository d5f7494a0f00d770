"""The figures of all test rows, counted in one pass."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from farol.training.population import BINS, Population
from farol.training.report import _of_many


def counted(label: list[int], probability: list[float], words: list[str], threshold: float = 0.5) -> Population:
    population = Population.empty(threshold, ("state",))
    half = len(label) // 2
    for part in (slice(None, half), slice(half, None)):
        state = {"state": np.array(words[part], dtype=np.str_)}
        population.add(np.array(label[part]), np.array(probability[part]), state)
    return population


def test_figures_of_a_few_rows_are_those_by_hand() -> None:
    population = counted([1, 0, 1, 0], [0.9, 0.6, 0.4, 0.1], ["A", "A", "B", "B"])
    whole = population.whole
    assert (whole.n, whole.at_risk, whole.roc_auc, whole.roc_auc_error) == (4, 2, 0.75, 0.0)
    assert whole.brier == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
    assert whole.expected == pytest.approx(2.0)
    assert (whole.caught.value, whole.false_alarms.value) == (0.5, 0.5)
    states = population.of("state")
    assert {name: figures.n for name, figures in states.items()} == {"A": 2, "B": 2}
    assert states["A"].caught.value == 1.0
    assert states["B"].caught.value == 0.0


def test_pupils_of_one_answer_have_no_roc_auc() -> None:
    figures = counted([1, 1], [0.9, 1.0], ["A", "A"]).whole
    assert np.isnan(figures.roc_auc)
    assert (figures.caught.value, figures.false_alarms.low, figures.false_alarms.high) == (1.0, 0.0, 1.0)


def test_every_group_is_a_line_of_the_table() -> None:
    headers, first, second = counted([1, 0, 1, 1], [0.9, 0.6, 0.4, 0.1], ["A", "A", "B", "B"]).lines()
    assert len(headers) == len(first) == len(second)
    assert dict(zip(headers, first, strict=True)) | {"caught_low": 0} == {
        "column": "state",
        "value": "A",
        "pupils": 2,
        "at_risk": 1,
        "expected": 1.5,
        "roc_auc": 1.0,
        "roc_auc_error": 0.0,
        "brier": 0.185,
        "caught": 1.0,
        "caught_low": 0,
        "caught_high": 1.0,
        "false_alarms": 1.0,
        "false_alarms_low": 0.2065,
        "false_alarms_high": 1.0,
    }
    assert dict(zip(headers, second, strict=True))["roc_auc"] == ""


def test_figures_of_many_rows_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    probability = rng.beta(0.6, 0.9, 40_000)
    label = (rng.random(40_000) < probability).astype(np.int64)
    words = rng.choice(["", "A", "B"], 40_000)
    population = counted(label.tolist(), probability.tolist(), words.tolist())
    figures = {"": population.whole, "A": population.of("state")["A"]}
    for name, own in figures.items():
        rows = words == name if name else np.ones(40_000, dtype=np.bool_)
        exact = roc_auc_score(label[rows], probability[rows])
        assert abs(own.roc_auc - exact) <= own.roc_auc_error < 1 / BINS
        assert own.brier == pytest.approx(brier_score_loss(label[rows], probability[rows]))
    assert sum(each.n for each in population.of("state").values()) == population.whole.n


def test_without_both_answers_the_report_has_no_area() -> None:
    alone = counted([0, 0], [0.2, 0.4], ["", ""]).whole
    told = _of_many(alone)
    assert (told["roc_auc"], told["roc_auc_error"], told["n"]) == (None, None, 2)
    assert isinstance(told["false_alarms"], dict)
