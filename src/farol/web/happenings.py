"""The history of a task on a page: the greatest PSI of each snapshot over time, and what happened meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from farol.alerts.event_phrases import words_of
from farol.store.history import Event
from farol.store.records import Snapshot
from farol.web.charts import Mark, history
from farol.web.locale import Reader

WIDTH = 640
"""Width of the chart in its own units; the page scales it."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One event as the page lists it; `label` stands in the chart."""

    label: str
    at: str
    words: str


def marks_of(events: Sequence[Event]) -> list[Mark]:
    """Events, the latest first, as marks that are numbered from the oldest on."""
    return [Mark(event.at, str(len(events) - position)) for position, event in enumerate(events)]


def happenings(events: Sequence[Event], reader: Reader) -> list[Happening]:
    """Events, the latest first, in words; each has the number of its mark."""
    return [
        Happening(mark.label, reader.moment(event.at), words_of(event, reader.locale))
        for event, mark in zip(events, marks_of(events), strict=True)
    ]


def timeline(snapshots: Sequence[Snapshot], marks: Sequence[Mark], reader: Reader) -> Markup | None:
    """The greatest PSI of each snapshot, of whichever version; None where nothing was measured yet."""
    points = [(one.at, highest) for one in reversed(snapshots) if (highest := _highest(one)) is not None]
    return history(points, reader.locale, reader.timezone, marks, width=WIDTH) if points else None


def payload_features(snapshot: Snapshot) -> Sequence[object]:
    """What a snapshot kept of its features; nothing where it is none of ours."""
    features = snapshot.payload.get("features")
    return features if isinstance(features, list) else ()


def _highest(snapshot: Snapshot) -> float | None:
    found = [
        float(psi)
        for kept in payload_features(snapshot)
        if isinstance(kept, dict) and isinstance(psi := kept.get("psi"), int | float)
    ]
    return max(found, default=None)
