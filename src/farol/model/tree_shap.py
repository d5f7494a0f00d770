"""How much each feature adds to an answer, in log-odds: exact for the served trees, and without XGBoost.

The contributions are path-dependent TreeSHAP (Lundberg et al., "From local explanations to global understanding with
explainable AI for trees", 2020), which is what XGBoost gives as `pred_contribs`: the Shapley values of the game in
which a feature that is not known yet is averaged over the training rows that passed each split. They depend on a
row only through the outcomes of the splits. A served tree has few of them, so we tabulate its contributions for every
pattern of outcomes once, and a row then costs a few array look-ups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from farol.errors import BundleError
from farol.files import parse_json
from farol.i18n import Message, count, msg
from farol.model.features import Floats, Preprocessing

MOST_SPLITS = 12
"""Splits of the largest tree we tabulate: it has 4,096 patterns of outcomes."""

BLOCK = 64
"""Rows explained at once: each looks one line up in every tree, and the lines should fit in the cache."""

_FLOAT = np.float32  # XGBoost compares single-precision values with single-precision thresholds


@dataclass(frozen=True, slots=True)
class Branch:
    """One step from a split towards a leaf: which side is taken, and the share of training rows that took it."""

    input: int
    bit: int
    left: bool
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One tree: its splits by `bit` (their position), and its leaves with the branches that lead to them."""

    inputs: tuple[int, ...]
    thresholds: tuple[float, ...]
    missing_left: tuple[bool, ...]
    leaves: tuple[tuple[float, tuple[Branch, ...]], ...]

    def table(self, width: int) -> tuple[Floats, float]:
        """Contributions (2^splits, width) by pattern, and the mean over training rows; bit j is 1 for left."""
        patterns = np.arange(1 << len(self.inputs))
        table, mean = np.zeros((patterns.size, width)), 0.0
        for value, branches in self.leaves:
            inputs = list(dict.fromkeys(branch.input for branch in branches))
            known = np.ones((len(inputs), 1, patterns.size))  # 1 where the row's outcomes lead on towards the leaf
            share = np.ones((len(inputs), 1, 1))
            for branch in branches:
                place = inputs.index(branch.input)
                known[place, 0] *= (patterns >> branch.bit & 1) == branch.left
                share[place] *= branch.share
            mean += value * float(share.prod())
            # The Shapley value of a product game is an integral over t, the chance that another feature is known, of
            # a polynomial of degree d − 1, which this many Gauss-Legendre nodes integrate exactly.
            t, weights = _gauss_legendre((len(inputs) + 1) // 2)
            others = t * known + (1 - t) * share
            for place, column in enumerate(inputs):
                rest = others[[position for position in range(len(inputs)) if position != place]].prod(axis=0)
                table[:, column] += value * (known[place, 0] - share[place, 0]) * (weights @ rest)
        return table, mean


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """The contributions of a model's k features, ready to be looked up. `bias` is the answer when nothing is known."""

    bias: float
    _preprocessing: Preprocessing
    _inputs: NDArray[np.int64]  # (splits, trees) the model input of each split
    _thresholds: NDArray[np.float32]  # (splits, trees, 1) padded with −inf, to which no value goes left
    _missing_left: NDArray[np.bool_]  # (splits, trees, 1)
    _first: NDArray[np.int64]  # (trees, 1) of each tree, the line of `_table` of its pattern 0
    _table: Floats  # (lines, k)

    @classmethod
    def of(cls, model: bytes, preprocessing: Preprocessing) -> Self:
        """Tabulate an XGBoost model in JSON whose inputs `preprocessing` makes.

        A feature's inputs, such as its missing flag or a category's words, are added up to one contribution. Raises
        BundleError for any other model, and for trees of more than `MOST_SPLITS` splits.
        """
        base, trees = read_trees(model, preprocessing.width)
        width, deepest = preprocessing.width, max(len(tree.inputs) for tree in trees)
        features = {name: place for place, name in enumerate(preprocessing.features)}
        parts = np.zeros((width, len(features)))  # (m, k) 1 where an input belongs to a feature
        parts[np.arange(width), [features[name] for name in preprocessing.input_features]] = 1
        inputs = np.zeros((deepest, len(trees)), dtype=np.int64)
        thresholds = np.full((deepest, len(trees)), -np.inf, dtype=_FLOAT)
        missing_left = np.zeros((deepest, len(trees)), dtype=np.bool_)
        tables, bias = [], log(base / (1 - base))
        for place, tree in enumerate(trees):
            splits = len(tree.inputs)
            inputs[:splits, place] = tree.inputs
            thresholds[:splits, place] = tree.thresholds
            missing_left[:splits, place] = tree.missing_left
            table, mean = tree.table(width)
            tables.append(table @ parts)
            bias += mean
        return cls(
            bias=bias,
            _preprocessing=preprocessing,
            _inputs=inputs,
            _thresholds=thresholds[:, :, np.newaxis],
            _missing_left=missing_left[:, :, np.newaxis],
            _first=np.cumsum([0, *(len(table) for table in tables[:-1])])[:, np.newaxis],
            _table=np.concatenate(tables),
        )

    def __call__(self, features: Floats) -> Floats:
        """Contributions (n, k) in log-odds of raw features (n, k), NaN missing.

        `bias` and a row's contributions add up to the log-odds of its probability.
        """
        contributions = np.empty(features.shape)
        for start in range(0, len(features), BLOCK):
            rows = slice(start, start + BLOCK)
            values = self._preprocessing.transform(features[rows]).T[self._inputs]  # (splits, trees, rows)
            left = np.where(np.isnan(values), self._missing_left, values < self._thresholds)
            line = np.tile(self._first, len(features[rows]))
            for bit, outcomes in enumerate(left):
                line += outcomes.astype(np.int64) << bit
            contributions[rows] = np.take(self._table, line, axis=0).sum(axis=0)
        return contributions


@lru_cache
def _gauss_legendre(nodes: int) -> tuple[Floats, Floats]:
    """Nodes (nodes, 1) and weights (nodes,) of the integral from 0 to 1."""
    if not nodes:  # a leaf without a split above it
        return np.zeros((0, 1)), np.zeros(0)
    points, weights = np.polynomial.legendre.leggauss(nodes)
    return (points[:, np.newaxis] + 1) / 2, weights / 2


def read_trees(model: bytes, width: int) -> tuple[float, list[Tree]]:
    """The probability that the trees start from, and the trees, of an XGBoost model in JSON of `width` inputs.

    Raises BundleError for any other model, and for trees of more than `MOST_SPLITS` splits.
    """
    try:
        learner: Any = parse_json(model)["learner"]  # type: ignore[index]  # a TypeError if it is no object
        parameters, booster = learner["learner_model_param"], learner["gradient_booster"]
        base = float(parameters["base_score"].strip("[]"))
        trees = [_tree(tree) for tree in booster["model"]["trees"]]
        fits = (
            learner["objective"]["name"] == "binary:logistic"
            and booster["name"] == "gbtree"
            and all(0 <= column < width for tree in trees for column in tree.inputs)
            and trees
            and 0 < base < 1
        )
        if not fits:
            raise _refused(msg("model.json is not a model whose answers Farol can explain."))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
        raise _refused(msg("model.json is not a model whose answers Farol can explain.")) from error
    else:
        return base, trees


def _tree(source: Mapping[str, Any]) -> Tree:
    left, right = source["left_children"], source["right_children"]
    splits = [node for node in range(len(left)) if left[node] >= 0 or right[node] >= 0]
    if len(splits) > MOST_SPLITS:
        raise _refused(msg("A tree of the model is too large to explain its answers."), len(splits))
    if any(source["split_type"]):
        raise ValueError("a split by category")
    return Tree(
        inputs=tuple(source["split_indices"][node] for node in splits),
        thresholds=tuple(source["split_conditions"][node] for node in splits),
        missing_left=tuple(bool(source["default_left"][node]) for node in splits),
        leaves=tuple(_leaves(source, {node: bit for bit, node in enumerate(splits)})),
    )


def _leaves(source: Mapping[str, Any], bits: Mapping[int, int]) -> Iterator[tuple[float, tuple[Branch, ...]]]:
    """Every leaf's value with the branches from the root to it."""
    children = {True: source["left_children"], False: source["right_children"]}
    covers = source["sum_hessian"]
    waiting: list[tuple[int, tuple[Branch, ...]]] = [(0, ())]
    while waiting:
        node, branches = waiting.pop()
        if node not in bits:
            yield source["split_conditions"][node], branches
            continue
        if len(branches) > len(bits):
            raise ValueError("a branch that leads back to itself")
        for left, child in ((side, children[side][node]) for side in (False, True)):
            share = covers[child] / covers[node]
            waiting.append((child, (*branches, Branch(source["split_indices"][node], bits[node], left, share))))


def _refused(problem: Message, splits: int | None = None) -> BundleError:
    expected = msg("boosted trees for one yes-or-no question, each of at most {most} splits", most=MOST_SPLITS)
    got = None if splits is None else msg("{count} splits", count=count(splits))
    return BundleError(problem, expected=expected, got=got, fix=msg("Train again with `farol train`."))
