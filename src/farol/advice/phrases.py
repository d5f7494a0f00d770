"""Figures, days and features as they stand in an advice, with the reader's decimal sign, dates and language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from urllib.parse import quote, urlencode

from farol.drift.figures import FeatureDrift, percent
from farol.drift.report import DriftReport, of_years
from farol.drift.windows import Window
from farol.evaluation.metrics import MEASURES
from farol.i18n import Message, count, day, decimal, msg
from farol.model.counters import SCORE, WHOLE

_ANSWERS = msg("the answers")


@dataclass(frozen=True, slots=True)
class MeaningMessage(Message):
    """A meaning of the profile, which has it in both languages, as a value of another text."""

    portuguese: str = ""

    def render(self, locale: str) -> str:
        """The meaning in `locale`."""
        return self.template if locale == "en" else self.portuguese


def name_of(feature: FeatureDrift) -> Message:
    """The name for readers of a feature, or of the model's answers."""
    if feature.feature == SCORE:
        return _ANSWERS
    return msg("“{name}”", name=MeaningMessage(feature.meaning.en, portuguese=feature.meaning.pt))


def names_of(features: Iterable[FeatureDrift]) -> Message:
    """The names of features in a row; of none, the answers."""
    names = [name_of(feature) for feature in features]
    return reduce(lambda several, name: msg("{several}, {name}", several=several, name=name), names or [_ANSWERS])


def metric_name(metric: str) -> Message:
    """The title of a metric, and its meaning."""
    return msg("{metric} ({meaning})", metric=MEASURES[metric].title, meaning=MEASURES[metric].meaning)


def missing(feature: FeatureDrift) -> dict[str, object]:
    """The share missing now and in training, as values of a text."""
    return {"now": percent(feature.missing.value or 0.0), "then": percent(feature.missing.reference)}


def compared(drift: DriftReport) -> Message:
    """How many predictions of which days were compared with which rows."""
    of = {
        "window": days(drift.window),
        "rows": drift.baseline,
        "training": of_years(drift.reference_n, drift.reference_names),
    }
    if drift.n == 1:
        return msg("1 prediction of {window}, compared with: {rows} ({training}).", **of)
    return msg("{n} predictions of {window}, compared with: {rows} ({training}).", n=count(drift.n), **of)


def train_again() -> tuple[Message, Message]:
    """The steps to a new model, by pages or by commands. Farol only ever proposes them."""
    return (
        msg(
            "Send the newest workbook and train with it: {workbooks}. Then compare the new version with the one in "
            "use, and change only if you agree: {models}.",
            workbooks="/workbooks",
            models="/administration/models",
        ),
        msg(
            "In a terminal: {train}, then {promote}.",
            train=msg("`farol train WORKBOOK`"),
            promote=msg("`farol models promote TASK VERSION`"),
        ),
    )


def days(window: Window) -> Message:
    """The days of a window."""
    if window.first is None:
        return msg("all days until {last}", last=day(window.last))
    return msg("{first} to {last}", first=day(window.first), last=day(window.last))


def span(value: float, low: float, high: float) -> Message:
    """A figure with its interval."""
    return msg("{value} ({low} to {high})", value=decimal(value), low=decimal(low), high=decimal(high))


def dashboard(drift: DriftReport, part: str = WHOLE, *, same_levels: bool = False) -> Message:
    """The page with all figures: of the window, of a slice of it, or against training rows of the same levels."""
    asked = {"task": drift.task, "window": drift.window.name}
    asked |= {"slice": part} if part else {"same_levels": "1"} if same_levels else {}
    query = urlencode(asked, quote_via=quote, safe="=:@")
    return msg("See {page}", page=f"/monitoring/dashboard?{query}")
