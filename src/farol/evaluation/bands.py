"""Bands of probability: the share at risk that training expected in each, and the share that the test year showed.

A test cannot check the interval of a single probability, but it can check that of a band. The expected share of a
band is that of training pupils whom the model had not seen, with its 95% interval. Years differ by more than chance
between pupils, so the interval also reaches to the share of every training year by a model that knew nothing of that
year. The band is covered when the share observed in the test year is compatible with it: the 95% interval of their
difference holds zero (Newcombe, 1998).
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
FEWEST_OF_LEVEL = 10


@dataclass(frozen=True, slots=True)
class CalibrationBand:
    """Probabilities from `low` up to, but not with, `high`; the last band has its `high` too."""

    low: float
    high: float
    n_train: int
    trained: Estimate  # by chance between pupils alone
    expected: Estimate  # and between the training years
    n_test: int
    observed: Estimate
    covered: bool | None  # None: no test pupil fell into the band


@dataclass(frozen=True, slots=True)
class CalibrationBands:
    """All bands from 0 to 1, and the share of test pupils who fell into one that was covered; None without any."""

    edges: tuple[float, ...]
    bands: tuple[CalibrationBand, ...]
    coverage: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Unseen:
    """Training rows with the answers of models that had not seen the pupil and, of several years, the year."""

    label: Floats  # (n,) 0 or 1
    probability: Floats  # (n,) by models that never saw the pupil
    year: NDArray[np.int64]  # (n,)
    by_year: Floats | None = None  # (n,) by models that never saw a row of the year


def calibration_bands(known: Unseen, test_label: Floats, probability: Floats) -> CalibrationBands:
    """The bands by training rows (n,), held against labels and probabilities of the test (m,).

    Without a test row (m = 0), as where the answers out of fold are the test themselves, no band is held against any.
    """
    edges = _edges(known.probability)
    bands = []
    for low, high in pairwise(edges):
        taken, asked = (_inside(values, low, high) for values in (known.probability, probability))
        trained = share_of(float(known.label[taken].sum()), float(taken.sum()))
        expected = _over_years(trained, known, low, high)
        observed = share_of(float(test_label[asked].sum()), float(asked.sum()))
        difference = difference_of(observed, expected)
        covered = difference.low <= 0 <= difference.high if asked.any() else None
        bands.append(
            CalibrationBand(low, high, int(taken.sum()), trained, expected, int(asked.sum()), observed, covered)
        )
    within = sum(band.n_test for band in bands if band.covered)
    return CalibrationBands(edges, tuple(bands), within / test_label.size if test_label.size else None)


def _over_years(trained: Estimate, known: Unseen, low: float, high: float) -> Estimate:
    """The share of a band, with an interval that also holds that of every year of which the model knew nothing."""
    if known.by_year is None:
        return trained
    taken = _inside(known.by_year, low, high)
    shares = [
        float(known.label[rows].mean())
        for year in np.unique(known.year)
        if (rows := taken & (known.year == year)).sum() >= FEWEST
    ]
    return Estimate(trained.value, min([trained.low, *shares]), max([trained.high, *shares]))


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
