"""`GET /health`, `/ready`, `/models`, `/models/{task}`, `/metrics`: how the service is, what it serves, what it did."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from farol.access import access
from farol.api.answers.health import HealthAnswer, ModelsAnswer, ReadyAnswer
from farol.api.answers.model import ModelAnswer
from farol.api.errors import RETRY_SECONDS, locale_of, refusals
from farol.api.tasks import TaskName, known
from farol.api.texts import marked as _
from farol.errors import ApiError, FieldProblem
from farol.i18n import msg
from farol.metrics import CONTENT_TYPE
from farol.service import Service
from farol.store.keys import Role

router = APIRouter(tags=["state"])


@access(None)
@router.get(
    "/health",
    operation_id="health",
    summary=_("Is the service alive?"),
    description=_("200 as long as the process answers. Problems are named, but do not change the status."),
    response_description=_("The answer."),
    responses=refusals(500),
)
async def health(request: Request) -> HealthAnswer:
    return HealthAnswer.of(request.app.state.service, locale_of(request))


@access(None)
@router.get(
    "/ready",
    operation_id="ready",
    summary=_("Can the service answer?"),
    description=_(
        "200 when a verified model answers for each task of which one was promoted, at least for one, and the database "
        "can be used; otherwise 503, with what is missing as `fields`. A newly promoted model that was refused is "
        "named here while the one before answers."
    ),
    response_description=_("The answer."),
    responses=refusals(500, 503),
)
def ready(request: Request) -> ReadyAnswer:
    service: Service = request.app.state.service
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
    return ReadyAnswer.of(service, locale_of(request))


@access(Role.read)
@router.get(
    "/models",
    operation_id="models",
    summary=_("The models and their versions"),
    description=_("Tasks with every version found, verified now, and the version that answers."),
    response_description=_("The answer."),
    responses=refusals(500),
)
def models(request: Request) -> ModelsAnswer:
    return ModelsAnswer.of(request.app.state.service, locale_of(request))


@access(Role.read)
@router.get(
    "/models/{task}",
    operation_id="model",
    summary=_("The model that answers: inputs, outputs, and how good it is"),
    description=_(
        "Inputs with ranges and meanings, outputs, an example, metrics on the test year with 95% intervals, the years "
        "it learned from and is compared with, its threshold, its limits in words, and the fingerprints of its making."
    ),
    response_description=_("The answer."),
    responses=refusals(404, 500, 503),
)
def model(request: Request, task: TaskName) -> ModelAnswer:
    service: Service = request.app.state.service
    return ModelAnswer.of(service, known(service, task).bundle, locale_of(request))


@access(Role.read)
@router.get(
    "/metrics",
    operation_id="metrics",
    summary=_("Figures for Prometheus"),
    description=_("What all workers together counted since the service started, in Prometheus's text format."),
    response_class=Response,
    response_description=_("The answer."),
    responses={
        200: {
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": 'farol_requests_total{method="POST",route="/predict",status="200"} 2.0\n',
                }
            }
        },
        **refusals(500),
    },
)
def metrics(request: Request) -> Response:
    service: Service = request.app.state.service
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
