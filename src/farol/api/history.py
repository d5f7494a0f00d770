"""`GET /monitoring/history` and `GET /monitoring/report`: drift over time with its events, and one window whole."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request

from farol.access import access
from farol.advice.report import report_of
from farol.api.answers.history import EventAnswer, EventfulHistoryAnswer, SnapshotAnswer
from farol.api.answers.report import ReportAnswer
from farol.api.errors import locale_of, refusals
from farol.api.monitoring import Limit, WindowName, window_in
from farol.api.tasks import TaskNext, TaskNow, task_in
from farol.api.texts import marked as _
from farol.model.tasks import NEXT_YEAR
from farol.service import Service
from farol.store.history import Events
from farol.store.keys import Role

router = APIRouter(prefix="/monitoring", tags=["monitoring"])


@access(Role.read)
@router.get(
    "/history",
    operation_id="history",
    summary=_("Drift over time, with events"),
    description=_(
        "The snapshots of a task, and the events that explain them: another version in use, a new workbook, outcomes "
        "recorded, an alarm that changed."
    ),
    response_description=_("The answer."),
    responses=refusals(422, 500, 503),
)
def history(request: Request, task: TaskNow = None, limit: Limit = 100) -> EventfulHistoryAnswer:
    service: Service = request.app.state.service
    zone, locale, store = service.timezone, locale_of(request), service.store
    name = task_in(service, task)
    snapshots, events = store.snapshots(name, limit), Events(store).latest(limit, name)
    return EventfulHistoryAnswer(
        timezone=zone.key,
        task=name,
        limit=limit,
        snapshots=[SnapshotAnswer.of(each, zone, locale) for each in snapshots],
        events=[EventAnswer.of(each, zone, locale) for each in events],
    )


@access(Role.read)
@router.get(
    "/report",
    operation_id="report",
    summary=_("The report of a window"),
    description=_(
        "What `farol report` writes, as JSON. The same for people, as one HTML file: `/monitoring/report.html` with "
        "the same parameters."
    ),
    response_description=_("The answer."),
    responses=refusals(422, 500, 503),
)
def report(request: Request, task: TaskNext = None, window: WindowName = "30d") -> ReportAnswer:
    service: Service = request.app.state.service
    bundle = service.served(task_in(service, task, NEXT_YEAR)).bundle
    chosen = window_in(window, service, bundle.task)
    made = report_of(service.store, service.registry, bundle, chosen, datetime.now(UTC))
    return ReportAnswer.of(made, service.timezone, locale_of(request))
