"""When an alert is sent, and what it says.

An alert is sent once for each change of a task's state: none → moderate → severe → none, in any order. The state stands
in the database and changes in the same transaction that puts the messages into the outbox, so neither a restart nor a
second worker sends anything twice. Insufficient data changes nothing: it neither raises an alarm nor ends one. Another
version of the model ends the alarm of the version before, which had another reference. A message holds figures of
features, never of a pupil.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite

from farol.drift.figures import FeatureDrift
from farol.drift.pairwise import PairDrift, PairwiseReport
from farol.drift.report import DriftReport
from farol.drift.verdicts import Verdict, verdict_label, worst
from farol.i18n import Message, msg
from farol.model.bundle import Bundle
from farol.store.alerts import AlertState, Change, Judged, Letter
from farol.store.records import utc_text, uuid7

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
_TEXTS: Mapping[str, Message] = {
    "severe": msg(
        "The pupils' data is now very unlike the data the model learned from. Nobody has checked its answers on such "
        "pupils. Check how the data was filled in; if it is right, train again with newer years."
    ),
    "moderate": msg(
        "The pupils' data has changed more than chance explains. Look at the features below: are these other pupils, "
        "or was the data filled in another way?"
    ),
    QUIET: msg("The pupils' data looks again like the data the model learned from."),
    "version": msg("Another version of the model is now in use; the alarm was about the version before."),
}


@dataclass(frozen=True, slots=True)
class MessageSettings:
    """The language of messages, the names of their channels, and the address under which people reach the service."""

    locale: str
    channels: tuple[str, ...]
    link: str = ""


def judge(
    before: AlertState,
    report: DriftReport,
    bundle: Bundle,
    at: datetime,
    settings: MessageSettings,
    *,
    pairwise: PairwiseReport | None = None,
) -> Judged:
    """The figures to keep after a check at a moment, and the change of state, if there is one."""
    verdict, reason = _next_state(before, report, pairwise)
    since = at if verdict != before.verdict else before.since
    feature_since = _since(before, report, at)
    figures = {**_figures(report, feature_since), **_pairs(before, report, pairwise)}
    if verdict == before.verdict:
        return Judged(figures, None)
    details: dict[str, object] = {
        "from": before.verdict,
        "to": verdict,
        "reason": reason,
        "version": report.version,
        "n": report.n,
        "features": figures["alarms"],
        **({"pairs": figures["pairs"]} if pairwise is not None else {}),
    }
    data = {
        **_words(verdict, reason, bundle, settings.locale),
        "state": verdict,
        "state_label": verdict_label(verdict, settings.locale),
        "previous_state": before.verdict,
        "reason": reason,
        "since": utc_text(since),
        "previous_since": utc_text(before.since),
        **_evidence(report, feature_since, settings.locale),
        **({} if pairwise is None else {"pairs": [_pair(pair, settings.locale) for pair in pairwise.alarms]}),
        **_link(settings.link, report.task),
    }
    return Judged(figures, Change(verdict, details, letters(CHANGED, data, at, settings.channels)))


def letters_of_a_test(at: datetime, settings: MessageSettings) -> tuple[Letter, ...]:
    """A test message to each channel: it says only that it arrived."""
    headline = msg("A test message of Farol").render(settings.locale)
    text = msg("If you can read this, alerts about drift will arrive here too.").render(settings.locale)
    return letters(TEST, {"headline": headline, "text": text, **_link(settings.link)}, at, settings.channels)


def letters(kind: str, data: Mapping[str, object], at: datetime, channels: Iterable[str]) -> tuple[Letter, ...]:
    """The same message for each channel, in the shape of the Standard Webhooks: type, timestamp, data."""
    message = uuid7(at)
    body = {"type": kind, "timestamp": at.astimezone(UTC).isoformat(timespec="milliseconds"), "data": dict(data)}
    return tuple(Letter(message, channel, at, body) for channel in channels)


def _next_state(before: AlertState, report: DriftReport, pairwise: PairwiseReport | None) -> tuple[str, str]:
    """The state after the reports of a check, and its reason: `drift`, or `version`."""
    alarms = [each.verdict for each in (report, pairwise) if each is not None and each.alarm]
    unknown = report.verdict == "insufficient_data"
    pairs_unknown = pairwise is not None and pairwise.verdict == "insufficient_data"
    if before.version == report.version and (unknown or (pairs_unknown and bool(before.figures.get("pairs")))):
        alarms += [verdict for verdict in LOUD if verdict == before.verdict]
    if alarms:
        return worst(alarms), "drift"
    if unknown and before.version != report.version and before.verdict != QUIET:
        return QUIET, "version"
    return QUIET, "drift"


def _pairs(before: AlertState, report: DriftReport, pairwise: PairwiseReport | None) -> dict[str, object]:
    """What is kept of a pairwise check: the pairs in alarm, or those last known to be. Nothing where none was made."""
    if pairwise is None:
        return {}
    pairs: object = [f"{pair.first} × {pair.second}" for pair in pairwise.alarms]
    if pairwise.verdict == "insufficient_data" and before.version == report.version:
        pairs = before.figures.get("pairs", [])
    return {"multivariate": pairwise.verdict, "pairs": pairs}


def _figures(report: DriftReport, since: Mapping[str, str]) -> dict[str, object]:
    """What is kept of a check, for `/metrics` and for the next check: also since when each feature is in alarm."""
    return {
        "window": report.window.name,
        "n": report.n,
        "verdict": report.verdict,
        "psi": {figure.feature: figure.psi for figure in report.figures},
        "alarms": [figure.feature for figure in report.figures if figure.alarm],
        "since": dict(since),
    }


def _since(before: AlertState, report: DriftReport, at: datetime) -> dict[str, str]:
    """Since when each feature in alarm has been in alarm, by this version."""
    known = before.figures.get("since") if before.version == report.version else None
    earlier = known if isinstance(known, dict) else {}
    return {figure.feature: earlier.get(figure.feature, utc_text(at)) for figure in report.figures if figure.alarm}


def _words(verdict: str, reason: str, bundle: Bundle, locale: str) -> dict[str, object]:
    title = bundle.task_spec.title.in_locale(locale)
    return {
        "headline": Message(_HEADLINES[verdict].template, {"title": title}).render(locale),
        "text": _TEXTS["version" if reason == "version" else verdict].render(locale),
        "title": title,
    }


def _evidence(report: DriftReport, since: Mapping[str, str], locale: str) -> dict[str, object]:
    return {
        "task": report.task,
        "model_version": report.version,
        "window": report.window.as_dict(),
        "n": report.n,
        "reference": {
            "n": report.reference_n,
            "years": list(report.reference_years),
            "names": list(report.reference_names),
        },
        "features": [_feature(figure, since[figure.feature], locale) for figure in report.figures if figure.alarm],
    }


def _feature(figure: FeatureDrift, since: str, locale: str) -> dict[str, object]:
    return {
        "feature": figure.feature,
        "meaning": figure.meaning.in_locale(locale),
        "verdict": figure.verdict,
        "verdict_label": verdict_label(figure.verdict, locale),
        "since": since,
        "reasons": [reason.render(locale) for reason in figure.alarm_reasons()],
        "psi": figure.psi,
        "low": figure.low,
        "high": figure.high if isfinite(figure.high) else None,
        "critical": figure.critical if isfinite(figure.critical) else None,
        "n": figure.n,
    }


def _pair(pair: PairDrift, locale: str) -> dict[str, object]:
    return {
        "first": pair.first,
        "second": pair.second,
        "n": pair.n,
        "value": pair.value,
        "reference": {"n": pair.reference_n, "value": pair.reference},
        "verdict": pair.verdict,
        "verdict_label": verdict_label(pair.verdict, locale),
        "text": pair.words(locale),
    }


def _link(base: str, task: str | None = None) -> dict[str, object]:
    if not base:
        return {}
    return {"link": f"{base.rstrip('/')}/monitoring/dashboard" + (f"?task={task}" if task else "")}
