"""Routes that are answered without the framework's router, since they are what runs day and night."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from farol.api.errors import ApiError, error_response, from_farol_error
from farol.errors import FarolError


class Direct:
    """The innermost middleware: POST to one of `routes` goes there, all else to the framework.

    Refusals and errors of the tree become answers here, as the framework's handlers make them elsewhere.
    """

    def __init__(self, app: ASGIApp, *, routes: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get(scope["state"].get("route", "")) if scope["type"] == "http" else None
        if route is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            await route(scope, receive, send)
        except ApiError as refusal:
            await error_response(Request(scope), refusal)(scope, receive, send)
        except FarolError as error:
            await error_response(Request(scope), from_farol_error(error))(scope, receive, send)
