"""`GET /health`, `/ready`, `/models`, `/metrics`: how the service is, what it serves, what it did."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from functools import cache
from importlib import metadata

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

import farol
from farol.api.answers.health import HealthAnswer, ModelsAnswer, ReadyAnswer
from farol.api.errors import RETRY_SECONDS, ApiError, FieldProblem, locale_of, refusals
from farol.api.metrics import CONTENT_TYPE
from farol.api.service import Service
from farol.api.serving_model import ROUTES
from farol.api.texts import marked as _
from farol.errors import BundleError, FarolError
from farol.i18n import msg
from farol.model.registry import Entry
from farol.profile import Task

router = APIRouter(tags=["state"])

_LIBRARIES = ("fastapi", "numpy", "onnxruntime", "pydantic", "sqlalchemy", "uvicorn")


@router.get(
    "/health",
    operation_id="health",
    summary=_("Is the service alive?"),
    description=_("200 as long as the process answers; what is not well is named, but does not change the status."),
    response_model=HealthAnswer,
    response_description=_("The answer."),
    responses=refusals(500),
)
async def health(request: Request) -> JSONResponse:
    service: Service = request.app.state.service
    locale = locale_of(request)
    return JSONResponse(
        {
            "status": "alive",
            "started_at": service.started.astimezone(service.timezone).isoformat(timespec="seconds"),
            "uptime_seconds": round((datetime.now(UTC) - service.started).total_seconds(), 3),
            "versions": _versions(),
            "tasks": _tasks(service, locale),
            "store": _store(service, locale),
        }
    )


@router.get(
    "/ready",
    operation_id="ready",
    summary=_("Can the service answer?"),
    description=_(
        "200 when a verified model answers for each task of which one was promoted, at least for one, and the database "
        "can be used; otherwise 503, with what is missing as `fields`. A newly promoted model that was refused is "
        "named here while the one before answers."
    ),
    response_model=ReadyAnswer,
    response_description=_("The answer."),
    responses=refusals(500, 503),
)
def ready(request: Request) -> JSONResponse:
    service: Service = request.app.state.service
    locale = locale_of(request)
    missing = [
        FieldProblem(f"tasks.{task}", service.problems[task].problem, service.problems[task].fix)
        for task in service.unanswered()
    ]
    problem = service.check_store()
    if problem is not None:
        missing.append(FieldProblem("store", problem.problem, problem.fix))
    if missing:
        fix = msg("Each of `fields` says what is missing, and `expected` what to do.")
        message = msg("The service cannot answer yet.")
        headers = {"Retry-After": str(RETRY_SECONDS)}
        raise ApiError(503, "not_ready", message, fields=missing, fix=fix, headers=headers)
    return JSONResponse({"ready": True, "tasks": _tasks(service, locale), "store": _store(service, locale)})


@router.get(
    "/models",
    operation_id="models",
    summary=_("Which models there are"),
    description=_("Tasks with every version found, verified now, and the version that answers."),
    response_model=ModelsAnswer,
    response_description=_("The answer."),
    responses=refusals(500),
)
def models(request: Request) -> JSONResponse:
    service: Service = request.app.state.service
    locale = locale_of(request)
    names = dict.fromkeys([*ROUTES, *service.registry.tasks()])
    return JSONResponse({"tasks": [_task(service, name, locale) for name in names]})


@router.get(
    "/metrics",
    operation_id="metrics",
    summary=_("Figures for Prometheus"),
    description=_("What all workers together counted since the service started, in Prometheus's text format."),
    response_class=Response,
    response_description=_("The answer."),
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **refusals(500)},
)
def metrics(request: Request) -> Response:
    service: Service = request.app.state.service
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)


def _task(service: Service, name: str, locale: str) -> dict[str, object]:
    form = service.form(name)
    task: Task | None = form.inputs.task if form else None
    problem: FarolError | None = service.problems.get(name)
    promoted, versions = None, []
    try:
        promoted, versions = service.registry.promoted(name), service.registry.versions(name)
    except BundleError as error:
        problem = error
    return {
        "task": name,
        "route": ROUTES.get(name),
        "title": task.title.in_locale(locale) if task else name,
        "question": task.question.in_locale(locale) if task else "",
        "limits": task.limits.in_locale(locale) if task else "",
        "promoted": promoted,
        "serving": service.serving(name),
        "problem": _words(problem, locale),
        "versions": [_version(entry, locale) for entry in versions],
    }


def _version(entry: Entry, locale: str) -> dict[str, object]:
    manifest = entry.manifest
    return {
        "version": entry.version,
        "promoted": entry.promoted,
        "problem": _words(entry.problem, locale),
        "train_years": list(manifest.train_years) if manifest else [],
        "test_years": list(manifest.test_years) if manifest else [],
        "headline": dict(manifest.headline) if manifest else {},
        "features": list(manifest.features) if manifest else [],
    }


@cache
def _versions() -> dict[str, str]:
    """Of what answers; looked up once, since that reads a file for each."""
    versions = {"farol": farol.__version__, "python": platform.python_version()}
    return versions | {name: metadata.version(name) for name in _LIBRARIES}


def _tasks(service: Service, locale: str) -> dict[str, dict[str, str | None]]:
    return {
        task: {"serving": service.serving(task), "problem": _words(service.problems.get(task), locale)}
        for task in ROUTES
    }


def _store(service: Service, locale: str) -> dict[str, str | None]:
    caution = service.store_caution
    return {
        "software": service.store_software,
        "problem": _words(service.store_problem, locale),
        "caution": None if caution is None else caution.render(locale),
    }


def _words(error: FarolError | None, locale: str) -> str | None:
    """An error for a reader who may be elsewhere: what and what to do, without the paths of this machine."""
    if error is None:
        return None
    parts = [error.problem, *([error.fix] if error.fix else [])]
    return " ".join(part.render(locale) for part in parts)
