"""What was found in a window, as one whole: for a file to keep, and as JSON.

SECTIONS is the list of what a report has, in order. Each section is a key of the JSON and a template of the page
(`farol/web/templates/report/<section>.html`); another one is added in these two places and in `Report.as_dict`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from farol import __version__
from farol.advice.advise import advise
from farol.advice.inputs import Advice
from farol.advice.status import gather
from farol.alerts import event_phrases
from farol.drift.report import DriftReport, Window, drift_report, verdict_label
from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.outcomes.report import Realised
from farol.store.database import Store
from farol.store.history import Event, Events
from farol.store.records import Snapshot, day_of

SECTIONS = ("summary", "advice", "verdicts", "distributions", "outcomes", "history", "model")

MOST = 1_000
"""Snapshots and events looked through for those of the window."""


@dataclass(frozen=True, slots=True)
class Report:
    """The drift of a window, the snapshots and events in it (the latest first), and the model they are about."""

    made: datetime  # aware
    bundle: Bundle
    drift: DriftReport
    advice: tuple[Advice, ...]
    realised: Realised | None  # None where no sheet has answered forecasts of the task
    snapshots: tuple[Snapshot, ...]
    events: tuple[Event, ...]

    def as_dict(self, locale: str, timezone: ZoneInfo) -> dict[str, object]:
        """For JSON, words in `locale`; the sections by their names."""
        task, drift = self.bundle.task_spec, self.drift.as_dict(locale)
        return {
            "made_at": self.made.astimezone(timezone).isoformat(timespec="seconds"),
            "farol": __version__,
            "task": self.bundle.task,
            "title": task.title.in_locale(locale),
            "question": task.question.in_locale(locale),
            "model_version": self.bundle.version,
            "sections": list(SECTIONS),
            "summary": {
                name: drift[name] for name in ("window", "reference", "n", "verdict", "verdict_label", "alarm")
            },
            "advice": [one.as_dict(locale) for one in self.advice],
            "verdicts": drift["features"],
            "distributions": [feature.feature for feature in self.drift.figures if feature.alarm],
            "outcomes": None if self.realised is None else self.realised.as_dict(locale),
            "history": {
                "snapshots": [_snapshot(one, locale, timezone) for one in self.snapshots],
                "events": [event_phrases.as_dict(one, locale, timezone) for one in self.events],
            },
            "model": {
                "train_years": list(self.bundle.manifest.train_years),
                "test_years": list(self.bundle.manifest.test_years),
                "headline": dict(self.bundle.manifest.headline),
                "threshold": self.bundle.manifest.threshold,
                "features": list(self.bundle.manifest.features),
                "limits": task.limits.in_locale(locale),
            },
        }


def report_of(store: Store, registry: Registry, bundle: Bundle, window: Window, now: datetime) -> Report:
    """The report of a window of the model's task, made at a moment (aware). Changes nothing. Raises StoreError."""

    def inside(one: Snapshot | Event) -> bool:
        day = day_of(one.at)
        return (window.first is None or day >= window.first) and day <= window.last

    facts = gather(store, registry, bundle, window)
    return Report(
        made=now,
        bundle=bundle,
        drift=facts.drift or drift_report(store, bundle, window),
        advice=advise(facts),
        realised=facts.realised,
        snapshots=tuple(filter(inside, store.snapshots(bundle.task, MOST))),
        events=tuple(filter(inside, Events(store).latest(MOST, bundle.task))),
    )


def _snapshot(one: Snapshot, locale: str, timezone: ZoneInfo) -> dict[str, object]:
    verdict = str(one.payload["verdict"])
    return {
        "timestamp": one.at.astimezone(timezone).isoformat(timespec="seconds"),
        "model_version": one.version,
        "window": {"from": one.first.isoformat() if one.first else None, "to": one.last.isoformat()},
        "n": one.payload["n"],
        "verdict": verdict,
        "verdict_label": verdict_label(verdict, locale),
    }
