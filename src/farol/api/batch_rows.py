"""The rows of a batch as they come in, and as their answers go out.

In: a JSON array, or a JSON object a line (NDJSON), read as strictly as one pupil's. What is wrong with one row is that
row's ApiError, and the others go on. Out: an answer to NDJSON is sent while its request is still coming in, to a caller
who may read it only afterwards.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, ClassVar

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from farol.api.requests import MOST_FIELDS, has_many_lists, has_many_values, once_each
from farol.errors import ApiError
from farol.i18n import Message, msg

Row = dict[str, Any] | ApiError
"""A JSON object, every number as float, or why it cannot be read."""

IN_MEMORY = 1_000_000
"""Bytes of answers that may wait in memory; more wait in a file without a name, which goes with the process."""

PIECE = 64_000

MOST_LISTS = 25
"""Lists and objects for each row that an array may have: a row that has any is refused alone, and others go on."""

MOST_WAITING = 256_000_000
"""Bytes of answers that may wait in this process, of all callers together. Beyond it no more rows are read, and whoever
then takes nothing is cut off by the server (`farol.api.server`)."""

ROOM_SECONDS = 0.5
"""How often it is looked whether others have made room."""

_SEND_ARRAY = msg("Send a JSON array of objects in UTF-8, such as the example in GET /docs.")
_SEND_SEVERAL = msg("Send the rows in several requests.")
_SEND_OBJECT = msg("Each row is a JSON object in UTF-8, such as the example in GET /docs.")


@dataclass(frozen=True, slots=True)
class ArrayText:
    """The text of a JSON array that was read once to its end, and where each of its rows stands.

    Rows are made of it a group at a time: made all at once they would take thirty times the memory of the text, whether
    they can be used or not.
    """

    text: str
    spans: Sequence[tuple[int, int]]

    def rows(self, first: int, last: int, longest: int) -> list[Row]:
        """The rows from `first` up to `last`; one of more than `longest` bytes is its refusal."""
        return [self._row(*span, longest) for span in self.spans[first:last]]

    def _row(self, begin: int, end: int, longest: int) -> Row:
        text = self.text[begin:end]
        if len(text) > longest or len(text.encode("utf-8", "surrogatepass")) > longest:
            return _too_long(longest)
        try:
            return _row(_strict(text))
        except ApiError as refusal:
            return refusal.with_traceback(None)
        except RecursionError:
            return _invalid(msg("The row is nested too deeply."), _SEND_OBJECT)


def parse_array(body: bytes, most: int) -> ArrayText:
    """The rows of a JSON array, as text. Raises ApiError for a body that holds no array, or more than `most` rows."""
    if has_many_lists(body, most, MOST_LISTS) or has_many_values(body, most):
        words = msg("There are more rows, or more values in them, than the {most} rows of one request have.", most=most)
        raise ApiError(413, "too_many_rows", words, fix=_SEND_SEVERAL)
    try:
        text = body.decode("utf-8-sig")
        spans = _spans(text, most)
    except UnicodeDecodeError:
        raise _invalid(msg("The body is not text in UTF-8."), _SEND_ARRAY) from None
    except json.JSONDecodeError as error:
        place = msg("The body is not JSON: line {line}, column {column}.", line=error.lineno, column=error.colno)
        raise _invalid(place, _SEND_ARRAY) from None
    except RecursionError:
        raise _invalid(msg("The body is nested too deeply."), _SEND_ARRAY) from None
    if not spans:
        raise ApiError(422, "nothing_given", msg("The array has no rows."), fix=_SEND_ARRAY)
    return ArrayText(text, spans)


def _spans(text: str, most: int) -> list[tuple[int, int]]:
    """Where each item of an array stands. Its value is thrown away at once: counted first, then worked on."""
    at = _after_spaces(text, 0)
    if text[at : at + 1] != "[":
        _LOOSE.decode(text)  # JSONDecodeError for what is not JSON at all
        raise _invalid(msg("The body is JSON, but not an array."), _SEND_ARRAY)
    at = _after_spaces(text, at + 1)
    spans: list[tuple[int, int]] = []
    while text[at : at + 1] != "]" or spans:
        if len(spans) == most:
            raise too_many(most)
        end = _LOOSE.raw_decode(text, at)[1]
        spans.append((at, end))
        at = _after_spaces(text, end)
        if text[at : at + 1] == "]":
            break
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _after_spaces(text, at + 1)
    end = _after_spaces(text, at + 1)
    if end != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return spans


def _after_spaces(text: str, at: int) -> int:
    spaces = _SPACES.match(text, at)
    return at if spaces is None else spaces.end()


def parse_line(line: bytes) -> Row:
    """The row that a line is."""
    try:
        return _row(_strict(line.decode("utf-8-sig")))
    except ApiError as refusal:
        return refusal.with_traceback(None)
    except UnicodeDecodeError:
        return _invalid(msg("The row is not text in UTF-8."), _SEND_OBJECT)
    except json.JSONDecodeError as error:
        return _invalid(msg("The row is not JSON: column {column}.", column=error.pos + 1), _SEND_OBJECT)
    except RecursionError:
        return _invalid(msg("The row is nested too deeply."), _SEND_OBJECT)


def too_many(most: int) -> ApiError:
    """What is said of more than `most` rows."""
    words = msg("There are more than the {most} rows that one request may have.", most=most)
    return ApiError(413, "too_many_rows", words, fix=_SEND_SEVERAL)


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
            if not self._begun and not self._is_too_long and not part.strip():
                continue  # at no cost: a hundred million of them fit into a body
            self._add(part)
            yield from self.end()
        self._add(rest)

    def end(self) -> Iterator[bytes | ApiError]:
        """What stands after the last line's end, if anything does."""
        line = bytes(self._begun).strip()
        self._begun.clear()
        if self._is_too_long:
            self._is_too_long = False
            yield _too_long(self._longest)
        elif line:
            yield line

    def _add(self, part: bytes) -> None:
        self._is_too_long = self._is_too_long or len(self._begun) + len(part) > self._longest
        if self._is_too_long:
            self._begun.clear()
        else:
            self._begun += part


_SPACES = re.compile(r"[ \t\n\r]*")
_LOOSE = json.JSONDecoder(parse_int=float, parse_constant=float)
_strict = json.JSONDecoder(parse_int=float, parse_constant=float, object_pairs_hook=once_each).decode


def _row(parsed: Any) -> Row:
    if not isinstance(parsed, dict):
        return _invalid(msg("The row is JSON, but not an object."), _SEND_OBJECT)
    if len(parsed) > MOST_FIELDS:
        words = msg("The object has more than {most} fields.", most=MOST_FIELDS)
        return ApiError(422, "too_many_fields", words, fix=_SEND_OBJECT)
    return parsed


def _too_long(longest: int) -> ApiError:
    words = msg("The row is longer than the {limit} bytes a line may have.", limit=longest)
    return ApiError(413, "line_too_long", words, fix=_SEND_OBJECT)


def _invalid(message: Message, fix: Message) -> ApiError:
    return ApiError(400, "invalid_json", message, fix=fix)


class Backlog:
    """Answers that the client has not taken yet, in order. For one event loop.

    It is read and written there: pages of a file that was just written are in memory.
    """

    total: ClassVar[int] = 0
    """Bytes in the files of all backlogs."""

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
        Backlog.total += len(piece)
        self._has_more.set()

    async def has_room(self) -> None:
        """Returns once more may be added, or the caller has taken all of its own."""
        while Backlog.total > MOST_WAITING and self._written:
            await asyncio.sleep(ROOM_SECONDS)

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
            Backlog.total -= self._written
            self._read = self._written = 0
        return piece

    def close(self) -> None:
        """Lets the file go."""
        Backlog.total -= self._written
        self._read = self._written = 0
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
                await backlog.has_room()
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
