"""The forecast of next year, over the path that serves: better grades never raise it, and the future never shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.model.bundle import read_bundle, write_bundle
from farol.model.features import feature_matrix
from farol.model.scoring import Scorer
from farol.model.trained import TrainedModel
from farol.profile import load_profile
from farol.training.augmentation import repetitions_of
from farol.training.plan import earlier_plans, make_plan
from farol.training.rows import rows_of
from farol.training.train import train
from farol.workbook.panel import Panel, read_panel

from .making import PEDE, Floats

TASK = PEDE.tasks["next-year"]
GRADES = TASK.changeable


@pytest.fixture(scope="module")
def scorer(trained: Mapping[str, TrainedModel], tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return Scorer(read_bundle(write_bundle(tmp_path_factory.mktemp("bundle"), trained["next-year"])))


grade = st.one_of(st.none(), st.floats(0, 10))
pupils = st.fixed_dictionaries(
    {
        **dict.fromkeys(GRADES, grade),
        "IAN": st.sampled_from([None, 2.5, 5.0, 10.0]),
        "phase": st.integers(0, 8),
        "ideal_phase": st.one_of(st.none(), st.integers(0, 8)),
        "age": st.integers(7, 20),
        "birth_year": st.one_of(st.none(), st.integers(2004, 2017)),
        "birth_month": st.one_of(st.none(), st.integers(1, 12)),
        "year_joined": st.one_of(st.none(), st.integers(2018, 2024)),
    }
)


@settings(max_examples=200, deadline=None)
@given(pupils, st.sampled_from(GRADES), st.floats(0.5, 10), st.floats(0.5, 10))
def test_a_better_grade_never_raises_the_risk(
    scorer: Scorer, pupil: dict[str, float | None], name: str, low: float, high: float
) -> None:
    columns = {key: np.full(2, np.nan if value is None else float(value)) for key, value in pupil.items()}
    columns[name] = np.array(sorted((low, high)))
    worse, better = scorer.score(columns, np.full(2, 2024.0)).probability
    assert better <= worse or np.isnan([worse, better]).all()  # or neither is answered: too little is given


def ascending_at_random(rng: np.random.Generator, n: int) -> dict[str, Floats]:
    return {name: rng.uniform(0, 10, n) for name in GRADES}


def test_better_in_everything_never_raises_the_risk(scorer: Scorer) -> None:
    rng = np.random.default_rng(0)
    n = 2_000
    worse = ascending_at_random(rng, n)
    known = {
        "phase": rng.integers(0, 9, n).astype(np.float64),
        "age": rng.integers(7, 20, n).astype(np.float64),
        "year_joined": np.full(n, 2021.0),
    }
    better = {name: np.minimum(values + rng.uniform(0, 5, n), 10) for name, values in worse.items()}
    year = np.full(n, 2024.0)
    before, after = (scorer.score({**grades, **known}, year).probability for grades in (worse, better))
    assert (after <= before).all()
    assert (after < before).mean() > 0.5


def altered_after(panel: Panel, year: int) -> Panel:
    """The panel with every value of every later sheet another one: numbers, dates, categories, labels, codes."""
    rng = np.random.default_rng(0)
    later = panel.year > year

    def other(values: Floats) -> Floats:
        return np.where(later, rng.uniform(1, 12, values.size).round(), values)

    shuffled = panel.student.copy()
    shuffled[later] = rng.permutation(shuffled[later])
    return replace(
        panel,
        student=shuffled,
        numbers={name: other(values) for name, values in panel.numbers.items()},
        dates={name: other(values) * 1_000 for name, values in panel.dates.items()},
        categories={name: np.where(later, "x", values) for name, values in panel.categories.items()},
        label=other(panel.label),
        next_label=np.where(panel.year >= year, rng.integers(0, 2, panel.year.size), panel.next_label),
    )


@pytest.mark.parametrize("task", ["current", "next-year"])
def test_no_later_fact_changes_a_feature(panel: Panel, task: str) -> None:
    spec = PEDE.tasks[task]
    for moment in panel.years[:-1]:
        now = panel.year <= moment
        before, after = (
            feature_matrix(school.profile, spec, school.numbers, school.year.astype(np.float64), moment)
            for school in (panel, altered_after(panel, moment))
        )
        np.testing.assert_array_equal(before[now], after[now])
        assert not np.array_equal(before[~now], after[~now], equal_nan=True)


def test_no_later_fact_but_the_label_changes_what_is_repeated(panel: Panel) -> None:
    moment = 2022
    now = panel.year <= moment
    before, after = (repetitions_of(school, TASK, moment) for school in (panel, altered_after(panel, moment)))
    assert before is not None
    assert after is not None
    matrix = feature_matrix(PEDE, TASK, panel.numbers, panel.year.astype(np.float64), moment)[now]
    np.testing.assert_array_equal(before.select(now).features(matrix), after.select(now).features(matrix))


def test_the_tested_model_never_learns_from_test_answers(panel: Panel) -> None:
    """Another outcome of the test year gives the same out-of-fold choices and another figure."""
    flipped = replace(panel, next_label=np.where(panel.year == 2023, 1 - panel.next_label, panel.next_label))
    first, second = (
        json.loads(train(school, "next-year", quick=True).files["report.json"]) for school in (panel, flipped)
    )
    assert first["threshold"] == second["threshold"]
    assert first["test"]["roc_auc"]["value"] == pytest.approx(1 - second["test"]["roc_auc"]["value"], abs=1e-6)


def test_the_test_year_is_forecast_without_the_later_rule(panel: Panel) -> None:
    rule = PEDE.rule
    assert rule is not None
    before = replace(panel, profile=replace(PEDE, rule=replace(rule, dated=rule.dated[:2])))
    first, second = (
        json.loads(train(school, "next-year", quick=True).files["report.json"]) for school in (panel, before)
    )
    assert first["test"] == second["test"]
    assert first["threshold"] == second["threshold"]


# ── Rolling origin ─────────────────────────────────────────────────────────────────────────────────────────────────


def five_years(panel: Panel) -> Panel:
    """Five years of a school: the sample's pupils of three, and two years more of pupils like them."""

    def moved(years: int) -> Panel:
        changed = dict(panel.numbers)
        for name in ("birth_year", "year_joined"):
            changed[name] = changed[name] + years
        student = np.array([f"{years}:{code}" for code in panel.student], dtype=np.object_)
        return replace(panel, student=student, year=panel.year + years, numbers=changed)

    parts = (panel, moved(2))

    def joined(arrays: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(arrays)

    return replace(
        panel,
        student=joined([part.student for part in parts]),
        year=joined([part.year for part in parts]),
        numbers={name: joined([part.numbers[name] for part in parts]) for name in panel.numbers},
        dates={name: joined([part.dates[name] for part in parts]) for name in panel.dates},
        categories={name: joined([part.categories[name] for part in parts]) for name in panel.categories},
        label=joined([part.label for part in parts]),
        next_label=joined([part.next_label for part in parts]),
    )


def test_every_year_is_tested_by_a_model_of_earlier_years(panel: Panel) -> None:
    plan = make_plan(TASK, range(2022, 2027))
    earlier = earlier_plans(plan)
    assert [each.known for each in (*earlier, plan)] == [2023, 2024, 2025]
    for each in earlier:
        assert [cohort.as_of for cohort in each.train] == list(range(2022, each.known))
        assert all(cohort.label <= each.known for cohort in each.train)
    assert earlier_plans(make_plan(TASK, (2022, 2023, 2024))) == ()
    assert earlier_plans(make_plan(PEDE.tasks["current"], range(2022, 2027))) == ()


def test_a_workbook_of_five_years_is_reported_year_by_year(panel: Panel) -> None:
    five = five_years(panel)
    assert five.years == (2022, 2023, 2024, 2025, 2026)
    report = json.loads(train(five, "next-year", quick=True).files["report.json"])
    assert [tested["as_of"] for tested in report["rolling"]] == [2023, 2024, 2025]
    linked = ~np.isnan(five.next_label)
    assert [tested["n"] for tested in report["rolling"]] == [
        int((linked & (five.year == y)).sum()) for y in (2023, 2024, 2025)
    ]
    last = report["rolling"][-1]
    assert last["roc_auc"] == report["test"]["roc_auc"]
    # The first of them is what three years alone say of 2023.
    three = json.loads(train(five.select(five.year <= 2024), "next-year", quick=True).files["report.json"])
    assert report["rolling"][0]["roc_auc"]["value"] == three["test"]["roc_auc"]["value"]


def test_a_year_with_too_few_rows_before_it_is_left_out(panel: Panel) -> None:
    five = five_years(panel)
    few = five.select((five.year > 2022) | (np.cumsum(five.year == 2022) <= 20) & (five.year == 2022))
    report = json.loads(train(few, "next-year", quick=True).files["report.json"])
    assert [tested["as_of"] for tested in report["rolling"]] == [2024, 2025]


@pytest.mark.real
def test_the_real_forecast_meets_the_goals_it_was_shown_to_meet(real_workbook: Path) -> None:
    real = read_panel(real_workbook, load_profile("pede"))
    report = json.loads(train(real, "next-year", quick=True).files["report.json"])
    figures = {
        name: report["test"][name]["value"] for name in ("roc_auc", "average_precision", "brier", "precision_top")
    }
    assert figures["roc_auc"] >= 0.90
    assert figures["average_precision"] >= 0.87
    assert figures["brier"] <= 0.125
    assert figures["precision_top"] >= 0.93
    assert report["groups"]["onset"]["roc_auc"]["value"] >= 0.88
    assert report["groups"]["recovery"]["roc_auc"]["value"] >= 0.92


@pytest.mark.real
def test_real_pupils_without_birthdays_get_modest_answers(real_workbook: Path) -> None:
    real = read_panel(real_workbook, load_profile("pede"))
    plan = make_plan(TASK, real.years)
    blank = np.full(real.year.size, np.nan)
    unknown = replace(real, numbers={**real.numbers, **dict.fromkeys(("age", "birth_year", "birth_month"), blank)})
    from farol.training import models

    def rows(school: Panel, which: object) -> object:
        matrix = feature_matrix(school.profile, TASK, school.numbers, school.year.astype(np.float64), 2023)
        return rows_of(school, plan, matrix, which, repetitions_of(school, TASK, 2023))  # type: ignore[arg-type] # cohorts

    fitted = models.fit_served(TASK, rows(real, plan.train), seed=0)  # type: ignore[arg-type] # Rows
    test = rows(unknown, plan.test)
    said = fitted.probability(test.matrix)  # type: ignore[attr-defined] # Rows
    assert float(np.mean((said - test.label) ** 2)) < 0.2  # type: ignore[attr-defined] # Rows
