"""`POST /predict` and `POST /forecast`: read, score, store, answer.

FastAPI describes these two routes, but does not run them (`farol.api.direct` does): what it does for each request, to
find the function and what that takes, costs as much as all that these do.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, cast
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query
from pydantic_core import to_json
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from farol.api.answers.prediction import PredictionAnswer
from farol.api.body import parse_object, refuse_other_than_json
from farol.api.errors import SEE_DOCS, ApiError, FieldProblem, refusals
from farol.api.idempotency import REPLAYED, KeyGiven, hashes_of, reused
from farol.api.prediction import Asked, PredictRequest, ScoredPrediction, answer_body, score_questions
from farol.api.requests import fields_of, locale_in
from farol.api.service import Service
from farol.api.serving_model import ROUTES, Served
from farol.api.texts import marked as _
from farol.i18n import msg
from farol.store.records import Prediction

_STATUSES = (400, 413, 415, 422, 500, 503)

MOST_REASONS = 10

ReasonsWanted = Annotated[
    int, Query(ge=0, le=MOST_REASONS, description=_("Up to how many reasons to give for the answer, from 0 to 10."))
]


def answering(service: Service, task: str) -> ASGIApp:
    """What answers the requests of a task's route."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        body, extra = await _answer(service, task, scope, receive)
        content = to_json(body)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
            *((name.lower().encode(), value.encode()) for name, value in extra.items()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return answer


async def _answer(
    service: Service, task: str, scope: Scope, receive: Receive
) -> tuple[dict[str, object], dict[str, str]]:
    """The body of the answer and the headers that are its own."""
    served = service.served(task)
    wanted = _reasons_wanted(scope["query_string"])
    refuse_other_than_json(fields_of(scope).get(b"content-type", b""))
    given = served.form.read(parse_object(await _read(receive)))
    hashes = hashes_of(scope, ROUTES[task], given)
    at = datetime.now(UTC)
    year = at.astimezone(service.timezone).year if given.year is None else given.year
    asked = Asked(served, PredictRequest(given, at, year, hashes, wanted), origin=scope["state"].get("span"))
    stored = await service.journal.submit(asked)
    scored = cast(ScoredPrediction, asked.scored)  # the journal has made it
    locale = locale_in(scope)
    if stored is scored.row:
        service.metrics.predicted(task, stored.prediction)
        return answer_body(served, scored, stored, locale), {}
    if stored.body_hash != hashes.body:
        raise reused()
    return await _again(service, served, asked.question, stored, locale), dict(REPLAYED)


async def _again(
    service: Service, served: Served, question: PredictRequest, stored: Prediction, locale: str
) -> dict[str, object]:
    """The body of an answer that was given before, by the model that gave it."""
    if served.bundle.version != stored.version:
        served = await asyncio.to_thread(service.former, stored.task, stored.version)
    # What was answered once can be answered again.
    (scored,) = score_questions(served, [replace(question, year=stored.year)], source="api")
    return answer_body(served, cast(ScoredPrediction, scored), stored, locale)


async def _read(receive: Receive) -> bytes:
    """The whole body. ClientDisconnect when its sender goes before the end."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _reasons_wanted(query: bytes) -> int:
    """The parameter `reasons` of an address, the last one where there are several. ApiError (422)."""
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)).get("reasons") if query else None
    if given is None:
        return 0
    text = given.strip()
    number = int(text) if text.isdecimal() and len(text) <= 9 else -1
    if not 0 <= number <= MOST_REASONS:
        expected = msg("a whole number from {minimum} to {maximum}", minimum=0, maximum=MOST_REASONS)
        problem = FieldProblem("reasons", msg("{field} cannot be used.", field="reasons"), expected)
        raise ApiError(
            422,
            "invalid_parameter",
            msg("A parameter of the address cannot be used."),
            fields=[problem],
            fix=SEE_DOCS,
        )
    return number


async def _described(reasons: ReasonsWanted = 0, key: KeyGiven = None) -> None:
    """What FastAPI describes of the two routes."""


router = APIRouter(tags=["predictions"])
router.add_api_route(
    ROUTES["current"],
    _described,
    methods=["POST"],
    operation_id="predict",
    summary=_("Is the pupil behind this year?"),
    description=_(
        "Takes the indicators and grades of one pupil, each a number in its range, null, or left out. The answer is "
        "stored before it is given; its reasons are not, they follow from what is. IAN is this year's lag in other "
        "words: with it, being right is not predicting."
    ),
    response_model=PredictionAnswer,
    response_description=_("The answer."),
    responses=refusals(*_STATUSES),
)
router.add_api_route(
    ROUTES["next-year"],
    _described,
    methods=["POST"],
    operation_id="forecast",
    summary=_("Will the pupil be behind next year?"),
    description=_(
        "Takes the same as /predict, and what is known besides: level, expected level, age, year and month of birth, "
        "year of joining, lag. The answer is stored before it is given; its reasons are not, they follow from what is. "
        "The less is given, the less it is worth, and where too little is given there is none."
    ),
    response_model=PredictionAnswer,
    response_description=_("The answer."),
    responses=refusals(*_STATUSES),
)
