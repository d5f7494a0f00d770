"""`/monitoring/*`: the answers that were stored, and whether they can still be trusted. GET changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from farol.access import access
from farol.api.answers.drift import DriftAnswer
from farol.api.answers.history import HistoryAnswer, SnapshotAnswer
from farol.api.answers.performance import PerformanceAnswer
from farol.api.answers.prediction import PredictionsAnswer, StoredPrediction
from farol.api.errors import locale_of, refusals, unusable_parameter
from farol.api.tasks import AnyTask, TaskNow, task_in
from farol.api.texts import marked as _
from farol.drift.baseline import parse_slice
from farol.drift.report import drift_report, take_snapshot
from farol.drift.windows import WINDOW_PATTERN, Window, window_of
from farol.errors import InputError
from farol.outcomes.estimation import expected_performance
from farol.service import Service
from farol.store.exporting import write_csv
from farol.store.keys import Role
from farol.store.records import Prediction

router = APIRouter(prefix="/monitoring", tags=["monitoring"])

MOST = 1_000
"""Rows or snapshots that one answer may have."""

Limit = Annotated[int, Query(ge=1, le=MOST, description=_("How many, from 1 to 1000."))]
WindowName = Annotated[
    str,
    Query(
        max_length=100,
        description=_(
            "`7d`, `30d`, `90d` or another number of days, or `all`; up to a day: `30d@2024-06-30`. A school year: "
            "`year:2024`. Between days: `2024-03-01..2024-05-31`. Since a version answered: `since:2024-0123456789`."
        ),
        json_schema_extra={"pattern": WINDOW_PATTERN},
    ),
]
SliceName = Annotated[
    str,
    Query(
        alias="slice",
        max_length=200,
        description=_(
            "Only these predictions: `class=8B`, `source=api`, or the profile's level, such as `phase=3`. A level is "
            "compared with the training rows of that level."
        ),
        json_schema_extra={"pattern": "^([a-z_]+=.+)?$"},
    ),
]
SameLevels = Annotated[
    bool,
    Query(description=_("Compare with training rows weighted to the levels of the window.")),
]


_CSV = "IAA,IEG,prediction,prediction_label,probability,timestamp\n"


@access(Role.read)
@router.get(
    "/predictions",
    operation_id="list_predictions",
    summary=_("The latest predictions"),
    description=_("As they were stored, the latest first."),
    response_description=_("The answer."),
    responses=refusals(422, 500, 503),
)
def predictions(request: Request, limit: Limit = 50, task: AnyTask = None) -> PredictionsAnswer:
    service: Service = request.app.state.service
    rows = service.store.latest(limit, None if task is None else task_in(service, task))
    return PredictionsAnswer(
        timezone=service.timezone.key,
        limit=limit,
        predictions=[StoredPrediction.of(row, service.timezone) for row in rows],
    )


@access(Role.read)
@router.get(
    "/predictions.csv",
    operation_id="export_predictions",
    summary=_("All predictions as a table"),
    description=_("Streamed, the oldest first; the values given and the answer are the first columns."),
    response_class=StreamingResponse,
    response_description=_("The answer."),
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": _CSV}}},
        **refusals(422, 500, 503),
    },
)
def predictions_csv(request: Request, task: AnyTask = None) -> StreamingResponse:
    service: Service = request.app.state.service
    rows = service.store.stream(None if task is None else task_in(service, task))
    pieces = write_csv(_begun(rows), service.log_profile, service.timezone)
    return StreamingResponse(
        pieces,
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="predictions_log.csv"'},
    )


@access(Role.read)
@router.get(
    "/drift",
    operation_id="drift",
    summary=_("Drift of a window"),
    description=_(
        "Each feature of the model in use, and its answers: the predictions of a window beside the training rows. "
        "`verdict_label` has the words; an alarm needs a band and more than chance gives. Without drift, at most one "
        "such check in a hundred raises any alarm."
    ),
    response_description=_("The answer."),
    responses=refusals(422, 500, 503),
)
def drift(
    request: Request,
    task: TaskNow = None,
    window: WindowName = "30d",
    part: SliceName = "",
    same_levels: SameLevels = False,
) -> DriftAnswer:
    service: Service = request.app.state.service
    bundle = service.served(task_in(service, task)).bundle
    chosen = window_in(window, service, bundle.task)
    with parameter("slice"):
        wanted = parse_slice(bundle, part)
    with parameter("same_levels"):
        report = drift_report(service.store, bundle, chosen, part=wanted, same_levels=same_levels)
    return DriftAnswer.of(report, locale_of(request))


@access(Role.read)
@router.get(
    "/drift/history",
    operation_id="drift_history",
    summary=_("Snapshots of drift"),
    description=_("The snapshots of a task, the latest first."),
    response_description=_("The answer."),
    responses=refusals(422, 500, 503),
)
def drift_history(request: Request, task: TaskNow = None, limit: Limit = 30) -> HistoryAnswer:
    service: Service = request.app.state.service
    zone, locale = service.timezone, locale_of(request)
    snapshots = service.store.snapshots(task_in(service, task), limit)
    return HistoryAnswer(
        timezone=zone.key, limit=limit, snapshots=[SnapshotAnswer.of(each, zone, locale) for each in snapshots]
    )


@access(Role.read)
@router.get(
    "/performance",
    operation_id="estimate_performance",
    summary=_("How good the answers probably are"),
    description=_(
        "Before anybody knows what came true: the performance expected from the probabilities of a "
        "window, if they are worth what they were in training. `assumptions` has the conditions."
    ),
    response_description=_("The answer."),
    responses=refusals(422, 500, 503),
)
def estimated_performance(
    request: Request, task: TaskNow = None, window: WindowName = "30d", part: SliceName = ""
) -> PerformanceAnswer:
    service: Service = request.app.state.service
    bundle = service.served(task_in(service, task)).bundle
    chosen = window_in(window, service, bundle.task)
    with parameter("slice"):
        wanted = parse_slice(bundle, part)
    estimation = expected_performance(service.store, bundle, chosen, part=wanted)
    return PerformanceAnswer.of(bundle, chosen, wanted, estimation, locale_of(request))


@access(Role.manage)
@router.post(
    "/drift/snapshots",
    operation_id="take_drift_snapshot",
    summary=_("Store a snapshot of drift"),
    description=_("Checks a window and stores the figures for the history."),
    status_code=201,
    response_description=_("The answer."),
    responses=refusals(403, 413, 422, 500, 503),
)
def drift_snapshot(request: Request, task: TaskNow = None, window: WindowName = "30d") -> SnapshotAnswer:
    service: Service = request.app.state.service
    bundle = service.served(task_in(service, task)).bundle
    snapshot = take_snapshot(service.store, bundle, window_in(window, service, bundle.task))
    return SnapshotAnswer.of(snapshot, service.timezone, locale_of(request))


def window_in(name: str, service: Service, task: str) -> Window:
    """The window of a parameter; ApiError where it is not a window."""
    with parameter("window"):
        return window_of(name, store=service.store, task=task, now=datetime.now(UTC))


@contextmanager
def parameter(name: str) -> Iterator[None]:
    """An InputError becomes an ApiError that names this parameter of the address."""
    try:
        yield
    except InputError as error:
        raise unusable_parameter(name, error.problem, error.expected) from None


def _begun(rows: Iterator[Prediction]) -> Iterable[Prediction]:
    """The same rows, the first already read: a store that cannot be read gives an error before the answer begins."""
    return chain(list(islice(rows, 1)), rows)
