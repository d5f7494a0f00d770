"""Events in words, for the dashboard, the history and reports."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from farol.drift.report import verdict_label
from farol.i18n import Message, msg
from farol.store.history import Event


def words_of(event: Event, locale: str) -> str:
    """What happened, in one sentence."""
    return _sentence(event, locale).render(locale)


def as_dict(event: Event, locale: str, timezone: ZoneInfo) -> dict[str, object]:
    """For JSON: the event as it was recorded, and its words."""
    return {
        "event_id": event.id,
        "timestamp": event.at.astimezone(timezone).isoformat(timespec="milliseconds"),
        "timestamp_utc": event.at.isoformat(timespec="milliseconds"),
        "kind": event.kind,
        "task": event.task,
        "details": dict(event.details),
        "text": words_of(event, locale),
    }


def _sentence(event: Event, locale: str) -> Message:
    details = event.details
    match event.kind, details:
        case "served", {"by": by, "version": version}:
            again = msg("Version {version} answers again: rolled back.", version=version)
            return again if by == "rollback" else msg("Version {version} answers from here on.", version=version)
        case "workbook", {"years": [*years]}:
            return msg("A model learned from a workbook of {years}.", years=", ".join(map(str, years)))
        case "outcomes", _:
            return msg("What really happened was recorded.")
        case "alert", {"reason": str(reason), "from": str(before), "to": str(after)}:
            labels = {"before": verdict_label(before, locale), "after": verdict_label(after, locale)}
            ended = msg("The alarm ended with the version it was about.")
            return ended if reason == "version" else msg("The alarm changed: {before} → {after}.", **labels)
        case _:  # of another Farol's
            return msg("{kind}", kind=event.kind)
