"""`POST /predict` and `POST /forecast`: read, score, store, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from farol.api.answers import PredictionAnswer
from farol.api.body import read_object
from farol.api.errors import Refusal, locale_of, refusals
from farol.api.retries import REPLAYED, KeyGiven, hashes_of, reused
from farol.api.schemas import Given
from farol.api.service import ROUTES, Served, Service
from farol.api.texts import marked as _
from farol.bands import band_of
from farol.errors import InputError
from farol.i18n import msg
from farol.reasons import reasons_for
from farol.scoring import Answer, abstention, label_text, warnings_for
from farol.store.records import Prediction

router = APIRouter(tags=["predictions"])

_STATUSES = (400, 413, 415, 422, 500, 503)

MOST_REASONS = 10

ReasonsWanted = Annotated[
    int, Query(ge=0, le=MOST_REASONS, description=_("Up to how many reasons to give for the answer, from 0 to 10."))
]


def _endpoint(task: str) -> Callable[[Request, int, str | None], Awaitable[JSONResponse]]:
    # The key is declared for the description, and read from the request, where two of them are seen to be two.
    async def answer(request: Request, reasons: ReasonsWanted = 0, key: KeyGiven = None) -> JSONResponse:
        service: Service = request.app.state.service
        served = service.served(task)
        given = served.form.read(await read_object(request))
        hashes = hashes_of(request, ROUTES[task], given)
        at = datetime.now(UTC)
        year = at.astimezone(service.timezone).year if given.year is None else given.year
        made: list[tuple[Answer, Prediction]] = []  # what the journal's thread answered, for what is not stored

        def make() -> Prediction:
            scored = served.scorer.score_one(given.values, year)
            row = served.prediction(given, scored, at, year=year, key_hash=hashes.key, body_hash=hashes.body)
            made.append((scored, row))
            return row

        try:
            stored = await service.journal.submit(make)
        except InputError as error:  # nothing was given, or nothing that counts
            fix = msg("Give {what}.", what=error.expected)
            raise Refusal(422, "nothing_given", error.problem, fix=fix) from None
        locale = locale_of(request)
        scored, row = made[0]
        if stored is row:
            service.metrics.predicted(task, stored.prediction)
            return JSONResponse(_body(served, given, scored, stored, reasons=reasons, locale=locale))
        if stored.body_hash != hashes.body:
            raise reused()
        body = await _again(service, served, given, stored, reasons=reasons, locale=locale)
        return JSONResponse(body, headers=REPLAYED)

    return answer


async def _again(
    service: Service, served: Served, given: Given, stored: Prediction, *, reasons: int, locale: str
) -> dict[str, object]:
    """The body of an answer that was given before, by the model that gave it."""
    if served.bundle.version != stored.version:
        served = await asyncio.to_thread(service.former, stored.task, stored.version)
    scored = served.scorer.score_one(given.values, cast(int, stored.year))  # a row with a key has its year
    return _body(served, given, scored, stored, reasons=reasons, locale=locale)


def _body(
    served: Served, given: Given, answer: Answer, stored: Prediction, *, reasons: int, locale: str
) -> dict[str, object]:
    bundle = served.bundle
    band = band_of(bundle.report, stored.probability)
    return {
        "prediction": stored.prediction,
        "prediction_label": label_text(bundle, stored.prediction, locale),
        "probability": stored.probability,
        "band": None if band is None else band.as_dict(),
        "abstained": answer.abstained,
        "abstention": abstention(bundle, answer.features).render(locale) if answer.abstained else None,
        "reasons": [reason.as_dict(locale) for reason in reasons_for(served.scorer, answer, reasons)],
        "prediction_id": stored.id,
        "task": stored.task,
        "model_version": stored.version,
        "threshold": stored.threshold,
        "warnings": [
            {"code": warning.code, "field": warning.field, "message": warning.message.render(locale)}
            for warning in warnings_for(bundle, given.values)
        ],
    }


router.add_api_route(
    ROUTES["current"],
    _endpoint("current"),
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
    _endpoint("next-year"),
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
