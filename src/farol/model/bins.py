"""The bins of a feature: where a value falls, and how many training rows fell there.

A feature of few values is binned by value, any other at training quantiles. A bin of quantiles holds its lower edge
and not its upper one: [edge, next edge). Every edge is a value seen in training and above the least one, so no bin is
empty in training. The first and the last bin of quantiles are open. One more bin is for missing values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from farol.i18n import msg
from farol.profile import Text

Floats = NDArray[np.float64]

MOST_BINS = 10
"""Most bins of a feature, those for unseen and for missing values aside."""

ROWS_PER_VALUE = 5
"""A feature is binned by value only where each value has on average this many training rows: with fewer, what looks
discrete may be a continuous feature of which we saw little."""

CACHED = 16_384
"""Values counted at once: with their comparisons they stay in the cache of one core."""

FEW = 512
"""Up to this number of rows every value is compared with every edge; of more, bisection takes a third of the time."""


@dataclass(frozen=True, slots=True)
class FeatureBins:
    """The bins of one feature and how many training rows fell in each.

    Either `edges` (one bin more than edges, then missing) or `values` (a bin each, then other values, then missing);
    the other one is None. `counts` has one number a bin, the last for missing. `lowest` and `highest` are the least
    and greatest training value; both are None where training had no value. Of a category the values are the places of
    words, which are in no order: `words` has what a reader calls each, and there is no least and greatest.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    feature: str
    edges: tuple[float, ...] | None
    values: tuple[float, ...] | None
    counts: tuple[int, ...]
    lowest: float | None
    highest: float | None
    words: tuple[Text, ...] | None = None

    @classmethod
    def fit(cls, values: Floats, feature: str, words: Sequence[Text] | None = None) -> Self:
        """Bins of training values (n,), NaN missing. A wholly missing feature has one open bin, which is empty.

        `words` are those of a category's vocabulary, of which the values are places.
        """
        present = np.sort(values[np.isfinite(values)])
        distinct = np.unique(present)
        if words is not None and distinct.size:
            named = tuple(words[int(place)] for place in distinct)
            empty = cls(feature, None, tuple(distinct.tolist()), (), None, None, named)
            return replace(empty, counts=tuple(empty.count(values).tolist()))
        discrete = 0 < distinct.size <= MOST_BINS and present.size >= ROWS_PER_VALUE * distinct.size
        edges = None if discrete else _quantile_edges(present)
        seen = tuple(distinct.tolist()) if discrete else None
        lowest, highest = (float(present[0]), float(present[-1])) if present.size else (None, None)
        empty = cls(feature, edges, seen, (), lowest, highest)
        return replace(empty, counts=tuple(empty.count(values).tolist()))

    def check(self, n: int) -> None:
        """Raise ValueError unless the parts fit each other and the counts are of `n` rows."""
        points = self.edges if self.values is None else self.values
        if points is None or (self.edges is not None and self.values is not None) or self.values == ():
            raise ValueError("bins have either edges or values")
        if any(low >= high for low, high in pairwise(points)):
            raise ValueError("edges and values of bins ascend")
        check_counts(self.counts, self.size, n)
        if self.words is not None and (self.values is None or len(self.words) != len(self.values)):
            raise ValueError("each value of a category has words")
        if (self.lowest is None) != (self.highest is None):
            raise ValueError("a feature has a least and a greatest value, or neither")

    @property
    def size(self) -> int:
        """How many bins, the one for missing values included."""
        return len(self.values) + 2 if self.values is not None else len(self.edges or ()) + 2

    @property
    def ordered(self) -> int:
        """How many of the first bins are in order of their values: all but missing, and but values never seen.

        None of a category's.
        """
        if self.words is not None:
            return 0
        return len(self.values) if self.values is not None else len(self.edges or ()) + 1

    def index(self, values: Floats) -> NDArray[np.int64]:
        """The bin (n,) of each value (n,): any float, infinities included, is in exactly one; NaN is in the last."""
        return Binning.of((self,)).index(values[:, np.newaxis])[:, 0]

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
            values = _numbers(self.values, locale) if self.words is None else [w.in_locale(locale) for w in self.words]
            texts = [*values, msg("other value").render(locale)]
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


@dataclass(frozen=True, slots=True, eq=False)
class Binning:
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
        if matrix.shape[0] > FEW:
            return np.column_stack([self._of_column(place, values) for place, values in enumerate(matrix.T)])
        values = matrix[:, :, np.newaxis]
        reached = (self.points <= values).sum(axis=2)
        # By value: the last point reached must be the value itself, otherwise it is one we never saw.
        known = (self.points == values).any(axis=2)
        index = np.where(self.discrete, np.where(known, reached - 1, self.missing - 1), reached)
        return np.where(np.isnan(matrix), self.missing, index)

    def _of_column(self, place: int, values: Floats) -> NDArray[np.int64]:
        """The bins (n,) of one feature: the same, by bisection."""
        points = self.points[place]
        points = points[~np.isnan(points)]
        index = np.searchsorted(points, values, side="right")
        if self.discrete[place] and points.size:
            known = (index > 0) & (points[np.maximum(index - 1, 0)] == values)
            index = np.where(known, index - 1, self.missing[place] - 1)
        return np.where(np.isnan(values), self.missing[place], index)


def check_counts(counts: Sequence[int], size: int, n: int) -> None:
    """Raise ValueError unless `counts` are those of `n` rows in `size` bins."""
    if len(counts) != size or min(counts) < 0 or sum(counts) != n:
        raise ValueError("counts of bins are one a bin, and their sum is the number of rows")


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
