"""`GET /monitoring/history` and `GET /monitoring/report`: what was found over time, and what happened meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from farol.access import access
from farol.advice.report import report_of
from farol.alerts.event_phrases import as_dict
from farol.api.answers.report import EventfulHistoryAnswer, ReportAnswer
from farol.api.errors import locale_of, refusals
from farol.api.monitoring import Limit, OneTask, WindowName, known_task, snapshot_answer, window_in
from farol.api.texts import marked as _
from farol.service import Service
from farol.store.events import Events
from farol.store.keys import Role

router = APIRouter(prefix="/monitoring", tags=["monitoring"])


@access(Role.read)
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


@access(Role.read)
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
