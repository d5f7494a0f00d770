"""From the bytes of a request to a JSON object, strictly: one meaning, or a refusal.

A name given twice is refused: readers of JSON disagree on which of the two counts, and a prediction must not
depend on that. NaN and Infinity are no JSON; we read them all the same, so that the refusal can name their field.
"""

from __future__ import annotations

import codecs
import json
from typing import Any

from farol.api.errors import ApiError, FieldProblem, shown_name
from farol.i18n import Message, msg

MOST_FIELDS = 100
"""Fields an object may have before it is refused as a whole; an error for each would serve nobody."""

_SEND_JSON = msg("Send a JSON object in UTF-8, such as the example in GET /docs.")


def refuse_other_than_json(content_type: bytes) -> None:
    """Raises ApiError (415) unless the header says JSON."""
    if content_type != b"application/json" and content_type.partition(b";")[0].strip().lower() != b"application/json":
        raise ApiError(
            415,
            "unsupported_media_type",
            msg("The body must be JSON."),
            fix=msg("Send the header {header}.", header="Content-Type: application/json"),
        )


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object that `body` holds; every number comes as float. Raises ApiError."""
    try:
        found = _decode(body.removeprefix(codecs.BOM_UTF8).decode())
    except UnicodeDecodeError:
        raise _invalid(msg("The body is not text in UTF-8.")) from None
    except json.JSONDecodeError as error:
        raise _invalid(
            msg("The body is not JSON: line {line}, column {column}.", line=error.lineno, column=error.colno)
        ) from None
    except RecursionError:
        raise _invalid(msg("The body is nested too deeply.")) from None
    if not isinstance(found, dict):
        raise _invalid(msg("The body is JSON, but not an object."))
    if len(found) > MOST_FIELDS:
        raise ApiError(
            422, "too_many_fields", msg("The object has more than {most} fields.", most=MOST_FIELDS), fix=_SEND_JSON
        )
    return found


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs; ApiError (422) where a name stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next((name for name in names[:MOST_FIELDS] if names.count(name) > 1), "?")
        field = shown_name(twice)
        problem = FieldProblem(field, msg("{field} is given more than once.", field=field), msg("each field once"))
        raise ApiError(422, "invalid_fields", msg("Some fields cannot be used."), fields=[problem], fix=_SEND_JSON)
    return found


def _invalid(message: Message) -> ApiError:
    return ApiError(400, "invalid_json", message, fix=_SEND_JSON)


# Whole numbers become floats at once: Python's own would spend a long time on a million digits.
_decode = json.JSONDecoder(parse_int=float, parse_constant=float, object_pairs_hook=once_each).decode
