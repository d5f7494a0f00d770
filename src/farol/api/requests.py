"""What is read of a request: its route, headers by name, the language of the answer, whether a page is wanted, its key,
JSON.

JSON is read strictly: a name given twice is refused, since readers of JSON disagree on which of the two counts, and a
prediction must not depend on that. NaN and Infinity are no JSON; we read them all the same, so that the refusal can
name their field.

`Idempotency-Key`: a request that is sent again under the same key gets the first answer, and is stored once. The key is
kept as a hash, together with the task, in the row of the answer, and lives as long as that row. What was asked is kept
as a hash too: the same key with something else in the body is a mistake, and refused.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qsl

from fastapi import Header
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Receive, Scope

from farol.access import RouteAccess, access_of
from farol.api.texts import marked as _
from farol.errors import ApiError, FieldProblem
from farol.files import canonical_json
from farol.i18n import LOCALES, Message, msg, negotiate
from farol.model.vocabulary import Given
from farol.store.keys import Role

MOST_FIELDS = 100
"""Fields an object may have before it is refused as a whole; an error for each would serve nobody."""

FURTHER_VALUES = 1_000
"""Values that a body may have besides: what is refused for fewer has an error that says more."""

MOST_ACCEPT_BYTES = 1_000
"""Bytes that are looked at of Accept, Accept-Language and an address's query for the language; browsers send a tenth.

What is remembered of callers is at most so long, too: else a few hundred long headers would stay in memory for good.
"""

_SEND_JSON = msg("Send a JSON object in UTF-8, such as the example in GET /docs.")
LONGEST_PATH = 200
"""Characters of an address whose route is remembered; ours have fewer."""

_NAME = re.compile(r"[^\W\d]\w{0,39}")
_QUALITY = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)", re.ASCII)

KEY_HEADER = "Idempotency-Key"
_KEY_FIELD = KEY_HEADER.lower().encode()
REPLAYED: Mapping[str, str] = {"Idempotent-Replayed": "true"}
"""What an answer that was given before carries."""

_KEY = re.compile(r"[!-~]{1,255}")

KeyGiven = Annotated[
    str | None,
    Header(
        alias=KEY_HEADER,
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


class PupilInput(NamedTuple):
    """What a caller gave: absent stays absent, null is None. `student` and `group`, the class, are no inputs."""

    values: Mapping[str, Given]
    year: int | None
    student: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class MatchedRoute:
    """The route of a request: its template, what it declares of itself (`farol.access`), the parts of the address."""

    template: str
    access: RouteAccess
    parameters: Mapping[str, str] = field(default_factory=dict)


NO_ROUTE = MatchedRoute("-", RouteAccess(Role.manage, is_page=True))
"""An address or a method that there is not: only the highest role learns so. For browsers it is a slip of the pen."""


def route_of(scope: Scope) -> MatchedRoute:
    """The route that the framework will find for this request, matched by the same rules; HEAD is matched as GET."""
    state = scope.setdefault("state", {})
    route: MatchedRoute | None = state.get("route")
    if route is None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        app, path, root_path = scope.get("app"), scope["path"], scope.get("root_path", "")
        match = _matched if len(path) <= LONGEST_PATH else _matched.__wrapped__
        route = state["route"] = match(app, method, path, root_path)
    return route


@lru_cache(maxsize=256)
def _matched(app: Starlette | None, method: str, path: str, root_path: str) -> MatchedRoute:
    scope = {"type": "http", "method": method, "path": path, "root_path": root_path}
    for route in () if app is None else app.routes:
        match, child = route.matches(scope)
        if match is Match.FULL:
            template = getattr(route, "path", NO_ROUTE.template)
            return MatchedRoute(template, access_of(child["endpoint"]), child.get("path_params", {}))
    return NO_ROUTE


def fields_of(scope: Scope) -> Mapping[bytes, bytes]:
    """The headers by their names in lower case; where one is given twice, the first counts."""
    state = scope.setdefault("state", {})
    fields: Mapping[bytes, bytes] | None = state.get("fields")
    if fields is None:
        fields = state["fields"] = dict(reversed(scope["headers"]))
    return fields


def locale_in(scope: Scope) -> str:
    """The language of an answer: `?lang=`, else `Accept-Language`, else the service's own."""
    state = scope.setdefault("state", {})
    locale: str | None = state.get("locale")
    if locale is None:
        query = scope["query_string"]
        default = getattr(scope["app"].state, "locale", LOCALES[0]) if "app" in scope else LOCALES[0]
        accepted = fields_of(scope).get(b"accept-language", b"")[:MOST_ACCEPT_BYTES]
        locale = _negotiated(query[:MOST_ACCEPT_BYTES] if b"lang=" in query else b"", accepted, default)
        state["locale"] = locale
    return locale


@lru_cache(maxsize=512)
def _negotiated(query: bytes, accepted: bytes, default: str) -> str:
    wanted = dict(parse_qsl(query.decode("latin-1"))).get("lang")
    return negotiate(wanted, negotiate(accepted.decode("latin-1"), default))


def is_protocol(scope: Scope) -> bool:
    """Whether a request speaks the Open Inference Protocol, which has its own shape of errors."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path == "/v2" or path.startswith("/v2/")


def wants_page(scope: Scope) -> bool:
    """Whether an error is to be a page: a browser asked for a page's route, and prefers HTML to JSON."""
    accepted = fields_of(scope).get(b"accept", b"")[:MOST_ACCEPT_BYTES]
    if b"text/html" not in accepted:  # all programs, at no cost
        return False
    if is_protocol(scope) or not route_of(scope).access.is_page:
        return False
    qualities = dict(map(_quality, accepted.decode("latin-1").split(",")))
    return qualities.get("text/html", 0.0) > qualities.get("application/json", 0.0)


def _quality(part: str) -> tuple[str, float]:
    """A media type and its quality (RFC 9110, section 12.5.1): 1 where none is given, 0 where it is not valid."""
    name, *parameters = (item.strip().lower() for item in part.split(";"))
    given = [item.removeprefix("q=").strip() for item in parameters if item.startswith("q=")]
    if not given:
        return name, 1.0
    return name, float(given[0]) if _QUALITY.fullmatch(given[0]) else 0.0


def media_type(scope: Scope) -> str:
    """The type that the body is declared to have, without parameters; empty when it is not declared."""
    declared = fields_of(scope).get(b"content-type", b"")
    if declared == b"application/json":
        return "application/json"
    return declared.partition(b";")[0].strip().lower().decode("latin-1")


def refuse_other_than_json(scope: Scope) -> None:
    """Raises ApiError (415) unless the body is declared as JSON."""
    if media_type(scope) != "application/json":
        raise ApiError(
            415,
            "unsupported_media_type",
            msg("The body must be JSON."),
            fix=msg("Send the header {header}.", header="Content-Type: application/json"),
        )


def hashes_of(scope: Scope, task: str, given: PupilInput) -> Hashes:
    """The hashes of a request. ApiError (422) for a key that cannot be used, or given twice."""
    key = key_of(scope)
    return NO_KEY if key is None else _hashes(f"{task}\n{key}", given)


def hashes_of_row(key: str | None, task: str, index: int, given: PupilInput) -> Hashes:
    """The hashes of one row of a batch: its key is that of the request together with the row's place in it."""
    return NO_KEY if key is None else _hashes(f"{task}/batch\n{key}\n{index}", given)


def key_of(scope: Scope) -> str | None:
    """The key of a request. ApiError (422) for one that cannot be used, or given twice."""
    if _KEY_FIELD not in fields_of(scope):
        return None
    keys: list[str] = [value.decode("latin-1") for name, value in scope["headers"] if name == _KEY_FIELD]
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        expected = msg("one text of 1 to {most} visible ASCII characters", most=255)
        problem = FieldProblem(KEY_HEADER, msg("{field} cannot be used.", field=KEY_HEADER), expected)
        raise ApiError(422, "invalid_parameter", msg("A header cannot be used."), fields=[problem], fix=_NEW_KEY)
    return keys[0]


def _hashes(name: str, given: PupilInput) -> Hashes:
    whose = {"student": given.student} | ({} if given.group is None else {"class": given.group})
    body = canonical_json({"values": dict(given.values), "year": given.year} | whose)
    return Hashes(_sha256(name.encode()), _sha256(body))


def reused() -> ApiError:
    """The refusal of a key under which something else was asked."""
    problem = FieldProblem(KEY_HEADER, msg("{field} cannot be used.", field=KEY_HEADER), msg("a key not used before"))
    words = msg("This key came before with another request.")
    return ApiError(422, "idempotency_key_reused", words, fields=[problem], fix=_NEW_KEY)


_NEW_KEY = msg("Send a new UUID with every question, and the same one when you send a question again.")


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


async def read_body(receive: Receive) -> bytes:
    """The whole body. ClientDisconnect when its sender goes before the end."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def has_many_lists(body: bytes, rows: int, lists: int) -> bool:
    """Whether a body has more than `lists` lists and objects for each of `rows` rows; see `has_many_values`."""
    return body.count(b"[") + body.count(b"{") > lists * rows + FURTHER_VALUES


def has_many_values(body: bytes, rows: int) -> bool:
    """Whether a body has more values than `rows` rows of MOST_FIELDS.

    A body of JSON is decoded at a stroke, in a thread or not, and millions of values would take a second, in which
    nobody else is answered, and forty times their bytes.
    """
    return body.count(b",") > MOST_FIELDS * rows + FURTHER_VALUES


def parse_object(body: bytes, rows: int = 1, *, lists: int = 1) -> dict[str, Any]:
    """The JSON object that `body` holds, of `rows` rows with `lists` lists each; every number comes as float.

    Raises ApiError.
    """
    if len(body) > FURTHER_VALUES:  # a shorter one cannot have as many
        if has_many_lists(body, rows, lists):
            raise _invalid(msg("The body has too many lists and objects."))
        if has_many_values(body, rows):
            raise ApiError(422, "too_many_fields", msg("The body has too many values."), fix=_SEND_JSON)
    try:
        parsed = _decode(body.removeprefix(codecs.BOM_UTF8).decode())
    except UnicodeDecodeError:
        raise _invalid(msg("The body is not text in UTF-8.")) from None
    except json.JSONDecodeError as error:
        raise _invalid(
            msg("The body is not JSON: line {line}, column {column}.", line=error.lineno, column=error.colno)
        ) from None
    except RecursionError:
        raise _invalid(msg("The body is nested too deeply.")) from None
    if not isinstance(parsed, dict):
        raise _invalid(msg("The body is JSON, but not an object."))
    if len(parsed) > MOST_FIELDS:
        raise ApiError(
            422, "too_many_fields", msg("The object has more than {most} fields.", most=MOST_FIELDS), fix=_SEND_JSON
        )
    return parsed


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs; ApiError (422) where a name stands twice."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        field = shown_name(_first_repeated(pairs))
        problem = FieldProblem(field, msg("{field} is given more than once.", field=field), msg("each field once"))
        raise ApiError(422, "invalid_fields", msg("Some fields cannot be used."), fields=[problem], fix=_SEND_JSON)
    return fields


def _first_repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for name, _value in pairs:
        if name in seen:
            return name
        seen.add(name)
    raise ValueError("each name stands once")


def shown_name(name: str) -> str:
    """A field's name as an error may repeat it; what looks like anything but a name is not repeated."""
    return name if _NAME.fullmatch(name) else "?"


def _invalid(message: Message) -> ApiError:
    return ApiError(400, "invalid_json", message, fix=_SEND_JSON)


# Whole numbers become floats at once: Python's own would spend a long time on a million digits.
_decode = json.JSONDecoder(parse_int=float, parse_constant=float, object_pairs_hook=once_each).decode
