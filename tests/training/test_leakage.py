"""Columns and sums of columns that give the answer away are found and named. Honest columns are not accused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from farol.model.features import feature_matrix
from farol.training.leakage import ColumnRule, audited_rules, best_rule, best_rules, sum_rules
from farol.training.plan import make_plan
from farol.workbook.panel import Panel

Floats = NDArray[np.float64]
LABEL = np.tile([1.0, 0.0], 50)


def rule(values: NDArray[np.float64] | NDArray[np.object_], label: NDArray[np.float64] = LABEL) -> ColumnRule:
    best = best_rule("x", values, label)
    assert best is not None
    return best


def test_a_set_of_values_is_put_in_the_fewest_words() -> None:
    best = rule(np.where(LABEL == 1, np.tile([2.5, 9, 5, 9], 25), 10.0))
    assert (str(best.split.words), best.share, best.n, best.leaks) == ("not at risk where x = 10", 1.0, 100, True)
    assert str(rule(np.where(LABEL == 1, 3.0, np.tile([1.0, 2.0, 4.0, 5.0], 25))).split.words) == "at risk where x = 3"
    several = rule(np.where(LABEL == 1, np.tile([1.0, 0, 5, 0], 25), np.tile([0.0, 2, 0, 3, 0, 4, 0, 6], 13)[:100]))
    assert str(several.split.words) == "at risk where x is one of: 1; 5"


def test_categories_leak_too() -> None:
    words = np.array(["late" if is_late else "fine" for is_late in LABEL], dtype=np.object_)
    words[0] = None
    best = rule(words)
    assert (best.n, best.leaks, str(best.split.words)) == (99, True, "not at risk where x = fine")
    assert best.split.predict(np.array(["late", "fine", None], dtype=np.object_)).tolist()[:2] == [1, 0]


@pytest.mark.parametrize(("sign", "words"), [(1, "at risk where x > 49"), (-1, "at risk where x ≤ -50")])
def test_a_split_is_found_in_both_directions(sign: int, words: str) -> None:
    values = np.arange(100.0)
    best = rule(sign * values, (values >= 50).astype(np.float64))
    assert (str(best.split.words), best.share, best.leaks) == (words, 1.0, True)
    answers = best.split.predict(np.array([sign * 99.0, sign * 0.0, np.nan]))
    assert answers.tolist()[:2] == [1, 0]
    assert np.isnan(answers[2])


def test_one_exception_in_a_hundred_still_leaks_and_two_do_not() -> None:
    values = np.where(LABEL == 1, 1.0, 2.0)
    values[0] = 2.0
    assert rule(values).leaks
    values[2] = 2.0
    assert rule(values).share == 0.98
    assert not rule(values).leaks


def test_a_rare_answer_is_not_given_away_by_always_saying_no() -> None:
    rare = np.zeros(1_000)
    rare[:5] = 1
    best = rule(np.random.default_rng(0).normal(size=1_000), rare)
    assert best.share >= 0.99
    assert not best.leaks


def test_noise_is_not_accused() -> None:
    generator = np.random.default_rng(0)
    assert not rule(generator.normal(size=100)).leaks
    assert not rule(generator.integers(0, 9, 100).astype(np.float64)).leaks


@pytest.mark.parametrize(
    "values",
    [
        np.full(100, np.nan),
        np.full(100, 7.0),
        np.where(np.arange(100) < 29, LABEL, np.nan),
        np.array([f"{i}" for i in range(100)], dtype=np.object_),  # as many words as rows: no rule to speak of
        np.array(["a", "b"] * 50, dtype=np.object_)[np.zeros(100, dtype=np.int64)],
    ],
)
def test_a_column_without_a_rule_has_none(values: NDArray[np.float64]) -> None:
    assert best_rule("x", values, LABEL) is None
    assert best_rules({"x": values}, LABEL) == ()


def test_the_labels_column_counts_only_as_a_feature(panel: Panel) -> None:
    profile = panel.profile
    for features, named in ((("IAN", "IEG"), {"IAN"}), (("lag", "IEG"), {"lag", "IAN"})):
        task = replace(profile.tasks["current"], features=features, hidden=())
        matrix = feature_matrix(profile, task, panel.numbers, panel.year.astype(np.float64))
        rules = audited_rules(panel, make_plan(task, panel.years), task.features, matrix)
        assert {each.column for each in rules if each.leaks} == named
        assert len({each.column for each in rules}) == len(rules) > 10


def test_this_years_lag_is_audited_for_the_next_year(panel: Panel) -> None:
    task = panel.profile.tasks["next-year"]
    matrix = feature_matrix(panel.profile, task, panel.numbers, panel.year.astype(np.float64))
    rules = audited_rules(panel, make_plan(task, panel.years), task.features, matrix)
    assert "lag" in {each.column for each in rules}
    assert not any(each.leaks for each in rules)


@pytest.fixture
def columns() -> dict[str, Floats]:
    """Five indicators of 400 pupils; nothing in them says anything of the answer."""
    generator = np.random.default_rng(0)
    return {name: generator.uniform(0, 10, 400).round(1) for name in "abcde"}


def test_an_index_with_its_parts_gives_the_hidden_part_back(columns: dict[str, Floats]) -> None:
    hidden = np.random.default_rng(1).choice([2.5, 5.0, 10.0], 400)
    label = (hidden < 10).astype(np.float64)
    index = (0.2 * columns["a"] + 0.3 * columns["b"] + 0.1 * columns["c"] + 0.4 * hidden).round(3)
    (total,) = sum_rules({**columns, "index": index}, {"hidden": hidden}, label)
    assert total.target == "hidden"
    assert dict(total.weights) == pytest.approx({"a": -0.5, "b": -0.75, "c": -0.25, "index": 2.5}, abs=0.01)
    assert total.rule.share == 1.0
    assert str(total.words).startswith("hidden ≈ −0.5·a −0.75·b −0.25·c +2.5·index")


def test_a_difference_with_one_wrong_row_in_a_hundred_leaks(columns: dict[str, Floats]) -> None:
    lag = columns["a"] - columns["b"]
    label = (lag < 0).astype(np.float64)
    wrong = lag.copy()
    wrong[:2] += 20
    (total,) = sum_rules(columns, {"lag": wrong}, label)
    assert set(total.weights) == {"a", "b"}
    assert 0.99 <= total.rule.share <= 1
    shifted = sum_rules(columns, {"lag": lag + 3}, label)
    assert str(shifted[0].words) == "lag ≈ 1·a −1·b +3"


def test_honest_columns_are_not_accused(columns: dict[str, Floats]) -> None:
    generator = np.random.default_rng(2)
    target = columns["a"] + generator.normal(0, 3, 400)
    assert sum_rules(columns, {"target": target}, (target < 5).astype(np.float64)) == ()


def test_few_rows_fit_anything_and_so_prove_nothing(columns: dict[str, Floats]) -> None:
    lag = columns["a"] + columns["b"] + columns["c"]
    label = (lag < 15).astype(np.float64)
    few = {name: values[:40] for name, values in columns.items()}
    assert sum_rules(few, {"lag": lag[:40]}, label[:40]) == ()


def test_columns_mostly_missing_or_constant_take_no_part(columns: dict[str, Floats]) -> None:
    lag = columns["a"] + columns["b"] + columns["c"]
    label = (lag < 15).astype(np.float64)
    rare = np.where(np.arange(400) % 3 == 0, columns["e"], np.nan)
    (total,) = sum_rules(
        {**columns, "e": rare, "same": np.ones(400), "empty": np.full(400, np.nan)}, {"lag": lag}, label
    )
    assert set(total.weights) == {"a", "b", "c"}


def test_sums_give_ian_back_and_next_year_by_none(reports: Mapping[str, dict[str, Any]]) -> None:
    sums = reports["current"]["leakage"]["sums"]
    assert all(total["share"] >= 0.99 and not total["features"] for total in sums)
    lag = next(
        total for total in sums if set(total["weights"]) == {"phase", "ideal_phase"} and total["target"] == "lag"
    )
    assert lag["weights"] == pytest.approx({"phase": 1, "ideal_phase": -1}, abs=0.01)
    index = next(total for total in sums if "inde" in total["weights"] and total["target"] == "IAN")
    assert index["weights"]["inde"] == pytest.approx(10, abs=0.5)
    assert reports["next-year"]["leakage"]["sums"] == []
