"""The best test that the years allow is made, and the report says which one it is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from farol.errors import PlanError
from farol.model.trained import TrainedModel
from farol.profile import Task
from farol.training import models
from farol.training.plan import make_plan, plan_of
from farol.training.rows import check_split, split_rows
from farol.training.train import train
from farol.workbook.panel import Panel

from .making import PEDE

CURRENT, NEXT_YEAR = PEDE.tasks["current"], PEDE.tasks["next-year"]


def report_of(model: TrainedModel) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(model.files["report.json"])
    return report


def with_task(panel: Panel, task: Task) -> Panel:
    return replace(panel, profile=replace(panel.profile, tasks={task.name: task}))


def test_two_years_test_the_forecast_by_folds_and_say_so(panel: Panel) -> None:
    model = train(panel.known_in(2023), "next-year", quick=True)
    report = report_of(model)
    assert report["plan"]["split"] == "folds"
    assert (model.train_years, model.test_years, model.last_year) == ((2022,), (2022,), 2023)
    assert report["n_train"] == report["n_test"] == report["served"]["n"]
    assert not report["promotable"]
    assert [reason["en"] for reason in report["promotion"]["reasons"]] == [
        "It was not tested on a later year, but on pupils left out of the years it learned from."
    ]
    assert report["notes"][0]["en"].startswith("This test is weaker than a test on a later year")
    assert "split into 5 parts" in report["notes"][0]["en"]
    assert report["threshold"]["value"] == 0.5
    assert report["bands"]["coverage"] is None
    assert {band["n_test"] for band in report["bands"]["bands"]} == {0}
    assert "rolling" not in report
    card = model.files["card.html"].decode()
    assert card.index("Este teste é mais fraco") < card.index("<table>")
    assert "deixando de fora um grupo de cada vez" in card


def test_meanwhile_this_years_question_is_tested_by_time(panel: Panel) -> None:
    report = report_of(train(panel.known_in(2023), "current", quick=True))
    assert (report["plan"]["split"], report["train_years"], report["test_years"]) == ("by_time", [2022], [2023])
    assert report["promotable"]


def test_one_year_tests_this_years_question_by_folds(panel: Panel) -> None:
    report = report_of(train(panel.known_in(2022), "current", quick=True))
    assert (report["plan"]["split"], report["test_years"], report["promotable"]) == ("folds", [2022], False)
    # IPP is not in the sheet of 2022: an answer cannot take account of it, and that is said.
    assert any("value for Psychopedagogical. The answers do not use it" in note["en"] for note in report["notes"])
    assert report["test"]["roc_auc"]["value"] == 1.0  # IAN is the answer in other words
    assert report["baselines"]["single_rule"]["roc_auc"]["value"] == 1.0


@pytest.mark.parametrize("task", [CURRENT, NEXT_YEAR], ids=lambda task: task.name)
def test_the_answers_of_folds_are_of_pupils_not_seen(panel: Panel, task: Task) -> None:
    known = panel.known_in(2022 + task.horizon)
    plan = plan_of(known, task)
    split = split_rows(known, task, plan, seed=0)
    check_split(plan, split)
    said = split.joined([models.fit_served(task, f.train, seed=0).probability(f.test.matrix) for f in split.folds])
    np.testing.assert_array_equal(said, models.folded(task, split.train, seed=0).by_pupil(split.train.matrix))
    assert split.joined([fold.test.label for fold in split.folds]).tolist() == split.test.label.tolist()


def test_the_references_of_folds_learn_from_the_others_alone(panel: Panel) -> None:
    # Noise in place of answers: a reference that had seen the pupils whom it answers for would do better than chance.
    noise = np.random.default_rng(5).integers(0, 2, panel.year.size).astype(np.float64)
    turned = replace(panel.known_in(2022), label=noise[panel.year == 2022])
    report = report_of(train(turned, "current", quick=True))
    figures = [report["test"], *report["baselines"].values()]
    assert all(abs(figure["roc_auc"]["value"] - 0.5) < 0.08 for figure in figures)
    assert not report["promotable"]
    titles = {name: baseline["title"]["en"] for name, baseline in report["baselines"].items()}
    assert titles["single_rule"] == "Best rule of one column, found anew for each part of the pupils"


def test_a_newest_sheet_without_labels_serves_no_test(panel: Panel) -> None:
    blank = np.where(panel.year == 2024, np.nan, panel.label)
    unknown = np.where(panel.year == 2023, np.nan, panel.next_label)
    waiting = replace(panel, label=blank, next_label=unknown)
    current = report_of(train(waiting, "current", quick=True))
    assert (current["train_years"], current["test_years"], current["served"]["years"]) == ([2022], [2023], [2022, 2023])
    assert current["promotable"]
    assert "2024 could not be used, either for learning or for the test" in current["notes"][0]["en"]
    following = report_of(train(waiting, "next-year", quick=True))
    assert (following["plan"]["split"], following["test_years"]) == ("folds", [2022])
    assert following["plan"]["untested"][0]["serves"] is False


def test_a_half_filled_newest_sheet_still_serves(panel: Panel) -> None:
    some = (panel.year != 2024) | (np.cumsum(panel.year == 2024) <= 20)
    report = report_of(train(replace(panel, label=np.where(some, panel.label, np.nan)), "current", quick=True))
    assert (report["test_years"], report["served"]["years"]) == ([2023], [2022, 2023, 2024])
    assert report["served"]["n"] == report["n_train"] + report["n_test"] + 20
    assert "2024 could not be used for the test (known answers: 20" in report["notes"][0]["en"]
    card = train(replace(panel, label=np.where(some, panel.label, np.nan)), "current", quick=True).files["card.html"]
    assert "2024 não pôde ser usado no teste" in card.decode()


def test_a_past_year_replayed_knows_only_what_was_known(panel: Panel) -> None:
    then = panel.select(panel.year <= 2023)
    then = replace(then, next_label=np.where(then.year == 2023, np.nan, then.next_label))
    for task in ("current", "next-year"):
        replayed = train(panel, task, quick=True, as_of=2023)
        lived = train(then, task, quick=True)
        assert replayed.last_year == 2023
        same = {name: data for name, data in replayed.files.items() if name not in ("report.json", "card.html")}
        assert same == {name: lived.files[name] for name in same}
        assert report_of(replayed)["test"] == report_of(lived)["test"]


@pytest.mark.parametrize("task", [CURRENT, NEXT_YEAR], ids=lambda task: task.name)
def test_rows_at_random_keep_pupils_apart(panel: Panel, task: Task) -> None:
    asked = replace(task, split="rows")
    plan = plan_of(panel, asked)
    split = split_rows(panel, asked, plan, seed=0)
    check_split(plan, split)
    assert not set(split.train.student) & set(split.test.student)
    n = split.train.label.size + split.test.label.size
    assert abs(split.test.label.size / n - 0.25) < 0.01
    other = split_rows(panel, asked, plan, seed=1)
    assert set(other.test.student) != set(split.test.student)
    again = split_rows(panel, asked, plan, seed=0)
    np.testing.assert_array_equal(again.test.place, split.test.place)


def test_copies_of_a_pupil_stay_on_one_side(panel: Panel) -> None:
    school = with_task(panel.known_in(2022), replace(CURRENT, split="rows"))
    once = school.year.size
    doubled = school.select(np.tile(np.arange(once), 2))
    doubled = replace(doubled, student=np.array([f"{row}" for row in range(2 * once)], dtype=np.object_))
    task = doubled.profile.tasks["current"]
    for fold in split_rows(doubled, task, plan_of(doubled, task), seed=0).folds:
        assert not set((fold.train.place % once).tolist()) & set((fold.test.place % once).tolist())
        assert fold.test.label.size > 100


def test_rows_at_random_are_reported_and_may_be_used(panel: Panel) -> None:
    school = with_task(panel.known_in(2022), replace(CURRENT, split="rows"))
    report = report_of(train(school, "current", quick=True))
    assert (report["plan"]["split"], report["promotable"]) == ("by_rows", True)
    assert report["served"]["n"] == report["n_train"] + report["n_test"]
    assert "drawn at random, about 25% of all, as the profile asks" in report["notes"][0]["en"]
    assert report["bands"]["coverage"] is not None


@pytest.mark.parametrize(("column", "title"), [("school_type", "Type of school"), ("phase", "Level in the programme")])
def test_the_values_of_a_column_are_kept_apart(panel: Panel, column: str, title: str) -> None:
    school = with_task(panel, replace(CURRENT, split=column))
    task = school.profile.tasks["current"]
    plan = plan_of(school, task)
    split = split_rows(school, task, plan, seed=0)
    check_split(plan, split)
    assert set(split.train.unit) | set(split.test.unit) > set(split.test.unit)
    assert not set(split.train.unit) & set(split.test.unit)
    report = report_of(train(school, "current", quick=True))
    assert report["plan"]["split"] == "by_groups"
    assert f"pupils with some values of “{title}" in report["notes"][0]["en"]


def test_a_column_of_one_value_cannot_be_split(panel: Panel) -> None:
    uniform = replace(panel, categories={**panel.categories, "sex": np.full(panel.year.size, "F", dtype=np.object_)})
    task = replace(CURRENT, split="sex")
    with pytest.raises(PlanError, match="at least two values of sex"):
        split_rows(uniform, task, plan_of(uniform, task), seed=0)


def test_a_unit_on_both_sides_is_refused(panel: Panel) -> None:
    task = replace(CURRENT, split="rows")
    plan = plan_of(panel, task)
    split = split_rows(panel, task, plan, seed=0)
    (fold,) = split.folds
    mixed = replace(fold.test, unit=np.full(fold.test.unit.shape, fold.train.unit[0], dtype=np.object_))
    with pytest.raises(PlanError, match="rows in both: 1"):
        check_split(plan, replace(split, folds=(replace(fold, test=mixed),)))
    assert make_plan(task, panel.years).split == "by_rows"
