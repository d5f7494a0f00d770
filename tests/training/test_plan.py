"""A plan names the years of every fact, and none may come from the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.errors import PlanError
from farol.training.plan import Cohort, Plan, check_plan, check_rows, make_plan, rows_of
from farol.workbook.panel import Panel

from .making import PEDE, noisy, rows

CURRENT, NEXT_YEAR = PEDE.tasks["current"], PEDE.tasks["next-year"]


def same(year: int) -> Cohort:
    return Cohort(as_of=year, features=(year,), label=year)


def pair(year: int) -> Cohort:
    return Cohort(as_of=year, features=(year,), label=year + 1)


def test_the_same_year_serves_the_model_that_was_tested() -> None:
    plan = make_plan(CURRENT, (2022, 2023, 2024))
    assert plan == Plan("current", 0, 2024, (same(2022), same(2023)), same(2024), (same(2022), same(2023)))


def test_the_next_year_tests_the_last_pair_and_serves_all() -> None:
    plan = make_plan(NEXT_YEAR, (2024, 2022, 2023, 2025))
    first = (pair(2022), pair(2023))
    assert plan == Plan("next-year", 1, 2025, first, pair(2024), (*first, pair(2024)))


def test_years_that_do_not_follow_each_other_make_no_pair() -> None:
    plan = make_plan(NEXT_YEAR, (2019, 2020, 2022, 2023))
    assert (plan.train, plan.test) == ((pair(2019),), pair(2022))


@pytest.mark.parametrize(
    ("task", "years", "expected"),
    [
        (CURRENT, (2024,), "two years"),
        (CURRENT, (), "two years"),
        (NEXT_YEAR, (2023, 2024), "two pairs"),
        (NEXT_YEAR, (2020, 2022, 2024), "two pairs"),
    ],
)
def test_too_few_years_say_what_is_missing(task: object, years: tuple[int, ...], expected: str) -> None:
    with pytest.raises(PlanError, match=expected) as caught:
        make_plan(task, years)  # type: ignore[arg-type] # a Task
    assert str(caught.value.got) == f"years {', '.join(map(str, years)) or '–'}"


GOOD = make_plan(NEXT_YEAR, (2022, 2023, 2024))
GOOD_CURRENT = make_plan(CURRENT, (2022, 2023, 2024))


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (replace(GOOD, train=(Cohort(2022, (2022, 2023), 2023),)), "a feature of 2023, for the rows of 2022"),
        (replace(GOOD, test=Cohort(2023, (2024,), 2024)), "a feature of 2024, for the rows of 2023"),
        (replace(GOOD, serve=(Cohort(2022, (2023,), 2023),)), "a feature of 2023, for the rows of 2022"),
        (replace(GOOD, train=(Cohort(2022, (2022,), 2022),)), "label of the wrong year"),
        (replace(GOOD, train=(pair(2022), pair(2023))), "trains and tests on the same rows"),
        (replace(GOOD_CURRENT, train=(same(2022), same(2024))), "trains and tests on the same rows"),
        (replace(GOOD, train=(pair(2022),), test=pair(2021)), "a label of 2023, for the rows of 2022"),
        (replace(GOOD_CURRENT, test=same(2021)), "a label of 2022, for the rows of 2022"),
        (replace(GOOD, serve=(pair(2022), pair(2024))), "a label of 2025, for the rows of 2024"),
    ],
)
def test_a_plan_that_would_use_the_future_is_refused(plan: Plan, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        check_plan(plan)


def test_an_earlier_year_may_be_looked_at() -> None:
    check_plan(replace(GOOD, train=(Cohort(2022, (2021, 2022), 2023),)))


@given(st.sets(st.integers(2000, 2020), max_size=8), st.sampled_from([CURRENT, NEXT_YEAR]))
def test_no_plan_that_we_make_uses_the_future(years: set[int], task: object) -> None:
    try:
        plan = make_plan(task, years)  # type: ignore[arg-type] # a Task
    except PlanError:
        return
    for cohort in plan.train:
        assert max(*cohort.features, cohort.label) <= plan.test.as_of
        assert cohort.as_of != plan.test.as_of
    assert all(cohort.label <= plan.last_year == max(years) for cohort in plan.serve)


def test_rows_are_those_of_the_years_whose_answer_is_known(panel: Panel) -> None:
    matrix = np.zeros((panel.year.size, 1))
    linked = rows_of(panel, GOOD, matrix, GOOD.train)
    assert set(linked.year.tolist()) == {2022}
    assert linked.label.size == int((~np.isnan(panel.next_label[panel.year == 2022])).sum())
    np.testing.assert_array_equal(linked.now == 1, linked.column < 0)
    everybody = rows_of(panel, GOOD_CURRENT, matrix, GOOD_CURRENT.train)
    np.testing.assert_array_equal(everybody.label, everybody.now)
    assert everybody.label.size == int((panel.year < 2024).sum())


def test_rows_that_cannot_teach_are_refused_with_numbers() -> None:
    matrix, label = noisy(60)
    good = rows(matrix, label)
    test = rows(matrix, label, year=np.full(60, 2021))
    check_rows(GOOD, good, test)
    just_enough = np.arange(60) < 30
    check_rows(GOOD, good.select(just_enough), test)
    few = np.arange(60) < 29
    with pytest.raises(PlanError, match="29 rows"):
        check_rows(GOOD, good.select(few), test)
    with pytest.raises(PlanError, match="0 at risk of 40"):
        check_rows(GOOD, rows(matrix[:40], np.zeros(40)), test)
    with pytest.raises(PlanError, match="40 at risk of 40"):
        check_rows(GOOD, rows(matrix[:40], np.ones(40)), test)
    with pytest.raises(PlanError, match="no row to test on"):
        check_rows(GOOD, good, test.select(label > 1))
    with pytest.raises(PlanError, match="1 rows in both"):
        check_rows(GOOD, good, rows(matrix, label, year=np.r_[2020, np.full(59, 2021)]))


def test_what_to_do_about_too_few_rows_depends_on_the_question() -> None:
    matrix, label = noisy(10)
    for plan, words in ((GOOD, "same code"), (GOOD_CURRENT, "column of the label")):
        with pytest.raises(PlanError, match=words):
            check_rows(plan, rows(matrix, label), rows(matrix, label, year=np.full(10, 2021)))
