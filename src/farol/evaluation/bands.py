"""Bands of probability: the share at risk that training expected in each, and the share that the test year showed.

A test cannot check the interval of a single probability, but it can check that of a band. The expected share of a
band is that of training pupils whom the model had not seen, with its 95% interval. The band is covered when the share
observed in the test year is compatible with it: the 95% interval of their difference holds zero (Newcombe, 1998).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from farol.evaluation.intervals import difference_of, share_of
from farol.evaluation.metrics import Estimate

Floats = NDArray[np.float64]

EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
FEWEST = 20
"""A band of fewer training pupils than this is joined to its neighbour."""
SCANTIEST = 0.005
"""The share of training rows that may have fewer values than `least_given`."""
FEWEST_OF_LEVEL = 10


@dataclass(frozen=True, slots=True)
class CalibrationBand:
    """Probabilities from `low` up to, but not with, `high`; the last band has its `high` too."""

    low: float
    high: float
    n_train: int
    expected: Estimate
    n_test: int
    observed: Estimate
    covered: bool | None  # None: no test pupil fell into the band


@dataclass(frozen=True, slots=True)
class CalibrationBands:
    """All bands from 0 to 1, and the share of test pupils who fell into one that was covered; None without any."""

    edges: tuple[float, ...]
    bands: tuple[CalibrationBand, ...]
    coverage: float | None


def calibration_bands(
    train_label: Floats, out_of_fold: Floats, test_label: Floats, probability: Floats
) -> CalibrationBands:
    """The bands by training labels and out-of-fold probabilities (n,), held against those of the test year (m,).

    Without a test row (m = 0), as where the answers out of fold are the test themselves, no band is held against any.
    """
    edges = _edges(out_of_fold)
    bands = []
    for low, high in pairwise(edges):
        known, asked = (_inside(values, low, high) for values in (out_of_fold, probability))
        expected = share_of(float(train_label[known].sum()), float(known.sum()))
        observed = share_of(float(test_label[asked].sum()), float(asked.sum()))
        difference = difference_of(observed, expected)
        covered = difference.low <= 0 <= difference.high if asked.any() else None
        bands.append(CalibrationBand(low, high, int(known.sum()), expected, int(asked.sum()), observed, covered))
    within = sum(band.n_test for band in bands if band.covered)
    return CalibrationBands(edges, tuple(bands), within / test_label.size if test_label.size else None)


def _inside(values: Floats, low: float, high: float) -> NDArray[np.bool_]:
    return (values >= low) & ((values < high) | (high == EDGES[-1]))


def _edges(probability: Floats) -> tuple[float, ...]:
    """The usual edges without those that leave a band of fewer than `FEWEST` pupils; the nearest edge goes."""
    edges = list(EDGES)
    position = 0
    while position < len(edges) - 1 and len(edges) > 2:
        if _inside(probability, edges[position], edges[position + 1]).sum() >= FEWEST:
            position += 1
        elif position + 1 < len(edges) - 1:
            del edges[position + 1]  # join it to the band above
        else:
            del edges[position]  # the last band joins the one below, which is large enough
    return tuple(edges)


def least_given(matrix: Floats) -> int:
    """Fewest features given among all but the scantiest half percent of training rows (n, k)."""
    given = (~np.isnan(matrix)).sum(axis=1)
    return int(np.quantile(given, SCANTIEST, method="lower"))


def medians(matrix: Floats, features: tuple[str, ...], level: Floats) -> Mapping[str, Mapping[str, float]]:
    """The median of every feature (n, k) among the rows of each level (n,), where at least ten rows have it."""
    by_level: dict[str, dict[str, float]] = {}
    for value in np.unique(level[~np.isnan(level)]).tolist():
        rows = matrix[level == value]
        if rows.shape[0] < FEWEST_OF_LEVEL:
            continue
        known = (~np.isnan(rows)).sum(axis=0) >= FEWEST_OF_LEVEL
        by_level[f"{value:g}"] = {name: float(np.nanmedian(rows[:, i])) for i, name in enumerate(features) if known[i]}
    return by_level
