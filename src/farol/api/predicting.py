"""`POST /predict` and `POST /forecast`: read, score, store, answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from farol.api.answers import PredictionAnswer
from farol.api.body import read_object
from farol.api.errors import Refusal, locale_of, refusals
from farol.api.schemas import Given
from farol.api.service import ROUTES, Served, Service
from farol.api.texts import marked as _
from farol.errors import InputError
from farol.i18n import msg
from farol.scoring import label_text, warnings_for
from farol.store.records import Prediction

router = APIRouter(tags=["predictions"])

_STATUSES = (400, 413, 415, 422, 500, 503)


def _endpoint(task: str) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def answer(request: Request) -> JSONResponse:
        service: Service = request.app.state.service
        served = service.served(task)
        given = served.form.read(await read_object(request))
        at = datetime.now(UTC)
        year = at.astimezone(service.timezone).year
        try:
            stored = await service.journal.submit(lambda: served.prediction(given, at, year))
        except InputError as error:  # nothing was given, or nothing that counts
            fix = msg("Give {what}.", what=error.expected)
            raise Refusal(422, "nothing_given", error.problem, fix=fix) from None
        return JSONResponse(_answer(served, given, stored, locale_of(request)))

    return answer


def _answer(served: Served, given: Given, stored: Prediction, locale: str) -> dict[str, object]:
    return {
        "prediction": stored.prediction,
        "prediction_label": label_text(served.bundle, stored.prediction, locale),
        "probability": stored.probability,
        "prediction_id": stored.id,
        "task": stored.task,
        "model_version": stored.version,
        "threshold": stored.threshold,
        "warnings": [
            {"code": warning.code, "field": warning.field, "message": warning.message.render(locale)}
            for warning in warnings_for(served.bundle, given.values)
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
        "stored before it is given. IAN is this year's lag in other words: with it, being right is not predicting."
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
        "Takes the same as /predict, and what is known besides: level, expected level, age, year of joining, lag. "
        "The answer is stored before it is given. The less is given, the less it is worth."
    ),
    response_model=PredictionAnswer,
    response_description=_("The answer."),
    responses=refusals(*_STATUSES),
)
