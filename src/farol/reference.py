"""Bins frozen on raw training values: what later data is compared with, and counted in.

A feature of few values is binned by value, any other at training quantiles. A bin of quantiles holds its lower edge
and not its upper one: [edge, next edge). Every edge is a value seen in training and above the least one, so that no
bin is empty in training. The first and last bins are open, and the last of all is for missing values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from farol.canonical import canonical_json, parse_json
from farol.i18n import msg

Floats = NDArray[np.float64]

MOST_BINS = 10
"""Most bins of a feature, those for unseen and for missing values aside."""

ROWS_PER_VALUE = 5
"""A feature is binned by value only where each value has on average this many training rows: with fewer, what looks
discrete may be a continuous feature of which we saw little."""


@dataclass(frozen=True, slots=True)
class FeatureBins:
    """The bins of one feature and how many training rows fell in each.

    Either `edges` (one bin more than edges, then missing) or `values` (a bin each, then other values, then missing);
    the other one is None. `counts` has one number a bin, the last for missing.
    """

    feature: str
    edges: tuple[float, ...] | None
    values: tuple[float, ...] | None
    counts: tuple[int, ...]

    @classmethod
    def fit(cls, values: Floats, feature: str) -> Self:
        """Bins of training values (n,), NaN missing. A wholly missing feature has one open bin, which is empty."""
        present = np.sort(values[np.isfinite(values)])
        distinct = np.unique(present)
        discrete = 0 < distinct.size <= MOST_BINS and present.size >= ROWS_PER_VALUE * distinct.size
        edges = None if discrete else _quantile_edges(present)
        seen = tuple(distinct.tolist()) if discrete else None
        empty = cls(feature, edges, seen, ())
        counts = np.bincount(empty.index(values), minlength=empty.size)
        return cls(feature, edges, seen, tuple(counts.tolist()))

    @property
    def size(self) -> int:
        """How many bins, the one for missing values included."""
        return len(self.values) + 2 if self.values is not None else len(self.edges or ()) + 2

    def index(self, values: Floats) -> NDArray[np.int64]:
        """The bin (n,) of each value (n,): any float, infinities included, is in exactly one; NaN is in the last."""
        return _Binning.of((self,)).index(values[:, np.newaxis])[:, 0]

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
            found = np.where(self.discrete, np.where(known, reached - 1, self.missing - 1), reached)
            bins[start : start + BLOCK] = np.where(np.isnan(values[:, :, 0]), self.missing, found)
        return bins


@dataclass(frozen=True, slots=True)
class Reference:
    """The bins of all features of a task, in order, and the number of training rows."""

    features: tuple[FeatureBins, ...]
    n: int
    _binning: _Binning = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_binning", _Binning.of(self.features))

    @classmethod
    def fit(cls, matrix: Floats, names: Sequence[str]) -> Self:
        """Freeze the bins of raw training rows (n, k)."""
        columns = zip(matrix.T, names, strict=True)
        return cls(tuple(FeatureBins.fit(column, name) for column, name in columns), matrix.shape[0])

    def index(self, matrix: Floats) -> NDArray[np.int64]:
        """The bin (n, k) of each raw value (n, k)."""
        return self._binning.index(matrix)

    def to_json(self) -> bytes:
        """Canonical JSON; `from_json` gives back an equal reference."""
        features = [
            {"feature": bins.feature, "edges": bins.edges, "values": bins.values, "counts": bins.counts}
            for bins in self.features
        ]
        return canonical_json({"n": self.n, "features": features})

    @classmethod
    def from_json(cls, source: bytes) -> Self:
        """Read what `to_json` wrote; ValueError when it is something else."""
        match parse_json(source):
            case {"n": int(n), "features": list(features)}:
                return cls(tuple(_read_bins(feature, n) for feature in features), n)
            case _:
                raise ValueError("not a reference")


def _read_bins(source: object, n: int) -> FeatureBins:
    match source:
        case {
            "feature": str(name),
            "edges": list() | None as edges,
            "values": list() | None as values,
            "counts": list(counts),
        }:
            bins = FeatureBins(name, _floats(edges), _floats(values), tuple(int(count) for count in counts))
        case _:
            raise ValueError("not the bins of a feature")
    points = bins.edges if bins.values is None else bins.values
    if points is None or (bins.edges is not None and bins.values is not None) or bins.values == ():
        raise ValueError("bins have either edges or values")
    if any(low >= high for low, high in pairwise(points)):
        raise ValueError("edges and values of bins ascend")
    if len(bins.counts) != bins.size or min(bins.counts) < 0 or sum(bins.counts) != n:
        raise ValueError("counts of bins are one a bin, and their sum is n")
    return bins


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
