"""The answers of a model's trees for many rows at once, without XGBoost and several times as fast.

A tree's answer depends on a row only through the outcomes of its splits, so each tree becomes a table with one line for
every pattern of outcomes, as in `farol.model.tree_shap`. The rows of a block pass one split after another, by numpy.
ONNX Runtime and XGBoost go down the tree anew for every row; this needs no branch at all.

Leaves are added in ONNX Runtime's order and precision, so that both give the same probability but for a last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from farol.model.tree_shap import Tree, read_trees

Singles = NDArray[np.float32]

CACHED_ROWS = 32_768
"""Rows that pass all splits before the next ones: more would leave the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class TabulatedTree:
    """A tree: its splits, the last one first, and the value of each pattern of outcomes.

    A split is an input, a threshold and a comparison, which is such that a missing value (NaN, for which every
    comparison is false) goes where the tree sends it.
    """

    splits: tuple[tuple[int, np.float32, np.ufunc], ...]
    values: Singles  # (2^splits,)

    @classmethod
    def of(cls, tree: Tree) -> Self:
        """Tabulate a tree. Bit j of a pattern is 1 where the comparison of split j is true."""
        patterns = np.arange(1 << len(tree.inputs))
        # Where a missing value goes left, the comparison asks for the right side.
        mirrored = sum(1 << bit for bit, missing_left in enumerate(tree.missing_left) if missing_left)
        values = np.zeros(patterns.size, dtype=np.float32)
        for value, branches in tree.leaves:
            reached = np.ones(patterns.size, dtype=np.bool_)
            for branch in branches:
                reached &= ((patterns ^ mirrored) >> branch.bit & 1) == branch.left
            values[reached] = value
        splits = zip(tree.inputs, tree.thresholds, tree.missing_left, strict=True)
        compared = [
            (place, np.float32(threshold), np.greater_equal if missing_left else np.less)
            for place, threshold, missing_left in splits
        ]
        return cls(tuple(reversed(compared)), values)


@dataclass(frozen=True, slots=True, eq=False)
class TabulatedTrees:
    """A model ready to answer many rows. Safe to use from several threads at once."""

    base: np.float32  # the log-odds that the trees start from
    trees: tuple[TabulatedTree, ...]

    @classmethod
    def of(cls, model: bytes, width: int) -> Self:
        """Tabulate an XGBoost model in JSON of `width` inputs. Raises BundleError for any other model, and for trees
        of more than `farol.model.tree_shap.MOST_SPLITS` splits.
        """
        base, trees = read_trees(model, width)
        single = np.float32(base)
        odds = np.float32(1) / single - np.float32(1)
        return cls(-np.log(odds), tuple(map(TabulatedTree.of, trees)))

    def probability(self, inputs: Singles) -> Singles:
        """The probabilities (n,) of model inputs (n, m), NaN missing; fastest where each input lies in one piece."""
        log_odds = np.empty(len(inputs), dtype=np.float32)
        for start in range(0, len(inputs), CACHED_ROWS):
            rows = slice(start, start + CACHED_ROWS)
            log_odds[rows] = self._log_odds(inputs[rows])
        return _logistic(log_odds)

    def _log_odds(self, inputs: Singles) -> Singles:
        rows = len(inputs)
        columns = [np.ascontiguousarray(column) for column in inputs.T]
        total, value = np.zeros(rows, dtype=np.float32), np.empty(rows, dtype=np.float32)
        place, truth = np.empty(rows, dtype=np.intp), np.empty(rows, dtype=np.bool_)
        outcome = truth.view(np.uint8)
        narrow, wide = np.empty(rows, dtype=np.uint8), np.empty(rows, dtype=np.uint16)
        for tree in self.trees:
            pattern: NDArray[Any] = narrow if len(tree.splits) <= 8 else wide
            pattern.fill(0)
            for column, threshold, compare in tree.splits:
                compare(columns[column], threshold, out=truth)
                np.add(pattern, pattern, out=pattern)
                np.bitwise_or(pattern, outcome, out=pattern)
            place[:] = pattern
            tree.values.take(place, out=value, mode="clip")  # which cannot clip, and is faster than to check
            total += value
        total += self.base
        return total


def _logistic(log_odds: Singles) -> Singles:
    """The probabilities (n,) as ONNX Runtime computes them, in single precision from the absolute value."""
    unit = np.float32(1)
    power = np.exp(-np.abs(log_odds).astype(np.float64)).astype(np.float32)
    upper = unit / (unit + power)
    return np.where(log_odds < 0, unit - upper, upper)
