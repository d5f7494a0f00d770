"""`GET /monitoring/history` and `GET /monitoring/report`: what was found over time, and what happened meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import Field, JsonValue

from farol.advice.report import report_of
from farol.alerts.event_phrases import as_dict
from farol.api.answers import (
    Days,
    FeatureDriftAnswer,
    ReferenceAnswer,
    Shape,
    SnapshotAnswer,
    Verdict,
    WindowAnswer,
)
from farol.api.errors import locale_of, refusals
from farol.api.monitoring import Limit, OneTask, WindowName, known_task, snapshot_answer, window_in
from farol.api.outcome_answers import RealisedAnswer
from farol.api.service import Service
from farol.api.status import AdviceAnswer
from farol.api.texts import marked as _
from farol.store.events import Events

router = APIRouter(prefix="/monitoring", tags=["monitoring"])


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


@router.get(
    "/history",
    operation_id="history",
    summary=_("Drift over time, and what happened meanwhile"),
    description=_(
        "The snapshots of a task, and the events beside which they must be read: another version served, a workbook "
        "learned from, outcomes recorded, an alarm that changed."
    ),
    response_model=EventfulHistoryAnswer,
    response_description=_("The answer."),
    responses=refusals(422, 500, 503),
)
def history(request: Request, task: OneTask = "current", limit: Limit = 100) -> JSONResponse:
    service: Service = request.app.state.service
    locale, store = locale_of(request), service.store
    kept, events = store.snapshots(known_task(task), limit), Events(store).latest(limit, task)
    return JSONResponse(
        {
            "timezone": service.timezone.key,
            "task": task,
            "limit": limit,
            "snapshots": [snapshot_answer(one, service, locale) for one in kept],
            "events": [as_dict(one, locale, service.timezone) for one in events],
        }
    )


@router.get(
    "/report",
    operation_id="report",
    summary=_("The report of a window"),
    description=_(
        "What `farol report` writes, as JSON. The same for people, as one HTML file: `/monitoring/report.html` with "
        "the same parameters."
    ),
    response_model=ReportAnswer,
    response_description=_("The answer."),
    responses=refusals(422, 500, 503),
)
def report(request: Request, task: OneTask = "next-year", window: WindowName = "30d") -> JSONResponse:
    service: Service = request.app.state.service
    bundle = service.served(known_task(task)).bundle
    made = report_of(service.store, service.registry, bundle, window_in(window, service, task), datetime.now(UTC))
    return JSONResponse(made.as_dict(locale_of(request), service.timezone))
