"""What an answer is worth by what is known of a pupil, measured on training rows that the model had not seen.

A pupil may come with less than training had. So training rows are taken as they are, then without the hidden features
of the task, and with other features withheld at random, down to none. For each such group the bands of probability are
measured anew, and so is which of them is an answer. Nothing is assumed of how a probability fades.

A pupil belongs to the rows as they are where at least 20 of them lack just the same features; else to those of whom as
many features are known.

Where a group explains less than half of what the rows as they are let the model explain (Brier skill: by how much its
Brier score is below that of saying everybody's share), a band is an answer only if the share at risk in it differs from
that of the whole group and lies on the answer's side of one half (or of a lower threshold), both beyond chance. Else
the answer would repeat how frequent the outcome is, or say no where more than half were at risk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from farol.evaluation.bands import FEWEST, CalibrationBand, CalibrationBands, Unseen, calibration_bands
from farol.evaluation.capacity import NEARLY_ALL
from farol.model.risk_bands import patterns_of
from farol.profile import Task
from farol.training.models import Folded
from farol.training.rows import LabelledRows
from farol.training.threshold import EVEN, choose_threshold

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MOST_AMOUNTS = 16
"""How many numbers of known features are measured besides none; those between count as the next lower one."""
MOST_ROWS = 5_000
"""Rows of a group with features withheld, drawn if there are more: enough for a percent or two."""
HALF = 0.5
"""Of the skill with the rows as they are: a group with less is not answered as a matter of course."""

_NOBODY = np.empty(0)
_ALL = slice(None)


@dataclass(frozen=True, slots=True, eq=False)
class SupportGroup:
    """What was measured of pupils of whom the hidden features `without` are missing.

    `known` lists how many other features are known of them; None: the rows as they are.
    """

    without: tuple[str, ...]
    known: tuple[int, ...] | None
    n: int
    share: float  # at risk among all of them
    skill: float  # Brier skill; NaN where all have the same label
    threshold: float
    bands: CalibrationBands
    answered: tuple[bool, ...]  # of each band


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredSupport:
    """All groups of a task, and `usual`: the sets of features that rows as they are lack, hidden ones left aside."""

    usual: tuple[tuple[str, ...], ...]
    groups: tuple[SupportGroup, ...]


def measured_support(task: Task, rows: LabelledRows, folded: Folded, *, threshold: float, seed: int) -> MeasuredSupport:
    """Measure every group of training rows, by models that have not seen some of them.

    `threshold` is that with all hidden features; without some of them it is chosen anew.
    """
    measure = _Measure(task, rows, folded, seed)
    groups: list[SupportGroup] = []
    for without in patterns_of(task.hidden):
        own = threshold
        for known, answers in measure.groups(without):
            if without and known is None:
                own = _threshold(answers, seed)
            best = groups[0].skill if groups else None
            groups.append(_judged(without, known, answers, own, best))
    return MeasuredSupport(measure.usual, tuple(_reaching(groups, measure.free.size)))


def unseen_answers(rows: LabelledRows, folded: Folded, matrix: Floats, chosen: Mask | slice = _ALL) -> Unseen:
    """The `chosen` of the rows (n,) that models were made of, with the answers to `matrix` (n, k) by those not seen."""
    by_year = folded.by_year(matrix)
    return Unseen(
        rows.label[chosen],
        folded.by_pupil(matrix)[chosen],
        rows.year[chosen],
        None if by_year is None else by_year[chosen],
    )


def threshold_without(task: Task, rows: LabelledRows, folded: Folded, *, seed: int) -> float:
    """The threshold of pupils without any of the hidden features, by training rows."""
    return _threshold(unseen_answers(rows, folded, without_hidden(task, rows.matrix, task.hidden)), seed)


def _threshold(rows: Unseen, seed: int) -> float:
    """The threshold of pupils without a hidden feature: the best one, or one half where that points out nearly all."""
    chosen = choose_threshold(rows.label, rows.probability, seed=seed).value
    return chosen if 0 < (rows.probability >= chosen).mean() <= NEARLY_ALL else EVEN


def without_hidden(task: Task, matrix: Floats, without: tuple[str, ...]) -> Floats:
    """A copy of raw features (n, k) in which the hidden features `without` are missing."""
    hidden = matrix.copy()
    hidden[:, np.isin(task.features, without)] = np.nan
    return hidden


def _judged(
    without: tuple[str, ...], known: tuple[int, ...] | None, rows: Unseen, threshold: float, best: float | None
) -> SupportGroup:
    """A group measured, where the rows as they are have the skill `best`; None: it is these, which are answered."""
    share, skill = float(rows.label.mean()), _skill(rows)
    bands = calibration_bands(rows, _NOBODY, _NOBODY)
    is_rich = best is None or (skill > 0 and skill >= HALF * best)
    answered = tuple(is_rich or _tells(band, share, threshold) for band in bands.bands)
    return SupportGroup(without, known, rows.label.size, share, skill, threshold, bands, answered)


def _skill(rows: Unseen) -> float:
    worst = float(rows.label.var())
    return 1 - float(((rows.probability - rows.label) ** 2).mean()) / worst if worst else float("nan")


def _tells(band: CalibrationBand, share: float, threshold: float) -> bool:
    """Whether the share at risk in a band differs from everybody's, and lies on the side that its answer says.

    A yes is of no use where fewer than half were at risk, unless the threshold is lower; nor is a no where more were.
    """
    shown = band.trained
    if shown.low <= share <= shown.high:
        return False
    even = min(threshold, EVEN)
    if band.low >= threshold:
        return shown.low >= even
    return band.high <= threshold and shown.high < even


def _reaching(groups: list[SupportGroup], most: int) -> Iterator[SupportGroup]:
    """The groups, those of which most is known reaching to `most` features: a new sheet may have what no other had."""
    highest: dict[tuple[str, ...], int] = {}
    for group in groups:
        highest[group.without] = max(highest.get(group.without, 0), *(group.known or (0,)))
    for group in groups:
        top = highest[group.without]
        is_top = group.known is not None and top in group.known
        yield replace(group, known=(*(group.known or ()), *range(top + 1, most + 1))) if is_top else group


class _Measure:
    """Training rows of a task as they are and with less, and what models that had not seen them say."""

    def __init__(self, task: Task, rows: LabelledRows, folded: Folded, seed: int) -> None:
        self.task, self.rows, self.folded = task, rows, folded
        self.free = np.array([place for place, name in enumerate(task.features) if name not in task.hidden])
        self.rng = np.random.default_rng(seed)
        missing = np.isnan(rows.matrix[:, self.free])
        self.count = (~missing).sum(axis=1)
        # In which order the known features of each row are withheld: a row with fewer is the one with more, less some.
        drawn = np.where(missing, 2.0, self.rng.random(missing.shape))
        self.order = drawn.argsort(axis=1).argsort(axis=1)
        lacking, which, times = np.unique(missing, axis=0, return_inverse=True, return_counts=True)
        often = (times >= FEWEST) & ~lacking.all(axis=1)
        self.as_usual: Mask = often[which.ravel()]
        names = np.array(task.features)[self.free]
        self.usual = tuple(tuple(names[lacks].tolist()) for lacks in lacking[often])

    def groups(self, without: tuple[str, ...]) -> Iterator[tuple[tuple[int, ...] | None, Unseen]]:
        """The rows as they are, if there are any, and those of which ever less is known, each with how much it is."""
        kept = [name in self.task.hidden and name not in without for name in self.task.features]
        has: Mask = np.logical_not(np.isnan(self.rows.matrix[:, kept]).any(axis=1))
        matrix, most = without_hidden(self.task, self.rows.matrix, without), self.free.size
        # Where no set of missing features is frequent, all rows together are what is usual.
        usual = has & self.as_usual if (has & self.as_usual).any() else has
        if usual.any():
            yield None, self._answers(matrix, usual)
        amounts = np.unique(np.linspace(0, most, min(most, MOST_AMOUNTS) + 1).astype(int)).tolist()
        for amount, following in zip(amounts, [*amounts[1:], most + 1], strict=True):
            chosen: Mask = np.logical_and(has, self.count >= amount)
            if chosen.sum() > MOST_ROWS:
                chosen = np.isin(
                    np.arange(chosen.size), self.rng.choice(np.flatnonzero(chosen), MOST_ROWS, replace=False)
                )
            if chosen.any():
                less = matrix.copy()
                others = less[:, self.free]
                others[self.order >= amount] = np.nan
                less[:, self.free] = others
                yield tuple(range(amount, following)), self._answers(less, chosen)

    def _answers(self, matrix: Floats, chosen: Mask) -> Unseen:
        return unseen_answers(self.rows, self.folded, matrix, chosen)
