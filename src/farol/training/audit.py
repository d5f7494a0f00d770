"""Leakage: does one column alone, or one simple rule on it, already give the answer?

A model that is right because a column is the label in other words has learned a definition (Kaufman et al., "Leakage
in data mining", 2012). We look for it in the open: for every column known at the moment of prediction, the best rule
of one split (a value and below, against above) and, for a column of few values, the best set of values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farol.i18n import Message, msg
from farol.training.plan import Plan
from farol.workbook.panel import Panel

Floats = NDArray[np.float64]
Distinct = NDArray[np.str_] | NDArray[np.float64]
Values = NDArray[np.float64] | NDArray[np.object_]

GIVES_AWAY = 0.99
"""A rule right for this share of rows gives the answer away …"""
ERRORS_LEFT = 0.1
"""… if it also leaves at most this share of the errors of always giving the commoner answer."""
FEWEST_ROWS = 30
MOST_VALUES = 20
ROWS_PER_VALUE = 5


@dataclass(frozen=True, slots=True)
class Split:
    """A rule on a column's values: at risk where the value is one of a set, or on one side of a value."""

    words: Message
    at_risk: frozenset[str | float] | None  # the set; None for a side
    below: float  # otherwise at risk at this value and below it, or, where `high_is_risk`, above it
    high_is_risk: bool

    def predict(self, values: Values) -> Floats:
        """1 or 0 (n,) by the rule; NaN where the value is missing."""
        known = _known(values)
        found = np.full(len(values), np.nan)
        if self.at_risk is not None:
            found[known] = [value in self.at_risk for value in values[known]]
        else:
            found[known] = (values[known].astype(np.float64) > self.below) == self.high_is_risk
        return found


@dataclass(frozen=True, slots=True)
class Rule:
    """The best split of a column: the share of rows it is right for, of `n` with a value; does it give all away?"""

    column: str
    split: Split
    share: float
    n: int
    leaks: bool


def best_rule(column: str, values: Values, label: Floats) -> Rule | None:
    """The rule on `values` (n,; NaN or None missing) that is right for most labels (n,) of 0 and 1.

    None where there is no rule to speak of: fewer than 30 rows with a value, or only one value.
    """
    known = _known(values)
    present, answer = values[known], label[known]
    n = int(known.sum())
    if n < FEWEST_ROWS:
        return None
    distinct, inverse = _distinct(present)
    counts = np.bincount(inverse).astype(np.float64)
    positive = np.bincount(inverse, weights=answer).astype(np.float64)
    found = [*_sets(column, distinct, counts, positive), *_splits(column, distinct, counts, positive)]
    if not found:
        return None
    right, split = max(found, key=lambda pair: pair[0])  # the first of equals: sets read better than splits
    commoner = max(float(answer.sum()), n - float(answer.sum()))
    leaks = right >= GIVES_AWAY * n and n - right <= ERRORS_LEFT * (n - commoner) and commoner < n
    return Rule(column, split, right / n, n, leaks)


def _known(values: Values) -> NDArray[np.bool_]:
    if values.dtype == np.object_:
        return np.array([value is not None for value in values], dtype=np.bool_)
    known: NDArray[np.bool_] = ~np.isnan(values.astype(np.float64))
    return known


def _distinct(values: Values) -> tuple[Distinct, NDArray[np.intp]]:
    """The distinct values, ascending, and which of them each value is."""
    if values.dtype == np.object_:
        return np.unique(values.astype(np.str_), return_inverse=True)
    return np.unique(values.astype(np.float64), return_inverse=True)


def _sets(column: str, distinct: Distinct, counts: Floats, positive: Floats) -> Iterator[tuple[float, Split]]:
    """The best set of values of a column of few values: each value goes where most of its rows are."""
    if distinct.size > MOST_VALUES or counts.sum() < ROWS_PER_VALUE * distinct.size:
        return
    risky = positive * 2 > counts
    if risky.all() or not risky.any():
        return
    right = float(np.where(risky, positive, counts - positive).sum())
    at_risk = frozenset(distinct[risky].tolist())
    smaller, outcome = (
        (distinct[risky], msg("at risk")) if risky.sum() < (~risky).sum() else (distinct[~risky], msg("not at risk"))
    )
    names = ", ".join(value if isinstance(value, str) else f"{value:g}" for value in smaller.tolist())
    words = (
        msg("{column} = {value} ⇔ {outcome}", column=column, value=names, outcome=outcome)
        if smaller.size == 1
        else msg("{column} one of {values} ⇔ {outcome}", column=column, values=names, outcome=outcome)
    )
    yield right, Split(words, at_risk, np.nan, high_is_risk=False)


def _splits(column: str, distinct: Distinct, counts: Floats, positive: Floats) -> Iterator[tuple[float, Split]]:
    """The best split of a numeric column, in both directions."""
    if distinct.dtype.kind == "U" or distinct.size < 2:
        return
    risk_below, all_below = np.cumsum(positive)[:-1], np.cumsum(counts)[:-1]
    right_if_low = risk_below + (counts.sum() - all_below) - (positive.sum() - risk_below)
    for right, high_is_risk in ((right_if_low, False), (counts.sum() - right_if_low, True)):
        position = int(right.argmax())
        below = float(distinct[position])
        words = (
            msg("{column} > {value} ⇔ at risk", column=column, value=f"{below:g}")
            if high_is_risk
            else msg("{column} ≤ {value} ⇔ at risk", column=column, value=f"{below:g}")
        )
        yield float(right[position]), Split(words, None, below, high_is_risk)


def best_rules(columns: Mapping[str, Values], label: Floats) -> tuple[Rule, ...]:
    """The best rule of every column that has one, the most often right first (then by name)."""
    found = (best_rule(name, values, label) for name, values in columns.items())
    return tuple(sorted((rule for rule in found if rule is not None), key=lambda rule: (-rule.share, rule.column)))


def audit(panel: Panel, plan: Plan, features: Sequence[str], matrix: Floats) -> tuple[Rule, ...]:
    """The best rule of every column that is known when the plan's predictions are made, over all rows of the plan.

    Audited are the numbers and categories of the sheets and the raw features (n, k). The column that defines the
    label is among them where it is a feature, or where the label is of a later year; elsewhere, that it gives the
    answer away is no news.
    """
    label = panel.label if plan.horizon == 0 else panel.next_label
    rows = np.isin(panel.year, [cohort.as_of for cohort in (*plan.train, plan.test)]) & ~np.isnan(label)
    columns: dict[str, Values] = {**panel.numbers, **panel.categories}
    if plan.horizon == 0:
        columns.pop(panel.profile.label.column)
    columns.update(zip(features, matrix.T, strict=True))
    return best_rules({name: values[rows] for name, values in columns.items()}, label[rows])
