"""Examples for the description: of every body and every answer, in the reader's language, made from the task's words.

All pupils are invented, and so are all figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import farol
from farol.api.errors import ApiError, FieldProblem, error_body, error_text, internal_error, too_large
from farol.api.schemas import InputForm
from farol.api.service import Service
from farol.api.serving_model import ROUTES
from farol.i18n import msg
from farol.model.inputs import InputWarning
from farol.model.reasons import Reason
from farol.model.risk_bands import Band

Json = dict[str, Any]

_ID = "019b0a1e-7c00-7000-8000-000000000000"
_REQUEST_ID = "4b399992fb24461597378cd806d60873"
_VERSION = "2024-0123456789"
_STORE = {"problem": None, "software": "SQLite 3.51.3", "caution": None}
_DAYS = {"from": "2026-02-01", "to": "2026-03-02"}
_TIMES = {"timestamp": "2026-03-02T18:24:00.521-03:00", "timestamp_utc": "2026-03-02T21:24:00.521+00:00"}


def error_example(status: int, locale: str, *, is_protocol: bool) -> Json:
    """What an answer of this status may look like; `is_protocol`: below /v2."""
    refusal = _refusals()[status]
    return {"error": error_text(refusal, locale)} if is_protocol else error_body(refusal, locale, _REQUEST_ID)


def answer_examples(service: Service, locale: str) -> dict[str, object]:
    """Operation → an answer that it may give."""
    single = {task: prediction(service, task, locale) for task in ROUTES}
    batch = {task: [_row(0, one), _refused_row(1, locale)] for task, one in single.items()}
    serving = {"tasks": {task: {"serving": _VERSION, "problem": None} for task in ROUTES}, "store": _STORE}
    model = _model(service, "current", locale)
    names = {"name": "current", "versions": [_VERSION], "platform": "onnx_onnxv1"}
    tensors = {
        **names,
        "inputs": [{"name": "IAA", "datatype": "FP64", "shape": [-1]}],
        "outputs": [{"name": "probability", "datatype": "FP64", "shape": [-1]}],
    }
    inferred = {
        "model_name": "current",
        "model_version": _VERSION,
        "id": "turma-3B",
        "outputs": [
            {"name": "probability", "datatype": "FP64", "shape": [2], "data": [0.73, None]},
            {"name": "prediction", "datatype": "INT64", "shape": [2], "data": [1, -1]},
        ],
    }
    listed = {"timezone": "America/Sao_Paulo", "limit": 1}
    return {
        "predict": single["current"],
        "forecast": single["next-year"],
        "predict_batch": batch["current"],
        "forecast_batch": batch["next-year"],
        "v2_server": {"name": "farol", "version": farol.__version__, "extensions": []},
        "v2_live": {"live": True},
        "v2_ready": {"ready": True},
        "v2_model": tensors,
        "v2_model_version": tensors,
        "v2_model_ready": {"name": "current", "ready": True},
        "v2_model_version_ready": {"name": "current", "ready": True},
        "v2_infer": inferred,
        "v2_infer_version": inferred,
        "list_predictions": {**listed, "predictions": [_stored(single["current"], service)]},
        "export_predictions": "IAA,IEG,prediction,prediction_label,probability,timestamp\n",
        "health": {
            "status": "alive",
            "started_at": "2026-03-02T18:24:00-03:00",
            "uptime_seconds": 12.5,
            "versions": {"farol": farol.__version__},
            **serving,
        },
        "ready": {"ready": True, **serving},
        "models": {"tasks": [_task(service, "current", locale)]},
        "metrics": 'farol_requests_total{method="POST",route="/predict",status="200"} 2.0\n',
        "model": model,
    }


def body_examples(service: Service, task: str) -> dict[str, object]:
    """Media type → a body of the batch of a task."""
    rows = [{**_example(service, task), "student": "RA-1"}, {**_example(service, task), "IAN": 5.0}]
    return {"application/json": rows, "application/x-ndjson": rows[0]}


def infer_example() -> Json:
    """A body of the Open Inference Protocol: two pupils, two columns, the rest missing."""
    return {
        "id": "turma-3B",
        "inputs": [
            {"name": "IAA", "shape": [2], "datatype": "FP64", "data": [8.5, None]},
            {"name": "IDA", "shape": [2], "datatype": "FP64", "data": [4.5, 7.0]},
        ],
        "outputs": [{"name": "probability"}, {"name": "prediction"}],
    }


def prediction(service: Service, task: str, locale: str) -> Json:
    """An answer for one pupil."""
    label = service.log_profile.label.positive.in_locale(locale)
    column = service.log_profile.columns.get("IDA")
    why = []
    if column is not None:
        reason = Reason("IDA", column.meaning, 4.5, 0.62, changeable=True, standing=None)
        why = [reason.as_dict(locale)]
    text = msg("{field} is a rounding beyond its range and was taken as the end of it.", field="IAA")
    warning = InputWarning("clipped", "IAA", text)
    return {
        "prediction": 1,
        "prediction_label": label,
        "probability": 0.73,
        "band": Band(0.7, 0.9, 0.71, 0.88).as_dict(),
        "abstained": False,
        "abstention": None,
        "reasons": why,
        "prediction_id": _ID,
        "task": task,
        "model_version": _VERSION,
        "threshold": 0.5,
        "warnings": [{"code": warning.code, "field": warning.field, "message": warning.message.render(locale)}],
    }


def _example(service: Service, task: str) -> Json:
    form: InputForm | None = service.form(task)
    return {} if form is None else dict(form.example())


def _row(index: int, answer: Json) -> Json:
    return {"index": index, "status": 200, "replayed": False, "answer": answer, "error": None}


def _refused_row(index: int, locale: str) -> Json:
    error = error_body(_fields(), locale, _REQUEST_ID)["error"]
    return {"index": index, "status": 422, "replayed": False, "answer": None, "error": error}


def _fields() -> ApiError:
    expected = msg("{kind} from {low} to {high}, or nothing", kind=msg("a number"), low="0", high="10")
    problem = FieldProblem("IAA", msg("{field} is out of its range.", field="IAA"), expected)
    fix = msg("Correct the fields named, or leave out what is not known. GET /docs says what each takes.")
    return ApiError(422, "invalid_fields", msg("Some fields cannot be used."), fields=[problem], fix=fix)


def _refusals() -> Mapping[int, ApiError]:
    busy = msg("Too many predictions are waiting to be stored.")
    again = msg("Try again in a moment.")
    of_role = msg("A key of the role {role} may not do this.", role="read")
    header = msg("Send the header {header}.", header="Content-Type: application/json")
    return {
        400: ApiError(400, "invalid_json", msg("The body is not text in UTF-8.")),
        401: ApiError(401, "key_needed", msg("This needs a key.")),
        403: ApiError(403, "role_needed", of_role, fix=msg("Use a key of the role {role}.", role="predict")),
        404: ApiError(404, "not_found", msg("There is no such task.")),
        413: too_large(1_000_000),
        415: ApiError(415, "unsupported_media_type", msg("The body must be JSON."), fix=header),
        422: _fields(),
        429: ApiError(429, "too_many_requests", msg("This is asked more often than the service allows."), fix=again),
        500: internal_error(),
        503: ApiError(503, "store_busy", busy, fix=again),
    }


def _stored(answer: Json, service: Service) -> Json:
    kept = ("prediction_id", "task", "model_version", "prediction", "probability", "threshold")
    return {
        **{name: answer[name] for name in kept},
        **_TIMES,
        "source": "api",
        "features": {"IAA": 8.5, "IDA": 4.5},
        "prediction_label": service.log_profile.label.positive.pt,
        "warnings": ["clipped"],
    }


def _words(service: Service, task: str, locale: str) -> Json:
    form = service.form(task)
    if form is None:
        return {"title": task, "question": "", "limits": ""}
    spec = form.inputs.task
    texts = {"title": spec.title, "question": spec.question, "limits": spec.limits}
    return {name: text.in_locale(locale) for name, text in texts.items()}


def _task(service: Service, task: str, locale: str) -> Json:
    version = {
        "version": _VERSION,
        "promoted": True,
        "problem": None,
        "train_years": [2022, 2023],
        "test_years": [2024],
        "headline": {"roc_auc": 0.75},
        "features": ["IAA", "IDA"],
    }
    state = {"promoted": _VERSION, "serving": _VERSION, "problem": None, "versions": [version]}
    return {"task": task, "route": ROUTES[task], **_words(service, task, locale), **state}


def _model(service: Service, task: str, locale: str) -> Json:
    number = {"type": "number", "meaning": "IDA"}
    return {
        "task": task,
        "version": _VERSION,
        "routes": [ROUTES[task], f"{ROUTES[task]}/batch", f"/v2/models/{task}/infer"],
        **_words(service, task, locale),
        "signature": {
            "inputs": [{"name": "IDA", **number, "minimum": 0.0, "maximum": 10.0, "usual": []}],
            "outputs": [{"name": "probability", **number, "meaning": "0–1"}],
        },
        "example": _example(service, task),
        "features": [{"name": "IDA", "meaning": "IDA", "changeable": True}],
        "threshold": 0.5,
        "train_years": [2022, 2023],
        "test_years": [2024],
        "reference": {"n": 1842, "years": [2022, 2023]},
        "metrics": [
            {
                "name": "roc_auc",
                "title": "ROC AUC",
                "meaning": "ROC AUC",
                "greater_is_better": True,
                "value": 0.75,
                "low": 0.71,
                "high": 0.79,
            }
        ],
        "made_with": {
            "farol": farol.__version__,
            "libraries": {"numpy": "2.4.6"},
            "seed": 0,
            "data_fingerprint": "0" * 64,
            "profile_fingerprint": "0" * 64,
        },
        "notes": [],
    }
