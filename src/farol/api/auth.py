"""Who may ask, for what, under which name and how often: the middleware between the guard and the routes."""

from __future__ import annotations

import asyncio
import base64
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from farol.access import RouteAccess
from farol.accounts.sessions import COOKIE, SIGN_IN_PAGE, Session, cookie_name, session_of
from farol.accounts.viewer import NOBODY_IN_PARTICULAR, STRANGER, Viewer
from farol.api.errors import error_response, from_farol_error
from farol.api.keyring import Keyring, RateLimit, is_loopback
from farol.api.requests import fields_of, media_type, route_of, wants_page
from farol.errors import ApiError, StoreError
from farol.i18n import msg
from farol.settings import Settings
from farol.store.keys import ApiKey, Role, match_key

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ASKED_FIRST = frozenset({"application/json", "application/x-ndjson"})
LONGEST_HOST = 300
"""Bytes of a host name with its port: the name system knows none of more than 253."""

SIGN_IN = "sign_in_needed"
"""The code of the refusal that leads people to the page to sign in."""
LONGEST_NEXT = 1_000
"""Characters of an address to which a sign-in leads back."""
_ASK_ADMINISTRATOR = msg("If you need it for your work, ask an administrator of this site.")

_NAME_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(?::\d*)?")

_EVERYBODY = ""
"""The one bucket of all callers while nobody is asked who they are."""


class AccessMiddleware:
    """Lets a request through, or answers it with a refusal in the one error shape.

    While there has never been a key, everything is open to callers who reach the service by an address of this
    machine (or any, with `open_network`). Once there is one, every route needs a key but those that declare that they
    need none (`farol.access`); revoking the last key shuts the service, it does not open it.

    Once there is a user, a page needs a session of one whose role may do what the page is for, and a key opens none;
    any other route needs a key, and a session opens none. Users are never removed, so there is no way back.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, keyring: Keyring) -> None:
        self._app = app
        self._keyring = keyring
        self._open_network = settings.open_network
        self._is_local = is_loopback(settings.host)
        self._rate = RateLimit(settings.rate_limit, settings.rate_burst)
        names = (*settings.host_names, settings.host.lower())
        self._names = frozenset(name for name in names if not name.startswith("*"))
        self._endings = tuple(name.removeprefix("*") for name in settings.host_names if name.startswith("*"))
        self._any_name = "" in self._endings
        self._goes_by = lru_cache(maxsize=64)(self._is_ours)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        access = route_of(scope).access
        host = fields_of(scope).get(b"host")  # a probe by HTTP/1.0 names none; every browser does
        is_ours = self._any_name or host is None or self._goes_by(host[: LONGEST_HOST + 1])
        refusal = None if is_ours else _wrong_name()
        if refusal is None and access.is_page:
            refusal = await self._page_refusal(scope, headers, access)
        elif refusal is None and access.role is not None:
            refusal = await self._refusal(scope, headers, access.role)
        if refusal is None:
            await self._app(scope, receive, send)
        elif refusal.code == SIGN_IN and scope["method"] in ("GET", "HEAD") and wants_page(scope):
            await RedirectResponse(_sign_in_address(scope), 303)(scope, receive, send)
        else:
            await error_response(Request(scope), refusal)(scope, receive, send)

    async def _page_refusal(self, scope: Scope, headers: Headers, access: RouteAccess) -> ApiError | None:
        """Why a page is not shown; leaves in the scope's state who asks, and by which session."""
        state = scope["state"]
        if self._keyring.fresh is None:
            with suppress(StoreError):  # where there are users, the look for the session says so
                await self._keyring.read()
        if not self._keyring.has_users:
            refusal = (
                _cross_site(scope, headers) if access.role is None else await self._refusal(scope, headers, access.role)
            )
            state["viewer"] = NOBODY_IN_PARTICULAR if refusal is None else STRANGER
            return refusal
        state["viewer"] = STRANGER
        try:
            session = await asyncio.to_thread(self._session, cookie_in(headers.get("cookie", ""), scope["scheme"]))
        except StoreError as error:
            return from_farol_error(error)
        if session is not None:
            state["viewer"], state["session"] = Viewer(session.user), session
        refusal = _cross_site(scope, headers, is_ambient=True)
        if refusal is not None or access.role is None:
            return refusal
        if session is None:
            return _sign_in_needed(headers)
        decision = state["viewer"].may(access.duty) if access.duty is not None else None
        if decision is not None and not decision:
            return ApiError(403, "role_needed", decision.reason, fix=_ASK_ADMINISTRATOR)
        return self._too_often(f"user {session.user.id}")

    def _session(self, token: str) -> Session | None:
        return session_of(self._keyring.store, token, at=datetime.now(UTC)) if token else None

    def _is_ours(self, host: bytes) -> bool:
        """A page elsewhere can make a browser take us for its own site, but not change the name it asks for."""
        if len(host) > LONGEST_HOST:
            return False
        text = host.decode("latin-1").lower()
        parts = _NAME_AND_PORT.fullmatch(text)
        name = "" if parts is None else parts[1]
        return is_loopback(name) or name in self._names or name.endswith(self._endings)

    async def _refusal(self, scope: Scope, headers: Headers, needed: Role) -> ApiError | None:
        may_be_open = self._open_network or (self._is_local and not _comes_from_elsewhere(scope))
        keys = self._keyring.fresh
        if keys is None:
            try:
                keys = await self._keyring.read()
            except StoreError as error:
                # Where no key was ever seen, the routes themselves say what is wrong with the database.
                if self._keyring.last_known or not may_be_open or not self._keyring.never_had_keys:
                    return from_farol_error(error)
                keys = {}
        if not keys and may_be_open and self._keyring.never_had_keys:
            return _cross_site(scope, headers) or self._too_often(_EVERYBODY)
        return self._checked(scope, headers, needed, keys)

    def _checked(self, scope: Scope, headers: Headers, needed: Role, keys: Mapping[str, ApiKey]) -> ApiError | None:
        presented, is_ambient = _presented(headers)
        if presented is None:
            return _unknown(headers, "")
        key = match_key(keys, presented, datetime.now(UTC))
        if key is None:
            return _unknown(headers, ', error="invalid_token"')
        if not key.role.allows(needed):
            problem = msg("A key of the role {role} may not do this.", role=key.role.value)
            return ApiError(403, "role_needed", problem, fix=msg("Use a key of the role {role}.", role=needed.value))
        return _cross_site(scope, headers, is_ambient=is_ambient) or self._too_often(key.prefix)

    def _too_often(self, name: str) -> ApiError | None:
        seconds = self._rate.wait(name)
        if not seconds:
            return None
        return ApiError(
            429,
            "too_many_requests",
            msg("There are more requests than the service allows."),
            fix=msg("Try again in a moment."),
            headers={"Retry-After": str(math.ceil(seconds))},
        )


def cookie_in(header: str, scheme: str) -> str:
    """The token of the session among the cookies that came; "" without one."""
    return cookie_parser(header).get(cookie_name(COOKIE, scheme), "")


def _sign_in_address(scope: Scope) -> str:
    """The page to sign in, which leads back to this very address."""
    query = scope["query_string"].decode("latin-1")
    asked = f"{scope['path']}?{query}" if query else scope["path"]
    language = {name: value for name, value in parse_qsl(query) if name == "lang"}
    return f"{SIGN_IN_PAGE}?{urlencode({'next': asked[:LONGEST_NEXT], **language})}"


def _sign_in_needed(headers: Headers) -> ApiError:
    """401, and where htmx asked, the way to the page to sign in."""
    return ApiError(
        401,
        SIGN_IN,
        msg("Sign in first: this site has users."),
        fix=msg("Open the page in a browser and sign in. Programs use the API, with a key."),
        headers={"HX-Redirect": SIGN_IN_PAGE} if "hx-request" in headers else {},
    )


def _wrong_name() -> ApiError:
    return ApiError(
        400,
        "unknown_host",
        msg("The service does not answer to the name in the header Host."),
        fix=msg("Use the service's own name. If this is one of its names, add it to FAROL_ALLOWED_HOSTS."),
    )


def _cross_site(scope: Scope, headers: Headers, *, is_ambient: bool = False) -> ApiError | None:
    """Refuses a page of another site that changes something through the browser of whoever reads it.

    The one such check of all routes and pages. A browser sends what is declared as JSON to another site only after
    asking whether it may, and CORS answers that; so JSON passes, unless the browser adds the key by itself.
    """
    if scope["method"] in _SAFE_METHODS or (media_type(scope) in _ASKED_FIRST and not is_ambient):
        return None
    if _is_same_site(headers):
        return None
    return ApiError(
        403,
        "cross_site",
        msg("A page of another site sent this request; only programs and the service's own pages may."),
        fix=msg("Call the service from a program, or from its own pages."),
    )


def _is_same_site(headers: Headers) -> bool:
    """Whether a browser says that a page of ours, or its reader, asked; other programs say nothing, and pass.

    Browsers send Sec-Fetch-Site over https and to this machine only; Origin comes with every POST.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("none", "same-origin")
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == headers.get("host")
    except ValueError:  # no address at all
        return False


def _presented(headers: Headers) -> tuple[str | None, bool]:
    """The key that came, if any, and whether a browser sends it by itself, whoever made the page that asks."""
    key = headers.get("x-api-key")
    if key is not None:
        return key.strip(), False
    scheme, _, value = headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip(), False
        case "basic":
            return _password(value), True
        case "":
            return None, False
        case _:
            return "", False


def _password(value: str) -> str:
    """The password of HTTP Basic (RFC 7617); the user's name may be anything. Empty when it cannot be read."""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _unknown(headers: Headers, error: str) -> ApiError:
    """401. A browser that wants a page is asked for Basic, so that it asks its reader; programs for Bearer."""
    is_page = "text/html" in headers.get("accept", "")
    challenge = 'Basic realm="Farol", charset="UTF-8"' if is_page else f'Bearer realm="Farol"{error}'
    if error:
        code, problem = "key_refused", msg("The key is not known, was revoked, or has expired.")
    else:
        code, problem = "key_needed", msg("This needs a key.")
    return ApiError(
        401,
        code,
        problem,
        fix=msg(
            "Send a key as {header}; a browser asks for a user, which may be anything, and a password: the key. "
            "Whoever runs the service makes keys with {command}.",
            header="Authorization: Bearer …",
            command="farol keys create",
        ),
        headers={"WWW-Authenticate": challenge},
    )


def _comes_from_elsewhere(scope: Scope) -> bool:
    """Whether the connection came in by an address of ours that other machines reach.

    `uvicorn farol.app:app --host …` chooses its address without us: this notices all the same.
    """
    server = scope.get("server")
    return server is not None and _is_public(server[0])


@lru_cache(maxsize=64)
def _is_public(address: str) -> bool:
    try:
        return not ip_address(address).is_loopback
    except ValueError:  # a socket in the file system, or no socket at all
        return False
