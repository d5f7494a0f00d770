"""`Idempotency-Key`: a request that is sent again under the same key gets the first answer, and is stored once.

The key is kept as a hash, together with the task, in the row of the answer, and lives as long as that row. What was
asked is kept as a hash too: the same key with something else in the body is a mistake, and refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Header
from starlette.types import Scope

from farol.api.requests import fields_of
from farol.api.schemas import PupilInput
from farol.api.texts import marked as _
from farol.errors import ApiError, FieldProblem
from farol.files import canonical_json
from farol.i18n import msg

HEADER = "Idempotency-Key"
_HEADER = HEADER.lower().encode()
REPLAYED: Mapping[str, str] = {"Idempotent-Replayed": "true"}
"""What an answer that was given before carries."""

_KEY = re.compile(r"[!-~]{1,255}")

KeyGiven = Annotated[
    str | None,
    Header(
        alias=HEADER,
        description=_(
            "A text of your own, new for every question, such as a UUID. If you send it again with the "
            "same body, you get the first answer, and nothing is stored again."
        ),
        json_schema_extra={"minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    ),
]


@dataclass(frozen=True, slots=True)
class Hashes:
    """Of a request's key with its task, and of its body; both None for a request without a key."""

    key: str | None
    body: str | None


NO_KEY = Hashes(None, None)


def hashes_of(scope: Scope, task: str, given: PupilInput) -> Hashes:
    """The hashes of a request. ApiError (422) for a key that cannot be used, or given twice."""
    key = key_of(scope)
    return NO_KEY if key is None else _hashes(f"{task}\n{key}", given)


def hashes_of_row(key: str | None, task: str, index: int, given: PupilInput) -> Hashes:
    """The hashes of one row of a batch: its key is that of the request together with the row's place in it."""
    return NO_KEY if key is None else _hashes(f"{task}/batch\n{key}\n{index}", given)


def key_of(scope: Scope) -> str | None:
    """The key of a request. ApiError (422) for one that cannot be used, or given twice."""
    if _HEADER not in fields_of(scope):
        return None
    keys: list[str] = [value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER]
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        expected = msg("one text of 1 to {most} visible ASCII characters", most=255)
        problem = FieldProblem(HEADER, msg("{field} cannot be used.", field=HEADER), expected)
        raise ApiError(422, "invalid_parameter", msg("A header cannot be used."), fields=[problem], fix=_FIX)
    return keys[0]


def _hashes(name: str, given: PupilInput) -> Hashes:
    whose = {"student": given.student} | ({} if given.group is None else {"class": given.group})
    body = canonical_json({"values": dict(given.values), "year": given.year} | whose)
    return Hashes(_sha256(name.encode()), _sha256(body))


def reused() -> ApiError:
    """The refusal of a key under which something else was asked."""
    problem = FieldProblem(HEADER, msg("{field} cannot be used.", field=HEADER), msg("a key not used before"))
    words = msg("This key came before with another request.")
    return ApiError(422, "idempotency_key_reused", words, fields=[problem], fix=_FIX)


_FIX = msg("Send a new UUID with every question, and the same one when you send a question again.")


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
