"""How good the answers probably are, before anybody knows: performance expected from the probabilities themselves.

Where eight of ten pupils with an answer are at risk, that answer is right in eight of ten cases; so the expected
confusion matrix, and every figure made of it, follows from the answers ("confidence-based performance estimation",
CBPE: Białek, Kuberski, Perrakis, Bifet, "Estimating Model Performance Under Covariate Shift Without Labels", 2023;
NannyML has it). What share an answer stands for is learned from training pupils whom the model had not seen
(`farol.outcomes.recalibration`); in bundles of an older Farol it is the probability itself. It needs no row: the
counters have the probabilities in a hundred bins, and each counts as the middle of its bin.

It says what a change of pupils does to the figures. It cannot see a change of what the answers are worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from farol.drift.report import cells_of
from farol.drift.verdicts import MIN_SAMPLES
from farol.drift.windows import Window
from farol.i18n import Message, msg
from farol.model.bundle import Bundle
from farol.model.counters import SCORE, WHOLE
from farol.model.reference import SCORE_BINS, score_index
from farol.outcomes.recalibration import IsotonicCalibration, resampled, worth
from farol.store.database import Store

Floats = NDArray[np.float64]

MEASURES = ("roc_auc", "precision", "recall", "f1", "accuracy", "brier_score")

LEARNED = msg("An answer is worth now what it was for training pupils whom the model had not seen.")
TAKEN = msg("A probability is worth what it says: of pupils with 70%, seven in ten.")
ASSUMPTIONS = (
    msg("What makes a pupil fall behind has not changed; only which pupils there are."),
    msg("The interval speaks of chance alone, not of these assumptions."),
)
"""What has to hold, in words; before them `LEARNED` or `TAKEN`."""


def assumptions_of(*, recalibrated: bool) -> tuple[Message, ...]:
    """What has to hold for an estimate, in words."""
    return (LEARNED if recalibrated else TAKEN, *ASSUMPTIONS)


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
    recalibrated: bool = False  # whether what answers are worth was learned from training pupils

    @property
    def assumptions(self) -> tuple[Message, ...]:
        """What has to hold for it."""
        return assumptions_of(recalibrated=self.recalibrated)

    def as_dict(self, locale: str) -> dict[str, object]:
        """For JSON and pages, words in `locale`."""
        return {
            "n": self.n,
            "abstained": self.abstained,
            "threshold": self.threshold,
            "at_risk": self.at_risk,
            "measures": {name: one.as_dict() for name, one in self.measures.items()},
            "recalibrated": self.recalibrated,
            "assumptions": [words.render(locale) for words in self.assumptions],
        }


@lru_cache(maxsize=64)
def estimate(cells: tuple[int, ...], threshold: float, learned: IsotonicCalibration | None = None) -> Estimation:
    """The expected performance of answers counted by probability (101 bins, the last for no answer).

    The bin that holds the threshold is split by it in proportion. The interval is that of chance: training pupils are
    drawn again and again, what an answer is worth learned anew from them (where it is `learned`), labels drawn for
    these answers (binomially in each bin), and the figures computed with them.
    """
    counts = np.array(cells[:SCORE_BINS], dtype=np.float64)
    n = int(counts.sum())
    if n < MIN_SAMPLES:
        nothing = dict.fromkeys(MEASURES, Expected(None, None, None))
        return Estimation(n, cells[SCORE_BINS], threshold, None, nothing, learned is not None)
    said, into = _middles(threshold)
    weights = counts[into] * np.diff(_edges(threshold)) * SCORE_BINS
    positive = said >= threshold
    chances = said if learned is None else worth(learned)[into]
    expected = measures(weights, weights * chances, positive, said)
    whole = np.round(weights).astype(np.int64)
    likely = said if learned is None else resampled(learned, DRAWS)[:, into]
    drawn = np.random.default_rng(0).binomial(whole, likely, (DRAWS, whole.size)).astype(np.float64)
    figures = measures(whole.astype(np.float64), drawn, positive, said)
    return Estimation(
        n=n,
        abstained=cells[SCORE_BINS],
        threshold=threshold,
        at_risk=float(weights @ chances / n),
        measures={name: _expected(float(expected[name]), figures[name]) for name in MEASURES},
        recalibrated=learned is not None,
    )


def estimate_rows(
    probability: Floats, threshold: float, learned: IsotonicCalibration | None = None
) -> Mapping[str, float]:
    """The expected figures of single probabilities (n,), NaN for no answer, none of them rounded to a bin.

    They are what `estimate` approaches; an undefined one is NaN.
    """
    values, counts = np.unique(probability[~np.isnan(probability)], return_counts=True)
    weights = counts.astype(np.float64)
    chances = values if learned is None else worth(learned)[score_index(values)]
    found = measures(weights, weights * chances, values >= threshold, values)
    return {name: float(value) for name, value in found.items()}


def estimate_each(
    probability: Floats, threshold: float, learned: IsotonicCalibration | None = None
) -> Mapping[str, Expected]:
    """`estimate_rows` with intervals, and under `at_risk` the share expected to be at risk; of one answer at least.

    The interval is that of `estimate`.
    """
    values, counts = np.unique(probability[~np.isnan(probability)], return_counts=True)
    weights, positive, rng = counts.astype(np.float64), values >= threshold, np.random.default_rng(0)
    n, at_once = weights.sum(), max(1, _MOST_DRAWN // values.size)
    bins = score_index(values)
    chances = values if learned is None else worth(learned)[bins]
    drawn: dict[str, list[Floats]] = {name: [] for name in ("at_risk", *MEASURES)}
    for start in range(0, DRAWS, at_once):
        size = min(at_once, DRAWS - start)
        likely = values if learned is None else resampled(learned, DRAWS)[start : start + size, bins]
        at_risk = rng.binomial(counts, likely, (size, values.size)).astype(np.float64)
        found = measures(weights, at_risk, positive, values)
        for name in MEASURES:
            drawn[name].append(found[name])
        drawn["at_risk"].append(at_risk.sum(axis=-1) / n)
    expected = measures(weights, weights * chances, positive, values) | {"at_risk": np.asarray(weights @ chances / n)}
    return {name: _expected(float(expected[name]), np.concatenate(parts)) for name, parts in drawn.items()}


def measures(weights: Floats, at_risk: Floats, positive: NDArray[np.bool_], said: Floats) -> dict[str, Floats]:
    """Figures (…,) of bins in ascending order of probability: rows (b,), those at risk (…, b), whether the answer is 1
    (b,), and the probability said (b,). NaN for what is undefined; rows of one bin are tied.
    """
    well = weights - at_risk
    hits, alarms, cases = at_risk[..., positive].sum(axis=-1), weights[positive].sum(), at_risk.sum(axis=-1)
    below = np.cumsum(well, axis=-1) - well / 2
    right = hits + well[..., ~positive].sum(axis=-1)
    squares = at_risk * (1 - said) ** 2 + well * said**2
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
    return estimate(cells, bundle.manifest.threshold, IsotonicCalibration.of(bundle.reference))


def _edges(threshold: float) -> Floats:
    """The ends of the bins, and the threshold among them, which so splits its bin in two."""
    plain: Floats = np.arange(SCORE_BINS + 1) / SCORE_BINS
    edges = np.union1d(plain, [threshold])
    # Where it is an end already, but for rounding, nothing is split.
    return plain if np.diff(edges).min() < 1e-9 else edges


def _middles(threshold: float) -> tuple[Floats, NDArray[np.int64]]:
    """Middles of the bins, that of the threshold in two, and the bin of the counters that each lies in."""
    edges = _edges(threshold)
    middles = (edges[:-1] + edges[1:]) / 2
    return middles, np.minimum((middles * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)


def _expected(value: float, drawn: Floats) -> Expected:
    known = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not known.size:
        return Expected(None, None, None)
    low, high = np.quantile(known, (0.025, 0.975))
    return Expected(value, min(value, float(low)), max(value, float(high)))


def _ratio(part: Floats, whole: Floats) -> Floats:
    found: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return found
