"""What a model answers for all test rows, counted in one pass: as a whole and by the values of some columns.

Probabilities are counted in bins, one row of bins for each value. The figures by threshold and the Brier score are
exact. The area under the ROC curve takes two pupils of one bin for equals: it errs by half of their share at most, and
says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from farol.evaluation.intervals import share_of
from farol.evaluation.metrics import Estimate

Floats = NDArray[np.float64]
Words = NDArray[np.str_]
_Numbers = TypeVar("_Numbers", NDArray[np.int64], Floats)

BINS = 500


@dataclass(frozen=True, slots=True)
class PopulationFigures:
    """The figures of some test rows. `roc_auc` is within `roc_auc_error` of the exact one; NaN of one answer alone.

    `caught`: of those at risk, the share that is pointed out; `false_alarms`: of the others.
    """

    n: int
    at_risk: int
    roc_auc: float
    roc_auc_error: float
    brier: float
    expected: float  # the sum of the probabilities
    caught: Estimate
    false_alarms: Estimate


@dataclass(slots=True, eq=False)
class _Counted:
    """Counts by value: pupils by answer and bin, the sum of squared errors and of probabilities, those pointed out."""

    bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2, BINS), dtype=np.int64))
    errors: Floats = field(default_factory=lambda: np.zeros(0))
    expected: Floats = field(default_factory=lambda: np.zeros(0))
    pointed: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    places: dict[str, int] = field(default_factory=dict)

    def add(self, words: Words, label: NDArray[np.int64], probability: Floats, threshold: float) -> None:
        names, where = np.unique(words, return_inverse=True)
        place = np.array([self.places.setdefault(name, len(self.places)) for name in names.tolist()])[where.ravel()]
        size = len(self.places)
        bin_ = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
        self.bins = _grown(self.bins, size)
        self.bins += np.bincount((place * 2 + label) * BINS + bin_, minlength=size * 2 * BINS).reshape(size, 2, BINS)
        self.errors = _grown(self.errors, size)
        self.errors += np.bincount(place, (probability - label) ** 2, minlength=size)
        self.expected = _grown(self.expected, size)
        self.expected += np.bincount(place, probability, minlength=size)
        out = probability >= threshold
        self.pointed = _grown(self.pointed, size)
        self.pointed += np.bincount((place * 2 + label)[out], minlength=size * 2).reshape(size, 2)

    def figures(self, place: int) -> PopulationFigures:
        healthy, ill = self.bins[place].astype(np.float64)
        negative, positive = healthy.sum(), ill.sum()
        pairs = negative * positive
        ties = float((healthy * ill).sum())
        below = np.cumsum(healthy) - healthy
        n = int(negative + positive)
        alarms, caught = self.pointed[place].tolist()
        return PopulationFigures(
            n=n,
            at_risk=int(positive),
            roc_auc=float(((below * ill).sum() + ties / 2) / pairs) if pairs else np.nan,
            roc_auc_error=ties / 2 / pairs if pairs else 0.0,
            brier=float(self.errors[place] / n),
            expected=float(self.expected[place]),
            caught=share_of(caught, positive),
            false_alarms=share_of(alarms, negative),
        )


def _grown(values: _Numbers, size: int) -> _Numbers:
    return np.concatenate((values, np.zeros((size - len(values), *values.shape[1:]), dtype=values.dtype)))


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """All test rows, counted; `columns`: those by whose values they are counted apart."""

    threshold: float
    columns: tuple[str, ...]
    counted: Mapping[str, _Counted]

    @classmethod
    def empty(cls, threshold: float, columns: tuple[str, ...]) -> Population:
        """Nothing counted yet."""
        return cls(threshold, columns, {name: _Counted() for name in (_WHOLE, *columns)})

    def add(self, label: NDArray[np.generic], probability: Floats, words: Mapping[str, NDArray[np.generic]]) -> None:
        """Count rows (n,) with their labels 0 or 1, probabilities, and words of each column."""
        known = label.astype(np.int64)
        everybody = np.full(known.size, "", dtype=np.str_)
        for name, counted in self.counted.items():
            of_column = words.get(name, everybody).astype(np.str_)
            counted.add(of_column, known, probability.astype(np.float64), self.threshold)

    @property
    def whole(self) -> PopulationFigures:
        """The figures of all rows."""
        return self.counted[_WHOLE].figures(0)

    def size(self, column: str) -> int:
        """How many values a column has."""
        return len(self.counted[column].places)

    def lines(self) -> Iterator[tuple[object, ...]]:
        """The figures of every value of every column as rows of a table, its headers first."""
        yield HEADERS
        for column in self.columns:
            for name, own in self.of(column).items():
                counts = own.n, own.at_risk, round(own.expected, 1)
                area = ("", "") if np.isnan(own.roc_auc) else (round(own.roc_auc, 4), round(own.roc_auc_error, 4))
                shares = (round(share, 4) for each in (own.caught, own.false_alarms) for share in _ends(each))
                yield column, name, *counts, *area, round(own.brier, 4), *shares

    def of(self, column: str) -> dict[str, PopulationFigures]:
        """The figures of each value of a column, in order of the values; "" where it is missing."""
        counted = self.counted[column]
        return {name: counted.figures(counted.places[name]) for name in sorted(counted.places)}


def _ends(share: Estimate) -> tuple[float, float, float]:
    return share.value, share.low, share.high


_WHOLE = ""
HEADERS = (
    *("column", "value", "pupils", "at_risk", "expected", "roc_auc", "roc_auc_error", "brier"),
    *("caught", "caught_low", "caught_high", "false_alarms", "false_alarms_low", "false_alarms_high"),
)
