"""How good an answer is: discrimination, calibration and confusion, each figure with its interval.

Every metric is one vectorised function of weights, so the estimate (all weights one) and its bootstrap resamples
(multinomial weights) are the same code. Intervals are the bootstrap percentile intervals of Efron (1979) over test
rows, seeded. A metric that cannot be computed comes with its reason; it is neither an error nor zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from farol.i18n import Message, msg

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

RESAMPLES = 1_000
QUICK_RESAMPLES = 200
COVERAGE = 0.95
TOP_SHARE = 0.2
"""The share of pupils, most at risk first, of `precision_top` and `recall_top`."""
CALIBRATION_BINS = 10
_CELLS_AT_ONCE = 4_000_000  # of the matrix of weights: 32 MB, however many test rows there are

_NO_ROWS = msg("there are no pupils")
_NONE_PREDICTED = msg("nobody was pointed out as at risk")
_NONE_AT_RISK = msg("none of these pupils is at risk")
_ONE_CLASS = msg("all of these pupils have the same answer")
_NONE_EITHER_WAY = msg("nobody is at risk and nobody was pointed out")


@dataclass(frozen=True, slots=True)
class Measure:
    """What a metric is: its reader's name, which way is better, and why it may be undefined."""

    title: Message
    meaning: Message
    greater_is_better: bool
    undefined: Message


MEASURES: Mapping[str, Measure] = {
    "precision": Measure(
        msg("Precision"), msg("of those pointed out, the share who really are at risk"), True, _NONE_PREDICTED
    ),
    "recall": Measure(msg("Recall"), msg("of those at risk, the share pointed out"), True, _NONE_AT_RISK),
    "f1": Measure(msg("F1"), msg("the harmonic mean of precision and recall"), True, _NONE_EITHER_WAY),
    "roc_auc": Measure(
        msg("ROC AUC"),
        msg("how often a pupil at risk gets a higher probability than one who is not; 0.5 is chance"),
        True,
        _ONE_CLASS,
    ),
    "average_precision": Measure(
        msg("Average precision"),
        msg("precision over all thresholds; chance gives the share of pupils at risk"),
        True,
        _NONE_AT_RISK,
    ),
    "brier": Measure(msg("Brier score"), msg("mean squared error of the probability; 0 is perfect"), False, _NO_ROWS),
    "ece": Measure(
        msg("Calibration error"),
        msg("mean distance between the probability given and the share that came true, in ten equal groups"),
        False,
        _NO_ROWS,
    ),
    "precision_top": Measure(
        msg("Precision in the top 20%"),
        msg("of the fifth of the pupils with the highest probabilities, the share who really are at risk"),
        True,
        _NO_ROWS,
    ),
    "recall_top": Measure(
        msg("Recall in the top 20%"),
        msg("of those at risk, the share among the fifth of the pupils with the highest probabilities"),
        True,
        _NONE_AT_RISK,
    ),
}
"""Every metric by its key in `report.json`, in the order in which a reader meets them."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Undefined:
    """A metric that these rows do not have, and why."""

    reason: Message


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All metrics of one set of rows. `confusion` counts rows at the threshold used."""

    n: int
    positives: int
    estimates: Mapping[str, Estimate | Undefined] = field(repr=False)
    confusion: Mapping[str, int] = field(repr=False)

    def values(self) -> dict[str, float]:
        """The estimates that are defined, by name."""
        return {name: estimate.value for name, estimate in self.estimates.items() if isinstance(estimate, Estimate)}


def evaluate(
    label: Floats, probability: Floats, threshold: float | Floats, *, seed: int, resamples: int = RESAMPLES
) -> Evaluation:
    """All metrics of `probability` (n,) against `label` (n,) of 0 and 1, with intervals.

    `prediction = probability >= threshold`; a threshold may differ by row (n,). A resample in which a metric is
    undefined is left out of its interval.
    The interval is widened to hold the estimate: a resample's calibration error is biased upward, and without that
    the interval of a well calibrated model could lie wholly above its own value.
    """
    positive = label == 1
    rows = _Rows.of(positive, probability, threshold, whole_top(label.size, TOP_SHARE))
    value = {name: float(column[0]) for name, column in _measured(rows, np.ones((1, label.size))).items()}
    drawn = [_measured(rows, weights) for weights in _resamples(label.size, resamples, seed)]
    estimates = {name: _estimate(name, value[name], [draws[name] for draws in drawn], label.size) for name in MEASURES}
    return Evaluation(label.size, int(positive.sum()), estimates, _confusion(positive, rows.predicted))


COMPARED = ("roc_auc", "average_precision", "brier", "precision_top")
"""The metrics of which a model's difference to a reference is reported."""


def compare(
    label: Floats, ours: Floats, theirs: Floats, *, seed: int, resamples: int = RESAMPLES
) -> dict[str, Estimate | Undefined]:
    """`ours` (n,) minus `theirs` (n,) in every metric of `COMPARED`, with paired intervals.

    Both answers are measured on the same resamples, so what makes a resample easy or hard for both cancels out.
    """
    top = whole_top(label.size, TOP_SHARE)
    sides = [_Rows.of(label == 1, answers, 0.5, top) for answers in (ours, theirs)]

    def difference(weights: Floats) -> dict[str, Floats]:
        mine, other = (_measured(rows, weights) for rows in sides)
        return {name: mine[name] - other[name] for name in COMPARED}

    value = difference(np.ones((1, label.size)))
    drawn = [difference(weights) for weights in _resamples(label.size, resamples, seed)]
    return {
        name: _estimate(name, float(value[name][0]), [draws[name] for draws in drawn], label.size) for name in COMPARED
    }


def top_estimates(
    label: Floats, probability: Floats, k: int, *, seed: int, resamples: int = RESAMPLES
) -> tuple[Estimate | Undefined, Estimate | Undefined]:
    """Precision and recall among the `k` highest of `probability` (n,), ties at the cut counted in part."""
    rows = _Rows.of(label == 1, probability, 0.5, k)
    value = _measured(rows, np.ones((1, label.size)))
    drawn = [_measured(rows, weights) for weights in _resamples(label.size, resamples, seed)]
    precision, recall = (
        _estimate(name, float(value[name][0]), [draws[name] for draws in drawn], label.size)
        for name in ("precision_top", "recall_top")
    )
    return precision, recall


def whole_top(rows: int, share: float) -> int:
    """How many of `rows` a share is: rounded down, at least one where there are any."""
    return min(rows, max(1, int(rows * share + 1e-9)))


def _estimate(name: str, value: float, drawn: list[Floats], rows: int) -> Estimate | Undefined:
    """A value with the percentile interval of its resamples, widened to hold it."""
    if np.isnan(value):
        return Undefined(MEASURES[name].undefined if rows else _NO_ROWS)
    draws = np.concatenate([[value], *drawn])
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(draws[~np.isnan(draws)], [tail, 1 - tail])
    return Estimate(value, min(float(low), value), max(float(high), value))


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the metrics need of the rows, computed once for all resamples."""

    positive: NDArray[np.bool_]
    probability: Floats
    predicted: NDArray[np.bool_]
    order: Integers  # rows by descending probability
    starts: Integers  # where, in that order, each group of equal probabilities starts
    bins: Integers  # calibration bin of each row
    top: int  # how many rows `precision_top` and `recall_top` look at

    @classmethod
    def of(cls, positive: NDArray[np.bool_], probability: Floats, threshold: float | Floats, top: int) -> _Rows:
        order = np.argsort(-probability, kind="stable")
        ranked = probability[order]
        starts = np.flatnonzero(np.r_[ranked.size > 0, ranked[1:] != ranked[:-1]])
        bins = calibration_bins(probability, CALIBRATION_BINS)
        return cls(positive, probability, probability >= threshold, order, starts, bins, top)


def calibration_bins(probability: Floats, bins: int) -> Integers:
    """The bin (0 … bins − 1) of each row, bins of equal mass by rank of `probability` (n,).

    Equal probabilities share the bin of their middle rank, so the bins do not depend on the order of the rows.
    """
    _values, inverse, counts = np.unique(probability, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    index: Integers = np.floor(bins * middle / max(probability.size, 1)).astype(np.int64)[inverse]
    return index


def _resamples(rows: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Matrices (some, rows) of how often each row is drawn; `resamples` rows in all, the same for the same seed."""
    generator = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // max(rows, 1))
    for first in range(0, resamples if rows else 0, at_once):
        some = min(at_once, resamples - first)
        yield generator.multinomial(rows, np.full(rows, 1 / rows), size=some).astype(np.float64)


def _measured(rows: _Rows, weights: Floats) -> dict[str, Floats]:
    """Each metric (b,) under each row of `weights` (b, n); NaN where it is undefined."""
    true_positive = weights @ (rows.positive & rows.predicted)
    predicted = weights @ rows.predicted
    positives = weights @ rows.positive
    total = weights.sum(axis=1)
    squared = (rows.probability - rows.positive) ** 2
    ranked = weights[:, rows.order]
    at_risk = rows.positive[rows.order]
    hits = _by_group(ranked * at_risk, rows.starts)
    misses = _by_group(ranked * ~at_risk, rows.starts)
    top_hits, top_rows = _top(hits, hits + misses, rows.top)
    return {
        "precision": _ratio(true_positive, predicted),
        "recall": _ratio(true_positive, positives),
        "f1": _ratio(2 * true_positive, predicted + positives),
        "roc_auc": _roc_auc(hits, misses),
        "average_precision": _average_precision(hits, misses),
        "brier": _ratio(weights @ squared, total),
        "ece": _ratio(_calibration_gaps(rows, weights), total),
        "precision_top": _ratio(top_hits, top_rows),
        "recall_top": _ratio(top_hits, positives),
    }


def _top(hits: Floats, members: Floats, top: int) -> tuple[Floats, Floats]:
    """At risk (b,) and rows (b,) among the first `top` rows; of a group that the cut goes through, its part.

    That part is what a random choice among pupils with the same probability gives on average.
    """
    before = np.cumsum(members, axis=1) - members
    part = np.clip(_ratio(top - before, members), 0, 1)
    part[np.isnan(part)] = 0
    return (hits * part).sum(axis=1), (members * part).sum(axis=1)


def _by_group(weights: Floats, starts: Integers) -> Floats:
    """Sums (b, groups) of the columns of `weights` (b, n) from each start to the next."""
    if starts.size == 0:
        return weights
    sums: Floats = np.add.reduceat(weights, starts, axis=1)
    return sums


def _ratio(part: Floats, whole: Floats) -> Floats:
    """`part / whole` with NaN where the whole is nothing."""
    ratio: Floats = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return ratio


def _roc_auc(hits: Floats, misses: Floats) -> Floats:
    """The Mann–Whitney form of the area under the ROC curve: ties count half."""
    above = np.cumsum(hits, axis=1) - hits / 2
    return _ratio((misses * above).sum(axis=1), hits.sum(axis=1) * misses.sum(axis=1))


def _average_precision(hits: Floats, misses: Floats) -> Floats:
    """The sum of precision times the step in recall, over distinct thresholds (no interpolation)."""
    reached = np.cumsum(hits, axis=1)
    pointed_out = reached + np.cumsum(misses, axis=1)
    precision = np.divide(reached, pointed_out, out=np.zeros_like(reached), where=pointed_out > 0)
    return _ratio((precision * hits).sum(axis=1), hits.sum(axis=1))


def _calibration_gaps(rows: _Rows, weights: Floats) -> Floats:
    """Per resample, the sum over bins of |sum of probabilities − number at risk|; the bins stay those of all rows."""
    member = rows.bins[:, None] == np.arange(CALIBRATION_BINS)
    gaps: Floats = np.abs(weights @ (member * (rows.probability - rows.positive)[:, None])).sum(axis=1)
    return gaps


def _confusion(positive: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> dict[str, int]:
    return {
        "true_positive": int((positive & predicted).sum()),
        "false_positive": int((~positive & predicted).sum()),
        "false_negative": int((positive & ~predicted).sum()),
        "true_negative": int((~positive & ~predicted).sum()),
    }
