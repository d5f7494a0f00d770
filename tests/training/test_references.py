"""The references are what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from farol.profile import Text
from farol.training import references
from farol.training.leakage import best_rule
from farol.training.plan import make_plan
from farol.training.rows import rows_of
from farol.workbook.panel import Panel

from .making import noisy, rows, task

MEANING = Text("Fase", "Level")


def test_references_by_hand() -> None:
    train = rows(np.zeros((4, 2)), np.array([1.0, 0, 1, 1]), column=np.array([-1.0, 0, 0, np.nan]))
    test = rows(
        np.zeros((4, 2)),
        np.zeros(4),
        now=np.array([1.0, 0, np.nan, 0]),
        column=np.array([-1.0, 0, 7, np.nan]),
    )
    assert references.stays_as_it_is(train, test).probability.tolist() == [1, 0, 0.75, 0]
    assert references.rate_table(MEANING, train, test).probability.tolist() == [1, 0.5, 0.75, 0.75]


def test_one_rule_answers_by_its_split_or_by_the_share() -> None:
    matrix = np.repeat([[2.5, 0.0], [10.0, 0.0]], 20, axis=0)
    label = np.repeat([1.0, 0.0], 20)
    rule = best_rule("a", matrix[:, 0], label)
    assert rule is not None
    asked = rows(np.array([[2.5, 0], [10, 0], [np.nan, 0]]), np.zeros(3))
    assert references.single_rule(task(), rule, rows(matrix, label), asked).probability.tolist() == [1, 0, 0.5]


def test_reference_models_learn_with_gaps_and_empty_columns() -> None:
    matrix, label = noisy(300, k=3)
    matrix[:, 2] = np.nan
    matrix[::5, 1] = np.nan
    asked, truth = noisy(300, k=3, seed=1)
    spec = task(("a", "b", "c"))
    for reference in (
        references.logistic_regression(spec, rows(matrix, label), rows(asked, truth)),
        references.random_forest(spec, rows(matrix, label), rows(asked, truth), seed=0),
    ):
        assert ((reference.probability > 0.5) == truth).mean() > 0.75


def test_a_new_level_gets_the_overall_share() -> None:
    train = rows(np.zeros((4, 2)), np.array([1.0, 0, 1, 1]))
    level, asked = np.array([0.0, 0, 1, np.nan]), np.array([0.0, 1, 9, np.nan])
    level_rule = references.whole_level(MEANING, level, train, asked)
    assert (level_rule.probability.tolist(), level_rule.simple) == ([0.5, 1, 0.75, 0.75], True)


def test_the_best_single_indicator_is_chosen_in_training() -> None:
    matrix, _ = noisy(300, k=3)
    label = (matrix[:, 0] + matrix[:, 1] / 3 < 6.5).astype(np.float64)
    matrix[:, 2] = np.nan
    asked = np.random.default_rng(1).uniform(0, 10, (300, 3))
    opposite = rows(asked, (asked[:, 1] < 5).astype(np.float64))  # the test year would choose the other
    meanings = {name: Text(f"o {name}", f"the {name}") for name in "abc"}
    single = references.best_single(task(("a", "b", "c")), ("c", "b", "a"), meanings, rows(matrix, label), opposite)
    assert single is not None
    assert str(single.title) == "Best single indicator: the a"
    assert np.corrcoef(single.probability, asked[:, 0])[0, 1] < -0.9
    assert references.best_single(task(("a", "b", "c")), ("c",), meanings, rows(matrix, label), opposite) is None


def test_the_boosting_machine_takes_part_where_it_is_installed() -> None:
    matrix, label = noisy(200)
    machine = references.boosting_machine(task(), rows(matrix, label), rows(matrix, label), seed=0)
    assert isinstance(machine, references.ReferenceModel), "`make test` installs the extra references"
    assert roc_auc_score(label, machine.probability) > 0.7
    assert not machine.simple
    again = references.boosting_machine(task(), rows(matrix, label), rows(matrix, label), seed=0)
    assert isinstance(again, references.ReferenceModel)
    assert again.probability.tolist() == machine.probability.tolist()


def test_a_boosting_machine_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, label = noisy(60)
    monkeypatch.setattr(references, "find_spec", lambda _: None)
    machine = references.boosting_machine(task(), rows(matrix, label), rows(matrix, label), seed=0)
    assert isinstance(machine, references.Absent)
    assert "`references`" in str(machine.reason)


@pytest.mark.parametrize("installed", [True, False])
def test_references_that_are_left_out_are_named(panel: Panel, monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    spec = panel.profile.tasks["next-year"]
    plan = make_plan(spec, panel.years)
    features = ("IEG", "lag")
    spec = replace(spec, features=features, changeable=("IEG",))
    matrix = np.column_stack([panel.numbers[name] for name in features])
    train, test = rows_of(panel, plan, matrix, plan.train), rows_of(panel, plan, matrix, plan.test)
    made = references.ReferenceModel("boosting_machine", references.EBM_TITLE, np.zeros(test.label.size))
    gone = references.Absent("boosting_machine", references.EBM_TITLE, references.EBM_TITLE)
    monkeypatch.setattr(references, "boosting_machine", lambda *_, **__: made if installed else gone)
    told: list[float] = []
    for quick in (False, True):
        compared, absent = references.references_of(
            panel, spec, train, test, seed=0, quick=quick, progress=lambda _, part: told.append(part)
        )
        names = {each.name for each in compared} | {each.name for each in absent}
        assert {"random_forest", "boosting_machine", "best_single", "whole_level"} <= names
        assert {each.name for each in absent} == (
            {"random_forest", "boosting_machine"} if quick else set() if installed else {"boosting_machine"}
        )
    assert told == [*sorted(told[:3]), 0.0]


def test_without_indicators_those_references_are_left_out(panel: Panel) -> None:
    school = replace(panel, profile=replace(panel.profile, level=None))
    spec = replace(panel.profile.tasks["next-year"], features=("IEG",), changeable=("IEG",))
    plan = make_plan(spec, panel.years)
    nothing = np.full((panel.year.size, 1), np.nan)
    train, test = rows_of(panel, plan, nothing, plan.train), rows_of(panel, plan, nothing, plan.test)
    compared, _ = references.references_of(school, spec, train, test, seed=0, quick=True, progress=lambda *_: None)
    assert {each.name for each in compared} == {"logistic_regression", "stays_as_it_is", "rate_table"}
