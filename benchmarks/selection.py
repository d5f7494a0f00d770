"""Choosing a model on training years alone, by a criterion that survives a moved rule.

Cross-validation inside one pair of years rewards a model that learns that pair's reference day. Here a model is
judged on pupils it has not seen, under every rule that the next year may bring: every reference day and every table
known, for every month of birth left open. What it answers must hold under all of them, on average and in the worst.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farol.evaluation.metrics import CALIBRATION_BINS, calibration_bins
from farol.model.ages import MONTHS
from farol.training.augmentation import Repetitions
from farol.training.rows import LabelledRows, folds

Floats = NDArray[np.float64]
Model = Callable[[Floats], Floats]
"""From raw features (m, k) to probabilities (m,)."""

_LEAST = 1e-6  # no answer is believed to be surer than this: one wrong certainty must not decide a choice


@dataclass(frozen=True, slots=True, eq=False)
class AcrossRules:
    """How answers hold under every rule: losses (lower is better) on average and in the worst, and discrimination."""

    log_loss: float
    worst_log_loss: float
    brier: float
    roc_auc: float
    worst_roc_auc: float
    onset_roc_auc: float  # among those who are not at risk now
    ece: float  # the calibration error in a year of one rule, which is wrong for all pupils alike
    losses: Floats  # (n,) the log loss of each row, to compare candidates pupil by pupil


def out_of_fold_repeated(
    fit: Callable[[LabelledRows], Model], rows: LabelledRows, repetitions: Repetitions, *, seed: int
) -> Floats:
    """Answers (n, 12) for every repetition of the rows, from models that never saw any row of that pupil."""
    probability = np.full((rows.label.size, MONTHS), np.nan)
    looks = repetitions.features(rows.matrix)
    for held in folds(rows.student, seed):
        answer = fit(rows.select(~held))
        probability[held] = answer(looks[held].reshape(-1, looks.shape[2])).reshape(-1, MONTHS)
    return probability


def across_rules(probability: Floats, rows: LabelledRows, repetitions: Repetitions) -> AcrossRules:
    """Judge answers (n, 12) for the repetitions of rows under each rule in its turn; every row counts once."""
    labels = repetitions.labels_by_rule(rows.label)
    said = np.clip(probability, _LEAST, 1 - _LEAST)
    logs = [-np.where(label == 1, np.log(said), np.log1p(-said)) for label in labels]
    means = [loss.mean() for loss in logs]
    briers = [((probability - label) ** 2).mean() for label in labels]
    areas = [_area(label, probability) for label in labels]
    onset = rows.now == 0
    return AcrossRules(
        log_loss=float(np.mean(means)),
        worst_log_loss=float(np.max(means)),
        brier=float(np.mean(briers)),
        roc_auc=float(np.mean(areas)),
        worst_roc_auc=float(np.min(areas)),
        onset_roc_auc=float(np.mean([_area(label[onset], probability[onset]) for label in labels])),
        ece=float(np.mean([_calibration_error(label.ravel(), probability.ravel()) for label in labels])),
        losses=np.mean(logs, axis=(0, 2)),
    )


def better(candidate: AcrossRules, other: AcrossRules) -> tuple[float, float]:
    """By how much `one` has the lower log loss for the same rows, and the standard error of that over pupils."""
    difference = other.losses - candidate.losses
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(difference.size))


def _calibration_error(label: Floats, probability: Floats) -> float:
    bins = calibration_bins(probability, CALIBRATION_BINS)
    gaps = np.bincount(bins, weights=probability - label, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / label.size)


def _area(label: Floats, probability: Floats) -> float:
    """The area under the ROC curve, ties counting half; NaN where all labels are the same."""
    at_risk, others = np.sort(probability[label == 1]), np.sort(probability[label == 0])
    if not at_risk.size or not others.size:
        return float("nan")
    below = np.searchsorted(others, at_risk, side="left") + np.searchsorted(others, at_risk, side="right")
    return float(below.mean() / 2 / others.size)
