"""The shapes of what was kept: snapshots of drift, and events."""

from __future__ import annotations

from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, JsonValue

from farol.alerts.events import words_of
from farol.api.answers.drift import EXAMPLE as REPORT
from farol.api.answers.drift import DriftFigures, ProportionDriftAnswer, WindowDays
from farol.api.answers.shape import Shape
from farol.api.texts import marked as _
from farol.api.times import both_times
from farol.drift.verdicts import Verdict, verdict_label
from farol.store.history import Event
from farol.store.records import Snapshot


class SnapshotFeature(DriftFigures):
    @classmethod
    def of(cls, stored: dict[str, Any], locale: str) -> Self:
        """`stored` is `FeatureDrift.as_dict()`."""
        return cls.model_validate(stored | {"verdict_label": verdict_label(stored["verdict"], locale)})


_TIMES = {"timestamp": "2026-03-02T18:24:00.521-03:00", "timestamp_utc": "2026-03-02T21:24:00.521+00:00"}
SNAPSHOT_EXAMPLE: dict[str, Any] = {
    "snapshot_id": "019b0a1e-7c00-7000-8000-000000000000",
    **_TIMES,
    "task": REPORT["task"],
    "model_version": REPORT["version"],
    "window": {name: REPORT["window"][name] for name in ("from", "to")},
    "reference_n": REPORT["reference"]["n"],
    "features": [{name: REPORT["features"][0][name] for name in SnapshotFeature.model_fields}],
    **{name: REPORT[name] for name in ("n", "verdict", "verdict_label", "alarm", "score", "rate")},
}
EVENT_EXAMPLE: dict[str, Any] = {
    "event_id": "019b0a1e-7c00-7000-8000-0000000000e0",
    **_TIMES,
    "kind": "served",
    "task": REPORT["task"],
    "details": {"version": REPORT["version"], "previous": None, "by": "promotion"},
    "text": f"A versão {REPORT['version']} está em uso agora.",
}


class SnapshotAnswer(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [SNAPSHOT_EXAMPLE]})

    snapshot_id: str
    timestamp: str = Field(description=_("In the time zone of the service, with its offset."))
    timestamp_utc: str
    task: str
    model_version: str
    window: WindowDays
    n: int = Field(description=_("How many predictions were counted."))
    reference_n: int
    verdict: Verdict
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))
    alarm: bool
    features: list[SnapshotFeature]
    score: SnapshotFeature | None = Field(description=_("The model's own answers; null where none were counted."))
    rate: ProportionDriftAnswer | None = Field(
        description=_("The share of answers 1 among all answers; null where none were counted.")
    )

    @classmethod
    def of(cls, snapshot: Snapshot, timezone: ZoneInfo, locale: str) -> Self:
        stored: dict[str, Any] = dict(snapshot.payload)  # as `farol.drift.report.snapshot_of` writes it
        score = stored["score"]
        return cls.model_validate(
            stored
            | {
                "snapshot_id": snapshot.id,
                **both_times(snapshot.at, timezone),
                "task": snapshot.task,
                "model_version": snapshot.version,
                "window": {"from": snapshot.first and snapshot.first.isoformat(), "to": snapshot.last.isoformat()},
                "verdict_label": verdict_label(stored["verdict"], locale),
                "features": [SnapshotFeature.of(feature, locale) for feature in stored["features"]],
                "score": None if score is None else SnapshotFeature.of(score, locale),
            }
        )


class HistoryAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"timezone": "America/Sao_Paulo", "limit": 30, "snapshots": [SNAPSHOT_EXAMPLE]}]
        }
    )

    timezone: str
    limit: int
    snapshots: list[SnapshotAnswer] = Field(description=_("The latest first."))


class EventAnswer(Shape):
    event_id: str
    timestamp: str = Field(description=_("In the time zone of the service, with its offset."))
    timestamp_utc: str
    kind: str = Field(description=_("`served`, `workbook`, `outcomes` or `alert`; newer versions may have others."))
    task: str | None = Field(description=_("null: about all tasks."))
    details: dict[str, JsonValue]
    text: str = Field(description=_("For people, in the language of the request."))

    @classmethod
    def of(cls, event: Event, timezone: ZoneInfo, locale: str) -> Self:
        return cls.model_validate(
            {
                "event_id": event.id,
                **both_times(event.at, timezone),
                "kind": event.kind,
                "task": event.task,
                "details": dict(event.details),
                "text": words_of(event, locale),
            }
        )


class EventfulHistoryAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "timezone": "America/Sao_Paulo",
                    "task": REPORT["task"],
                    "limit": 100,
                    "snapshots": [SNAPSHOT_EXAMPLE],
                    "events": [EVENT_EXAMPLE],
                }
            ]
        }
    )

    timezone: str
    task: str
    limit: int
    snapshots: list[SnapshotAnswer] = Field(description=_("The latest first."))
    events: list[EventAnswer] = Field(description=_("The latest first."))
