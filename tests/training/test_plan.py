"""A plan names the years of every fact, and none may come from the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.errors import PlanError
from farol.profile import Task
from farol.training.plan import (
    NO_ANSWERS,
    AnswerCount,
    Cohort,
    Plan,
    answer_counts,
    check_plan,
    earlier_plans,
    make_plan,
    plan_of,
)
from farol.training.rows import check_rows, rows_of
from farol.workbook.panel import Panel

from .making import PEDE, noisy, rows

CURRENT, NEXT_YEAR = PEDE.tasks["current"], PEDE.tasks["next-year"]


def same(year: int) -> Cohort:
    return Cohort(as_of=year, features=(year,), label=year)


def pair(year: int) -> Cohort:
    return Cohort(as_of=year, features=(year,), label=year + 1)


def test_the_same_year_tests_the_last_and_serves_all() -> None:
    plan = make_plan(CURRENT, (2022, 2023, 2024))
    first = (same(2022), same(2023))
    assert plan == Plan("current", 0, 2024, first, (same(2024),), (*first, same(2024)))


def test_the_next_year_tests_the_last_pair_and_serves_all() -> None:
    plan = make_plan(NEXT_YEAR, (2024, 2022, 2023, 2025))
    first = (pair(2022), pair(2023))
    assert plan == Plan("next-year", 1, 2025, first, (pair(2024),), (*first, pair(2024)))


def test_years_that_do_not_follow_each_other_make_no_pair() -> None:
    plan = make_plan(NEXT_YEAR, (2019, 2020, 2022, 2023))
    assert (plan.train, plan.test) == ((pair(2019),), (pair(2022),))


@pytest.mark.parametrize(
    ("task", "years", "expected"),
    [(CURRENT, (), "a year whose sheet says"), (NEXT_YEAR, (2024,), "two consecutive years"),
     (NEXT_YEAR, (2020, 2022, 2024), "two consecutive years")],
)  # fmt: skip
def test_too_few_years_say_what_is_missing(task: Task, years: tuple[int, ...], expected: str) -> None:
    with pytest.raises(PlanError, match=expected) as caught:
        make_plan(task, years)
    assert str(caught.value.got) == f"years {', '.join(map(str, years)) or '–'}"


@pytest.mark.parametrize(
    ("task", "years", "only"), [(CURRENT, (2024,), same(2024)), (NEXT_YEAR, (2023, 2024), pair(2023))]
)
def test_a_single_year_or_pair_is_tested_by_folds(task: Task, years: tuple[int, ...], only: Cohort) -> None:
    plan = make_plan(task, years)
    assert (plan.split, plan.train, plan.test, plan.serve) == ("folds", (only,), (only,), (only,))
    assert earlier_plans(plan) == ()


@pytest.mark.parametrize(("split", "kind", "column"), [("rows", "by_rows", None), ("school", "by_groups", "school")])
def test_a_profile_may_ask_for_another_split(split: str, kind: str, column: str | None) -> None:
    for task in (CURRENT, NEXT_YEAR):
        plan = make_plan(replace(task, split=split), (2022, 2023, 2024))
        assert (plan.split, plan.column) == (kind, column)
        assert plan.train == plan.test == plan.serve
        assert earlier_plans(plan) == ()


ENOUGH = AnswerCount(200, 90)


@pytest.mark.parametrize(
    ("last", "serves", "reason"),
    [(AnswerCount(0, 0), False, "no row says"), (AnswerCount(29, 9), True, "known answers: 29, at risk: 9"),
     (AnswerCount(90, 90), True, "at risk: 90"), (AnswerCount(90, 0), True, "at risk: 0")],
)  # fmt: skip
def test_an_imperfect_newest_sheet_does_not_stop_a_test(last: AnswerCount, serves: bool, reason: str) -> None:
    counts = {2022: ENOUGH, 2023: ENOUGH, 2024: last}
    plan = make_plan(CURRENT, counts, counts)
    assert (plan.train, plan.test, plan.last_year) == ((same(2022),), (same(2023),), 2024)
    assert plan.serve == tuple(same(year) for year in (2022, 2023, *([2024] if serves else [])))
    (untested,) = plan.untested
    assert (untested.cohort, untested.serves) == (same(2024), serves)
    assert reason in str(untested.reason)


def test_a_newest_sheet_of_new_pupils_leaves_the_last_pair() -> None:
    counts = {2022: ENOUGH, 2023: ENOUGH, 2024: NO_ANSWERS, 2025: NO_ANSWERS}
    plan = make_plan(NEXT_YEAR, counts, counts)
    assert (plan.train, plan.test, plan.serve) == ((pair(2022),), (pair(2023),), (pair(2022), pair(2023)))
    assert [str(untested.reason) for untested in plan.untested] == [
        "no pupil of the earlier sheet has a known answer in the later one"
    ]


def test_too_little_before_a_year_leads_to_folds() -> None:
    counts = {2022: AnswerCount(20, 9), 2023: AnswerCount(9, 3), 2024: ENOUGH}
    plan = make_plan(CURRENT, counts, counts)
    assert (plan.split, plan.test) == ("folds", tuple(map(same, counts)))
    assert plan.untested == ()
    together = {2022: AnswerCount(20, 9), 2023: AnswerCount(10, 3), 2024: ENOUGH}
    assert make_plan(CURRENT, together, together).split == "by_time"


def test_a_sheet_without_a_required_column_teaches_nothing(panel: Panel) -> None:
    columns = {name: replace(column, every_sheet=name in ("IEG", "sex")) for name, column in PEDE.columns.items()}
    school = replace(panel, profile=replace(PEDE, columns=columns))
    assert all(count.is_enough for count in answer_counts(school, CURRENT).values())
    gone = np.where(panel.year == 2023, np.nan, panel.numbers["IEG"])
    without = replace(school, numbers={**panel.numbers, "IEG": gone})
    assert answer_counts(without, CURRENT)[2023] == NO_ANSWERS
    nobody = panel.categories["sex"].copy()
    nobody[panel.year == 2022] = None
    without = replace(school, categories={**panel.categories, "sex": nobody})
    assert answer_counts(without, NEXT_YEAR)[2022] == NO_ANSWERS
    assert plan_of(without, CURRENT).train == (same(2023),)


GOOD = make_plan(NEXT_YEAR, (2022, 2023, 2024))
GOOD_CURRENT = make_plan(CURRENT, (2022, 2023, 2024))


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (replace(GOOD, train=(Cohort(2022, (2022, 2023), 2023),)), "a feature of 2023, for the rows of 2022"),
        (replace(GOOD, test=(Cohort(2023, (2024,), 2024),)), "a feature of 2024, for the rows of 2023"),
        (replace(GOOD, serve=(Cohort(2022, (2023,), 2023),)), "a feature of 2023, for the rows of 2022"),
        (replace(GOOD, train=(Cohort(2022, (2022,), 2022),)), "label of the wrong year"),
        (replace(GOOD, train=(pair(2022), pair(2023))), "trains and tests on the same rows"),
        (replace(GOOD_CURRENT, train=(same(2022), same(2024))), "trains and tests on the same rows"),
        (replace(GOOD, train=(pair(2022),), test=(pair(2021),)), "a label of 2023, for the rows of 2022"),
        (replace(GOOD_CURRENT, test=(same(2021),)), "a label of 2022, for the rows of 2022"),
        (replace(GOOD, serve=(pair(2022), pair(2024))), "a label of 2025, for the rows of 2024"),
    ],
)
def test_a_plan_that_would_use_the_future_is_refused(plan: Plan, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        check_plan(plan)


def test_an_earlier_year_may_be_looked_at() -> None:
    check_plan(replace(GOOD, train=(Cohort(2022, (2021, 2022), 2023),)))


KINDS = st.sampled_from([ENOUGH, NO_ANSWERS, AnswerCount(20, 9), AnswerCount(99, 99)])


@given(st.dictionaries(st.integers(2000, 2020), KINDS, max_size=8), st.sampled_from([CURRENT, NEXT_YEAR]))
def test_no_plan_that_we_make_uses_the_future(years: dict[int, AnswerCount], task: Task) -> None:
    try:
        plan = make_plan(task, years, years)
    except PlanError:
        return
    assert all(years[cohort.as_of].rows for cohort in (*plan.cohorts, *plan.serve))
    for cohort in plan.train if plan.split == "by_time" else ():
        assert max(*cohort.features, cohort.label) <= plan.known
        assert cohort.as_of != plan.known
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
    with pytest.raises(PlanError, match="rows: 29"):
        check_rows(GOOD, good.select(few), test)
    with pytest.raises(PlanError, match="at risk: 0; rows: 40"):
        check_rows(GOOD, rows(matrix[:40], np.zeros(40)), test)
    with pytest.raises(PlanError, match="at risk: 40; rows: 40"):
        check_rows(GOOD, rows(matrix[:40], np.ones(40)), test)
    with pytest.raises(PlanError, match="no row to test on"):
        check_rows(GOOD, good, test.select(label > 1))
    with pytest.raises(PlanError, match="rows in both: 1"):
        check_rows(GOOD, good, rows(matrix, label, year=np.r_[2020, np.full(59, 2021)]))


def test_what_to_do_about_too_few_rows_depends_on_the_question() -> None:
    matrix, label = noisy(10)
    for plan, words in ((GOOD, "same code"), (GOOD_CURRENT, "who is at risk")):
        with pytest.raises(PlanError, match=words):
            check_rows(plan, rows(matrix, label), rows(matrix, label, year=np.full(10, 2021)))
