"""Routes that are answered without the framework's router, dependencies and exception stacks.

A detour around FastAPI: without it 0.62 of the throughput at 16 connections and 0.52 at 64, for 75 µs a request
(docs/serving.md says how that was measured). FastAPI describes these routes all the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from farol.api.errors import error_response, from_farol_error
from farol.api.requests import route_of
from farol.errors import ApiError, FarolError

DirectAnswer = Callable[[Scope, Receive], Awaitable[tuple[bytes, Mapping[str, str]]]]
"""Gives the JSON of an answer, and the headers that are its own."""


class DirectMiddleware:
    """The innermost middleware: POST to one of `routes` is answered by its function, all else by the framework.

    Errors become answers here, as the framework's handlers make them elsewhere.
    """

    def __init__(self, app: ASGIApp, *, routes: Mapping[str, DirectAnswer]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._routes.get(route_of(scope).template) if scope["type"] == "http" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        try:
            content, own = await answer(scope, receive)
        except ApiError as error:
            await error_response(Request(scope), error)(scope, receive, send)
        except FarolError as error:
            await error_response(Request(scope), from_farol_error(error))(scope, receive, send)
        else:
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
            headers += [(name.lower().encode(), value.encode()) for name, value in own.items()]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": content})
