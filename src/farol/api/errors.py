"""The one shape of every error that leaves the service as JSON, whichever route, status or layer it comes from.

    {"error": {"code", "message", "fields": [{"field", "problem", "expected"}], "fix", "request_id"}}

A browser that asks for a page meets a page of the same words instead (`farol.web.error_pages`); nobody else does.
Below /v2 the Open Inference Protocol prescribes {"error": "a text"}: there the same is said in one text.

No value that was sent is ever repeated: `field` names a field, `problem` and `expected` are our own words.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from farol.api.negotiation import wants_page
from farol.api.requests import locale_in
from farol.api.texts import marked as _
from farol.errors import BundleError, FarolError, InputError, StoreError
from farol.i18n import Message, msg
from farol.store.journal import JournalFullError

logger = logging.getLogger("farol.api")

RETRY_SECONDS = 2
"""After how long a model or a database may be back: the service looks every second."""

_NAME = re.compile(r"[^\W\d]\w{0,39}")


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field, and what it should have been."""

    field: str
    problem: Message
    expected: Message | None = None


class ApiError(Exception):
    """A request that is answered with an error: status, stable code, words, fields, what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        message: Message,
        *,
        fields: Sequence[FieldProblem] = (),
        fix: Message | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.fields = tuple(fields)
        self.fix = fix
        self.headers = dict(headers or {})


def shown_name(name: str) -> str:
    """A field's name as an error may repeat it; what looks like anything but a name is not repeated."""
    return name if _NAME.fullmatch(name) else "?"


def locale_of(request: Request) -> str:
    """The language of an answer to `request`: see `locale_in`."""
    return locale_in(request.scope)


def error_body(refusal: ApiError, locale: str, request_id: str) -> dict[str, Any]:
    """The one shape, in a language."""
    fields = [
        {
            "field": item.field,
            "problem": item.problem.render(locale),
            "expected": item.expected.render(locale) if item.expected else None,
        }
        for item in refusal.fields
    ]
    return {
        "error": {
            "code": refusal.code,
            "message": refusal.message.render(locale),
            "fields": fields,
            "fix": refusal.fix.render(locale) if refusal.fix else None,
            "request_id": request_id,
        }
    }


def error_text(refusal: ApiError, locale: str) -> str:
    """All of a refusal in one text."""
    said = [refusal.message, *(_in_one(item) for item in refusal.fields), *([refusal.fix] if refusal.fix else [])]
    return " ".join(message.render(locale) for message in said)


def _in_one(item: FieldProblem) -> Message:
    if item.expected is None:
        return item.problem
    return msg("{problem} Expected: {expected}.", problem=item.problem, expected=item.expected)


def error_response(request: Request, refusal: ApiError) -> Response:
    """The refusal as an answer to `request`: a page for a browser on a page's route, else the one shape."""
    if wants_page(request.scope):
        page: Response = request.app.state.error_page(request, refusal)
        return page
    locale = locale_of(request)
    path: str = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    if path == "/v2" or path.startswith("/v2/"):
        return JSONResponse({"error": error_text(refusal, locale)}, refusal.status, refusal.headers)
    body = error_body(refusal, locale, request.state.request_id)
    return JSONResponse(body, refusal.status, refusal.headers)


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


SEE_DOCS = msg("GET /docs says which routes there are and what each takes.")
_HTTP: Mapping[int, tuple[str, Message]] = {
    404: ("not_found", msg("There is nothing at this address.")),
    405: ("method_not_allowed", msg("This address does not take this method.")),
}


def _from_http(error: HTTPException) -> ApiError:
    """Starlette's own refusals; their texts are English and may repeat input, so ours stand instead."""
    code, message = _HTTP.get(error.status_code, ("refused", msg("The request was refused.")))
    return ApiError(error.status_code, code, message, fix=SEE_DOCS, headers=error.headers)


def _from_query(error: RequestValidationError) -> ApiError:
    """What is wrong with the parameters of an address (bodies are read in `farol.api.body`)."""
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
    400: _("The body is not JSON, or the service does not go by the name it was asked under."),
    401: _("There are keys, and none that is known was sent; `WWW-Authenticate` says how."),
    403: _("The key's role does not allow this, or a page of another site asked."),
    404: _("There is no such task, or the version does not answer now."),
    413: _("The body is too large, or has too many rows."),
    415: _("The body is not declared as JSON."),
    422: _("A field or parameter cannot be used; `fields` names it."),
    429: _("Asked more often than the service allows; `Retry-After` says when to try again."),
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
