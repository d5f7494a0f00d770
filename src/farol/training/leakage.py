"""Leakage through several columns at once: a weighted sum of them that gives the answer away.

A column that is itself made of others hides what it was made of: with the weights known, the sum gives any one of its
parts back. We look for sums by least squares, of two columns and of many, that give a column from which the answer
can be read, and judge each sum as `farol.training.audit` judges a column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from farol.i18n import Message, msg
from farol.training.audit import FEWEST_ROWS, Rule, best_rule
from farol.training.plan import Plan
from farol.workbook.panel import Panel

Floats = NDArray[np.float64]

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
class SumRule:
    """A weighted sum of columns, plus `constant`, that gives `target`, and the rule on it that gives the answer."""

    target: str
    weights: Mapping[str, float]
    constant: float
    explained: float  # share of the target's variance
    rule: Rule

    @property
    def words(self) -> Message:
        """The sum and what it gives."""
        terms = [f"{weight:+.3g}·{name}".replace("-", "−", 1) for name, weight in self.weights.items()]
        terms += [f"{self.constant:+.3g}".replace("-", "−", 1)] if abs(self.constant) >= 0.005 else []
        return msg("{target} ≈ {total}", target=self.target, total=" ".join(terms).lstrip("+"))


def sum_rules(columns: Mapping[str, Floats], targets: Mapping[str, Floats], label: Floats) -> tuple[SumRule, ...]:
    """The sums of `columns` (n,; NaN missing) that give the label (n,) away, at most two for each target.

    Least squares fits each target, a column from which the label can be read, by every pair of columns and by all
    columns that are mostly there; of the latter, columns are dropped while that costs next to nothing. Columns
    that give it alone have no place here: pass those that do not.
    """
    found: list[SumRule] = []
    for name, target in targets.items():
        usable = {column: values for column, values in columns.items() if column != name and _varies(values)}
        pairs = (_fit(name, target, usable, pair, label) for pair in combinations(usable, 2))
        leaking = [one for one in pairs if one is not None]
        if leaking:
            found.append(max(leaking, key=lambda one: (one.rule.share, one.rule.n)))  # the first of equals
        told = {column for one in leaking for column in one.weights}
        found += _many(name, target, {one: usable[one] for one in usable if one not in told}, label)
    return tuple(found)


def _varies(values: Floats) -> bool:
    return np.unique(values[~np.isnan(values)]).size > 1


def audited_sums(
    panel: Panel, plan: Plan, features: Sequence[str], matrix: Floats, rules: Sequence[Rule]
) -> tuple[SumRule, ...]:
    """The sums that give the answer away, among the numbers of the sheets and the raw features (n, k) of a plan.

    What they are sought to give: the label's column in the answer's year, and, of the same year, each column that
    `rules` says gives the answer alone.
    """
    label = panel.label if plan.horizon == 0 else panel.next_label
    rows = np.isin(panel.year, [cohort.as_of for cohort in (*plan.train, plan.test)]) & ~np.isnan(label)
    columns: dict[str, Floats] = {**panel.numbers, **dict(zip(features, matrix.T, strict=True))}
    alone = {rule.column for rule in rules if rule.leaks}
    name = panel.profile.label.column
    targets = {name: _of_year(panel, panel.numbers[name], plan.horizon)}
    if plan.horizon == 0:
        targets |= {column: columns[column] for column in columns if column in alone}
        alone = {*alone, name}
    usable = {column: values[rows] for column, values in columns.items() if column not in alone}
    return sum_rules(usable, {column: values[rows] for column, values in targets.items()}, label[rows])


def _of_year(panel: Panel, values: Floats, horizon: int) -> Floats:
    """For each row of the panel the same pupil's value (n,) so many years later; NaN where there is none."""
    pupils, years = panel.student.tolist(), panel.year.tolist()
    known = dict(zip(zip(pupils, years, strict=True), values.tolist(), strict=True))
    return np.array([known.get((pupil, year + horizon), np.nan) for pupil, year in zip(pupils, years, strict=True)])


def _many(name: str, target: Floats, columns: Mapping[str, Floats], label: Floats) -> Iterator[SumRule]:
    """The shortest sum of three or more columns that dropping one at a time, the least missed first, leads to."""
    known = ~np.isnan(target)
    kept = [column for column, values in columns.items() if (~np.isnan(values[known])).mean() >= PRESENT]
    best = _fit(name, target, columns, kept, label) if len(kept) > 2 else None
    while best is not None:
        fits = [_fit(name, target, columns, [other for other in kept if other != column], label) for column in kept]
        shorter = max((one for one in fits if one is not None), key=lambda one: one.explained, default=None)
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
