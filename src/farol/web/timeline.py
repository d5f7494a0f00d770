"""The history of a task on a page: the greatest PSI of each snapshot over time, and the events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from farol.alerts.events import words_of
from farol.store.history import Event
from farol.store.records import Snapshot
from farol.web.charts import Mark, history
from farol.web.locale import Reader

WIDTH = 640
"""Width of the chart in its own units; the page scales it."""


@dataclass(frozen=True, slots=True)
class EventView:
    """One event as the page lists it; `label` stands in the chart."""

    label: str
    at: str
    words: str


def marks_of(events: Sequence[Event]) -> list[Mark]:
    """Events, the latest first, as marks of a chart, numbered from the oldest."""
    return [Mark(event.at, str(len(events) - position)) for position, event in enumerate(events)]


def event_views(events: Sequence[Event], reader: Reader) -> list[EventView]:
    """Events, the latest first, in words; each has the number of its mark."""
    return [
        EventView(mark.label, reader.moment(event.at), words_of(event, reader.locale))
        for event, mark in zip(events, marks_of(events), strict=True)
    ]


def timeline(snapshots: Sequence[Snapshot], marks: Sequence[Mark], reader: Reader) -> Markup | None:
    """The greatest PSI of each snapshot, of whichever version; None where no snapshot has a PSI."""
    points = [(each.at, highest) for each in reversed(snapshots) if (highest := _highest(each)) is not None]
    return history(points, reader.locale, reader.timezone, marks, width=WIDTH) if points else None


def _highest(snapshot: Snapshot) -> float | None:
    features: Any = snapshot.payload["features"]  # as `farol.drift.report.snapshot_of` writes it
    return max((figures["psi"] for figures in features if figures["psi"] is not None), default=None)
