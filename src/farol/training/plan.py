"""Which years train, which test, which serve; and the proof that no fact comes from the future.

A cohort is the rows of one year seen at one moment: `as_of` is the year in whose survey the prediction is made,
`features` the years its columns come from, `label` the year of its answer. A plan is a value made of cohorts,
checked before any training starts; the rows chosen by it are checked again from the panel itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from farol.errors import PlanError
from farol.i18n import Message, msg
from farol.model.vocabulary import nominal_features
from farol.profile import Task
from farol.training.augmentation import Repetitions, TrainingSet
from farol.workbook.panel import Panel

Floats = NDArray[np.float64]

MINIMUM_ROWS = 30
"""Fewer training rows than this teach nothing that would hold for another pupil."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """The years of every fact of some rows: the moment of prediction, its features and its label."""

    as_of: int
    features: tuple[int, ...]
    label: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The years that are evaluated (`train` against `test`), and those the model in use learns from (`serve`).

    `last_year` is the year of the latest survey at hand: the moment from which the served model answers.
    """

    task: str
    horizon: int
    last_year: int
    train: tuple[Cohort, ...]
    test: Cohort
    serve: tuple[Cohort, ...]


def make_plan(task: Task, years: Iterable[int]) -> Plan:
    """The checked plan of a task for the years of a panel.

    Same year (horizon 0): the last year tests what the others taught, and what was tested is served as it is.
    A later year: every pair of years that far apart is a cohort; the last pair tests, then all pairs serve.

    Raises:
        PlanError: too few years, or not far enough apart, to train and to test.
    """
    known = tuple(sorted(set(years)))
    cohorts = tuple(Cohort(y, (y,), y + task.horizon) for y in known if y + task.horizon in known)
    if len(cohorts) < 2:
        raise PlanError(
            msg("task {task} cannot be trained and tested with these years", task=task.name),
            expected=_needed(task),
            got=msg("years {years}", years=", ".join(map(str, known)) or "–"),
            fix=msg("add the sheet of another year"),
        )
    train, test = cohorts[:-1], cohorts[-1]
    plan = Plan(task.name, task.horizon, known[-1], train, test, serve=train if task.horizon == 0 else cohorts)
    check_plan(plan)
    return plan


def earlier_plans(plan: Plan) -> tuple[Plan, ...]:
    """The plans with which every year before the tested one is tested in its turn, by a model that knew only the years
    before it; ascending. None for a question of the same year, whose test is the last year's.
    """
    if plan.horizon == 0:
        return ()
    pairs = plan.train
    return tuple(
        Plan(plan.task, plan.horizon, pairs[at].as_of, pairs[:at], pairs[at], pairs[:at]) for at in range(1, len(pairs))
    )


def _needed(task: Task) -> Message:
    if task.horizon == 0:
        return msg("at least two years: one to train on, a later one to test on")
    return msg(
        "at least two pairs of consecutive years, which three years in a row make: one pair to train on, a later "
        "one to test on"
    )


def check_plan(plan: Plan) -> None:
    """Refuse a plan that would use the future.

    Of every cohort, the features must be of its moment or before and the label `horizon` years after it. What trains
    must have happened, label included, when the test cohort is predicted; what serves, when the last survey was made.
    No year's rows may stand in train and in test.

    Raises:
        PlanError: naming the cohort and the year that are wrong.
    """
    for cohort in {*plan.train, plan.test, *plan.serve}:
        if any(year > cohort.as_of for year in cohort.features):
            raise _future(plan, cohort, msg("a feature of {year}", year=max(cohort.features)), cohort.as_of)
        if cohort.label != cohort.as_of + plan.horizon:
            raise PlanError(
                msg("the plan of task {task} has a label of the wrong year", task=plan.task),
                expected=msg("a label of {year}", year=cohort.as_of + plan.horizon),
                got=msg("a label of {year}", year=cohort.label),
            )
    for cohort in plan.train:
        if cohort.as_of == plan.test.as_of:
            raise PlanError(
                msg("the plan of task {task} trains and tests on the same rows", task=plan.task),
                expected=msg("training years other than the test year"),
                got=msg("{year} in both", year=cohort.as_of),
            )
        if max(cohort.as_of, cohort.label) > plan.test.as_of:
            raise _future(plan, cohort, msg("a label of {year}", year=cohort.label), plan.test.as_of)
    for cohort in plan.serve:
        if cohort.label > plan.last_year:
            raise _future(plan, cohort, msg("a label of {year}", year=cohort.label), plan.last_year)


def _future(plan: Plan, cohort: Cohort, fact: Message, moment: int) -> PlanError:
    return PlanError(
        msg("the plan of task {task} would use the future", task=plan.task),
        expected=msg("facts of {year} or before, when the prediction is made", year=moment),
        got=msg("{fact}, for the rows of {year}", fact=fact, year=cohort.as_of),
    )


@dataclass(frozen=True, slots=True, eq=False)
class LabelledRows:
    """The rows that a plan chose, as arrays with one entry a row."""

    student: NDArray[np.object_]
    year: NDArray[np.int64]
    matrix: Floats  # (n, k) raw features
    label: Floats  # the answer to learn: 0 or 1
    now: Floats  # the answer of the row's own year, NaN where unknown
    column: Floats  # the column that defines the answer, in the row's own year
    repetitions: Repetitions | None = None  # how training repeats them over the rules that next year may bring
    words: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # the vocabulary of each feature that is a category

    def select(self, mask: NDArray[np.bool_]) -> LabelledRows:
        """Only the rows of `mask` (n,)."""
        names = [each.name for each in fields(self) if each.name not in ("repetitions", "words")]
        arrays = {name: getattr(self, name)[mask] for name in names}
        return replace(self, **arrays, repetitions=None if self.repetitions is None else self.repetitions.select(mask))

    def taught(self) -> TrainingSet:
        """What a model is fitted to: the rows as they are, or repeated."""
        if self.repetitions is None:
            return TrainingSet(self.matrix, self.label, None)
        return self.repetitions.taught(self.matrix, self.label)


def rows_of(
    panel: Panel, plan: Plan, matrix: Floats, cohorts: Iterable[Cohort], repetitions: Repetitions | None = None
) -> LabelledRows:
    """The rows of some cohorts whose answer is known, of a panel with raw features `matrix` (n, k)."""
    label = panel.label if plan.horizon == 0 else panel.next_label
    task, column = panel.profile.tasks.get(plan.task), panel.label_values
    nominal = {} if task is None else nominal_features(panel.profile, task)
    words = {name: column.categories for name, column in nominal.items()}
    rows = LabelledRows(panel.student, panel.year, matrix, label, panel.label, column, repetitions, words)
    return rows.select(rows_that_count(panel, plan, cohorts))


def left_out(panel: Panel, plan: Plan) -> int:
    """How many rows of the plan's cohorts have a known answer and do not count, by the conditions of the task."""
    cohorts = (*plan.train, plan.test)
    label = panel.label if plan.horizon == 0 else panel.next_label
    known = np.isin(panel.year, [cohort.as_of for cohort in cohorts]) & ~np.isnan(label)
    return int(np.count_nonzero(known) - np.count_nonzero(rows_that_count(panel, plan, cohorts)))


def rows_that_count(panel: Panel, plan: Plan, cohorts: Iterable[Cohort]) -> NDArray[np.bool_]:
    """The rows (n,) of a panel that are of some cohorts, have a known answer, and count for the plan's task."""
    label = panel.label if plan.horizon == 0 else panel.next_label
    chosen: NDArray[np.bool_] = np.isin(panel.year, [cohort.as_of for cohort in cohorts]) & ~np.isnan(label)
    task = panel.profile.tasks.get(plan.task)
    return chosen if task is None else chosen & panel.counts(task)


def check_rows(plan: Plan, train: LabelledRows, test: LabelledRows) -> None:
    """Check the rows that a plan chose, whatever the plan says of itself.

    Raises:
        PlanError: too few rows, only one answer among the training rows, no test row, or the row of one pupil and
            year in training and in testing.
    """
    keys = [set(zip(rows.student, rows.year.tolist(), strict=True)) for rows in (train, test)]
    if shared := keys[0] & keys[1]:
        raise PlanError(
            msg("the plan of task {task} trains and tests on the same rows", task=plan.task),
            expected=msg("each pupil and year either in training or in testing"),
            got=msg("{count} rows in both", count=len(shared)),
        )
    count, positive = train.label.size, int(train.label.sum())
    if count < MINIMUM_ROWS:
        raise PlanError(
            msg("task {task} has too few rows to train on", task=plan.task),
            expected=msg("at least {count} rows with a known answer", count=MINIMUM_ROWS),
            got=msg("{count} rows", count=count),
            fix=_fix(plan),
        )
    if positive in (0, count):
        raise PlanError(
            msg("task {task} has nothing to learn: all training rows have the same answer", task=plan.task),
            expected=msg("pupils at risk and pupils not at risk"),
            got=msg("{positive} at risk of {count} rows", positive=positive, count=count),
            fix=msg("check that the column of the label is filled in every sheet"),
        )
    if test.label.size == 0:
        raise PlanError(
            msg("task {task} has no row to test on", task=plan.task),
            expected=msg("at least one row of {year} with a known answer", year=plan.test.as_of),
            got=msg("{count} rows", count=0),
            fix=_fix(plan),
        )


def _fix(plan: Plan) -> Message:
    if plan.horizon == 0:
        return msg("check that the column of the label is filled in every sheet")
    return msg("check that pupils keep the same code from one year to the next")
