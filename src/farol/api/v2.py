"""`/v2`: the Open Inference Protocol (V2, REST), for tools that speak it. The models are the tasks that are served.

Every row is stored before it is answered, as on the other routes. The protocol has one answer or one error for a
whole request, so one row that cannot be used refuses all of them, and nothing is stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter, Request, Response

import farol
from farol.access import access
from farol.api.answers.v2 import (
    InferAnswer,
    LiveAnswer,
    ModelMetadataAnswer,
    ModelReadyAnswer,
    OutputTensor,
    ServerAnswer,
    ServerReadyAnswer,
    TensorMetadata,
)
from farol.api.batch import read_at_most
from farol.api.errors import from_farol_error, locale_of, v2_refusals
from farol.api.predict import PredictRequest, ScoredPrediction, score_pupils
from farol.api.requests import KEY_HEADER, parse_object
from farol.api.schemas import GROUP, STUDENT, InputForm
from farol.api.tasks import TaskName, known
from farol.api.tensors import BINARY, BINARY_SIZE, TEXT, binary_of, outputs_wanted, rows_of, split_body
from farol.api.texts import marked as _
from farol.errors import ApiError, StoreError
from farol.i18n import msg
from farol.model.features import YEAR
from farol.model.scoring import NO_ANSWER, label_text
from farol.service import ROUTE, ServedModel, Service
from farol.settings import Settings
from farol.store.keys import Role
from farol.store.records import Prediction

BESIDE = (YEAR, STUDENT, GROUP)
"""Tensors that may come beside those of the columns."""

router = APIRouter(prefix="/v2", tags=["protocol"])

EXTENSIONS = ("binary_tensor_data",)

OUTPUTS: Mapping[str, Literal["FP64", "INT64", "BYTES"]] = {
    "probability": "FP64",
    "prediction": "INT64",
    "prediction_label": TEXT,
    "prediction_id": TEXT,
}


@access(Role.predict)
@router.get(
    "",
    operation_id="v2_server",
    summary=_("The server, in the Open Inference Protocol"),
    description=_("Name, version, and the extensions of the protocol that it speaks."),
    response_description=_("The answer."),
    responses=v2_refusals(500),
)
async def server() -> ServerAnswer:
    return ServerAnswer(name="farol", version=farol.__version__, extensions=list(EXTENSIONS))


@access(None)
@router.get(
    "/health/live",
    operation_id="v2_live",
    summary=_("Is the service alive?"),
    description=_("200 as long as the process answers."),
    response_description=_("The answer."),
    responses=v2_refusals(500),
)
async def live() -> LiveAnswer:
    return LiveAnswer(live=True)


@access(None)
@router.get(
    "/health/ready",
    operation_id="v2_ready",
    summary=_("Can the service answer?"),
    description=_("200 or 503, as GET /ready."),
    response_description=_("The answer."),
    responses=v2_refusals(500, 503),
)
def ready(request: Request) -> ServerReadyAnswer:
    service: Service = request.app.state.service
    for task in service.unanswered():
        service.served(task)
    _check_store(service)
    return ServerReadyAnswer(ready=True)


_MODEL_STATUSES = (404, 500, 503)


@access(Role.predict)
@router.get(
    "/models/{name}",
    operation_id="v2_model",
    summary=_("A model's tensors"),
    description=_("`name` is a task of `GET /tasks`; `versions` has the one version that answers."),
    response_description=_("The answer."),
    responses=v2_refusals(*_MODEL_STATUSES),
)
def model(request: Request, name: TaskName) -> ModelMetadataAnswer:
    return _metadata(_served(request, name))


@access(Role.predict)
@router.get(
    "/models/{name}/versions/{version}",
    operation_id="v2_model_version",
    summary=_("A model's tensors, for one version"),
    description=_("404 for a version that does not answer now."),
    response_description=_("The answer."),
    responses=v2_refusals(*_MODEL_STATUSES),
)
def model_version(request: Request, name: TaskName, version: str) -> ModelMetadataAnswer:
    return _metadata(_served(request, name, version))


def _metadata(served: ServedModel) -> ModelMetadataAnswer:
    form = InputForm(served.bundle.inputs)
    columns = [
        TensorMetadata(name=column, datatype=TEXT if column in form.inputs.vocabularies else "FP64", shape=[-1])
        for column in form.inputs.columns
    ]
    year = [TensorMetadata(name=YEAR, datatype="INT64", shape=[-1])] if form.takes_year else []
    texts = [TensorMetadata(name=name, datatype=TEXT, shape=[-1]) for name in (STUDENT, GROUP)]
    return ModelMetadataAnswer(
        name=served.bundle.task,
        versions=[served.bundle.version],
        platform="onnx_onnxv1",
        inputs=[*columns, *year, *texts],
        outputs=[TensorMetadata(name=name, datatype=kind, shape=[-1]) for name, kind in OUTPUTS.items()],
    )


@access(None)
@router.get(
    "/models/{name}/ready",
    operation_id="v2_model_ready",
    summary=_("Can this model answer?"),
    description=_("200 when it answers and the database can be used; otherwise 503."),
    response_description=_("The answer."),
    responses=v2_refusals(*_MODEL_STATUSES),
)
def model_ready(request: Request, name: TaskName) -> ModelReadyAnswer:
    return _ready(request, _served(request, name))


@access(None)
@router.get(
    "/models/{name}/versions/{version}/ready",
    operation_id="v2_model_version_ready",
    summary=_("Can this version answer?"),
    description=_("404 for a version that does not answer now."),
    response_description=_("The answer."),
    responses=v2_refusals(*_MODEL_STATUSES),
)
def model_version_ready(request: Request, name: TaskName, version: str) -> ModelReadyAnswer:
    return _ready(request, _served(request, name, version))


def _ready(request: Request, served: ServedModel) -> ModelReadyAnswer:
    _check_store(request.app.state.service)
    return ModelReadyAnswer(name=served.bundle.task, ready=True)


def _most_bytes(settings: Settings) -> int:
    return settings.max_batch_bytes


_INFER_STATUSES = (400, 403, 404, 413, 422, 500, 503)
_INFER = _(
    "One tensor a column, named as it is, of shape [n] or [n, 1]; or one named `rows` of shape [n, k] with all columns "
    "in the order of the metadata. null and NaN are missing; a column that is left out is missing for all. `year`, "
    "`student` and `class` may come beside. One row that cannot be used refuses all. Rows are stored before they are "
    "answered; where too little was given, `prediction` is -1 and `probability` null. Tensors may be binary, with the "
    "header Inference-Header-Content-Length: asked with `binary_data_size`, answered where `binary_data` or "
    "`binary_data_output` wishes so; then null is NaN."
)
_BINARY_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary"},
                "example": '{"model_name": …}…',
            }
        }
    }
}


@access(Role.predict, most_bytes=_most_bytes)
@router.post(
    "/models/{name}/infer",
    response_model=InferAnswer,
    response_model_exclude_unset=True,
    operation_id="v2_infer",
    summary=_("Answers as tensors"),
    description=_INFER,
    response_description=_("The answer."),
    responses={**v2_refusals(*_INFER_STATUSES), **_BINARY_ANSWER},
)
async def infer(request: Request, name: TaskName) -> object:
    return await _inferred(request, name)


@access(Role.predict, most_bytes=_most_bytes)
@router.post(
    "/models/{name}/versions/{version}/infer",
    response_model=InferAnswer,
    response_model_exclude_unset=True,
    operation_id="v2_infer_version",
    summary=_("Answers as tensors, by one version"),
    description=_INFER,
    response_description=_("The answer."),
    responses={**v2_refusals(*_INFER_STATUSES), **_BINARY_ANSWER},
)
async def infer_version(request: Request, name: TaskName, version: str) -> object:
    return await _inferred(request, name, version)


async def _inferred(request: Request, name: str, version: str | None = None) -> InferAnswer | Response:
    if KEY_HEADER in request.headers:
        words = msg("{field} is not taken here.", field=KEY_HEADER)
        raise ApiError(400, "invalid_parameter", words, fix=msg("Use {route} with it.", route=f"{ROUTE}/batch"))
    served = _served(request, name, version)
    service: Service = request.app.state.service
    body = await read_at_most(request, service.settings.max_batch_bytes)
    locale = locale_of(request)
    async with service.groups:
        return await asyncio.to_thread(_infer, service, served, body, request.headers.get(BINARY), locale)


def _infer(
    service: Service, served: ServedModel, body: bytes, length: str | None, locale: str
) -> InferAnswer | Response:
    """The answer to the body of a request, every row of it stored. Blocks; raises ApiError, StoreError."""
    text, behind = split_body(body, length)
    form, most = InputForm(served.bundle.inputs), service.settings.max_batch_rows
    document = parse_object(text, most, lists=len(form.inputs.columns) + len(BESIDE))
    given_id = document.get("id")
    # It comes back with the answer, so it is checked before anything is stored: JSON can hold half of a character.
    if given_id is not None and not (isinstance(given_id, str) and _is_text(given_id)):
        raise ApiError(
            400,
            "invalid_tensor",
            msg("{field} is not a text.", field="id"),
            fix=msg("Send it as a text, or leave it out."),
        )
    wanted = outputs_wanted(document, tuple(OUTPUTS))
    at = datetime.now(UTC)
    present = served.bundle.present_period(at.astimezone(service.timezone).year)
    requests = []
    for place, row in enumerate(rows_of(document, form, most, behind)):
        try:
            given = form.read(row)
        except ApiError as refusal:
            raise _in_row(place, refusal) from None
        requests.append(PredictRequest(given, at, present if given.year is None else given.year))
    stored = _stored(service, _rows(score_pupils(served, requests, source="v2")))
    values: dict[str, list[int | float | str | None]] = {
        "probability": [row.probability for row in stored],
        "prediction": [NO_ANSWER if row.prediction is None else row.prediction for row in stored],
        "prediction_label": [label_text(served.bundle, row.prediction, locale) for row in stored],
        "prediction_id": [row.id for row in stored],
    }
    outputs, parts = [], []
    for wish in wanted:
        kind, shape = OUTPUTS[wish.name], [len(stored)]
        if wish.binary:
            parts.append(binary_of(kind, values[wish.name]))
            size = {BINARY_SIZE: len(parts[-1])}
            outputs.append(OutputTensor(name=wish.name, datatype=kind, shape=shape, parameters=size))
        else:
            outputs.append(OutputTensor(name=wish.name, datatype=kind, shape=shape, data=values[wish.name]))
    content = {"model_name": served.bundle.task, "model_version": served.bundle.version, "outputs": outputs}
    answer = InferAnswer.model_validate(content if given_id is None else {**content, "id": given_id})
    return _binary_answer(answer, parts) if parts else answer


def _binary_answer(answer: InferAnswer, parts: Sequence[bytes]) -> Response:
    head = answer.model_dump_json(exclude_unset=True).encode()
    return Response(b"".join((head, *parts)), media_type="application/octet-stream", headers={BINARY: str(len(head))})


def _is_text(given: str) -> bool:
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True


def _rows(outcomes: Sequence[ScoredPrediction | ApiError]) -> list[Prediction]:
    rows = []
    for place, outcome in enumerate(outcomes):
        if isinstance(outcome, ApiError):
            raise _in_row(place, outcome)
        rows.append(outcome.row)
    return rows


def _stored(service: Service, rows: Sequence[Prediction]) -> list[Prediction]:
    began = time.perf_counter()
    try:
        stored = service.store.write(rows)
    except StoreError as error:
        service.not_stored(error)
        raise
    service.stored(time.perf_counter() - began)
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


def _served(request: Request, name: str, version: str | None = None) -> ServedModel:
    service: Service = request.app.state.service
    served = known(service, name)
    if version is not None and version != served.bundle.version:
        words = msg("This version does not answer now.")
        raise ApiError(404, "not_found", words, fix=msg("Leave the version out, or take that of the metadata."))
    return served
