"""`POST /tasks/{task}/predict`, `/predict`, `/forecast`: parse, score, store, answer. Batches score the same way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from urllib.parse import parse_qsl

import numpy as np
from fastapi import APIRouter, Query
from starlette.types import Receive, Scope

from farol.access import access
from farol.api.answers.prediction import PredictionAnswer
from farol.api.direct import DirectAnswer
from farol.api.errors import SEE_DOCS, refusals
from farol.api.requests import (
    NO_KEY,
    REPLAYED,
    Hashes,
    KeyGiven,
    PupilInput,
    hashes_of,
    locale_in,
    parse_object,
    read_body,
    refuse_other_than_json,
    reused,
    route_of,
)
from farol.api.schemas import InputForm
from farol.api.tasks import TaskName, asked_task
from farol.api.texts import marked as _
from farol.errors import ApiError, FieldProblem
from farol.i18n import msg
from farol.model.bundle import Bundle
from farol.model.inputs import InputWarning
from farol.model.reasons import Reason, explain_scores
from farol.model.scoring import Answer, nothing_given, warnings_for
from farol.service import ROUTE, SHORT_ROUTES, ServedModel, Service
from farol.store.keys import Role
from farol.store.records import Prediction, Source, row_of

if TYPE_CHECKING:
    from farol.api.spans import Tracing  # it needs an extra

MOST_REASONS = 10

MOST_AT_ONCE = 256
"""Requests scored in one turn of the event loop, which waits meanwhile: a few milliseconds."""

ReasonsWanted = Annotated[
    int,
    Query(ge=0, le=MOST_REASONS, description=_("The greatest number of reasons to give for the answer, from 0 to 10.")),
]


# Tuples, as what is made for every request is: a frozen dataclass takes twice as long to make.
class PredictRequest(NamedTuple):
    """What was given for one pupil and when, the year it is of, the hashes of a request that may be sent again."""

    given: PupilInput
    at: datetime  # aware
    year: int
    hashes: Hashes = NO_KEY
    reasons: int = 0


class ScoredPrediction(NamedTuple):
    """The answer to a request, what led to it, and the row to be stored."""

    served: ServedModel
    answer: Answer
    reasons: tuple[Reason, ...]
    warnings: tuple[InputWarning, ...]
    row: Prediction

    def answer_to(self, stored: Prediction, locale: str) -> PredictionAnswer:
        """What is answered in a language; `stored` is the row, or the one that was stored first under its key."""
        return PredictionAnswer.of(
            stored,
            self.answer,
            self.reasons,
            self.warnings,
            bundle=self.served.bundle,
            locale=locale,
        )


def score_pupils(
    served: ServedModel, requests: Sequence[PredictRequest], *, source: Source
) -> list[ScoredPrediction | ApiError]:
    """The answer for each pupil, all scored as one batch; an ApiError where nothing was given to answer from,
    and where the question is not asked of the pupil.
    """
    if not requests:
        return []
    scorer = served.scorer
    scores = scorer.score_rows([request.given.values for request in requests], [request.year for request in requests])
    most = max(request.reasons for request in requests)
    explained = explain_scores(scorer, scores, most) if most else None
    outcomes: list[ScoredPrediction | ApiError] = []
    is_unknown = np.logical_and.reduce(np.isnan(scores.features), axis=1)
    for place, (request, answer) in enumerate(zip(requests, scorer.answers(scores), strict=True)):
        if not request.given.values or is_unknown[place]:
            outcomes.append(_nothing_given(served.bundle))
            continue
        if not answer.asked:
            outcomes.append(_not_asked(served.bundle))
            continue
        given = request.given
        warnings = warnings_for(served.bundle, given.values)
        row = row_of(
            scorer,
            answer,
            given.values,
            at=request.at,
            year=request.year,
            source=source,
            student=given.student,
            group=given.group,
            key_hash=request.hashes.key,
            body_hash=request.hashes.body,
            warnings=tuple([warning.code for warning in warnings]),
        )
        why = explained.reasons(place)[: request.reasons] if explained is not None and request.reasons else ()
        outcomes.append(ScoredPrediction(served, answer, why, warnings, row))
    return outcomes


def _nothing_given(bundle: Bundle) -> ApiError:
    refusal = nothing_given(bundle)
    return ApiError(422, "nothing_given", refusal.problem, fix=msg("Give {what}.", what=refusal.expected))


def _not_asked(bundle: Bundle) -> ApiError:
    problem = msg("It decides of whom this question is asked.")
    fields = [FieldProblem(name, problem, expected) for name, expected in bundle.inputs.asked.expected()]
    words = msg("This question is not asked of this pupil.")
    fix = msg("Give the fields named, where they are as expected. Otherwise this question has no answer.")
    return ApiError(422, "not_asked", words, fields=fields, fix=fix)


class ScoringGroup:
    """Scores as one batch all requests that come until a turn of the event loop brings no other.

    Each scored alone would take 119 µs of the processor in place of 106 for a request at 16 connections, and 110 in
    place of 71 at 64, without the server (docs/serving.md says how that was measured).
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[ServedModel, PredictRequest, asyncio.Future[ScoredPrediction]]] = []

    async def score(self, served: ServedModel, request: PredictRequest) -> ScoredPrediction:
        """The answer for one pupil. Raises ApiError (422) where nothing was given to answer from."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ScoredPrediction] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._gathered, 0)
        self._waiting.append((served, request, future))
        return await future

    def _gathered(self, before: int) -> None:
        """Scores when a turn of the loop has brought no other request."""
        now = len(self._waiting)
        if before < now < MOST_AT_ONCE:
            asyncio.get_running_loop().call_soon(self._gathered, now)
        else:
            self._score()

    def _score(self) -> None:
        group, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._score)
        by_model: dict[ServedModel, list[tuple[PredictRequest, asyncio.Future[ScoredPrediction]]]] = {}
        for served, request, future in group:
            by_model.setdefault(served, []).append((request, future))
        for served, asked in by_model.items():
            requests, futures = zip(*asked, strict=True)
            for future, outcome in zip(futures, _each_scored(served, requests), strict=True):
                if future.done():  # whoever asked has gone
                    continue
                if isinstance(outcome, ScoredPrediction):
                    future.set_result(outcome)
                else:
                    future.set_exception(outcome)


def _each_scored(served: ServedModel, requests: Sequence[PredictRequest]) -> Sequence[ScoredPrediction | Exception]:
    """As `score_pupils`. Where that fails for all of them, each is tried alone: one must not harm the others."""
    try:
        return score_pupils(served, requests, source="api")
    except Exception as error:  # noqa: BLE001  it is not swallowed: `ScoringGroup.score` raises it to whoever asked
        if len(requests) == 1:
            return [error]
        return [outcome for request in requests for outcome in _each_scored(served, [request])]


def answers(service: Service, tracing: Tracing | None) -> Mapping[str, DirectAnswer]:
    """Route → what answers it."""
    scoring = ScoringGroup()
    return dict.fromkeys((ROUTE, *SHORT_ROUTES), partial(_answer, service, scoring, tracing))


async def _answer(
    service: Service, scoring: ScoringGroup, tracing: Tracing | None, scope: Scope, receive: Receive
) -> tuple[bytes, Mapping[str, str]]:
    route = route_of(scope)
    task = asked_task(service, route.template, route.parameters.get("task"))
    served, locale = service.served(task), locale_in(scope)
    reasons = _reasons_wanted(scope["query_string"])
    refuse_other_than_json(scope)
    given = InputForm(served.bundle.inputs).read(parse_object(await read_body(receive)))
    hashes, at = hashes_of(scope, task, given), datetime.now(UTC)
    year = given.year
    if year is None:
        year = served.bundle.present_period(at.astimezone(service.timezone).year)
    request = PredictRequest(given, at, year, hashes, reasons)
    scored = await scoring.score(served, request)
    content = _json(scored.answer_to(scored.row, locale))  # what cannot be written must not be stored
    storing = service.journal.submit(scored.row)
    stored = await (storing if tracing is None else tracing.stored(storing))
    if stored is scored.row:
        service.metrics.predicted(task, stored.prediction)
        return content, {}
    if stored.body_hash != hashes.body:
        raise reused()
    again = await asyncio.to_thread(answered_before, service, served, request, stored)
    return _json(again.answer_to(stored, locale)), REPLAYED


def answered_before(
    service: Service, served: ServedModel, request: PredictRequest, stored: Prediction
) -> ScoredPrediction:
    """The answer that was given before, by the model that gave it. It blocks; BundleError when that model is gone."""
    if served.bundle.version != stored.version:
        served = service.former(stored.task, stored.version)
    (scored,) = score_pupils(served, [request._replace(year=stored.year)], source=stored.source)
    if isinstance(scored, ApiError):  # an answer that was given once can be given again, so it is our fault
        raise scored
    return scored


def _json(answer: PredictionAnswer) -> bytes:
    return answer.__pydantic_serializer__.to_json(answer)


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


router = APIRouter(tags=["predictions"])


@access(Role.predict)
async def _described(reasons: ReasonsWanted = 0, key: KeyGiven = None) -> None:
    """What FastAPI describes of the short routes; `farol.api.direct` answers them."""


@access(Role.predict)
async def _described_task(task: TaskName, reasons: ReasonsWanted = 0, key: KeyGiven = None) -> None:
    """The same of the route of each task."""


def _add_route(route: str, endpoint: Callable[..., Coroutine[Any, Any, None]], name: str, summary: str) -> None:
    router.add_api_route(
        route,
        endpoint,
        methods=["POST"],
        operation_id=name,
        summary=summary,
        description=_(
            "Takes what is known of one pupil: each field is a value in its range, null, or left out. "
            "The answer is stored first, then sent. Its reasons are computed from it and are not stored. "
            "With fewer values the answer is less reliable, and with too few there is no answer."
        ),
        response_model=PredictionAnswer,
        response_description=_("The answer."),
        responses=refusals(400, 404, 413, 415, 422, 500, 503),
    )


_add_route("/predict", _described, "predict", _("The first question about this year"))
_add_route("/forecast", _described, "forecast", _("The first question about the next year"))
_add_route(ROUTE, _described_task, "predict_task", _("Any question of the profile"))
