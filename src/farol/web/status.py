"""The verdicts of drift as a reader sees them: a key for colour and shape, a word, and what it means."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from farol.drift.report import DriftReport
from farol.drift.verdicts import verdict_label
from farol.web.locale import Reader


@dataclass(frozen=True, slots=True)
class Status:
    """`key` is the verdict, which the style sheet and the icons know; `meaning` speaks of all features together."""

    key: str
    word: str
    meaning: Markup


def status_of_report(report: DriftReport, reader: Reader) -> Status:
    """The status of a report; where no prediction came there is no verdict to give."""
    if report.n:
        return status_of(report.verdict, reader)
    _ = reader.gettext
    return Status(
        "insufficient_data",
        _("No predictions yet"),
        _("No prediction came in this period, so there is nothing to compare with the training data."),
    )


def status_of(verdict: str, reader: Reader) -> Status:
    """The status of a verdict of `farol.drift.report`."""
    _ = reader.gettext
    meaning = {
        "none": _(
            "The data that arrives looks like the data the model learned from. There is no sign of a "
            "problem with its answers."
        ),
        "moderate": _(
            "Some features have changed more than chance explains. Look at those at the top of the list: "
            "are these different pupils, or was the data filled in differently?"
        ),
        "severe": _(
            "At least one feature has changed so much that the model gets questions about pupils unlike "
            "any it saw. Check how the data was filled in; if it is right, train again with newer years."
        ),
        "insufficient_data": _(
            "There are too few predictions in this period to tell drift from chance. Choose a longer period, or wait."
        ),
    }[verdict]
    return Status(verdict, verdict_label(verdict, reader.locale), meaning)
