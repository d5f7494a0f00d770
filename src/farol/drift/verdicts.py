"""The verdict on a figure: its band, whether it is beyond chance, and how the one percent is divided.

The promise is one for the whole check: without drift, at most one check in a hundred raises any alarm, over all
features and all tests of each. By Bonferroni's inequality it holds when the levels of all tests add up to `ALPHA`,
however they depend on each other. `ALPHA_SHARES` says which part each kind of test gets; a kind divides its part
equally among the features. Where a test is not made (a feature without order), its part is not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from farol.i18n import Message, msg

Verdict = Literal["insufficient_data", "none", "moderate", "severe"]
Band = Literal["none", "moderate", "severe"]
Kind = Literal["distribution", "superiority", "missing", "unseen", "rate"]

ALPHA = 0.01
"""Probability that a check without drift raises any alarm."""

ALPHA_SHARES: Mapping[Kind, float] = {
    "distribution": 0.002,
    "superiority": 0.006,
    "missing": 0.001,
    "unseen": 0.0005,
    "rate": 0.0005,
}
"""Shares of `ALPHA`: most for the test that finds a shift among the fewest pupils, also of a feature that half lack."""

MIN_SAMPLES = 30
"""With fewer predictions than this the verdict is `insufficient_data`."""

_LABELS: Mapping[str, Message] = {
    "insufficient_data": msg("Insufficient data"),
    "none": msg("No drift"),
    "moderate": msg("Moderate drift"),
    "severe": msg("Severe drift"),
}

_KINDS: Mapping[str, Message] = {
    "distribution": msg("distribution"),
    "superiority": msg("values moved"),
    "missing": msg("missing values"),
    "unseen": msg("unseen values"),
    "rate": msg("share “at risk”"),
}


def kind_label(kind: Kind, locale: str) -> str:
    """A kind of figure in a word or two."""
    return _KINDS[kind].render(locale)


def verdict_label(verdict: str, locale: str) -> str:
    """A verdict in the words of the original system."""
    return _LABELS[verdict].render(locale)


def verdict_for(n: int, band: Band, *, significant: bool) -> Verdict:
    """The verdict on a figure of `n` predictions: its band, if it is `none` or the figure is beyond chance.

    `insufficient_data` below 30 predictions, and for a figure beyond the first band that chance may well give.
    """
    if n < MIN_SAMPLES or (band != "none" and not significant):
        return "insufficient_data"
    return band


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst alarm; without an alarm, `none` only where all verdicts are `none`."""
    given = set(verdicts)
    order: tuple[Verdict, ...] = ("severe", "moderate", "insufficient_data")
    return next((verdict for verdict in order if verdict in given), "none")


def is_alarm(verdict: Verdict) -> bool:
    """Whether a figure is beyond a band and beyond chance."""
    return verdict in ("moderate", "severe")
