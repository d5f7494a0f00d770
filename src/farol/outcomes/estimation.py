"""How good the answers probably are before anybody knows, estimated from the probabilities themselves.

Where eight of ten pupils with a certain answer are at risk, that answer is right in eight of ten cases. So the expected
confusion matrix, and every measure made of it, follows from the answers ("confidence-based performance estimation",
CBPE: Białek, Kuberski, Perrakis, Bifet, "Estimating Model Performance Under Covariate Shift Without Labels", 2023;
NannyML has it).

The share at risk behind an answer is learned from training pupils whom the model had not seen, by isotonic regression
(Ayer and others, 1955; for probabilities Zadrozny and Elkan, 2002): the shares nearest to the counts that never fall
as the probability rises. A model's probability need not be that share. Next year's is a mean over the rules of ages
that may come (docs/model.md), of which one will: the model sorts pupils better than its own probabilities say.

No row is needed: the counters have the probabilities in a hundred bins, and each counts as the middle of its bin. The
estimate shows how other pupils change the measures. It cannot see a change of what the answers are worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from farol.drift.baseline import summed
from farol.drift.report import cells_of
from farol.drift.verdicts import MIN_SAMPLES
from farol.drift.windows import Window
from farol.i18n import Message, count, msg
from farol.model.bundle import Bundle
from farol.model.counters import SCORE, SHEET_SLICE, WHOLE, WITHOUT
from farol.model.features import meanings_of
from farol.model.reference import SCORE_BINS, Reference, score_index
from farol.profile import Text
from farol.store.database import Store

Floats = NDArray[np.float64]

MEASURES = ("roc_auc", "precision", "recall", "f1", "accuracy", "brier_score")

FEWEST_ROWS = 100
FEWEST_CASES = 20
"""No calibration is learned from fewer training answers, or fewer at risk or not at risk."""

CALIBRATED = msg("An answer is worth now what it was for training pupils whom the model had not seen.")
UNCALIBRATED = msg("A probability is worth what it says: of ten pupils with 70%, seven turn out at risk.")
ASSUMPTIONS = (
    msg("What puts a pupil at risk has not changed; only the pupils are different."),
    msg("The interval shows what chance alone can do. It does not cover a wrong assumption."),
)
"""What has to hold, in words; before them `CALIBRATED` or `UNCALIBRATED`."""

DRAWS = 1_000
_MOST_DRAWN = 200_000
"""Labels drawn at once, of bins or of single pupils: some megabytes."""


@dataclass(frozen=True, slots=True)
class IsotonicCalibration:
    """Training answers in a hundred bins of the probability, and those of them at risk. Hashable, so remembered."""

    counts: tuple[int, ...]
    at_risk: tuple[int, ...]

    @classmethod
    def of(cls, reference: Reference) -> Self | None:
        """The calibration by a reference's counts; None where they are too few."""
        calibration = cls((reference.score or ())[:SCORE_BINS], (reference.at_risk or ())[:SCORE_BINS])
        n, cases = sum(calibration.counts), sum(calibration.at_risk)
        return calibration if n >= FEWEST_ROWS and FEWEST_CASES <= cases <= n - FEWEST_CASES else None


@dataclass(frozen=True, slots=True)
class ExpectedMeasure:
    """An expected measure with the central 95% of its values, were the labels known. None: undefined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Estimation:
    """Expected performance of `n` answers at a threshold; no measures below 30 answers."""

    n: int
    abstained: int
    threshold: float
    at_risk: float | None  # the share expected to be at risk
    measures: Mapping[str, ExpectedMeasure]
    calibrated: bool = False  # whether training pupils say how much an answer is worth
    left_out: Message | None = None  # which answers are not in it, because theirs are worth something else

    @property
    def assumptions(self) -> tuple[Message, ...]:
        """What has to hold for it, and of which answers it does not speak."""
        assumptions = assumptions_of(calibrated=self.calibrated)
        return assumptions if self.left_out is None else (self.left_out, *assumptions)


def assumptions_of(*, calibrated: bool) -> tuple[Message, ...]:
    """What has to hold for an estimate, in words."""
    return (CALIBRATED if calibrated else UNCALIBRATED, *ASSUMPTIONS)


def expected_performance(store: Store, bundle: Bundle, window: Window, *, part: str = WHOLE) -> Estimation:
    """The expected performance of the answers of a window, or a slice of it, from the counters. Raises StoreError.

    All answers are with those for the sheet that the model was trained with: nobody knows yet what comes of these.
    Answers without a hidden feature are left out: what an answer is worth was learned with it.
    """
    first = window.first or date.min
    parts = (WHOLE, SHEET_SLICE) if part == WHOLE else (part,)
    counts = summed({name: store.counts(bundle.task, bundle.version, first, window.last, name) for name in parts})
    every, without = (cells_of(counts.get(name, {}), SCORE_BINS + 1) for name in (SCORE, WITHOUT))
    cells = (*(all_ - some for all_, some in zip(every[:-1], without[:-1], strict=True)), every[-1])
    estimation = estimate(cells, bundle.manifest.threshold, IsotonicCalibration.of(bundle.reference))
    return replace(estimation, left_out=_left_out(bundle, sum(without[:-1])))


def _left_out(bundle: Bundle, n: int) -> Message | None:
    if not n:
        return None
    hidden = [meanings_of(bundle.profile)[name] for name in bundle.task_spec.hidden]
    names = Text(pt=", ".join(text.pt for text in hidden), en=", ".join(text.en for text in hidden))
    return msg(
        "Answers without “{names}” that are not in this estimate: {count}. What it expects was measured with that, and "
        "without it an answer is worth much less.",
        count=count(n),
        names=names,
    )


@lru_cache(maxsize=64)
def estimate(cells: tuple[int, ...], threshold: float, calibration: IsotonicCalibration | None = None) -> Estimation:
    """The expected performance of answers counted by probability (101 bins, the last for no answer).

    The bin that holds the threshold is split by it in proportion. The interval is that of chance: training pupils are
    drawn again and again, the calibration (where there is one) is learned anew from them, labels are drawn for these
    answers (binomially in each bin), and the measures are computed with them.
    """
    counts = np.array(cells[:SCORE_BINS], dtype=np.float64)
    n = int(counts.sum())
    if n < MIN_SAMPLES:
        nothing = dict.fromkeys(MEASURES, ExpectedMeasure(None, None, None))
        return Estimation(n, cells[SCORE_BINS], threshold, None, nothing, calibration is not None)
    probability, into = _middles(threshold)
    weights = counts[into] * np.diff(_edges(threshold)) * SCORE_BINS
    positive = probability >= threshold
    shares = probability if calibration is None else calibrated_shares(calibration)[into]
    expected = measures(weights, weights * shares, positive, probability)
    whole = np.round(weights).astype(np.int64)
    likely = probability if calibration is None else resampled_shares(calibration, DRAWS)[:, into]
    drawn = np.random.default_rng(0).binomial(whole, likely, (DRAWS, whole.size)).astype(np.float64)
    figures = measures(whole.astype(np.float64), drawn, positive, probability)
    return Estimation(
        n=n,
        abstained=cells[SCORE_BINS],
        threshold=threshold,
        at_risk=float(weights @ shares / n),
        measures={name: _expected(float(expected[name]), figures[name]) for name in MEASURES},
        calibrated=calibration is not None,
    )


def estimate_rows(
    probability: Floats, threshold: float, calibration: IsotonicCalibration | None = None
) -> Mapping[str, float]:
    """The expected measures of single probabilities (n,), NaN for no answer, none of them rounded to a bin.

    `estimate` approaches them; an undefined one is NaN.
    """
    values, counts = np.unique(probability[~np.isnan(probability)], return_counts=True)
    weights = counts.astype(np.float64)
    shares = values if calibration is None else calibrated_shares(calibration)[score_index(values)]
    expected = measures(weights, weights * shares, values >= threshold, values)
    return {name: float(value) for name, value in expected.items()}


def estimate_each(
    probability: Floats, threshold: float, calibration: IsotonicCalibration | None = None
) -> Mapping[str, ExpectedMeasure]:
    """`estimate_rows` with intervals, and under `at_risk` the share expected to be at risk; of one answer at least.

    The interval is that of `estimate`.
    """
    values, counts = np.unique(probability[~np.isnan(probability)], return_counts=True)
    weights, positive, rng = counts.astype(np.float64), values >= threshold, np.random.default_rng(0)
    n, at_once = weights.sum(), max(1, _MOST_DRAWN // values.size)
    bins = score_index(values)
    shares = values if calibration is None else calibrated_shares(calibration)[bins]
    drawn: dict[str, list[Floats]] = {name: [] for name in ("at_risk", *MEASURES)}
    for start in range(0, DRAWS, at_once):
        size = min(at_once, DRAWS - start)
        likely = values if calibration is None else resampled_shares(calibration, DRAWS)[start : start + size, bins]
        at_risk = rng.binomial(counts, likely, (size, values.size)).astype(np.float64)
        figures = measures(weights, at_risk, positive, values)
        for name in MEASURES:
            drawn[name].append(figures[name])
        drawn["at_risk"].append(at_risk.sum(axis=-1) / n)
    expected = measures(weights, weights * shares, positive, values) | {"at_risk": np.asarray(weights @ shares / n)}
    return {name: _expected(float(expected[name]), np.concatenate(parts)) for name, parts in drawn.items()}


def measures(weights: Floats, at_risk: Floats, positive: NDArray[np.bool_], probability: Floats) -> dict[str, Floats]:
    """Measures (…,) of bins in ascending order of probability: rows (b,), those at risk (…, b), whether the answer is 1
    (b,), and the probability (b,). NaN for an undefined one; rows of one bin are tied.
    """
    well = weights - at_risk
    hits, alarms, cases = at_risk[..., positive].sum(axis=-1), weights[positive].sum(), at_risk.sum(axis=-1)
    below = np.cumsum(well, axis=-1) - well / 2
    right = hits + well[..., ~positive].sum(axis=-1)
    squares = at_risk * (1 - probability) ** 2 + well * probability**2
    return {
        "roc_auc": _ratio((at_risk * below).sum(axis=-1), cases * well.sum(axis=-1)),
        "precision": _ratio(hits, np.broadcast_to(alarms, hits.shape)),
        "recall": _ratio(hits, cases),
        "f1": _ratio(2 * hits, alarms + cases),
        "accuracy": right / weights.sum(),
        "brier_score": squares.sum(axis=-1) / weights.sum(),
    }


@lru_cache(maxsize=64)
def calibrated_shares(calibration: IsotonicCalibration) -> Floats:
    """The share at risk (100,) behind an answer in each bin; between bins without training rows, a line."""
    counts, at_risk = (np.array(bins, dtype=np.float64) for bins in (calibration.counts, calibration.at_risk))
    shares = _isotonic(counts, at_risk)
    shares.flags.writeable = False
    return shares


@lru_cache(maxsize=8)
def resampled_shares(calibration: IsotonicCalibration, draws: int) -> Floats:
    """`calibrated_shares` (draws, 100) of training rows drawn with replacement (Efron, 1979), with a fixed seed.

    It takes a tenth of a second.
    """
    n = sum(calibration.counts)
    at_risk = np.array(calibration.at_risk, dtype=np.float64)
    cells = np.concatenate((at_risk, np.array(calibration.counts) - at_risk)) / n
    drawn = np.random.default_rng(0).multinomial(n, cells, draws).astype(np.float64)
    cases, others = drawn[:, :SCORE_BINS], drawn[:, SCORE_BINS:]
    shares = np.array([_isotonic(*pair) for pair in zip(cases + others, cases, strict=True)])
    shares.flags.writeable = False
    return shares


def _isotonic(counts: Floats, at_risk: Floats) -> Floats:
    """Isotonic regression of the shares at risk by pooling adjacent violators: counts (b,) and cases (b,) give (b,)."""
    known = np.flatnonzero(counts)
    pools: list[tuple[float, float, int]] = []  # rows, cases, bins of each
    for counted, cases in zip(counts[known].tolist(), at_risk[known].tolist(), strict=True):
        pool = (counted, cases, 1)
        while pools and pools[-1][1] * pool[0] >= pool[1] * pools[-1][0]:
            before = pools.pop()
            pool = (before[0] + pool[0], before[1] + pool[1], before[2] + pool[2])
        pools.append(pool)
    shares = np.repeat([pool[1] / pool[0] for pool in pools], [pool[2] for pool in pools])
    line: Floats = np.interp(np.arange(counts.size), known, shares)
    return line


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


def _expected(value: float, drawn: Floats) -> ExpectedMeasure:
    known = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not known.size:
        return ExpectedMeasure(None, None, None)
    low, high = np.quantile(known, (0.025, 0.975))
    return ExpectedMeasure(value, min(value, float(low)), max(value, float(high)))


def _ratio(part: Floats, whole: Floats) -> Floats:
    """`part / whole`, NaN where there is no whole."""
    ratio: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return ratio
