"""Which years train, which test, which serve; and the proof that no fact comes from the future.

A cohort is the rows of one year seen at one moment: `as_of` is the year in whose survey the prediction is made,
`features` the years its columns come from, `label` the year of its answer. A plan is a value made of cohorts and of how
the rows are split, checked before any training starts; the rows chosen by it are checked again from the panel itself
(`farol.training.rows`).

The best test is of a later year (`by_time`). Where there is only one year, or pair of years, pupils are left out in
turn (`folds`): that says nothing about another year. A task of the profile may ask for a part of the rows at random
(`by_rows`), or of the values of a column (`by_groups`): a school without years has no other test.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from farol.errors import PlanError
from farol.i18n import Message, count, msg
from farol.profile import Task
from farol.workbook.panel import Panel

MINIMUM_ROWS = 30
"""Fewer rows than this teach nothing that would hold for another pupil, and test nothing."""

FOLDS = 5
"""Into how many parts the pupils are split, to answer for each by a model that never saw the pupil."""

TEST_SHARE = 0.25
"""Of the rows, or of the rows of a column's values, that are kept for the test where they are chosen at random."""

ROWS = "rows"
"""The split of a task of the profile that is tested on rows at random; another text names a column."""

OUR_FAULT = msg("This is a fault of Farol, not of your sheets: report it, with the command.")

Split = Literal["by_time", "folds", "by_rows", "by_groups"]


@dataclass(frozen=True, slots=True)
class Cohort:
    """The years of every fact of some rows: the moment of prediction, its features and its label."""

    as_of: int
    features: tuple[int, ...]
    label: int

    @property
    def years(self) -> str:
        """`2023`, or `2023→2024` where the answer is of a later year."""
        return f"{self.as_of}" if self.as_of == self.label else f"{self.as_of}→{self.label}"


@dataclass(frozen=True, slots=True)
class AnswerCount:
    """How many rows of a cohort have a known answer, and how many of them are at risk."""

    rows: int
    at_risk: int

    @property
    def is_enough(self) -> bool:
        """Whether they can teach or test: enough rows, and both answers among them."""
        return self.rows >= MINIMUM_ROWS and 0 < self.at_risk < self.rows

    def __add__(self, other: AnswerCount) -> AnswerCount:
        return AnswerCount(self.rows + other.rows, self.at_risk + other.at_risk)


NO_ANSWERS = AnswerCount(0, 0)


@dataclass(frozen=True, slots=True)
class Untested:
    """A cohort later than the tested one, or without rows, and why it is not the one tested."""

    cohort: Cohort
    reason: Message
    serves: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The years that are evaluated (`train` against `test`), and those the model in use learns from (`serve`).

    `last_year` is the year of the latest survey at hand: the moment from which the served model answers. Other splits
    than by time part the rows of the same cohorts, which `train`, `test` and `serve` then all name.
    """

    task: str
    horizon: int
    last_year: int
    train: tuple[Cohort, ...]
    test: tuple[Cohort, ...]
    serve: tuple[Cohort, ...]
    split: Split = "by_time"
    column: str | None = None  # whose values are split, of `by_groups`
    untested: tuple[Untested, ...] = ()

    @property
    def cohorts(self) -> tuple[Cohort, ...]:
        """Those that train and those that test, once each."""
        return tuple(dict.fromkeys((*self.train, *self.test)))

    @property
    def known(self) -> int:
        """The year up to which facts are known when the test cohort is predicted."""
        return self.test[-1].as_of


def plan_of(panel: Panel, task: Task) -> Plan:
    """The checked plan of a task for the years of a panel, by the answers that are known there. Raises PlanError."""
    return make_plan(task, panel.years, answer_counts(panel, task), panel.profile.period_after)


def answer_counts(panel: Panel, task: Task) -> dict[int, AnswerCount]:
    """For each year how many rows have a known answer; none of a year that lacks a column every sheet must have."""
    label = panel.label if task.horizon == 0 else panel.next_label
    counts = {}
    for year in panel.years:
        rows = panel.year == year
        counted = rows & panel.counts(task)
        answers = label[counted][~np.isnan(label[counted])]
        complete = not any(_is_empty(panel, name, rows) for name in _required(panel))
        counts[year] = AnswerCount(answers.size, int(answers.sum())) if complete else NO_ANSWERS
    return counts


def _required(panel: Panel) -> list[str]:
    return [name for name, column in panel.profile.columns.items() if column.every_sheet]


def _is_empty(panel: Panel, name: str, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
    if name in panel.categories:
        return all(value is None for value in panel.categories[name][rows])
    return name in panel.numbers and bool(np.isnan(panel.numbers[name][rows]).all())


def make_plan(
    task: Task,
    years: Iterable[int],
    counts: Mapping[int, AnswerCount] | None = None,
    after: Callable[[int, int], int] = operator.add,
) -> Plan:
    """The checked plan of a task for years, with the known answers of each (without `counts`, enough of every year).

    `after` gives the year (or term) that is some steps after another one.

    By time, the last cohort that can be tested by a model of earlier ones tests; then all cohorts serve. A later cohort
    with too few answers for a test serves all the same. Where no cohort can be tested by earlier ones, pupils are left
    out in turn.

    Raises:
        PlanError: no cohort has a known answer.
    """
    known = tuple(sorted(set(years)))
    cohorts = [Cohort(y, (y,), later) for y in known if (later := after(y, task.horizon)) in known]
    answers = {c: AnswerCount(MINIMUM_ROWS, 1) if counts is None else counts[c.as_of] for c in cohorts}
    usable = tuple(cohort for cohort in cohorts if answers[cohort].rows)
    if not usable:
        raise PlanError(
            msg("task {task} cannot be trained with these years", task=task.name),
            expected=_needed(task),
            got=msg("years {years}", years=", ".join(map(str, known)) or "–"),
            fix=_fix(task),
        )
    last = _last_testable(usable, answers) if task.split is None else None
    if last is None:
        split: Split = "folds" if task.split is None else "by_rows" if task.split == ROWS else "by_groups"
        train, test, column = usable, usable, task.split if split == "by_groups" else None
    else:
        split, train, test, column = "by_time", usable[:last], (usable[last],), None
    untested = tuple(
        Untested(cohort, _reason(task, answers[cohort]), serves=cohort in usable)
        for cohort in cohorts
        if cohort not in usable or (last is not None and cohort.as_of > test[0].as_of)
    )
    plan = Plan(task.name, task.horizon, known[-1], train, test, usable, split, column, untested)
    check_plan(plan, after)
    return plan


def _last_testable(cohorts: tuple[Cohort, ...], answers: Mapping[Cohort, AnswerCount]) -> int | None:
    """The position of the last cohort with enough answers for a test, before which there are enough to learn from."""
    for position in range(len(cohorts) - 1, 0, -1):
        before = sum((answers[cohort] for cohort in cohorts[:position]), NO_ANSWERS)
        if answers[cohorts[position]].is_enough and before.is_enough:
            return position
    return None


def _reason(task: Task, answers: AnswerCount) -> Message:
    if answers.rows:
        return msg(
            "known answers: {rows}, at risk: {at_risk}", rows=count(answers.rows), at_risk=count(answers.at_risk)
        )
    if task.horizon:
        return msg("no pupil of the earlier sheet has a known answer in the later one")
    return msg("no row says whether the pupil is at risk")


def earlier_plans(plan: Plan) -> tuple[Plan, ...]:
    """The plans with which every year before the tested one is tested in its turn, by a model that knew only the years
    before it; ascending. None for a question of the same year, and none for another split than by time.
    """
    if plan.horizon == 0 or plan.split != "by_time":
        return ()
    pairs = plan.train
    return tuple(
        Plan(plan.task, plan.horizon, pairs[at].as_of, pairs[:at], (pairs[at],), pairs[:at])
        for at in range(1, len(pairs))
    )


def _needed(task: Task) -> Message:
    if task.horizon == 0:
        return msg("a year whose sheet says of its pupils whether they are at risk")
    return msg("two consecutive years with the same pupils, of which the later one says whether they are at risk")


def _fix(task: Task) -> Message:
    if task.horizon == 0:
        return msg("Check that the column which says who is at risk is filled in.")
    return msg(
        "Add the sheet of another year, and check that pupils keep the same code from one year to the next and that "
        "the column which says who is at risk is filled in."
    )


def check_plan(plan: Plan, after: Callable[[int, int], int] = operator.add) -> None:
    """Refuse a plan that would use the future.

    Of every cohort, the features must be of its moment or before and the label `horizon` years after it. What trains
    must have happened, label included, when the test cohort is predicted; what serves, when the last survey was made.
    No year's rows may stand in train and in test, but where the split is not by time.

    Raises:
        PlanError: naming the cohort and the year that are wrong.
    """
    for cohort in {*plan.cohorts, *plan.serve}:
        if any(year > cohort.as_of for year in cohort.features):
            raise _future(plan, cohort, msg("a feature of {year}", year=max(cohort.features)), cohort.as_of)
        if cohort.label != after(cohort.as_of, plan.horizon):
            raise PlanError(
                msg("the plan of task {task} has a label of the wrong year", task=plan.task),
                expected=msg("a label of {year}", year=after(cohort.as_of, plan.horizon)),
                got=msg("a label of {year}", year=cohort.label),
                fix=OUR_FAULT,
            )
    for cohort in plan.train if plan.split == "by_time" else ():
        if cohort in plan.test:
            raise PlanError(
                msg("the plan of task {task} trains and tests on the same rows", task=plan.task),
                expected=msg("training years other than the test year"),
                got=msg("{year} in both", year=cohort.as_of),
                fix=OUR_FAULT,
            )
        if max(cohort.as_of, cohort.label) > plan.known:
            raise _future(plan, cohort, msg("a label of {year}", year=cohort.label), plan.known)
    for cohort in plan.serve:
        if cohort.label > plan.last_year:
            raise _future(plan, cohort, msg("a label of {year}", year=cohort.label), plan.last_year)


def _future(plan: Plan, cohort: Cohort, fact: Message, moment: int) -> PlanError:
    return PlanError(
        msg("the plan of task {task} would use the future", task=plan.task),
        expected=msg("facts of {year} or before, when the prediction is made", year=moment),
        got=msg("{fact}, for the rows of {year}", fact=fact, year=cohort.as_of),
        fix=OUR_FAULT,
    )
