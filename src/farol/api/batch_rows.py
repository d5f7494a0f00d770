"""The rows of a batch as they come in, and as their answers go out.

In: a JSON array, or a JSON object a line (NDJSON), read as strictly as one pupil's. What is wrong with one row is that
row's ApiError, and the others go on. Out: an answer to NDJSON is sent while its request is still coming in, to a caller
who may read it only afterwards.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from farol.api.requests import MOST_FIELDS, once_each
from farol.errors import ApiError
from farol.i18n import Message, msg

Row = dict[str, Any] | ApiError
"""A JSON object, every number as float, or why it cannot be read."""

IN_MEMORY = 1_000_000
"""Bytes of answers that may wait in memory; more wait in a file without a name, which goes with the process."""

PIECE = 64_000

_SEND_ARRAY = msg("Send a JSON array of objects in UTF-8, such as the example in GET /docs.")
_SEND_OBJECT = msg("Each row is a JSON object in UTF-8, such as the example in GET /docs.")


def parse_array(body: bytes, most: int) -> list[Row]:
    """The rows of a JSON array. Raises ApiError for a body that holds no array, or more than `most` rows."""
    try:
        parsed = _json(body)
    except UnicodeDecodeError:
        raise _invalid(msg("The body is not text in UTF-8."), _SEND_ARRAY) from None
    except json.JSONDecodeError as error:
        place = msg("The body is not JSON: line {line}, column {column}.", line=error.lineno, column=error.colno)
        raise _invalid(place, _SEND_ARRAY) from None
    except RecursionError:
        raise _invalid(msg("The body is nested too deeply."), _SEND_ARRAY) from None
    if not isinstance(parsed, list):
        raise _invalid(msg("The body is JSON, but not an array."), _SEND_ARRAY)
    if not parsed:
        raise ApiError(422, "nothing_given", msg("The array has no rows."), fix=_SEND_ARRAY)
    if len(parsed) > most:
        raise too_many(most)
    return [_row(item) for item in parsed]


def parse_line(line: bytes) -> Row:
    """The row that a line is."""
    try:
        return _row(_json(line))
    except UnicodeDecodeError:
        return _invalid(msg("The row is not text in UTF-8."), _SEND_OBJECT)
    except json.JSONDecodeError as error:
        return _invalid(msg("The row is not JSON: column {column}.", column=error.pos + 1), _SEND_OBJECT)
    except RecursionError:
        return _invalid(msg("The row is nested too deeply."), _SEND_OBJECT)


def too_many(most: int) -> ApiError:
    """What is said of more than `most` rows."""
    words = msg("There are more than the {most} rows that one request may have.", most=most)
    return ApiError(413, "too_many_rows", words, fix=msg("Send the rows in several requests."))


class Lines:
    """Cuts pieces of a body into lines, holding never more than one that is not at its end yet.

    Blank lines are passed over. A line of more than `longest` bytes is thrown away, and its ApiError stands for it.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._begun = bytearray()
        self._is_too_long = False

    def feed(self, piece: bytes) -> Iterator[bytes | ApiError]:
        """The lines that this piece ends."""
        *ended, rest = piece.split(b"\n")
        for part in ended:
            self._add(part)
            yield from self.end()
        self._add(rest)

    def end(self) -> Iterator[bytes | ApiError]:
        """What stands after the last line's end, if anything does."""
        line = bytes(self._begun).strip()
        self._begun.clear()
        if self._is_too_long:
            self._is_too_long = False
            words = msg("The row is longer than the {limit} bytes a line may have.", limit=self._longest)
            yield ApiError(413, "line_too_long", words, fix=_SEND_OBJECT)
        elif line:
            yield line

    def _add(self, part: bytes) -> None:
        self._is_too_long = self._is_too_long or len(self._begun) + len(part) > self._longest
        if self._is_too_long:
            self._begun.clear()
        else:
            self._begun += part


def _json(body: bytes) -> Any:
    return json.loads(
        body.decode("utf-8-sig"), parse_int=float, parse_constant=float, object_pairs_hook=_object_or_refusal
    )


def _object_or_refusal(pairs: list[tuple[str, Any]]) -> Row:
    """One object with a field given twice spoils itself, and not the rows around it."""
    try:
        return once_each(pairs)
    except ApiError as refusal:
        return refusal


def _row(parsed: Any) -> Row:
    if isinstance(parsed, ApiError):
        return parsed
    if not isinstance(parsed, dict):
        return _invalid(msg("The row is JSON, but not an object."), _SEND_OBJECT)
    if len(parsed) > MOST_FIELDS:
        words = msg("The object has more than {most} fields.", most=MOST_FIELDS)
        return ApiError(422, "too_many_fields", words, fix=_SEND_OBJECT)
    return parsed


def _invalid(message: Message, fix: Message) -> ApiError:
    return ApiError(400, "invalid_json", message, fix=fix)


class Backlog:
    """Answers that the client has not taken yet, in order. For one event loop.

    It is read and written there: pages of a file that was just written are in memory.
    """

    def __init__(self, folder: Path) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(folder) if folder.is_dir() else None)  # noqa: SIM115  closed by close()
        self._read = self._written = 0
        self._has_more = asyncio.Event()
        self._ended = False

    def put(self, piece: bytes) -> None:
        """Adds to the end."""
        self._file.seek(self._written)
        self._file.write(piece)
        self._written += len(piece)
        self._has_more.set()

    def end(self) -> None:
        """Says that nothing will be added."""
        self._ended = True
        self._has_more.set()

    async def take(self) -> bytes:
        """The next piece, once there is one; empty at the end."""
        while self._read == self._written and not self._ended:
            self._has_more.clear()
            await self._has_more.wait()
        self._file.seek(self._read)
        piece = self._file.read(min(PIECE, self._written - self._read))
        self._read += len(piece)
        if self._read == self._written:  # what was taken makes room
            self._file.seek(0)
            self._file.truncate()
            self._read = self._written = 0
        return piece

    def close(self) -> None:
        """Lets the file go."""
        self._file.close()


class LinesResponse(Response):
    """Sends `begin`, then the pieces, each as soon as it is there and the caller takes it.

    The pieces are made whether the caller takes them or not: they may depend on the request's body, which the caller
    may want to have sent first.
    """

    def __init__(self, begin: bytes, pieces: AsyncIterator[bytes], *, media_type: str, folder: Path) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._begin = begin
        self._pieces = pieces
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        backlog = Backlog(self._folder)
        sending = asyncio.create_task(self._send(backlog, send), name="farol-lines")
        try:
            backlog.put(self._begin)
            async for piece in self._pieces:
                backlog.put(piece)
            backlog.end()
            await sending
        finally:
            sending.cancel()
            backlog.close()

    async def _send(self, backlog: Backlog, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        while piece := await backlog.take():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
