"""What probabilities turned out to be worth: a table of bands, with what was said, expected, and came true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from farol.evaluation.bands import EDGES
from farol.evaluation.intervals import difference_of, share_of
from farol.evaluation.metrics import COVERAGE, Estimate
from farol.outcomes.card_comparison import as_figure, estimate_in, widened

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BandWorth:
    """Probabilities from `low` up to, but not with, `high` (the last band has it too).

    `said` is their mean, `came` the share at risk, `expected` what the card expects of such pupils; `kept` is whether
    the two are compatible: the interval of their difference holds zero, wide enough for all bands of a table together,
    so that in about 5% of the years any band is wrongly said not to be kept (Bonferroni). None where there is nothing
    to compare.
    """

    low: float
    high: float
    n: int
    said: float | None
    came: Estimate | None
    expected: Estimate | None
    kept: bool | None

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "said": None if self.said is None else round(self.said, 6),
            "came": as_figure(self.came),
            "expected": as_figure(self.expected),
            "kept": self.kept,
        }


def worth_of(report: Mapping[str, object] | None, label: Floats, probability: Floats) -> tuple[BandWorth, ...]:
    """The bands of a card (the usual ones where there is no card) for answers (n,) and what came true (n,)."""
    expected = _expected(report)
    edges = expected or dict.fromkeys(pairwise(EDGES))
    inside = {(low, high): (probability >= low) & ((probability < high) | (high == EDGES[-1])) for low, high in edges}
    among = sum(one is not None and bool(inside[band].any()) for band, one in edges.items())
    return tuple(_band(band, one, label[inside[band]], probability[inside[band]], among) for band, one in edges.items())


def _band(
    band: tuple[float, float], expected: Estimate | None, label: Floats, probability: Floats, among: int
) -> BandWorth:
    (low, high), n = band, label.size
    if not n:
        return BandWorth(low, high, 0, None, None, expected, None)
    cases = float(label.sum())
    came = share_of(cases, n)
    kept = None
    if expected is not None:
        wide = share_of(cases, n, coverage=1 - (1 - COVERAGE) / among)
        difference = difference_of(wide, widened(expected, among))
        kept = difference.low <= 0 <= difference.high
    return BandWorth(low, high, n, float(probability.mean()), came, expected, kept)


def _expected(report: Mapping[str, object] | None) -> dict[tuple[float, float], Estimate | None]:
    match None if report is None else report.get("bands"):
        case {"bands": [*bands]}:
            return dict(read for read in map(_read, bands) if read is not None)
        case _:
            return {}


def _read(band: object) -> tuple[tuple[float, float], Estimate | None] | None:
    """A band's edges and the share expected in it. The card has the ends of the share alone: their middle stands in."""
    match band:
        case {
            "low": int() | float() as low,
            "high": int() | float() as high,
            "expected": {"low": int() | float() as least, "high": int() | float() as most} as expected,
        }:
            return (float(low), float(high)), estimate_in(
                {"value": expected.get("value", (least + most) / 2), "low": least, "high": most}
            )
        case _:
            return None
