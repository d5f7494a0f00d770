"""Bins frozen on raw training values: what later data is compared with, and counted in.

A feature of few values is binned by value, any other at training quantiles. A bin of quantiles holds its lower edge
and not its upper one: [edge, next edge). Every edge is a value seen in training and above the least one, so that no
bin is empty in training. The first and last bins are open, and the last of all is for missing values.

Frozen beside them: what the model answered for training rows that it had not seen, and all counts by level of the
programme, so that other answers can be told from other pupils; and how each two features went together
(`farol.model.pairwise_counts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from farol.files import canonical_json, parse_json
from farol.i18n import msg
from farol.model.pairwise_counts import PairwiseCounts, groups_of
from farol.model.pairwise_counts import read as read_joint

Floats = NDArray[np.float64]

MOST_BINS = 10
"""Most bins of a feature, those for unseen and for missing values aside."""

ROWS_PER_VALUE = 5
"""A feature is binned by value only where each value has on average this many training rows: with fewer, what looks
discrete may be a continuous feature of which we saw little."""

SCORE_BINS = 100
"""Equal bins of the probability, from 0 to 1; behind them stands one more for no answer."""

ANSWERS = 3
"""Bins of the prediction: 0, 1, and 2 for no answer."""


def score_index(probability: Floats) -> NDArray[np.int64]:
    """The bin (n,) of each probability (n,): [0, 0.01), [0.01, 0.02) … [0.99, 1]; NaN, no answer, is in the last."""
    cells = np.minimum(probability * SCORE_BINS, SCORE_BINS - 1)
    index: NDArray[np.int64] = np.where(np.isnan(cells), SCORE_BINS, cells).astype(np.int64)
    return index


@dataclass(frozen=True, slots=True)
class FeatureBins:
    """The bins of one feature and how many training rows fell in each.

    Either `edges` (one bin more than edges, then missing) or `values` (a bin each, then other values, then missing);
    the other one is None. `counts` has one number a bin, the last for missing. `lowest` and `highest` are the least
    and greatest training value; None where there was none, and in bundles of an older Farol.
    """

    feature: str
    edges: tuple[float, ...] | None
    values: tuple[float, ...] | None
    counts: tuple[int, ...]
    lowest: float | None = None
    highest: float | None = None

    @classmethod
    def fit(cls, values: Floats, feature: str) -> Self:
        """Bins of training values (n,), NaN missing. A wholly missing feature has one open bin, which is empty."""
        present = np.sort(values[np.isfinite(values)])
        distinct = np.unique(present)
        discrete = 0 < distinct.size <= MOST_BINS and present.size >= ROWS_PER_VALUE * distinct.size
        edges = None if discrete else _quantile_edges(present)
        seen = tuple(distinct.tolist()) if discrete else None
        empty = cls(feature, edges, seen, ())
        counts = empty.count(values)
        lowest, highest = (float(present[0]), float(present[-1])) if present.size else (None, None)
        return cls(feature, edges, seen, tuple(counts.tolist()), lowest, highest)

    @property
    def size(self) -> int:
        """How many bins, the one for missing values included."""
        return len(self.values) + 2 if self.values is not None else len(self.edges or ()) + 2

    @property
    def ordered(self) -> int:
        """How many of the first bins are in order of their values: all but missing, and but values never seen."""
        return len(self.values) if self.values is not None else len(self.edges or ()) + 1

    def index(self, values: Floats) -> NDArray[np.int64]:
        """The bin (n,) of each value (n,): any float, infinities included, is in exactly one; NaN is in the last."""
        return _Binning.of((self,)).index(values[:, np.newaxis])[:, 0]

    def count(self, values: Floats) -> NDArray[np.int64]:
        """How many of the values (n,) fall in each bin: (bins,), as `index` would have it, and far faster.

        For each edge is counted how many values reach it: no value's bin is ever written down, and a block of values
        stays in the processor's cache while all edges pass over it.
        """
        points = (self.edges if self.values is None else self.values) or ()
        compare = np.greater_equal if self.values is None else np.equal
        reached = np.zeros(len(points), dtype=np.int64)
        missing, truth = 0, np.empty(CACHED, dtype=np.bool_)
        for start in range(0, values.size, CACHED):
            block = np.ascontiguousarray(values[start : start + CACHED])
            into = truth[: block.size]
            missing += int(np.count_nonzero(np.isnan(block, out=into)))
            for position, point in enumerate(points):
                reached[position] += np.count_nonzero(compare(block, point, out=into))
        present = values.size - missing
        if self.values is not None:
            return np.array([*reached, present - reached.sum(), missing], dtype=np.int64)
        return np.array([*-np.diff(reached, prepend=present, append=0), missing], dtype=np.int64)

    @lru_cache(maxsize=512)  # noqa: B019  # of values: it keeps a few bins alive, and no state
    def labels(self, locale: str) -> tuple[str, ...]:
        """What a reader sees on an axis, one text a bin, in `locale`."""
        if self.values is not None:
            texts = [*_numbers(self.values, locale), msg("other value").render(locale)]
        elif self.edges:
            numbers = _numbers(self.edges, locale)
            texts = [
                msg("below {low}", low=numbers[0]).render(locale),
                *(msg("{low} to {high}", low=low, high=high).render(locale) for low, high in pairwise(numbers)),
                msg("{low} or more", low=numbers[-1]).render(locale),
            ]
        else:
            texts = [msg("any value").render(locale)]
        return (*texts, msg("missing").render(locale))


CACHED = 16_384
"""Values counted at once: with their comparisons they stay in the cache of one core."""

BLOCK = 65_536
"""Rows indexed at once: every value is compared with every edge, and the comparisons have to fit in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class _Binning:
    """All features' edges and values as one array, so that a single row costs a few array operations in all."""

    points: Floats  # (k, p) edges or values, NaN behind the last one: no value reaches or equals NaN
    discrete: NDArray[np.bool_]  # (k,)
    missing: NDArray[np.int64]  # (k,) the last bin

    @classmethod
    def of(cls, features: Sequence[FeatureBins]) -> Self:
        points = [bins.edges if bins.values is None else bins.values for bins in features]
        padded = np.full((len(features), max((len(row or ()) for row in points), default=0)), np.nan)
        for position, row in enumerate(points):
            padded[position, : len(row or ())] = row
        discrete = np.array([bins.values is not None for bins in features], dtype=np.bool_)
        return cls(padded, discrete, np.array([bins.size - 1 for bins in features], dtype=np.int64))

    def index(self, matrix: Floats) -> NDArray[np.int64]:
        bins = np.empty(matrix.shape, dtype=np.int64)
        for start in range(0, matrix.shape[0], BLOCK):
            values = matrix[start : start + BLOCK, :, np.newaxis]
            reached = (self.points <= values).sum(axis=2)
            # By value: the last point reached must be the value itself, otherwise it is one we never saw.
            known = (self.points == values).any(axis=2)
            index = np.where(self.discrete, np.where(known, reached - 1, self.missing - 1), reached)
            bins[start : start + BLOCK] = np.where(np.isnan(values[:, :, 0]), self.missing, index)
        return bins


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows fell in each bin of every feature, of the probability (101) and of the prediction (3).

    `score` and `predicted` are of answers for rows that the model had not seen; None where they are not known.
    """

    features: tuple[tuple[int, ...], ...]
    score: tuple[int, ...] | None
    predicted: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Reference:
    """The bins of all features of a task, in order, and the number of training rows.

    `score` are the counts of training rows by probability (100 equal bins, then no answer), and `predicted` by
    prediction (0, 1, no answer), from models that had not seen the pupil: those of a model for its own rows are more
    extreme than it will be for anybody else. `at_risk` are those of `score` whose label is 1. `by_level` has the counts
    of the rows of each level of the programme, under the level as text ("3"). `joint` is how each two features went
    together; None too where training had too few rows for that. All of these are None or empty in bundles of an older
    Farol.
    """

    features: tuple[FeatureBins, ...]
    n: int
    score: tuple[int, ...] | None = None
    predicted: tuple[int, ...] | None = None
    by_level: Mapping[str, Tally] = field(default_factory=dict)
    joint: PairwiseCounts | None = None
    at_risk: tuple[int, ...] | None = None
    _binning: _Binning = field(init=False, repr=False, compare=False)
    _bounds: tuple[Floats, Floats] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_binning", _Binning.of(self.features))
        lowest = [-np.inf if bins.lowest is None else bins.lowest for bins in self.features]
        highest = [np.inf if bins.highest is None else bins.highest for bins in self.features]
        object.__setattr__(self, "_bounds", (np.array(lowest), np.array(highest)))

    @classmethod
    def fit(
        cls,
        matrix: Floats,
        names: Sequence[str],
        *,
        probability: Floats | None = None,
        threshold: float = 0.5,
        level: Floats | None = None,
        label: Floats | None = None,
    ) -> Self:
        """Freeze the bins of raw training rows (n, k).

        `probability` (n,) are answers for these rows by models that had not seen the pupil, NaN for no answer;
        `threshold` makes predictions of them. `level` (n,) is each row's level in the programme, NaN unknown. `label`
        (n,) is 1 for rows at risk.
        """
        features = tuple(FeatureBins.fit(column, name) for column, name in zip(matrix.T, names, strict=True))
        reference = cls(features, matrix.shape[0])
        bins = reference.index(matrix)
        whole = _tally(reference, bins, probability, threshold)
        levels = {} if level is None else {f"{stage:g}": level == stage for stage in np.unique(level[~np.isnan(level)])}
        by_level = {
            name: _tally(reference, bins[rows], None if probability is None else probability[rows], threshold)
            for name, rows in levels.items()
        }
        joint = PairwiseCounts.fit([groups_of(bins.counts, bins.ordered) for bins in features], bins, levels)
        cases = None if probability is None or label is None else score_index(probability[label == 1])
        at_risk = None if cases is None else _counted(cases, SCORE_BINS + 1)
        return cls(features, matrix.shape[0], whole.score, whole.predicted, by_level, joint, at_risk)

    def index(self, matrix: Floats) -> NDArray[np.int64]:
        """The bin (n, k) of each raw value (n, k)."""
        return self._binning.index(matrix)

    def count(self, matrix: Floats) -> tuple[tuple[int, ...], ...]:
        """How many raw values (n, k) fall in each bin of each feature; fastest where each feature lies in one piece."""
        columns = zip(self.features, matrix.T, strict=True)
        return tuple(tuple(bins.count(column).tolist()) for bins, column in columns)

    def outside(self, matrix: Floats) -> NDArray[np.bool_]:
        """Whether each raw value (n, k) lies below the least or above the greatest of training; a gap never does."""
        lowest, highest = self._bounds
        outside: NDArray[np.bool_] = (matrix < lowest) | (matrix > highest)
        return outside

    def to_json(self) -> bytes:
        """Canonical JSON; `from_json` gives back an equal reference."""
        features = [
            {
                "feature": bins.feature,
                "edges": bins.edges,
                "values": bins.values,
                "counts": bins.counts,
                "lowest": bins.lowest,
                "highest": bins.highest,
            }
            for bins in self.features
        ]
        by_level = {
            level: {"features": tally.features, "score": tally.score, "predicted": tally.predicted}
            for level, tally in self.by_level.items()
        }
        return canonical_json(
            {
                "n": self.n,
                "features": features,
                "score": self.score,
                "predicted": self.predicted,
                "by_level": by_level,
                "joint": None if self.joint is None else self.joint.as_json(),
                "at_risk": self.at_risk,
            }
        )

    @classmethod
    def from_json(cls, source: bytes) -> Self:
        """Read what `to_json` wrote, or an older Farol; ValueError when it is something else."""
        match parse_json(source):
            case {"n": int(n), "features": list(features), **later}:
                bins = tuple(_read_bins(feature, n) for feature in features)
            case _:
                raise ValueError("not a reference")
        match later.get("by_level", {}):
            case dict(levels):
                by_level = {str(level): _read_tally(tally, bins) for level, tally in levels.items()}
            case _:
                raise ValueError("not the counts by level")
        score = _read_counts(later.get("score"), SCORE_BINS + 1, n)
        predicted = _read_counts(later.get("predicted"), ANSWERS, n)
        joint = read_joint(later.get("joint"), [feature.size for feature in bins])
        return cls(bins, n, score, predicted, by_level, joint, _read_part(later.get("at_risk"), score))


def _tally(reference: Reference, bins: NDArray[np.int64], probability: Floats | None, threshold: float) -> Tally:
    counts = tuple(_counted(column, feature.size) for feature, column in zip(reference.features, bins.T, strict=True))
    if probability is None:
        return Tally(counts, None, None)
    predicted = np.where(np.isnan(probability), ANSWERS - 1, probability >= threshold).astype(np.int64)
    return Tally(counts, _counted(score_index(probability), SCORE_BINS + 1), _counted(predicted, ANSWERS))


def _counted(bins: NDArray[np.int64], size: int) -> tuple[int, ...]:
    return tuple(np.bincount(bins, minlength=size).tolist())


def _read_tally(source: object, bins: Sequence[FeatureBins]) -> Tally:
    match source:
        case {"features": [[*first], *rest], "score": score, "predicted": predicted} if len(rest) + 1 == len(bins):
            n = sum(count for count in first if isinstance(count, int))
            features = tuple(
                _read_counts(counts, of.size, n) or () for counts, of in zip((first, *rest), bins, strict=True)
            )
            return Tally(features, _read_counts(score, SCORE_BINS + 1, n), _read_counts(predicted, ANSWERS, n))
        case _:
            raise ValueError("not the counts of a level")


def _read_counts(source: object, size: int, n: int) -> tuple[int, ...] | None:
    """Counts of `n` rows in `size` bins; None where there are none."""
    match source:
        case None:
            return None
        case [*numbers]:
            counts = tuple(number for number in numbers if isinstance(number, int))
        case _:
            raise ValueError("not counts")
    if len(counts) != size or min(counts) < 0 or sum(counts) != n:
        raise ValueError("counts of bins are one a bin, and their sum is the number of rows")
    return counts


def _read_part(source: object, whole: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Counts of some of the rows counted in `whole`; None where there are none."""
    match source:
        case None:
            return None
        case [*numbers] if whole is not None:
            counts = tuple(number for number in numbers if isinstance(number, int))
        case _:
            raise ValueError("not counts of a part")
    if len(counts) != len(whole) or any(not 0 <= count <= most for count, most in zip(counts, whole, strict=True)):
        raise ValueError("of the rows of a bin, none to all are counted in a part")
    return counts


def _read_bins(source: object, n: int) -> FeatureBins:
    match source:
        case {
            "feature": str(name),
            "edges": list() | None as edges,
            "values": list() | None as values,
            "counts": list(counts),
            **later,
        }:
            numbers = tuple(int(count) for count in counts)
            lowest, highest = _read_bound(later.get("lowest")), _read_bound(later.get("highest"))
            bins = FeatureBins(name, _floats(edges), _floats(values), numbers, lowest, highest)
        case _:
            raise ValueError("not the bins of a feature")
    points = bins.edges if bins.values is None else bins.values
    if points is None or (bins.edges is not None and bins.values is not None) or bins.values == ():
        raise ValueError("bins have either edges or values")
    if any(low >= high for low, high in pairwise(points)):
        raise ValueError("edges and values of bins ascend")
    if len(bins.counts) != bins.size or min(bins.counts) < 0 or sum(bins.counts) != n:
        raise ValueError("counts of bins are one a bin, and their sum is n")
    if (bins.lowest is None) != (bins.highest is None):
        raise ValueError("a feature has a least and a greatest value, or neither")
    return bins


def _read_bound(source: object) -> float | None:
    match source:
        case None:
            return None
        case int() | float():
            return float(source)
        case _:
            raise ValueError("not a value of a feature")


def _floats(numbers: list[float] | None) -> tuple[float, ...] | None:
    return None if numbers is None else tuple(float(number) for number in numbers)


def _quantile_edges(present: Floats) -> tuple[float, ...]:
    """Unique values at the quantiles of sorted values, the least value left out, since no bin lies below it.

    Quantiles are observed values (the inverse of the empirical distribution: Hyndman and Fan 1996, type 1).
    Interpolated ones may fall two in the same gap between observations and enclose an empty bin.
    """
    if not present.size:
        return ()
    places = np.ceil(np.arange(1, MOST_BINS) / MOST_BINS * present.size).astype(np.int64) - 1
    edges = np.unique(present[places])
    return tuple(edges[edges > present[0]].tolist())


def _numbers(points: Sequence[float], locale: str) -> list[str]:
    """Numbers for a reader: two decimals, more only where two would look alike."""
    for digits in range(2, 17):
        texts = [f"{point:.{digits}f}".rstrip("0").rstrip(".") for point in points]
        if len(set(texts)) == len(texts):
            break
    return texts if locale == "en" else [text.replace(".", ",") for text in texts]
