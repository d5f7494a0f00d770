"""How good the answers probably are, before anybody knows: performance expected from the probabilities themselves.

If probabilities are calibrated, an answer of 0.8 is right in eight of ten cases; so the expected confusion matrix, and
every figure made of it, follows from the probabilities alone ("confidence-based performance estimation", CBPE: Białek,
Kuberski, Perrakis, Bifet, "Estimating Model Performance Under Covariate Shift Without Labels", 2023; NannyML has it).
It needs no row: the counters have the probabilities in a hundred bins, and each counts as the middle of its bin.

It says what a change of pupils does to the figures. It cannot see a change of what the probabilities are worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from farol.bundle import Bundle
from farol.i18n import Message, msg
from farol.monitoring.scores import cells_of
from farol.monitoring.verdicts import ENOUGH
from farol.monitoring.windows import Window
from farol.reference import SCORE_BINS
from farol.store.database import Store
from farol.tallies import SCORE, WHOLE

Floats = NDArray[np.float64]

MEASURES = ("roc_auc", "precision", "recall", "f1", "accuracy", "brier_score")

ASSUMPTIONS = (
    msg("A probability is worth now what it was in training: of pupils with 70%, seven in ten."),
    msg("What makes a pupil fall behind has not changed; only which pupils there are."),
    msg("The interval speaks of chance alone, not of these assumptions."),
)
"""What has to hold, in words."""

DRAWS = 1_000
_MOST_DRAWN = 200_000
"""Labels drawn at once, of bins or of single pupils: some megabytes."""


@dataclass(frozen=True, slots=True)
class Expected:
    """An expected figure with the central 95% of what it would be, were the labels known. None: undefined."""

    value: float | None
    low: float | None
    high: float | None

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Estimation:
    """Expected performance of `n` answers at a threshold; no figures below 30 answers."""

    n: int
    abstained: int
    threshold: float
    at_risk: float | None  # the share expected to be at risk
    measures: Mapping[str, Expected]

    @property
    def assumptions(self) -> tuple[Message, ...]:
        """What has to hold for it."""
        return ASSUMPTIONS

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON and pages, words in `locale`."""
        return {
            "n": self.n,
            "abstained": self.abstained,
            "threshold": self.threshold,
            "at_risk": self.at_risk,
            "measures": {name: one.as_dict() for name, one in self.measures.items()},
            "assumptions": [words.render(locale) for words in self.assumptions],
        }


@lru_cache(maxsize=64)
def estimate(cells: tuple[int, ...], threshold: float) -> Estimation:
    """The expected performance of answers counted by probability (101 bins, the last for no answer).

    The bin that holds the threshold is split by it in proportion. The interval is that of chance: labels are drawn
    again and again from the probabilities (binomially in each bin), and the figures computed with them.
    """
    counts = np.array(cells[:SCORE_BINS], dtype=np.float64)
    n = int(counts.sum())
    if n < ENOUGH:
        return Estimation(n, cells[SCORE_BINS], threshold, None, dict.fromkeys(MEASURES, Expected(None, None, None)))
    chances, weights, positive = _split(counts, threshold)
    expected = measures(weights, weights * chances, positive, chances)
    whole = np.round(weights).astype(np.int64)
    drawn = np.random.default_rng(0).binomial(whole, chances, (DRAWS, whole.size)).astype(np.float64)
    figures = measures(whole.astype(np.float64), drawn, positive, chances)
    return Estimation(
        n=n,
        abstained=cells[SCORE_BINS],
        threshold=threshold,
        at_risk=float(weights @ chances / n),
        measures={name: _expected(float(expected[name]), figures[name]) for name in MEASURES},
    )


def estimate_rows(probability: Floats, threshold: float) -> Mapping[str, float]:
    """The expected figures of single probabilities (n,), NaN for no answer, nothing rounded to bins.

    They are what `estimate` approaches; where an undefined one is NaN.
    """
    chances = np.sort(probability[~np.isnan(probability)])
    values, counts = np.unique(chances, return_counts=True)
    weights = counts.astype(np.float64)
    found = measures(weights, weights * values, values >= threshold, values)
    return {name: float(value) for name, value in found.items()}


def estimate_each(probability: Floats, threshold: float) -> Mapping[str, Expected]:
    """`estimate_rows` with intervals, and under `at_risk` the share expected to be at risk; of one answer at least.

    The interval is that of chance: labels are drawn again and again from the probabilities themselves.
    """
    values, counts = np.unique(probability[~np.isnan(probability)], return_counts=True)
    weights, positive, rng = counts.astype(np.float64), values >= threshold, np.random.default_rng(0)
    n, at_once = weights.sum(), max(1, _MOST_DRAWN // values.size)
    sizes = [min(at_once, DRAWS - start) for start in range(0, DRAWS, at_once)]
    drawn: dict[str, list[Floats]] = {name: [] for name in ("at_risk", *MEASURES)}
    for size in sizes:
        at_risk = rng.binomial(counts, values, (size, values.size)).astype(np.float64)
        found = measures(weights, at_risk, positive, values)
        for name in MEASURES:
            drawn[name].append(found[name])
        drawn["at_risk"].append(at_risk.sum(axis=-1) / n)
    expected = measures(weights, weights * values, positive, values) | {"at_risk": np.asarray(weights @ values / n)}
    return {name: _expected(float(expected[name]), np.concatenate(parts)) for name, parts in drawn.items()}


def measures(weights: Floats, at_risk: Floats, positive: NDArray[np.bool_], chances: Floats) -> dict[str, Floats]:
    """Figures (…,) of bins in ascending order of probability: rows (b,), those at risk (…, b), whether the answer is 1
    (b,), and the probability (b,). NaN for what is undefined; rows of one bin are tied.
    """
    well = weights - at_risk
    hits, alarms, cases = at_risk[..., positive].sum(axis=-1), weights[positive].sum(), at_risk.sum(axis=-1)
    below = np.cumsum(well, axis=-1) - well / 2
    right = hits + well[..., ~positive].sum(axis=-1)
    squares = at_risk * (1 - chances) ** 2 + well * chances**2
    return {
        "roc_auc": _ratio((at_risk * below).sum(axis=-1), cases * well.sum(axis=-1)),
        "precision": _ratio(hits, np.broadcast_to(alarms, hits.shape)),
        "recall": _ratio(hits, cases),
        "f1": _ratio(2 * hits, alarms + cases),
        "accuracy": right / weights.sum(),
        "brier_score": squares.sum(axis=-1) / weights.sum(),
    }


def performance(store: Store, bundle: Bundle, window: Window, *, part: str = WHOLE) -> Estimation:
    """The expected performance of the answers of a window, or a slice of it, from the counters. Raises StoreError."""
    counts = store.counts(bundle.task, bundle.version, window.first or date.min, window.last, part)
    cells = cells_of(counts.get(SCORE, {}), SCORE_BINS + 1)
    return estimate(cells, bundle.manifest.threshold)


def _split(counts: Floats, threshold: float) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Middles of bins, rows in them, whether they answer 1; the bin of the threshold in two."""
    edges = np.union1d(np.arange(SCORE_BINS + 1) / SCORE_BINS, [threshold])
    if edges.size > SCORE_BINS + 1 and np.diff(edges).min() < 1e-9:  # the threshold is an edge, but for rounding
        edges = np.arange(SCORE_BINS + 1) / SCORE_BINS
    middles = (edges[:-1] + edges[1:]) / 2
    into = np.minimum((middles * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
    weights = counts[into] * np.diff(edges) * SCORE_BINS
    return middles, weights, middles >= threshold


def _expected(value: float, drawn: Floats) -> Expected:
    known = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not known.size:
        return Expected(None, None, None)
    low, high = np.quantile(known, (0.025, 0.975))
    return Expected(value, min(value, float(low)), max(value, float(high)))


def _ratio(part: Floats, whole: Floats) -> Floats:
    found: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return found
