"""The shapes of events and of the whole report."""

from __future__ import annotations

from pydantic import Field, JsonValue

from farol.api.answers.drift import Days, FeatureDriftAnswer, ReferenceAnswer, SnapshotAnswer, Verdict, WindowAnswer
from farol.api.answers.outcomes import RealisedAnswer
from farol.api.answers.shape import Shape
from farol.api.answers.status import AdviceAnswer
from farol.api.texts import marked as _


class EventAnswer(Shape):
    event_id: str
    timestamp: str = Field(description=_("In the time zone of the service, with its offset."))
    timestamp_utc: str
    kind: str = Field(description=_("`served`, `workbook`, `outcomes` or `alert`; newer versions may have others."))
    task: str | None = Field(description=_("null: about all tasks."))
    details: dict[str, JsonValue]
    text: str = Field(description=_("For people, in the language of the request."))


class EventfulHistoryAnswer(Shape):
    timezone: str
    task: str
    limit: int
    snapshots: list[SnapshotAnswer] = Field(description=_("The latest first."))
    events: list[EventAnswer] = Field(description=_("The latest first."))


class ReportSummary(Shape):
    window: WindowAnswer
    reference: ReferenceAnswer
    n: int = Field(description=_("How many predictions were counted."))
    verdict: Verdict
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))
    alarm: bool


class ReportSnapshot(Shape):
    timestamp: str = Field(description=_("In the time zone of the service, with its offset."))
    model_version: str
    window: Days
    n: int = Field(description=_("How many predictions were counted."))
    verdict: Verdict
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))


class ReportHistory(Shape):
    snapshots: list[ReportSnapshot] = Field(description=_("The latest first."))
    events: list[EventAnswer] = Field(description=_("The latest first."))


class ReportModel(Shape):
    train_years: list[int]
    test_years: list[int]
    headline: dict[str, float] = Field(description=_("Metrics on the test years."))
    threshold: float
    features: list[str]
    limits: str = Field(description=_("What a reader must know first."))


class ReportAnswer(Shape):
    made_at: str
    farol: str
    task: str
    title: str
    question: str
    model_version: str
    sections: list[str] = Field(description=_("The sections, each a key of this object, in the order of the page."))
    summary: ReportSummary
    advice: list[AdviceAnswer] = Field(description=_("The gravest first; at least one."))
    verdicts: list[FeatureDriftAnswer]
    distributions: list[str] = Field(description=_("The features in alarm; their counts stand under `verdicts`."))
    outcomes: RealisedAnswer | None = Field(description=_("Null while no sheet was read that answers forecasts."))
    history: ReportHistory
    model: ReportModel
