"""Capacity: how many pupils a team can attend to, and what a list of that length would have held in the test year.

A programme has a number of places rather than a threshold. The list is the pupils with the highest probabilities: how
many of them are expected at risk, and how many were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farol.errors import InputError
from farol.evaluation.intervals import true_cases
from farol.evaluation.metrics import RESAMPLES, Estimate, Undefined, top_estimates, whole_top
from farol.i18n import count, msg

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

NEARLY_ALL = 0.9
"""A threshold that points out more than this share of the pupils chooses nobody."""
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)
"""The lists of the top-k table, besides that of the capacity."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """A number of pupils, or a share of them: one of the two."""

    count: int | None
    share: float | None

    def places(self, rows: int) -> int:
        """How many of `rows` pupils a list has place for."""
        return min(self.count, rows) if self.count is not None else whole_top(rows, self.share or 0.0)

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{100 * (self.share or 0.0):g}%"


USUAL = Capacity(None, 0.2)
"""The capacity where the user gives none."""


def parse_capacity(text: str) -> Capacity:
    """`60` pupils, or `20%` of them.

    Raises:
        InputError: no number, nobody, or nearly everybody.
    """
    written = text.strip().replace(",", ".")
    try:
        if written.endswith("%"):
            share = float(written[:-1]) / 100
            if 0 < share <= NEARLY_ALL:
                return Capacity(None, share)
        elif int(written) > 0:
            return Capacity(int(written), None)
    except ValueError:
        pass
    raise InputError(
        msg("A capacity cannot be {text}.", text=text),
        expected=msg("a number of pupils such as 60, or a share above 0% and up to {most} such as 20%", most="90%"),
        fix=msg("Say how many pupils the team can attend to, with --capacity."),
    )


def check_capacity(capacity: Capacity, rows: int) -> None:
    """Refuse a capacity that is no choice among the `rows` pupils of the test year.

    Raises:
        InputError: the list would hold more than nine in ten of them.
    """
    if capacity.count is not None and capacity.count > NEARLY_ALL * rows:
        raise InputError(
            msg("A capacity of {count} is nearly everyone: there is nothing to choose.", count=count(capacity.count)),
            expected=msg(
                "at most {most} of the {rows} pupils of the test year",
                most=count(int(NEARLY_ALL * rows)),
                rows=count(rows),
            ),
            fix=msg("Say how many pupils the team can attend to, with --capacity."),
        )


@dataclass(frozen=True, slots=True)
class TopList:
    """The `k` most likely of `n` pupils, of whom `positives` were at risk.

    `cut` is the lowest probability on the list. `tied` pupils have exactly that one and `placed` of them fit, so who
    of them is listed is chance; `realised` is the number at risk on average over that chance.
    """

    k: int
    n: int
    positives: int
    expected: Estimate
    realised: float
    precision: Estimate | Undefined
    recall: Estimate | Undefined
    cut: float
    tied: int
    placed: int


def top_list(label: Floats, probability: Floats, k: int, *, seed: int, resamples: int = RESAMPLES) -> TopList | None:
    """The list of the `k` highest probabilities (n,) and what became of it; None where there is no pupil."""
    if label.size == 0:
        return None
    ranked = np.sort(probability)[::-1]
    cut = float(ranked[k - 1])
    above, at = probability > cut, probability == cut
    placed = k - int(above.sum())
    realised = float(label[above].sum() + label[at].mean() * placed)
    precision, recall = top_estimates(label, probability, k, seed=seed, resamples=resamples)
    return TopList(
        k=k,
        n=int(label.size),
        positives=int(label.sum()),
        expected=true_cases(ranked[:k]),
        realised=realised,
        precision=precision,
        recall=recall,
        cut=cut,
        tied=int(at.sum()),
        placed=placed,
    )


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of a capacity, for everybody and for each group apart, and the table of lists of other lengths."""

    capacity: Capacity
    lists: Mapping[str, TopList]
    table: tuple[TopList, ...]


def lists_of(
    capacity: Capacity, label: Floats, probability: Floats, groups: Mapping[str, Mask], *, seed: int, resamples: int
) -> Lists:
    """What lists of a capacity would have held, of test rows with labels and probabilities (n,) and masks (n,).

    Each group has a list of its own with the same number of places, or the same share of its pupils.
    """
    check_capacity(capacity, label.size)
    whole = np.ones(label.size, dtype=np.bool_)
    lists = {
        name: top_list(label[mask], probability[mask], capacity.places(int(mask.sum())), seed=seed, resamples=resamples)
        for name, mask in {"all": whole, **groups}.items()
    }
    lengths = sorted({capacity.places(label.size), *(whole_top(label.size, share) for share in SHARES)})
    table = (top_list(label, probability, k, seed=seed, resamples=resamples) for k in lengths)
    return Lists(
        capacity,
        {name: top for name, top in lists.items() if top is not None},
        tuple(top for top in table if top is not None),
    )


@dataclass(frozen=True, slots=True)
class ExpectedCount:
    """How many of `n` pupils were expected at risk, by chance alone, and how many were."""

    n: int
    expected: Estimate
    realised: int


def expected_counts(label: Floats, probability: Floats, groups: Mapping[str, Mask]) -> dict[str, ExpectedCount]:
    """The counts of everybody, with labels and probabilities (n,), and of each group's mask (n,)."""
    whole = np.ones(label.size, dtype=np.bool_)
    return {
        name: ExpectedCount(int(mask.sum()), true_cases(probability[mask]), int(label[mask].sum()))
        for name, mask in {"all": whole, **groups}.items()
        if mask.any()
    }
