"""The report of a window: drift, advice, outcomes, history and the model, for a file to keep and as JSON.

SECTIONS are its sections, in order. Each is a key of the JSON (`farol.api.answers.report`) and a template of the page
(`farol/web/templates/report/<section>.html`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from farol.advice.advise import advise
from farol.advice.inputs import Advice
from farol.advice.status import gather
from farol.drift.report import DriftReport, drift_report
from farol.drift.windows import Window
from farol.model.bundle import Bundle
from farol.model.registry import Registry
from farol.outcomes.report import OutcomeReport
from farol.store.database import Store
from farol.store.history import Event, Events
from farol.store.records import Snapshot, day_of

SECTIONS = ("summary", "advice", "verdicts", "distributions", "outcomes", "history", "model")

MOST = 1_000
"""Snapshots and events that are read to find those of the window."""


@dataclass(frozen=True, slots=True)
class Report:
    """The drift of a window, the snapshots and events in it (the latest first), and the model they are about."""

    made: datetime  # aware
    bundle: Bundle
    drift: DriftReport
    advice: tuple[Advice, ...]
    outcomes: OutcomeReport | None  # None where no sheet has answered forecasts of the task
    snapshots: tuple[Snapshot, ...]
    events: tuple[Event, ...]


def report_of(store: Store, registry: Registry, bundle: Bundle, window: Window, now: datetime) -> Report:
    """The report of a window of the model's task, made at `now` (aware). Changes nothing. Raises StoreError."""

    def inside(entry: Snapshot | Event) -> bool:
        day = day_of(entry.at)
        return (window.first is None or day >= window.first) and day <= window.last

    facts = gather(store, registry, bundle, window)
    return Report(
        made=now,
        bundle=bundle,
        drift=facts.drift or drift_report(store, bundle, window),
        advice=advise(facts),
        outcomes=facts.outcomes,
        snapshots=tuple(filter(inside, store.snapshots(bundle.task, MOST))),
        events=tuple(filter(inside, Events(store).latest(MOST, bundle.task))),
    )
