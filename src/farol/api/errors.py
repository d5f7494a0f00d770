"""The one shape of every error that leaves the service as JSON, whichever route, status or layer it comes from.

    {"error": {"code", "message", "fields": [{"field", "problem", "expected"}], "fix", "request_id"}}

A browser that asks for a page meets a page of the same words instead (`farol.web.error_pages`); nobody else does.
Below /v2 the Open Inference Protocol prescribes {"error": "a text"}: there the same is said in one text.

No value that was sent is ever repeated: `field` names a field, `problem` and `expected` are our own words.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from farol.api.answers.errors import ErrorAnswer, ErrorDetail, V2Error
from farol.api.requests import is_protocol, locale_in, shown_name, wants_page
from farol.api.texts import marked as _
from farol.errors import ApiError, BundleError, FarolError, FieldProblem, InputError, StoreError
from farol.i18n import Message, msg
from farol.store.journal import JournalFullError

logger = logging.getLogger("farol.api")

RETRY_SECONDS = 2
"""After how long a model or a database may be back: the service looks every second."""


def locale_of(request: Request) -> str:
    """The language of an answer to `request`: see `locale_in`."""
    return locale_in(request.scope)


def error_response(request: Request, refusal: ApiError) -> Response:
    """The refusal as an answer to `request`: a page for a browser on a page's route, else the one shape."""
    if wants_page(request.scope):
        page: Response = request.app.state.error_page(request, refusal)
        return page
    locale = locale_of(request)
    answer: ErrorAnswer | V2Error = (
        V2Error.of(refusal, locale)
        if is_protocol(request.scope)
        else ErrorAnswer(error=ErrorDetail.of(refusal, locale, request.state.request_id))
    )
    return JSONResponse(answer.model_dump(), refusal.status, refusal.headers)


def internal_error() -> ApiError:
    """What a person reads when the fault is ours: the log has the rest, under the request id."""
    return ApiError(
        500,
        "internal",
        msg("Something went wrong on our side; nothing was answered."),
        fix=msg("Try again. If it stays, give the request id to whoever runs this service: its log has the details."),
    )


def too_large(limit: int) -> ApiError:
    """What is said of a body of more than `limit` bytes."""
    return ApiError(
        413,
        "body_too_large",
        msg("The body is larger than the {limit} bytes this service takes.", limit=limit),
        fix=msg("Send less at once."),
    )


def from_farol_error(error: FarolError) -> ApiError:
    """The refusal for an error of the tree that reached a route; what is not the caller's doing is logged."""
    headers: Mapping[str, str] = {}
    if isinstance(error, InputError):
        status = 422
    else:
        status = 503 if isinstance(error, StoreError | BundleError) else 500
        seconds = error.retry_after if isinstance(error, JournalFullError) else RETRY_SECONDS
        headers = {"Retry-After": str(seconds)} if status == 503 else {}
        logger.error("%s", error)
    name = error.where.field
    fields = [FieldProblem(name, error.problem, error.expected)] if name else []
    return ApiError(status, error.code, error.problem, fields=fields, fix=error.fix or error.expected, headers=headers)


def unusable_parameter(name: str, problem: Message, expected: Message | None) -> ApiError:
    """The refusal of a parameter of the address, for a reason that the framework does not know."""
    message = msg("A parameter of the address cannot be used.")
    return ApiError(422, "invalid_parameter", message, fields=[FieldProblem(name, problem, expected)], fix=SEE_DOCS)


SEE_DOCS = msg("GET /docs says which routes there are and what each takes.")
_HTTP: Mapping[int, tuple[str, Message]] = {
    404: ("not_found", msg("There is nothing at this address.")),
    405: ("method_not_allowed", msg("This address does not take this method.")),
}


def _from_http(error: HTTPException) -> ApiError:
    """Starlette's own refusals; their texts are English and may repeat input, so ours stand instead."""
    code, message = _HTTP.get(error.status_code, ("refused", msg("The request was refused.")))
    headers = dict(error.headers or {})
    allowed = headers.get("Allow", headers.get("allow", "")).split(", ")
    if "GET" in allowed:  # HEAD is answered wherever GET is
        headers = {"Allow": ", ".join(sorted({*allowed, "HEAD"}))}
    return ApiError(error.status_code, code, message, fix=SEE_DOCS, headers=headers)


def _from_query(error: RequestValidationError) -> ApiError:
    """What is wrong with the parameters of an address (bodies are read in `farol.api.requests`)."""
    fields = []
    for item in error.errors():
        name = shown_name(str(item["loc"][-1]))
        fields.append(FieldProblem(name, msg("{field} cannot be used.", field=name), _expected(item.get("ctx", {}))))
    message = msg("A parameter of the address cannot be used.")
    return ApiError(422, "invalid_parameter", message, fields=fields, fix=SEE_DOCS)


def _expected(context: Mapping[str, Any]) -> Message:
    if "le" in context:
        return msg("a whole number of at most {maximum}", maximum=context["le"])
    if "max_length" in context:
        return msg("a text of at most {maximum} characters", maximum=context["max_length"])
    if "ge" in context:
        return msg("a whole number of at least {minimum}", minimum=context["ge"])
    return msg("a whole number")


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals a route documents, for `responses=`."""
    return {status: described(status, "ErrorAnswer") for status in statuses}


def v2_refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for a route below /v2."""
    return {status: described(status, "V2Error") for status in statuses}


def described(status: int, shape: str) -> dict[str, Any]:
    """A refusal as OpenAPI has it. By the name of its shape: of each model, FastAPI would make a validator a status."""
    schema = {"$ref": f"#/components/schemas/{shape}"}
    return {"description": STATUSES[status], "content": {"application/json": {"schema": schema}}}


STATUSES = {
    400: _("The body is not JSON, or the service does not answer to the name in the request."),
    401: _("There are keys, and the request has no known key; `WWW-Authenticate` says how to send one."),
    403: _("The key's role does not allow this, or a page of another site asked."),
    404: _("There is no such task, or the version does not answer now."),
    413: _("The body is too large, or has too many rows."),
    415: _("The body is not declared as JSON."),
    422: _("A field or parameter cannot be used; `fields` names it."),
    429: _("There are more requests than the service allows; `Retry-After` says when to try again."),
    500: _("Our fault; the log has the details under the request id."),
    503: _("No model, or the database cannot be used, or too much is waiting; `Retry-After` says when to try again."),
}


def install(app: FastAPI) -> None:
    """Make every refusal of `app` take the one shape."""

    def answer(kind: type[Exception], refusal_of: Callable[[Any], ApiError]) -> None:
        async def handler(request: Request, error: Exception) -> Response:
            return error_response(request, refusal_of(error))

        app.add_exception_handler(kind, handler)

    answer(ApiError, lambda refusal: refusal)
    answer(FarolError, from_farol_error)
    answer(HTTPException, _from_http)
    answer(RequestValidationError, _from_query)
