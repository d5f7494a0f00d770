"""Leakage: does a column alone, a simple rule on it, or a sum of columns already give the answer?

A model that is right because a column is the label in other words has learned a definition (Kaufman et al., "Leakage
in data mining", 2012). For every column known at the moment of prediction we look for the best rule of one split (a
value and below, against above) and, for a column of few values, the best set of values.

A column that is itself made of others hides what it was made of: with the weights known, the sum gives any one of its
parts back. So we look by least squares for sums, of two columns and of many, that give a column from which the answer
can be read, and judge each sum as we judge a column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from farol.i18n import Figures, Message, figures, msg
from farol.model.features import meanings_of
from farol.profile import Column, Text
from farol.training.plan import Plan
from farol.training.rows import rows_that_count
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

ROWS_PER_COLUMN = 15
"""Fewer rows than this a column, and a sum fits whatever it likes."""
PRESENT = 0.5
"""Columns with a value in fewer of the rows are left out of sums of many."""
EXPLAINED = 0.5
"""A sum that explains less of its target than this does not give it."""
NEGLIGIBLE = 0.001
"""A column that explains no more of the target than this is dropped from a sum."""
_DIGITS = 6  # of a sum: what least squares leaves of an exact one is noise of the machine


@dataclass(frozen=True, slots=True)
class _Words:
    """What a reader calls some values of a column."""

    texts: tuple[Text, ...]

    def in_locale(self, locale: str) -> str:
        return "; ".join(text.in_locale(locale) for text in self.texts)


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
        predicted = np.full(len(values), np.nan)
        if self.at_risk is not None:
            predicted[known] = [value in self.at_risk for value in values[known]]
        else:
            predicted[known] = (values[known].astype(np.float64) > self.below) == self.high_is_risk
        return predicted


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """The best split of a column: the share of rows it is right for, of `n` with a value; does it give all away?"""

    column: str
    split: Split
    share: float
    n: int
    leaks: bool


def best_rule(
    column: str, values: Values, label: Floats, meaning: Text | None = None, described: Column | None = None
) -> ColumnRule | None:
    """The rule on `values` (n,; NaN or None missing) that is right for most labels (n,) of 0 and 1.

    Its words call the column by its `meaning`, or else by its name, and categories as the profile, where they are
    `described`. None where there is no rule: fewer than 30 rows
    with a value, or only one value.
    """
    known = _known(values)
    present, answer = values[known], label[known]
    n = int(known.sum())
    if n < FEWEST_ROWS:
        return None
    distinct, inverse = _distinct(present)
    counts = np.bincount(inverse).astype(np.float64)
    positive = np.bincount(inverse, weights=answer).astype(np.float64)
    title = meaning or column
    candidates = [*_sets(title, distinct, counts, positive, described), *_splits(title, distinct, counts, positive)]
    if not candidates:
        return None
    right, split = max(candidates, key=lambda pair: pair[0])  # the first of equals: sets read better than splits
    commoner = max(float(answer.sum()), n - float(answer.sum()))
    leaks = right >= GIVES_AWAY * n and n - right <= ERRORS_LEFT * (n - commoner) and commoner < n
    return ColumnRule(column, split, right / n, n, leaks)


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


def _sets(
    title: Text | str, distinct: Distinct, counts: Floats, positive: Floats, described: Column | None
) -> Iterator[tuple[float, Split]]:
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
    names: Figures | _Words = Figures("; ".join(v if isinstance(v, str) else f"{v:g}" for v in smaller.tolist()))
    if described is not None:
        names = _Words(tuple(described.word(value) for value in smaller.tolist()))
    words = (
        msg("{outcome} where {column} = {value}", column=title, value=names, outcome=outcome)
        if smaller.size == 1
        else msg("{outcome} where {column} is one of: {values}", column=title, values=names, outcome=outcome)
    )
    yield right, Split(words, at_risk, np.nan, high_is_risk=False)


def _splits(title: Text | str, distinct: Distinct, counts: Floats, positive: Floats) -> Iterator[tuple[float, Split]]:
    """The best split of a numeric column, in both directions."""
    if distinct.dtype.kind == "U" or distinct.size < 2:
        return
    risk_below, all_below = np.cumsum(positive)[:-1], np.cumsum(counts)[:-1]
    right_if_low = risk_below + (counts.sum() - all_below) - (positive.sum() - risk_below)
    for right, high_is_risk in ((right_if_low, False), (counts.sum() - right_if_low, True)):
        position = int(right.argmax())
        below = float(distinct[position])
        words = (
            msg("at risk where {column} > {value}", column=title, value=figures(below))
            if high_is_risk
            else msg("at risk where {column} ≤ {value}", column=title, value=figures(below))
        )
        yield float(right[position]), Split(words, None, below, high_is_risk)


def best_rules(
    columns: Mapping[str, Values],
    label: Floats,
    meanings: Mapping[str, Text] | None = None,
    profile: Mapping[str, Column] | None = None,
) -> tuple[ColumnRule, ...]:
    """The best rule of every column that has one, the most often right first (then by name).

    The words of a rule call its column as `meanings` does, and a category as the columns of the `profile` do.
    """
    meanings = meanings or {}
    worded = {name: column for name, column in (profile or {}).items() if column.words}
    rules = (best_rule(name, values, label, meanings.get(name), worded.get(name)) for name, values in columns.items())
    return tuple(sorted((rule for rule in rules if rule is not None), key=lambda rule: (-rule.share, rule.column)))


def audited_rules(panel: Panel, plan: Plan, features: Sequence[str], matrix: Floats) -> tuple[ColumnRule, ...]:
    """The best rule of every column that is known when the plan's predictions are made, over all rows of the plan.

    Audited are the numbers and categories of the sheets and the raw features (n, k). The column that defines the
    label is among them where it is a feature, or where the label is of a later year; elsewhere, that it gives the
    answer away is no news.
    """
    label = panel.label if plan.horizon == 0 else panel.next_label
    rows = rows_that_count(panel, plan, plan.cohorts)
    columns: dict[str, Values] = {**panel.numbers, **panel.categories}
    name = panel.profile.label.column
    if plan.horizon == 0 and name not in features:
        columns.pop(name, None)
    # A category's words say more than their places in the features.
    numeric = zip(features, matrix.T, strict=True)
    columns.update((feature, values) for feature, values in numeric if feature not in panel.categories)
    known = {name: values[rows] for name, values in columns.items()}
    return best_rules(known, label[rows], meanings_of(panel.profile), panel.profile.columns)


@dataclass(frozen=True, slots=True)
class SumRule:
    """A weighted sum of columns, plus `constant`, that gives `target`, and the rule on it that gives the answer."""

    target: str
    weights: Mapping[str, float]
    constant: float
    explained: float  # share of the target's variance
    rule: ColumnRule

    @property
    def words(self) -> Message:
        """The sum and what it gives."""
        terms = [f"{weight:+.3g}·{name}".replace("-", "−", 1) for name, weight in self.weights.items()]
        terms += [f"{self.constant:+.3g}".replace("-", "−", 1)] if abs(self.constant) >= 0.005 else []
        return msg("{target} ≈ {total}", target=self.target, total=Figures(" ".join(terms).lstrip("+")))


def sum_rules(columns: Mapping[str, Floats], targets: Mapping[str, Floats], label: Floats) -> tuple[SumRule, ...]:
    """The sums of `columns` (n,; NaN missing) that give the label (n,) away, at most two for each target.

    Least squares fits each target, a column from which the label can be read, by every pair of columns and by all
    columns that are mostly there; of the latter, columns are dropped while that costs next to nothing. Columns
    that give it alone have no place here: pass those that do not.
    """
    sums: list[SumRule] = []
    for name, target in targets.items():
        usable = {column: values for column, values in columns.items() if column != name and _varies(values)}
        pairs = (_fit(name, target, usable, pair, label) for pair in combinations(usable, 2))
        leaking = [total for total in pairs if total is not None]
        if leaking:
            sums.append(max(leaking, key=lambda total: (total.rule.share, total.rule.n)))  # the first of equals
        used = {column for total in leaking for column in total.weights}
        sums += _many(name, target, {column: values for column, values in usable.items() if column not in used}, label)
    return tuple(sums)


def _varies(values: Floats) -> bool:
    return np.unique(values[~np.isnan(values)]).size > 1


def audited_sums(
    panel: Panel, plan: Plan, features: Sequence[str], matrix: Floats, rules: Sequence[ColumnRule]
) -> tuple[SumRule, ...]:
    """The sums that give the answer away, among the numbers of the sheets and the raw features (n, k) of a plan.

    What they are sought to give: the label's column in the answer's year, and, of the same year, each column that
    `rules` says gives the answer alone.
    """
    label = panel.label if plan.horizon == 0 else panel.next_label
    rows = rows_that_count(panel, plan, plan.cohorts)
    numeric = {name: values for name, values in zip(features, matrix.T, strict=True) if name not in panel.categories}
    columns: dict[str, Floats] = {**panel.numbers, **numeric}
    alone = {rule.column for rule in rules if rule.leaks}
    name = panel.profile.label.column
    targets = {name: _of_year(panel, panel.label_values, plan.horizon)}
    if plan.horizon == 0:
        targets |= {column: columns[column] for column in columns if column in alone}
        alone = {*alone, name}
    usable = {column: values[rows] for column, values in columns.items() if column not in alone}
    return sum_rules(usable, {column: values[rows] for column, values in targets.items()}, label[rows])


def _of_year(panel: Panel, values: Floats, horizon: int) -> Floats:
    """For each row of the panel the same pupil's value (n,) `horizon` years later; NaN where it is unknown."""
    pupils, years = panel.student.tolist(), panel.year.tolist()
    known = dict(zip(zip(pupils, years, strict=True), values.tolist(), strict=True))
    later = {year: panel.profile.period_after(year, horizon) for year in set(years)}
    return np.array([known.get((pupil, later[year]), np.nan) for pupil, year in zip(pupils, years, strict=True)])


def _many(name: str, target: Floats, columns: Mapping[str, Floats], label: Floats) -> Iterator[SumRule]:
    """The shortest sum of three or more columns that dropping one at a time, the least missed first, leads to."""
    known = ~np.isnan(target)
    kept = [column for column, values in columns.items() if (~np.isnan(values[known])).mean() >= PRESENT]
    best = _fit(name, target, columns, kept, label) if len(kept) > 2 else None
    while best is not None:
        fits = [_fit(name, target, columns, [other for other in kept if other != column], label) for column in kept]
        shorter = max((fit for fit in fits if fit is not None), key=lambda fit: fit.explained, default=None)
        if shorter is None or not _as_good(shorter, best):
            yield best
            return
        best, kept = shorter, list(shorter.weights)


def _as_good(shorter: SumRule, longer: SumRule) -> bool:
    negligible = max(NEGLIGIBLE, (1 - longer.explained) / 5)  # a sum that is not exact need not be so near
    return shorter.rule.share >= longer.rule.share and shorter.explained >= longer.explained - negligible


def _fit(
    name: str, target: Floats, columns: Mapping[str, Floats], chosen: Sequence[str], label: Floats
) -> SumRule | None:
    """The least-squares sum of the chosen columns for a target, if it gives the label away."""
    matrix = np.column_stack([columns[column] for column in chosen])
    known = ~np.isnan(matrix).any(axis=1) & ~np.isnan(target)
    if known.sum() < max(FEWEST_ROWS, ROWS_PER_COLUMN * len(chosen)):
        return None
    design = np.column_stack((matrix[known], np.ones(int(known.sum()))))
    weights = np.linalg.lstsq(design, target[known], rcond=None)[0]
    total = design @ weights
    spread = float(((target[known] - target[known].mean()) ** 2).sum())
    explained = 1 - float(((total - target[known]) ** 2).sum()) / spread if spread > 0 else 0.0
    if explained < EXPLAINED:
        return None
    rule = best_rule(name, np.round(total, _DIGITS).astype(np.float64), label[known])
    if rule is None or not rule.leaks:
        return None
    *terms, constant = weights.tolist()
    return SumRule(name, dict(zip(chosen, terms, strict=True)), constant, explained, rule)
