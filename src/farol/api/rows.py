"""From the body of a batch to its rows: a JSON array, or a JSON object a line (NDJSON), as strictly as one pupil's.

What is wrong with one row is that row's ApiError, and the others go on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from farol.api.body import MOST_FIELDS, once_each
from farol.api.errors import ApiError
from farol.i18n import Message, msg

Row = dict[str, Any] | ApiError
"""A JSON object, every number as float, or why it is none."""

_SEND_ARRAY = msg("Send a JSON array of objects in UTF-8, such as the example in GET /docs.")
_SEND_OBJECT = msg("Each row is a JSON object in UTF-8, such as the example in GET /docs.")


def parse_array(body: bytes, most: int) -> list[Row]:
    """The rows of a JSON array. Raises ApiError for a body that is none, or that has more than `most` rows."""
    try:
        found = _json(body)
    except UnicodeDecodeError:
        raise _invalid(msg("The body is not text in UTF-8."), _SEND_ARRAY) from None
    except json.JSONDecodeError as error:
        place = msg("The body is not JSON: line {line}, column {column}.", line=error.lineno, column=error.colno)
        raise _invalid(place, _SEND_ARRAY) from None
    except RecursionError:
        raise _invalid(msg("The body is nested too deeply."), _SEND_ARRAY) from None
    if not isinstance(found, list):
        raise _invalid(msg("The body is JSON, but not an array."), _SEND_ARRAY)
    if not found:
        raise ApiError(422, "nothing_given", msg("The array has no rows."), fix=_SEND_ARRAY)
    if len(found) > most:
        raise too_many(most)
    return [_row(one) for one in found]


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


def _row(found: Any) -> Row:
    if isinstance(found, ApiError):
        return found
    if not isinstance(found, dict):
        return _invalid(msg("The row is JSON, but not an object."), _SEND_OBJECT)
    if len(found) > MOST_FIELDS:
        words = msg("The object has more than {most} fields.", most=MOST_FIELDS)
        return ApiError(422, "too_many_fields", words, fix=_SEND_OBJECT)
    return found


def _invalid(message: Message, fix: Message) -> ApiError:
    return ApiError(400, "invalid_json", message, fix=fix)
