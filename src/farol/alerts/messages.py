"""When an alert is sent, and what it says.

Once for each change of state of a task: none → moderate → severe → none, in whatever order they come. The state stands
in the database, and it changes in the transaction that puts the messages into the outbox, so that neither a restart nor
a second worker tells anything twice. What is not known changes nothing: a window with insufficient data neither raises
an alarm nor ends one. Another version of the model ends the alarm of the one before, since it was judged by another
reference. A message holds figures of features, never of a pupil.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from farol.drift.pairwise import MultivariateReport
from farol.drift.report import DriftReport, FeatureDrift, verdict_label
from farol.drift.verdicts import Verdict, worst
from farol.i18n import Message, msg
from farol.model.bundle import Bundle
from farol.store.alerts import AlertState, Change, Judged, Letter
from farol.store.records import uuid7

QUIET = "none"
LOUD: tuple[Verdict, ...] = ("moderate", "severe")

CHANGED = "drift.changed"
TEST = "farol.test"
"""Types of messages, as the receiver sees them."""

_HEADLINES: Mapping[str, Message] = {
    "severe": msg("Severe drift: {title}"),
    "moderate": msg("Moderate drift: {title}"),
    QUIET: msg("The drift is over: {title}"),
}
_MEANINGS: Mapping[str, Message] = {
    "severe": msg(
        "What arrives is so unlike what the model learned from that its answers have not been checked on such pupils. "
        "Look at how the data was filled in; if it is right, train again with newer years."
    ),
    "moderate": msg(
        "What arrives has changed more than chance explains. Look at the features below: is it another kind of pupil, "
        "or another way of filling in the survey?"
    ),
    QUIET: msg("What arrives looks again like what the model learned from."),
    "version": msg("Another version of the model answers now, and the alarm was about the one before."),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """How messages are written: in which language, for which channels, and with which link to the drift page."""

    locale: str
    channels: tuple[str, ...]
    link: str = ""


def judge(
    before: AlertState,
    report: DriftReport,
    bundle: Bundle,
    at: datetime,
    wording: Wording,
    *,
    together: MultivariateReport | None = None,
) -> Judged:
    """What a check at a moment makes of the state before it; `together` is the multivariate one, if it was made."""
    verdict, reason = _next(before, report, together)
    since = at if verdict != before.verdict else before.since
    figures = {**_figures(before, report, at), **_pairs(before, report, together)}
    if verdict == before.verdict:
        return Judged(figures, None)
    details: dict[str, object] = {
        "from": before.verdict,
        "to": verdict,
        "reason": reason,
        "version": report.version,
        "n": report.n,
        "features": figures["alarms"],
        **({"pairs": figures["pairs"]} if together is not None else {}),
    }
    data = {
        **_words(verdict, reason, bundle, wording.locale),
        "state": verdict,
        "state_label": verdict_label(verdict, wording.locale),
        "previous_state": before.verdict,
        "reason": reason,
        "since": _iso(since),
        "previous_since": _iso(before.since),
        **_evidence(report, figures, wording.locale),
        **({} if together is None else {"pairs": [pair.as_dict(wording.locale) for pair in together.alarms]}),
        **_link(wording.link, report.task),
    }
    return Judged(figures, Change(verdict, details, letters(CHANGED, data, at, wording.channels)))


def letters_of_a_test(at: datetime, wording: Wording) -> tuple[Letter, ...]:
    """A message to each channel that says only that it arrived."""
    headline = msg("A test message of Farol").render(wording.locale)
    text = msg("If you read this, alerts of drift will arrive here too.").render(wording.locale)
    return letters(TEST, {"headline": headline, "text": text, **_link(wording.link)}, at, wording.channels)


def letters(kind: str, data: Mapping[str, object], at: datetime, channels: Iterable[str]) -> tuple[Letter, ...]:
    """The same message for each channel, in the shape the Standard Webhooks propose: type, timestamp, data."""
    message = uuid7(at)
    body = {"type": kind, "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds"), "data": dict(data)}
    return tuple(Letter(message, channel, at, body) for channel in channels)


def _next(before: AlertState, report: DriftReport, together: MultivariateReport | None) -> tuple[str, str]:
    """The state after the reports of a check, and why: `drift`, or `version`."""
    alarms = [one.verdict for one in (report, together) if one is not None and one.alarm]
    unknown = report.verdict == "insufficient_data"
    paired = together is not None and together.verdict == "insufficient_data" and bool(before.figures.get("pairs"))
    if (unknown or paired) and before.version == report.version:
        alarms += [verdict for verdict in LOUD if verdict == before.verdict]
    if alarms:
        return worst(alarms), "drift"
    if unknown and before.version != report.version and before.verdict != QUIET:
        return QUIET, "version"
    return QUIET, "drift"


def _pairs(before: AlertState, report: DriftReport, together: MultivariateReport | None) -> dict[str, object]:
    """What is kept of a multivariate check, nothing where none was made: the pairs in alarm, or last known to be."""
    if together is None:
        return {}
    pairs: object = [f"{pair.first} × {pair.second}" for pair in together.alarms]
    if together.verdict == "insufficient_data" and before.version == report.version:
        pairs = before.figures.get("pairs", [])
    return {"multivariate": together.verdict, "pairs": pairs}


def _figures(before: AlertState, report: DriftReport, at: datetime) -> dict[str, object]:
    """What is kept of a check, for `/metrics` and for the next one: since when each feature has been in alarm."""
    known = before.figures.get("since") if before.version == report.version else None
    past = known if isinstance(known, dict) else {}
    return {
        "window": report.window.name,
        "n": report.n,
        "verdict": report.verdict,
        "psi": {feature.feature: feature.psi for feature in report.figures},
        "alarms": [feature.feature for feature in report.figures if feature.alarm],
        "since": {feature.feature: past.get(feature.feature, _iso(at)) for feature in report.figures if feature.alarm},
    }


def _words(verdict: str, reason: str, bundle: Bundle, locale: str) -> dict[str, object]:
    title = bundle.task_spec.title.in_locale(locale)
    return {
        "headline": Message(_HEADLINES[verdict].template, {"title": title}).render(locale),
        "text": _MEANINGS["version" if reason == "version" else verdict].render(locale),
        "title": title,
    }


def _evidence(report: DriftReport, figures: Mapping[str, object], locale: str) -> dict[str, object]:
    since = figures["since"]
    assert isinstance(since, dict)  # noqa: S101  # ours, of a moment ago
    return {
        "task": report.task,
        "model_version": report.version,
        "window": report.window.as_dict(),
        "n": report.n,
        "reference": {"n": report.reference_n, "years": list(report.reference_years)},
        "features": [_feature(one, since[one.feature], locale) for one in report.figures if one.alarm],
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _feature(feature: FeatureDrift, since: str, locale: str) -> dict[str, object]:
    return {
        "feature": feature.feature,
        "meaning": feature.meaning.in_locale(locale),
        "verdict": feature.verdict,
        "verdict_label": verdict_label(feature.verdict, locale),
        "since": since,
        "psi": feature.psi,
        "low": feature.low,
        "high": feature.high if math.isfinite(feature.high) else None,
        "critical": feature.critical if math.isfinite(feature.critical) else None,
        "n": feature.n,
    }


def _link(base: str, task: str | None = None) -> dict[str, object]:
    if not base:
        return {}
    return {"link": f"{base.rstrip('/')}/monitoring/dashboard" + (f"?task={task}" if task else "")}
