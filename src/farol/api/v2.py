"""`/v2`: the Open Inference Protocol (V2, REST), for tools that speak it. The models are the tasks that are served.

Every row is stored before it is answered, as on the other routes. The protocol has one answer or one error for a
whole request, so one row that cannot be used refuses all of them, and nothing is stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

import farol
from farol.api.answers.v2 import (
    InferAnswer,
    LiveAnswer,
    ModelMetadataAnswer,
    ModelReadyAnswer,
    ServerAnswer,
    ServerReadyAnswer,
)
from farol.api.auth import cross_site, same_site
from farol.api.batch import read_at_most
from farol.api.body import parse_object
from farol.api.describing import known
from farol.api.errors import ApiError, from_farol_error, locale_of, v2_refusals
from farol.api.idempotency import HEADER
from farol.api.prediction import PredictRequest, ScoredPrediction, score_questions
from farol.api.schemas import GROUP, STUDENT
from farol.api.service import Service
from farol.api.serving_model import Served
from farol.api.tensors import TEXT, binary, outputs_wanted, rows_of
from farol.api.texts import marked as _
from farol.i18n import msg
from farol.model.features import YEAR
from farol.model.scoring import NO_ANSWER, label_text
from farol.store.records import Prediction

router = APIRouter(prefix="/v2", tags=["protocol"])

BINARY = "Inference-Header-Content-Length"
"""The header of a body that is partly binary, in Triton's extension."""

ModelName = Annotated[str, Path(description=_("A task: `current` or `next-year`."))]

OUTPUTS = {"probability": "FP64", "prediction": "INT64", "prediction_label": TEXT, "prediction_id": TEXT}


@router.get(
    "",
    operation_id="v2_server",
    summary=_("The server, in the Open Inference Protocol"),
    description=_("Name, version, and the extensions of the protocol that it speaks: none."),
    response_model=ServerAnswer,
    response_description=_("The answer."),
    responses=v2_refusals(500),
)
async def server() -> JSONResponse:
    return JSONResponse({"name": "farol", "version": farol.__version__, "extensions": []})


@router.get(
    "/health/live",
    operation_id="v2_live",
    summary=_("Is the service alive?"),
    description=_("200 as long as the process answers."),
    response_model=LiveAnswer,
    response_description=_("The answer."),
    responses=v2_refusals(500),
)
async def live() -> JSONResponse:
    return JSONResponse({"live": True})


@router.get(
    "/health/ready",
    operation_id="v2_ready",
    summary=_("Can the service answer?"),
    description=_("200 or 503, as GET /ready."),
    response_model=ServerReadyAnswer,
    response_description=_("The answer."),
    responses=v2_refusals(500, 503),
)
def ready(request: Request) -> JSONResponse:
    service: Service = request.app.state.service
    for task in service.unanswered():
        service.served(task)
    _check_store(service)
    return JSONResponse({"ready": True})


_MODEL_STATUSES = (404, 500, 503)


@router.get(
    "/models/{name}",
    operation_id="v2_model",
    summary=_("A model's tensors"),
    description=_("`name` is a task, `current` or `next-year`; `versions` has the one version that answers."),
    response_model=ModelMetadataAnswer,
    response_description=_("The answer."),
    responses=v2_refusals(*_MODEL_STATUSES),
)
def model(request: Request, name: ModelName) -> JSONResponse:
    return _metadata(_served(request, name))


@router.get(
    "/models/{name}/versions/{version}",
    operation_id="v2_model_version",
    summary=_("A model's tensors, for one version"),
    description=_("404 for a version that does not answer now."),
    response_model=ModelMetadataAnswer,
    response_description=_("The answer."),
    responses=v2_refusals(*_MODEL_STATUSES),
)
def model_version(request: Request, name: ModelName, version: str) -> JSONResponse:
    return _metadata(_served(request, name, version))


def _metadata(served: Served) -> JSONResponse:
    columns = [(column, "FP64") for column in served.form.inputs.columns]
    year = [(YEAR, "INT64")] if served.form.takes_year else []
    return JSONResponse(
        {
            "name": served.bundle.task,
            "versions": [served.bundle.version],
            "platform": "onnx_onnxv1",
            "inputs": [_tensor(*one) for one in (*columns, *year, (STUDENT, TEXT), (GROUP, TEXT))],
            "outputs": [_tensor(*one) for one in OUTPUTS.items()],
        }
    )


@router.get(
    "/models/{name}/ready",
    operation_id="v2_model_ready",
    summary=_("Can this model answer?"),
    description=_("200 when it answers and the database can be used; otherwise 503."),
    response_model=ModelReadyAnswer,
    response_description=_("The answer."),
    responses=v2_refusals(*_MODEL_STATUSES),
)
def model_ready(request: Request, name: ModelName) -> JSONResponse:
    return _ready(request, _served(request, name))


@router.get(
    "/models/{name}/versions/{version}/ready",
    operation_id="v2_model_version_ready",
    summary=_("Can this version answer?"),
    description=_("404 for a version that does not answer now."),
    response_model=ModelReadyAnswer,
    response_description=_("The answer."),
    responses=v2_refusals(*_MODEL_STATUSES),
)
def model_version_ready(request: Request, name: ModelName, version: str) -> JSONResponse:
    return _ready(request, _served(request, name, version))


def _ready(request: Request, served: Served) -> JSONResponse:
    _check_store(request.app.state.service)
    return JSONResponse({"name": served.bundle.task, "ready": True})


_INFER_STATUSES = (400, 403, 404, 413, 422, 500, 503)
_INFER = _(
    "One tensor a column, named as it is, of shape [n] or [n, 1]; or one named `rows` of shape [n, k] with all columns "
    "in the order of the metadata. null and NaN are missing; a column that is left out is missing for all. `year`, "
    "`student` and `class` may come beside. One row that cannot be used refuses all. Rows are stored before they are "
    "answered; where too little was given, `prediction` is -1 and `probability` null."
)


@router.post(
    "/models/{name}/infer",
    operation_id="v2_infer",
    summary=_("Answers as tensors"),
    description=_INFER,
    response_model=InferAnswer,
    response_description=_("The answer."),
    responses=v2_refusals(*_INFER_STATUSES),
)
async def infer(request: Request, name: ModelName) -> JSONResponse:
    return await _inferred(request, name)


@router.post(
    "/models/{name}/versions/{version}/infer",
    operation_id="v2_infer_version",
    summary=_("Answers as tensors, by one version"),
    description=_INFER,
    response_model=InferAnswer,
    response_description=_("The answer."),
    responses=v2_refusals(*_INFER_STATUSES),
)
async def infer_version(request: Request, name: ModelName, version: str) -> JSONResponse:
    return await _inferred(request, name, version)


async def _inferred(request: Request, name: str, version: str | None = None) -> JSONResponse:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not same_site(request.headers):
        # Clients of the protocol name no type. A browser sends what is called JSON to another site only if we agree.
        raise cross_site()
    if BINARY in request.headers:
        raise binary(BINARY)
    if HEADER in request.headers:
        words = msg("{field} is not taken here.", field=HEADER)
        raise ApiError(400, "invalid_parameter", words, fix=msg("Use /predict/batch or /forecast/batch with it."))
    served = _served(request, name, version)
    service: Service = request.app.state.service
    body = await read_at_most(request, service.settings.max_batch_bytes)
    locale = locale_of(request)
    async with service.groups:
        answer = await asyncio.to_thread(_infer, service, served, body, locale)
    return JSONResponse(answer)


def _infer(service: Service, served: Served, body: bytes, locale: str) -> dict[str, Any]:
    """The answer to the body of a request, every row of it stored. Blocks; raises ApiError, StoreError."""
    document = parse_object(body)
    given_id = document.get("id")
    if given_id is not None and not isinstance(given_id, str):
        raise ApiError(400, "invalid_tensor", msg("{field} is not a text.", field="id"))
    wanted = outputs_wanted(document, tuple(OUTPUTS))
    at = datetime.now(UTC)
    present = at.astimezone(service.timezone).year
    questions = []
    for place, row in enumerate(rows_of(document, served.form, service.settings.max_batch_rows)):
        try:
            given = served.form.read(row)
        except ApiError as refusal:
            raise _in_row(place, refusal) from None
        questions.append(PredictRequest(given, at, present if given.year is None else given.year))
    stored = _stored(service, _rows(score_questions(served, questions, source="v2")))
    values: dict[str, list[object]] = {
        "probability": [row.probability for row in stored],
        "prediction": [NO_ANSWER if row.prediction is None else row.prediction for row in stored],
        "prediction_label": [label_text(served.bundle, row.prediction, locale) for row in stored],
        "prediction_id": [row.id for row in stored],
    }
    outputs = [{"name": one, "datatype": OUTPUTS[one], "shape": [len(stored)], "data": values[one]} for one in wanted]
    answer = {"model_name": served.bundle.task, "model_version": served.bundle.version, "outputs": outputs}
    return answer if given_id is None else {**answer, "id": given_id}


def _rows(outcomes: Sequence[ScoredPrediction | ApiError]) -> list[Prediction]:
    rows = []
    for place, outcome in enumerate(outcomes):
        if isinstance(outcome, ApiError):
            raise _in_row(place, outcome)
        rows.append(outcome.row)
    return rows


def _stored(service: Service, rows: Sequence[Prediction]) -> list[Prediction]:
    began = time.perf_counter()
    stored = service.store.write(rows)
    service.metrics.committed(time.perf_counter() - began)
    for row in stored:
        service.metrics.predicted(row.task, row.prediction)
    return stored


def _in_row(place: int, refusal: ApiError) -> ApiError:
    words = msg("Row {row}, counted from 0: {problem}", row=place, problem=refusal.message)
    return ApiError(refusal.status, refusal.code, words, fields=refusal.fields, fix=refusal.fix)


def _check_store(service: Service) -> None:
    problem = service.check_store()
    if problem is not None:
        raise from_farol_error(problem)


def _served(request: Request, name: str, version: str | None = None) -> Served:
    service: Service = request.app.state.service
    served = known(service, name)
    if version is not None and version != served.bundle.version:
        words = msg("This version does not answer now.")
        raise ApiError(404, "not_found", words, fix=msg("Leave the version out, or take that of the metadata."))
    return served


def _tensor(name: str, datatype: str) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1]}
