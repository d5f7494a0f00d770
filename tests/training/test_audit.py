"""A column that gives the answer away is found, named and put in words; an honest one is not accused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from farol.model.features import feature_matrix
from farol.training.audit import Rule, audit, best_rule, best_rules
from farol.training.plan import make_plan
from farol.workbook.panel import Panel

LABEL = np.tile([1.0, 0.0], 50)


def rule(values: NDArray[np.float64] | NDArray[np.object_], label: NDArray[np.float64] = LABEL) -> Rule:
    found = best_rule("x", values, label)
    assert found is not None
    return found


def test_a_set_of_values_is_put_in_the_fewest_words() -> None:
    found = rule(np.where(LABEL == 1, np.tile([2.5, 9, 5, 9], 25), 10.0))
    assert (str(found.split.words), found.share, found.n, found.leaks) == ("x = 10 ⇔ not at risk", 1.0, 100, True)
    assert str(rule(np.where(LABEL == 1, 3.0, np.tile([1.0, 2.0, 4.0, 5.0], 25))).split.words) == "x = 3 ⇔ at risk"
    several = rule(np.where(LABEL == 1, np.tile([1.0, 0, 5, 0], 25), np.tile([0.0, 2, 0, 3, 0, 4, 0, 6], 13)[:100]))
    assert str(several.split.words) == "x one of 1, 5 ⇔ at risk"


def test_categories_leak_too() -> None:
    words = np.array(["late" if one else "fine" for one in LABEL], dtype=np.object_)
    words[0] = None
    found = rule(words)
    assert (found.n, found.leaks, str(found.split.words)) == (99, True, "x = fine ⇔ not at risk")
    assert found.split.predict(np.array(["late", "fine", None], dtype=np.object_)).tolist()[:2] == [1, 0]


@pytest.mark.parametrize(("sign", "words"), [(1, "x > 49 ⇔ at risk"), (-1, "x ≤ -50 ⇔ at risk")])
def test_a_split_is_found_in_both_directions(sign: int, words: str) -> None:
    values = np.arange(100.0)
    found = rule(sign * values, (values >= 50).astype(np.float64))
    assert (str(found.split.words), found.share, found.leaks) == (words, 1.0, True)
    answers = found.split.predict(np.array([sign * 99.0, sign * 0.0, np.nan]))
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
    found = rule(np.random.default_rng(0).normal(size=1_000), rare)
    assert found.share >= 0.99
    assert not found.leaks


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


def test_the_column_of_the_label_is_no_news_unless_it_is_a_feature(panel: Panel) -> None:
    profile = panel.profile
    for features, named in ((("IAN", "IEG"), {"IAN"}), (("lag", "IEG"), {"lag", "IAN"})):
        task = replace(profile.tasks["current"], features=features, hidden=())
        matrix = feature_matrix(profile, task, panel.numbers, panel.year.astype(np.float64))
        rules = audit(panel, make_plan(task, panel.years), task.features, matrix)
        assert {one.column for one in rules if one.leaks} == named
        assert len({one.column for one in rules}) == len(rules) > 10


def test_this_years_lag_is_audited_for_the_next_year(panel: Panel) -> None:
    task = panel.profile.tasks["next-year"]
    matrix = feature_matrix(panel.profile, task, panel.numbers, panel.year.astype(np.float64))
    rules = audit(panel, make_plan(task, panel.years), task.features, matrix)
    assert "lag" in {one.column for one in rules}
    assert not any(one.leaks for one in rules)
