"""The rows that a plan chose, as arrays, and how they are parted for the test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from farol.errors import PlanError
from farol.i18n import Message, count, msg
from farol.model.features import feature_matrix
from farol.model.vocabulary import nominal_features
from farol.profile import Task
from farol.training.augmentation import Repetitions, TrainingSet, repetitions_of
from farol.training.plan import FOLDS, MINIMUM_ROWS, OUR_FAULT, TEST_SHARE, Cohort, Plan
from farol.workbook.copies import first_alike
from farol.workbook.panel import Panel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledRows:
    """The rows that a plan chose, as arrays with one entry a row."""

    place: NDArray[np.int64]  # where the row stands in the panel, ascending
    student: NDArray[np.object_]
    unit: NDArray[np.object_]  # what the parts of a split keep together: the pupil, or the value of a column
    year: NDArray[np.int64]
    matrix: Floats  # (n, k) raw features
    label: Floats  # the answer to learn: 0 or 1
    now: Floats  # the answer of the row's own year, NaN where unknown
    column: Floats  # the column that defines the answer, in the row's own year
    repetitions: Repetitions | None = None  # how training repeats them over the rules that next year may bring
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the vocabularies of categories

    def select(self, mask: Mask) -> LabelledRows:
        """Only the rows of `mask` (n,)."""
        names = [each.name for each in fields(self) if each.name not in ("repetitions", "words")]
        arrays = {name: getattr(self, name)[mask] for name in names}
        return replace(self, **arrays, repetitions=None if self.repetitions is None else self.repetitions.select(mask))

    def taught(self) -> TrainingSet:
        """What a model is fitted to: the rows as they are, or repeated."""
        if self.repetitions is None:
            return TrainingSet(self.matrix, self.label, None)
        return self.repetitions.taught(self.matrix, self.label)

    def of(self, panel: Panel) -> Panel:
        """These rows of the panel they were chosen from, in the same order."""
        return panel.select(np.isin(np.arange(panel.year.size), self.place))


def rows_of(
    panel: Panel, plan: Plan, matrix: Floats, cohorts: Iterable[Cohort], repetitions: Repetitions | None = None
) -> LabelledRows:
    """The rows of some cohorts whose answer is known, of a panel with raw features `matrix` (n, k)."""
    task = panel.profile.tasks.get(plan.task)
    nominal = {} if task is None else nominal_features(panel.profile, task)
    return LabelledRows(
        place=np.arange(panel.year.size),
        student=panel.student,
        unit=_units(panel, plan),
        year=panel.year,
        matrix=matrix,
        label=panel.label if plan.horizon == 0 else panel.next_label,
        now=panel.label,
        column=panel.label_values,
        repetitions=repetitions,
        words={name: column.categories for name, column in nominal.items()},
    ).select(rows_that_count(panel, plan, cohorts))


def rows_that_count(panel: Panel, plan: Plan, cohorts: Iterable[Cohort]) -> Mask:
    """The rows (n,) of a panel that are of some cohorts, have a known answer, and count for the plan's task."""
    task = panel.profile.tasks.get(plan.task)
    known = _answered(panel, plan, cohorts)
    return known if task is None else known & panel.counts(task)


def left_out(panel: Panel, plan: Plan) -> int:
    """How many rows of the plan's cohorts have a known answer and do not count, by the conditions of the task."""
    known, counted = _answered(panel, plan, plan.cohorts), rows_that_count(panel, plan, plan.cohorts)
    return int(np.count_nonzero(known) - np.count_nonzero(counted))


def _answered(panel: Panel, plan: Plan, cohorts: Iterable[Cohort]) -> Mask:
    label = panel.label if plan.horizon == 0 else panel.next_label
    answered: Mask = np.isin(panel.year, [cohort.as_of for cohort in cohorts]) & ~np.isnan(label)
    return answered


def _units(panel: Panel, plan: Plan) -> NDArray[np.object_]:
    """What is kept on one side of a test, of each row (n,): a value of the plan's column, or a pupil.

    Where rows are parted otherwise than by time and each pupil has one, rows that say the same in every column are one
    pupil's.
    """
    if plan.column is not None:
        return _values(panel, plan.column)
    if plan.split == "by_time" or np.unique(panel.student.astype(np.str_)).size < panel.student.size:
        return panel.student
    return panel.student[first_alike({**panel.columns, **panel.dates}, panel.student.size)]


def _values(panel: Panel, column: str) -> NDArray[np.object_]:
    """The values (n,) of a column as text; those that are missing are one value."""
    if column in panel.categories:
        return np.array([value or "" for value in panel.categories[column]], dtype=np.object_)
    return np.array([f"{value:g}" for value in panel.numbers[column]], dtype=np.object_)


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Rows that teach a model, and rows that it never saw, by which it is tested."""

    train: LabelledRows
    test: LabelledRows


@dataclass(frozen=True, slots=True, eq=False)
class SplitRows:
    """All rows of a plan: `matrix` (n, k) has the panel's raw features as the test year's survey knew them.

    There is one fold, but where pupils are left out in turn: then `train` and `test` are the same rows, and the answers
    for them come from the folds.
    """

    matrix: Floats
    train: LabelledRows
    test: LabelledRows
    folds: tuple[Fold, ...]

    def joined(self, parts: Sequence[Floats]) -> Floats:
        """Answers (n,) for the test rows in their order, of answers for the test rows of each fold."""
        place = np.concatenate([fold.test.place for fold in self.folds])
        answers: Floats = np.concatenate(parts)[np.argsort(place)]
        return answers


def split_rows(panel: Panel, task: Task, plan: Plan, *, seed: int) -> SplitRows:
    """The rows of a plan, parted as it says.

    Raises:
        PlanError: a column by whose values rows are to be split has one value only.
    """
    matrix = feature_matrix(panel.profile, task, panel.columns, panel.year.astype(np.float64), plan.known)
    train = rows_of(panel, plan, matrix, plan.train, repetitions_of(panel, task, plan.known))
    if plan.split == "by_time":
        test = rows_of(panel, plan, matrix, plan.test)
        return SplitRows(matrix, train, test, (Fold(train, test),))
    if plan.split == "folds":
        parts = tuple(Fold(train.select(~held), train.select(held)) for held in folds(train.unit, seed))
        return SplitRows(matrix, train, train, parts)
    held = _at_random(train.unit, seed, plan)
    fold = Fold(train.select(~held), train.select(held))
    return SplitRows(matrix, fold.train, fold.test, (fold,))


def _at_random(units: NDArray[np.object_], seed: int, plan: Plan) -> Mask:
    """A mask (n,) of about `TEST_SHARE` of the rows: all rows of units drawn at random, never of all units."""
    names, unit = np.unique(units.astype(np.str_), return_inverse=True)
    if names.size < 2:
        raise PlanError(
            msg("task {task} cannot be split for a test", task=plan.task),
            expected=msg("at least two values of {column}", column=plan.column or "–"),
            got=msg("{count}", count=count(names.size)),
            fix=msg("Choose another column for the task's split, in the profile."),
        )
    order = np.random.default_rng(seed).permutation(names.size)
    reached = np.cumsum(np.bincount(unit)[order])
    drawn = order[: int(np.searchsorted(reached, TEST_SHARE * units.size)) + 1][: names.size - 1]
    mask: Mask = np.isin(unit, drawn)
    return mask


def folds(units: NDArray[np.object_], seed: int) -> Iterator[Mask]:
    """Masks (n,) that part the rows into `FOLDS` parts, those of one unit together."""
    names, unit = np.unique(units.astype(np.str_), return_inverse=True)
    fold = np.random.default_rng(seed).permutation(names.size)[unit] % FOLDS
    for part in range(FOLDS):
        yield fold == part


def check_split(plan: Plan, split: SplitRows) -> None:
    """Check every fold of a plan; see `check_rows`. Of other splits than by time no unit may be in both."""
    for fold in split.folds:
        check_rows(plan, fold.train, fold.test)
        if plan.split != "by_time" and (shared := set(fold.train.unit) & set(fold.test.unit)):
            raise _same_rows(plan, len(shared))


def check_rows(plan: Plan, train: LabelledRows, test: LabelledRows) -> None:
    """Check the rows that a plan chose, whatever the plan says of itself.

    Raises:
        PlanError: too few rows, only one answer among the training rows, no test row, or the row of one pupil and
            year in training and in testing.
    """
    keys = [set(zip(rows.student, rows.year.tolist(), strict=True)) for rows in (train, test)]
    if shared := keys[0] & keys[1]:
        raise _same_rows(plan, len(shared))
    n, positive = train.label.size, int(train.label.sum())
    if n < MINIMUM_ROWS:
        raise PlanError(
            msg("task {task} has too few rows to train on", task=plan.task),
            expected=msg("at least {count} rows with a known answer", count=count(MINIMUM_ROWS)),
            got=msg("rows: {count}", count=count(n)),
            fix=_fix(plan),
        )
    if positive in (0, n):
        raise PlanError(
            msg("task {task} has nothing to learn: all training rows have the same answer", task=plan.task),
            expected=msg("pupils at risk and pupils not at risk"),
            got=msg("at risk: {positive}; rows: {count}", positive=count(positive), count=count(n)),
            fix=msg("Check that the column which says who is at risk is filled in, in every sheet."),
        )
    if test.label.size == 0:
        raise PlanError(
            msg("task {task} has no row to test on", task=plan.task),
            expected=msg("at least one row of {year} with a known answer", year=plan.known),
            got=msg("rows: {count}", count=count(0)),
            fix=_fix(plan),
        )


def _same_rows(plan: Plan, n: int) -> PlanError:
    return PlanError(
        msg("the plan of task {task} trains and tests on the same rows", task=plan.task),
        expected=msg("each pupil and year either in training or in testing"),
        got=msg("rows in both: {count}", count=count(n)),
        fix=OUR_FAULT,
    )


def _fix(plan: Plan) -> Message:
    if plan.horizon == 0:
        return msg("Check that the column which says who is at risk is filled in, in every sheet.")
    return msg("Check that pupils keep the same code from one year to the next.")
