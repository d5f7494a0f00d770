"""What stands around every request: its id, its size limit, security headers, one log line, and the last resort.

Plain ASGI, so that bodies and long answers stream through untouched.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from farol.api.errors import error_response, internal_error, too_large
from farol.api.logs import FIELDS, places
from farol.api.requests import fields_of, locale_in, media_type, route_of
from farol.errors import ApiError
from farol.i18n import LOCALES, msg
from farol.settings import Settings

access = logging.getLogger("farol.access")
logger = logging.getLogger("farol.api")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_OF_DOCUMENTS = frozenset({"Cross-Origin-Opener-Policy", "Permissions-Policy", "Referrer-Policy"})

DATA_HEADERS: Mapping[str, str] = {
    **{name: value for name, value in SECURITY_HEADERS.items() if name not in _OF_DOCUMENTS},
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Those of JSON, as OWASP's REST Security Cheat Sheet has them: what only a document has to be told is left out, and
what a browser that shows it as one may load is nothing."""


SLICE = 32_768
"""Bytes of a body that are worked on at a stroke."""

DRAINED = 2
"""How many times what a page takes is read of a body that is too large, so that the browser sees why it is refused."""


class BrokenOffError(Exception):
    """An answer that failed after it began: the connection is cut, so that nobody takes a part for the whole."""


Observe = Callable[[str, str, int, float], None]
"""Gets each request's method, route, status (0: the caller had gone) and seconds."""


class Guard:
    """The middleware. It bounds bodies of declared and of undeclared length by what their route declares.

    HEAD is answered as GET is; servers leave the body out.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, observe: Observe | None = None) -> None:
        self._app = app
        self._settings = settings
        self._observe = _log if observe is None else _log_and(observe)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        fields = fields_of(scope)
        request_id = _request_id(fields)
        scope["state"]["request_id"] = request_id
        status = 0

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _complete(message.get("headers", ()), locale_in(scope), request_id)
            await send(message)

        try:
            declared = route_of(scope).access
            limit = declared.most_bytes(self._settings)
            refusal = _declared_too_large(fields, limit) or _unreadable(scope, fields)
            if refusal is not None:
                if declared.is_page and refusal.status == 413:
                    await _drain(receive, DRAINED * limit)
                await error_response(Request(scope), refusal)(scope, receive, send_guarded)
            else:
                inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
                await self._app(inner, _counted(receive, limit), send_guarded)
        except ClientDisconnect:
            pass  # whoever asked has gone: there is nobody to answer
        except Exception as error:  # noqa: BLE001  the last resort: whatever it is, no traceback reaches a user
            logger.critical("request %s failed: %s at %s", request_id, type(error).__name__, places(error))
            if status:
                raise BrokenOffError(request_id) from None
            await error_response(Request(scope), internal_error())(scope, receive, send_guarded)
        finally:
            self._observe(scope, status, time.perf_counter() - started)


async def _drain(receive: Receive, most: int) -> None:
    """Read and forget up to `most` bytes of a body: a browser that is still sending shows no answer."""
    more = True
    while more and most > 0:
        message = await receive()
        most -= len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


def _declared_too_large(fields: Mapping[bytes, bytes], limit: int) -> ApiError | None:
    length = fields.get(b"content-length", b"0")
    # Python reads no number of thousands of digits; one of twenty is too many bytes for anybody.
    return too_large(limit) if length.isdigit() and (len(length) > 20 or int(length) > limit) else None


def _unreadable(scope: Scope, fields: Mapping[bytes, bytes]) -> ApiError | None:
    """Servers let any bytes through in an address, but what reads them later expects it as RFC 3986 has it.

    A form may name any encoding that Python knows, some of which break, or make texts that nothing can store.
    """
    packed = fields.get(b"content-encoding", b"identity").strip().lower()
    if packed not in (b"identity", b""):
        words = msg("The body is packed.")
        return ApiError(415, "unsupported_media_type", words, fix=msg("Send it without Content-Encoding, unpacked."))
    declared = fields.get(b"content-type", b"")
    if b"charset" in declared.lower() and media_type(scope).startswith("multipart/"):
        encoding = parse_options_header(declared)[1].get(b"charset", b"utf-8").lower()
        if encoding not in (b"utf-8", b"utf8"):
            words = msg("The form is not written in UTF-8.")
            return ApiError(415, "unsupported_media_type", words, fix=msg("Send it in UTF-8, as browsers do."))
    if scope["query_string"].isascii():
        return None
    words = msg("The address has bytes that no address may have.")
    return ApiError(
        400, "invalid_address", words, fix=msg("Write them percent-encoded, as in {example}.", example="%C3%A7")
    )


def _counted(receive: Receive, limit: int) -> Receive:
    """`receive`, refusing once more bytes have come than may come.

    A piece of more than SLICE bytes is handed on in slices, and others are answered between them: whatever reads the
    body, a form or lines, may do so for as long as a piece lasts.
    """
    total = 0
    whole, at, is_last = b"", 0, False

    async def receive_counted() -> Message:
        nonlocal total, whole, at, is_last
        if at < len(whole):
            await asyncio.sleep(0)
        else:
            message = await receive()
            body = message.get("body", b"")
            total += len(body)
            if total > limit:
                raise too_large(limit)
            if len(body) <= SLICE:
                return message
            whole, at, is_last = body, 0, not message.get("more_body", False)
        slice_ = whole[at : at + SLICE]
        at += SLICE
        if at >= len(whole):
            whole, at = b"", 0
        return {"type": "http.request", "body": slice_, "more_body": bool(whole) or not is_last}

    return receive_counted


def _log(scope: Scope, status: int, seconds: float) -> None:
    """One line: no query, body or header, and of the address only the route's template, which holds no value."""
    if access.isEnabledFor(logging.INFO):
        method, route, milliseconds = scope["method"], route_of(scope).template, seconds * 1000
        request_id = scope["state"]["request_id"]
        known = {"request_id": request_id, "method": method, "route": route, "status": status}
        extra = {FIELDS: known | {"milliseconds": round(milliseconds, 1)}}
        access.info("%s %s %d %.1f ms %s", method, route, status, milliseconds, request_id, extra=extra)


def _log_and(observe: Observe) -> Callable[[Scope, int, float], None]:
    def both(scope: Scope, status: int, seconds: float) -> None:
        _log(scope, status, seconds)
        observe(scope["method"], route_of(scope).template, status, seconds)

    return both


def _request_id(fields: Mapping[bytes, bytes]) -> str:
    """The caller's id when it is a plain short token, else a new one."""
    given = fields.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return os.urandom(16).hex()


_SECURITY = {
    is_json: tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
    for is_json, headers in ((False, SECURITY_HEADERS), (True, DATA_HEADERS))
}
_LANGUAGES = {locale: (b"content-language", locale.replace("_", "-").encode()) for locale in LOCALES}
_VARY, _VARIES = (b"vary", b"Accept-Language"), b"accept-language"
_NO_STORE = (b"cache-control", b"no-store")


_ALWAYS = {
    (is_json, locale): (*security, _LANGUAGES[locale], _VARY, _NO_STORE)
    for is_json, security in _SECURITY.items()
    for locale in LOCALES
}
_OURS = frozenset({name for name, _ in _ALWAYS[False, LOCALES[0]]} | {b"etag", b"x-request-id"})


def _complete(headers: Iterable[tuple[bytes, bytes]], locale: str, request_id: str) -> list[tuple[bytes, bytes]]:
    """The headers with what every answer carries; what a route has set itself stays."""
    complete = [(name.lower(), value) for name, value in headers]
    given = dict(complete)
    ours = b"x-request-id", request_id.encode()
    is_json = given.get(b"content-type", b"").startswith(b"application/json")
    if _OURS.isdisjoint(given):  # nearly every answer
        return [*complete, ours, *_ALWAYS[is_json, locale]]
    complete = [header for header in complete if header[0] != b"x-request-id"]
    complete.append(ours)
    complete += [header for header in _SECURITY[is_json] if header[0] not in given]
    if b"content-language" not in given:
        complete.append(_LANGUAGES[locale])
    if _VARIES not in given.get(b"vary", b"").lower():
        complete.append(_VARY)
    if b"etag" not in given and b"cache-control" not in given:
        complete.append(_NO_STORE)  # static files have an etag and may be kept; anything else may speak of pupils
    return complete
