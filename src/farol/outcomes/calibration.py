"""What probabilities were worth: by band, their mean, the share that the card expects at risk, and the actual one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from farol.evaluation.bands import EDGES
from farol.evaluation.intervals import difference_of, share_of
from farol.evaluation.metrics import COVERAGE, Estimate
from farol.model.risk_bands import bands_of
from farol.outcomes.card_comparison import widened

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BandCalibration:
    """Probabilities from `low` up to, but not with, `high` (the last band has it too).

    `said` is their mean, `came` the share at risk, `expected` the share that the card expects of such pupils. `kept`
    says whether the two are compatible: the interval of their difference holds zero. It is wide enough for all bands
    of a table together, so that any band is wrongly said not to be kept in about 5% of the years (Bonferroni). None
    where there is nothing to compare.
    """

    low: float
    high: float
    n: int
    said: float | None
    came: Estimate | None
    expected: Estimate | None
    kept: bool | None


def band_calibrations(
    report: Mapping[str, object] | None, label: Floats, probability: Floats
) -> tuple[BandCalibration, ...]:
    """The bands of a card (the usual ones where there is no card) for answers (n,) and their labels (n,)."""
    expected = dict.fromkeys(pairwise(EDGES)) if report is None else _expected(report)
    inside = {
        (low, high): (probability >= low) & ((probability < high) | (high == EDGES[-1])) for low, high in expected
    }
    tests = sum(share is not None and bool(inside[edges].any()) for edges, share in expected.items())
    return tuple(
        _band(edges, share, label[inside[edges]], probability[inside[edges]], tests)
        for edges, share in expected.items()
    )


def _band(
    edges: tuple[float, float], expected: Estimate | None, label: Floats, probability: Floats, tests: int
) -> BandCalibration:
    (low, high), n = edges, label.size
    if not n:
        return BandCalibration(low, high, 0, None, None, expected, None)
    cases = float(label.sum())
    came = share_of(cases, n)
    kept = None
    if expected is not None:
        wide = share_of(cases, n, coverage=1 - (1 - COVERAGE) / tests)
        difference = difference_of(wide, widened(expected, tests))
        kept = difference.low <= 0 <= difference.high
    return BandCalibration(low, high, n, float(probability.mean()), came, expected, kept)


def _expected(report: Mapping[str, object]) -> dict[tuple[float, float], Estimate | None]:
    """Edges → the share expected between them. The card has the ends of its interval; their middle is its value."""
    return {
        (band.low, band.high): Estimate(
            (band.expected_low + band.expected_high) / 2, band.expected_low, band.expected_high
        )
        for band in bands_of(report)
    }
