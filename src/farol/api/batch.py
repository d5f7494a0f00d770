"""`POST /tasks/{task}/predict/batch`, `/predict/batch`, `/forecast/batch`: many pupils in one request.

Each has its own answer or its own error.

Rows are taken in groups. A group is scored as one batch and stored in one transaction, and only then answered. A
group that could not be stored has an error in each row; the next group is tried again.

An answer to NDJSON goes out while the body still comes in. Many clients read nothing before they have sent everything,
and would wait for us as we for them: so what they do not take yet waits in a file, not in memory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from farol.access import access
from farol.api.answers.errors import ErrorDetail
from farol.api.answers.prediction import RowAnswer
from farol.api.batch_rows import Lines, LinesResponse, Row, parse_array, parse_line, too_many
from farol.api.errors import from_farol_error, locale_of, refusals, too_large
from farol.api.predict import PredictRequest, ReasonsWanted, ScoredPrediction, answered_before, score_pupils
from farol.api.requests import KeyGiven, hashes_of_row, key_of, media_type, reused
from farol.api.schemas import InputForm
from farol.api.tasks import TaskName, asked_task
from farol.api.texts import marked as _
from farol.errors import ApiError, FarolError, StoreError
from farol.i18n import msg
from farol.service import ROUTE, ServedModel, Service
from farol.settings import Settings
from farol.store.keys import Role
from farol.store.records import Prediction

router = APIRouter(tags=["predictions"])

GROUP = 500
"""Rows that are scored and stored together."""

NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One request for many answers. The model that is served when it begins answers all of it."""

    service: Service
    served: ServedModel
    key: str | None
    reasons: int
    locale: str
    request_id: str

    def answers(self, first: int, rows: Sequence[Row]) -> list[RowAnswer]:
        """The answers to one group, whose first row has the index `first`. Blocks.

        Raises StoreError when the first group of all cannot be stored; of a later one the answers say so.
        """
        at = datetime.now(UTC)
        read = [self._request(first + place, row, at) for place, row in enumerate(rows)]
        requests = {place: request for place, request in enumerate(read) if isinstance(request, PredictRequest)}
        outcomes: dict[int, ScoredPrediction | ApiError] = {
            place: error for place, error in enumerate(read) if isinstance(error, ApiError)
        }
        scored = score_pupils(self.served, list(requests.values()), source="batch")
        outcomes |= dict(zip(requests, scored, strict=True))
        to_store = {place: outcome.row for place, outcome in outcomes.items() if isinstance(outcome, ScoredPrediction)}
        try:
            stored = dict(zip(to_store, self._stored(list(to_store.values())), strict=True))
        except StoreError as error:
            if not first:
                raise
            outcomes |= dict.fromkeys(to_store, from_farol_error(error))
            stored = {}
        answers = []
        for place in range(len(rows)):
            outcome, index = outcomes[place], first + place
            if isinstance(outcome, ApiError):
                answers.append(self.refused(index, outcome))
            else:
                answers.append(self._answered(index, outcome, requests[place], stored[place]))
        return answers

    def refused(self, index: int | None, refusal: ApiError) -> RowAnswer:
        """The answer to a row that cannot be used; without an index, the last word on the whole request."""
        error = ErrorDetail.of(refusal, self.locale, self.request_id)
        return RowAnswer(index=index, status=refusal.status, replayed=False, answer=None, error=error)

    def _request(self, index: int, row: Row, at: datetime) -> PredictRequest | ApiError:
        if isinstance(row, ApiError):
            return row
        try:
            given = InputForm(self.served.bundle.inputs).read(row)
        except ApiError as refusal:
            return refusal
        year = given.year
        if year is None:
            year = self.served.bundle.present_period(at.astimezone(self.service.timezone).year)
        return PredictRequest(
            given, at, year, hashes_of_row(self.key, self.served.bundle.task, index, given), self.reasons
        )

    def _stored(self, rows: Sequence[Prediction]) -> list[Prediction]:
        if not rows:
            return []
        began = time.perf_counter()
        try:
            stored = self.service.store.write(rows)
        except StoreError as error:
            self.service.not_stored(error)
            raise
        self.service.stored(time.perf_counter() - began)
        return stored

    def _answered(self, index: int, scored: ScoredPrediction, request: PredictRequest, stored: Prediction) -> RowAnswer:
        replayed = stored is not scored.row
        if not replayed:
            self.service.metrics.predicted(stored.task, stored.prediction)
        elif stored.body_hash != request.hashes.body:
            return self.refused(index, reused())
        elif stored.version != self.served.bundle.version or stored.year != request.year:
            try:
                scored = answered_before(self.service, self.served, request, stored)
            except FarolError as error:
                return self.refused(index, from_farol_error(error))
        answer = scored.answer_to(stored, self.locale)
        return RowAnswer(index=index, status=200, replayed=replayed, answer=answer, error=None)


async def answered(batch: Batch, first: int, rows: Callable[[], Sequence[Row]]) -> list[RowAnswer]:
    """The answers to one group, made in a thread, as its rows are: see `Batch.answers`."""

    def work() -> list[RowAnswer]:
        return batch.answers(first, rows())

    async with batch.service.groups:
        return await asyncio.to_thread(work)


def _read_lines(lines: Sequence[bytes | ApiError]) -> list[Row]:
    return [parse_line(line) if isinstance(line, bytes) else line for line in lines]


async def _json_answer(request: Request, batch: Batch) -> Response:
    settings = batch.service.settings
    body = await read_at_most(request, settings.max_batch_bytes)
    async with batch.service.groups:
        array = await asyncio.to_thread(parse_array, body, settings.max_batch_rows)
    del body
    pieces: list[bytes] = []
    for first in range(0, len(array.spans), GROUP):
        rows = partial(array.rows, first, first + GROUP, settings.max_line_bytes)
        pieces += map(_dumped, await answered(batch, first, rows))
    return Response(b"[" + b",".join(pieces) + b"]", media_type="application/json")


async def _lines(request: Request, batch: Batch) -> AsyncIterator[bytes]:
    """Answers to lines, as these come: a group is what has come, up to GROUP, so that few rows do not wait for more."""
    settings = batch.service.settings
    lines, count = Lines(settings.max_line_bytes), 0

    async def some(pieces: Iterator[bytes | ApiError]) -> AsyncIterator[bytes]:
        nonlocal count
        while rows := list(islice(pieces, min(GROUP, settings.max_stream_rows + 1 - count))):
            fitting = rows[: settings.max_stream_rows - count]
            if fitting:
                given = await answered(batch, count, partial(_read_lines, fitting))
                count += len(fitting)
                yield b"".join(_dumped(answer) + b"\n" for answer in given)
            if len(fitting) < len(rows):
                raise too_many(settings.max_stream_rows)

    try:
        async for piece in request.stream():
            async for answers in some(lines.feed(piece)):
                yield answers
        async for answers in some(lines.end()):
            yield answers
    except ApiError as refusal:
        if not count:
            raise
        yield _dumped(batch.refused(None, refusal)) + b"\n"


async def _ndjson_answer(request: Request, batch: Batch) -> Response:
    pieces = _lines(request, batch)
    # The status says what stands against the whole batch, so the answer begins when the first group is answered.
    begin = await anext(pieces, None)
    if begin is None:
        words = msg("There are no rows.")
        raise ApiError(422, "nothing_given", words, fix=msg("Send a JSON object a line."))
    return LinesResponse(begin, pieces, media_type=NDJSON, folder=batch.service.settings.data)


async def read_at_most(request: Request, most: int) -> bytes:
    """The body of a request, which may have `most` bytes. Raises ApiError (413)."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most:
        raise too_large(most)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise too_large(most)
    return bytes(body)


def _most_bytes(settings: Settings) -> int:
    return max(settings.max_batch_bytes, settings.max_stream_bytes)


@access(Role.predict, most_bytes=_most_bytes)
async def _answer(request: Request, reasons: ReasonsWanted = 0, key: KeyGiven = None) -> Response:
    return await _answered_batch(request, None, reasons)


@access(Role.predict, most_bytes=_most_bytes)
async def _answer_task(request: Request, task: TaskName, reasons: ReasonsWanted = 0, key: KeyGiven = None) -> Response:
    return await _answered_batch(request, task, reasons)


async def _answered_batch(request: Request, name: str | None, reasons: int) -> Response:
    service: Service = request.app.state.service
    task = asked_task(service, request.scope["route"].path, name)
    answers = {"application/json": _json_answer, NDJSON: _ndjson_answer}.get(media_type(request.scope))
    if answers is None:
        header = f"Content-Type: application/json ({NDJSON})"
        words = msg("The body must be JSON or NDJSON.")
        raise ApiError(415, "unsupported_media_type", words, fix=msg("Send the header {header}.", header=header))
    batch = Batch(
        service=service,
        served=service.served(task),
        key=key_of(request.scope),
        reasons=reasons,
        locale=locale_of(request),
        request_id=request.state.request_id,
    )
    return await answers(request, batch)


def _dumped(answer: RowAnswer) -> bytes:
    return answer.__pydantic_serializer__.to_json(answer)


def _add_route(route: str, endpoint: Callable[..., Coroutine[Any, Any, Response]], name: str, summary: str) -> None:
    router.add_api_route(
        f"{route}/batch",
        endpoint,
        methods=["POST"],
        operation_id=name,
        summary=summary,
        description=_(
            "Takes an array of what the route for one pupil takes (`application/json`), or one such object a line "
            "(`application/x-ndjson`), which is answered a line each while more come in. Each row has the answer or "
            "the error that it would have alone; rows that can be used are stored before they are answered, the "
            "others are not stored. When the first rows cannot be stored, the whole answer is 503; when later ones "
            "cannot, their entries say so. Sent again under the same `Idempotency-Key`, rows that were stored get "
            "their first answer again."
        ),
        response_model=list[RowAnswer],
        response_description=_("One entry a row, in the order of the rows."),
        responses=refusals(400, 404, 413, 415, 422, 500, 503),
    )


_add_route("/predict", _answer, "predict_batch", _("The first question about this year, for many pupils"))
_add_route("/forecast", _answer, "forecast_batch", _("The first question about the next year, for many pupils"))
_add_route(ROUTE, _answer_task, "predict_task_batch", _("Any question of the profile, for many pupils"))
