"""Bands of risk: how many pupils with such a probability were at risk in the end.

Training measures the bands on pupils that the model had not seen, and stores them in the bundle's report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from farol.i18n import Message, msg
from farol.profile import Text


@dataclass(frozen=True, slots=True)
class Band:
    """Probabilities from `low` to `high`; of such pupils a share between the two others (95%) was at risk."""

    low: float
    high: float
    expected_low: float
    expected_high: float

    def words(self, state: Text) -> Message:
        """The band for a reader; `state` is the label's."""
        return msg(
            "Of pupils with a risk between {low} and {high}, {expected_low} to {expected_high} were {state} in the "
            "end.",
            state=state,
            low=f"{self.low:.0%}",
            high=f"{self.high:.0%}",
            expected_low=f"{self.expected_low:.0%}",
            expected_high=f"{self.expected_high:.0%}",
        )


def bands_of(report: Mapping[str, Any]) -> tuple[Band, ...]:
    """The bands of a bundle's report, the lowest first."""
    bands = report["bands"]["bands"]
    return tuple(Band(band["low"], band["high"], band["expected"]["low"], band["expected"]["high"]) for band in bands)


def band_in(bands: Sequence[Band], probability: float | None) -> Band | None:
    """The band of a probability; None without an answer."""
    if probability is None:
        return None
    # The last one that begins at or below it: so an edge belongs above, and 1 to the last band.
    return next((band for band in reversed(bands) if band.low <= probability), None)


def band_of(report: Mapping[str, Any], probability: float | None) -> Band | None:
    """The band of a probability by a bundle's report; None without an answer."""
    return band_in(bands_of(report), probability)


def risk_text(probability: float, locale: str) -> str:
    """A probability for a reader: whole percent, near certainty with a decimal, and never certainty itself."""
    percent = min(max(100 * probability, 0.1), 99.9)
    if 1 <= percent <= 99:
        return f"{percent:.0f}%"
    text = f"{percent:.1f}%"
    return text if locale == "en" else text.replace(".", ",")


def prevalence_range(report: Mapping[str, Any]) -> tuple[float, float]:
    """The least and the greatest share at risk among the years the model was trained and tested on."""
    shares = report["prevalence"]
    return min(shares["train"], shares["test"]), max(shares["train"], shares["test"])
