"""Figures, days and slices as they stand in an advice: words that know the reader's decimal sign and dates."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote, urlencode

from farol.drift.figures import FeatureDrift
from farol.drift.report import DriftReport
from farol.drift.windows import Window
from farol.i18n import Message, decimal, msg
from farol.model.counters import SCORE, WHOLE


def name_of(one: FeatureDrift) -> Message | str:
    """What people call a feature, or the model's answers."""
    return msg("the answers") if one.feature == SCORE else one.feature


def missing(one: FeatureDrift) -> dict[str, object]:
    """The share missing now and in training, as values of a text."""
    return {"now": percent(one.missing.value or 0.0), "then": percent(one.missing.reference)}


def compared(drift: DriftReport) -> Message:
    """How many predictions of which days were compared with which rows."""
    return msg(
        "{n} predictions of {window}, compared with: {rows} ({m}, of {years}).",
        n=drift.n,
        window=days(drift.window),
        rows=drift.baseline,
        m=drift.reference_n,
        years=", ".join(map(str, drift.reference_years)),
    )


def train_again() -> Message:
    """The step that is only ever proposed."""
    return msg(
        "Train with the newest workbook, compare the cards, promote only if you agree: {train}, then {promote}.",
        train="`farol train WORKBOOK`",
        promote="`farol models promote`",
    )


def days(window: Window) -> Message:
    """The days of a window."""
    if window.first is None:
        return msg("all days until {last}", last=day(window.last))
    return msg("{first} to {last}", first=day(window.first), last=day(window.last))


def day(on: date) -> Message:
    """A day as the reader writes it."""
    return msg("{year}-{month}-{day}", year=on.year, month=f"{on.month:02}", day=f"{on.day:02}")


def percent(share: float) -> str:
    """A share in whole points of a hundred, the same in both languages."""
    return f"{share:.0%}"


def span(value: float, low: float, high: float) -> Message:
    """A figure with its interval."""
    return msg("{value} ({low} to {high})", value=decimal(value), low=decimal(low), high=decimal(high))


def dashboard(drift: DriftReport, part: str = WHOLE, *, same_levels: bool = False) -> Message:
    """The page with all figures: of the window, of a slice of it, or held against training rows of the same levels."""
    asked = {"task": drift.task, "window": drift.window.name}
    asked |= {"slice": part} if part else {"same_levels": "1"} if same_levels else {}
    query = urlencode(asked, quote_via=quote, safe="=:@")
    return msg("See {page}", page=f"/monitoring/dashboard?{query}")
