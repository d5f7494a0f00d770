"""What is read of every request, once: its headers by name, and the language of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qsl

from starlette.types import Scope

from farol.i18n import LOCALES, negotiate


def fields_of(scope: Scope) -> Mapping[bytes, bytes]:
    """The headers by their names in lower case; where one is given twice, the first counts."""
    state = scope.setdefault("state", {})
    found: Mapping[bytes, bytes] | None = state.get("fields")
    if found is None:
        found = state["fields"] = dict(reversed(scope["headers"]))
    return found


def locale_in(scope: Scope) -> str:
    """The language of an answer: `?lang=`, else `Accept-Language`, else the service's own."""
    query = scope["query_string"]
    default = getattr(scope["app"].state, "locale", LOCALES[0]) if "app" in scope else LOCALES[0]
    return _negotiated(query if b"lang=" in query else b"", fields_of(scope).get(b"accept-language", b""), default)


@lru_cache(maxsize=512)
def _negotiated(query: bytes, accepted: bytes, default: str) -> str:
    wanted = dict(parse_qsl(query.decode("latin-1"))).get("lang")
    return negotiate(wanted, negotiate(accepted.decode("latin-1"), default))
