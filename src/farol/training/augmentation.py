"""Augmentation: training rows repeated over every rule of ages that next year may bring.

Two things decide who is behind next year: whether the pupil is promoted, and the rule of ages, whose reference day
and table move from sheet to sheet. A model trained on one year's labels learns that year's day as well, and answers
worse the year after than its cross-validation says. So every row is repeated for each month of birth that the data
leave open. The label of a repetition is the share of the reference days and tables, known at the moment of
prediction, under which the pupil would be at risk at the level reached. Repetitions that look the same to the model
become one row, weighted so that each pupil of each year counts once.

All months and rules have the same weight, since nothing is known of them; no weight was tuned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from farol.model.ages import MONTHS, Ages, Births
from farol.profile import Task
from farol.workbook.labels import next_values
from farol.workbook.panel import Panel

Floats = NDArray[np.float64]

_UNKNOWN = -np.inf  # in place of NaN, which equals nothing, where looks are compared


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """What a model is fitted to: features (m, k), answers (m,) in 0–1, weights (m,) or None where all are one."""

    matrix: Floats
    label: Floats
    weight: Floats | None


@dataclass(frozen=True, slots=True, eq=False)
class Repetitions:
    """How n rows are repeated: the twelve possible births of each, and the level now and a year later."""

    ages: Ages
    known: int  # the moment of prediction: rules up to this year count, later ones are not known
    chances: tuple[tuple[int, float], ...]  # the features that the rule gives: position and promotions
    base: Floats  # (n, 12)
    state: Floats  # (n, 12)
    level: Floats  # (n,)
    next_level: Floats  # (n,)
    forgets: bool = True  # whether each row is repeated once more with nothing known of its birthday

    def select(self, mask: NDArray[np.bool_]) -> Repetitions:
        """Only the rows of `mask` (n,)."""
        changed = {name: getattr(self, name)[mask] for name in ("base", "state", "level", "next_level")}
        return replace(self, **changed)

    @property
    def varying(self) -> tuple[int, ...]:
        """The positions of the features in which repetitions differ."""
        return tuple(position for position, _ in self.chances)

    def features(self, matrix: Floats) -> Floats:
        """The features (n, 12, k) of every repetition of the rows (n, k)."""
        repeated = np.repeat(matrix[:, np.newaxis, :], MONTHS, axis=1)
        for position, promotions in self.chances:
            repeated[:, :, position] = self._chance(self.level, promotions)
        return repeated

    def labels(self, label: Floats) -> Floats:
        """The share (n, 12) of rules under which each repetition is at risk at the level that the pupil reached.

        It is the row's own `label` (n,) where the level or the birthday is unknown.
        """
        shares = self._chance(self.next_level, 0.0)
        return np.where(np.isnan(shares), label[:, np.newaxis], shares)

    def labels_by_rule(self, label: Floats) -> Floats:
        """The label (r, n, 12) of each repetition under every rule: each known table at each month's end in turn.

        As in `labels`, of which this is the detail, it is the row's own where the level or the birthday is unknown.
        """
        month = np.arange(MONTHS)[:, np.newaxis, np.newaxis]
        age = self.base + (month >= self.state)  # (12, n, 12)
        by_rule = self.ages.by_table(self.next_level[:, np.newaxis], age, self.known)
        own = np.broadcast_to(label[:, np.newaxis], by_rule.shape)
        return np.where(np.isnan(by_rule), own, by_rule).reshape(-1, *self.base.shape)

    def taught(self, matrix: Floats, label: Floats) -> TrainingSet:
        """The repetitions of rows (n, k) with labels (n,), those of a row that look the same taken together.

        Once more each row stands there with nothing known of its birthday, so that the answer without is learned.
        """
        repeated, soft = self.features(matrix), self.labels(label)
        varying = list(self.varying)
        if self.forgets:
            unknown = matrix.copy()
            unknown[:, varying] = np.nan
            repeated = np.concatenate((repeated, unknown[:, np.newaxis]), axis=1)
            soft = np.column_stack((soft, soft.mean(axis=1)))
        row = np.repeat(np.arange(label.size, dtype=np.float64), soft.shape[1])
        looks = np.column_stack((row, repeated[:, :, varying].reshape(row.size, len(varying))))
        _, first, joined = np.unique(
            np.where(np.isnan(looks), _UNKNOWN, looks), axis=0, return_index=True, return_inverse=True
        )
        count = np.bincount(joined.ravel()).astype(np.float64)
        total = np.bincount(joined.ravel(), weights=soft.ravel())
        return TrainingSet(repeated.reshape(row.size, -1)[first], total / count, count / soft.shape[1])

    def drawn(self, matrix: Floats, label: Floats, rng: np.random.Generator) -> TrainingSet:
        """One repetition of each row (n, k), drawn at random: as `taught` on average, where rows are many."""
        n = label.size
        which = rng.integers(0, MONTHS + self.forgets, n)
        month = np.minimum(which, MONTHS - 1)
        births = Births(*(values[np.arange(n), month][:, np.newaxis] for values in (self.base, self.state)))
        known = np.array([[float(self.known)]])

        def chance(level: Floats, promotions: float) -> Floats:
            return self.ages.chance(level[:, np.newaxis], births, known, promotions)[:, 0]

        seen = matrix.copy()
        for position, promotions in self.chances:
            seen[:, position] = chance(self.level, promotions)
        soft = chance(self.next_level, 0.0)
        soft = np.where(np.isnan(soft), label, soft)
        forgotten = which == MONTHS
        seen[np.ix_(forgotten, list(self.varying))] = np.nan
        soft[forgotten] = self.select(forgotten).labels(label[forgotten]).mean(axis=1)
        return TrainingSet(seen, soft, None)

    def _chance(self, level: Floats, promotions: float) -> Floats:
        births = Births(self.base, self.state)
        return self.ages.chance(level[:, np.newaxis], births, np.array([[float(self.known)]]), promotions)


def repetitions_of(panel: Panel, task: Task, known: int) -> Repetitions | None:
    """How the rows of a panel are repeated for a task, by the rules known in the year `known`.

    None where there is nothing to repeat: a question of the same year, a profile without a rule of ages, or a task
    none of whose features says anything of it.
    """
    derived, ages = panel.profile.derived, Ages.of(panel.profile)
    chances = tuple(
        (position, derived[name].promotions)
        for position, name in enumerate(task.features)
        if name in derived and derived[name].kind == "chance"
    )
    if ages is None or task.horizon == 0 or not chances:
        return None
    level = panel.numbers[str(panel.profile.level)]
    births = ages.possible(panel.numbers, panel.year.astype(np.float64))
    following = next_values(panel.profile, panel.student, panel.year, level)
    return Repetitions(ages, known, chances, births.base, births.state, level, following)
