"""A plain client for an app in this process: a running lifespan, one event loop in a thread, httpx over ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI


class Client:
    """Requests to a running app, one after the other."""

    def __init__(self, portal: BlockingPortal, http: httpx.AsyncClient) -> None:
        self._portal = portal
        self._http = http

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            return await self._http.request(method, url, **options)

        return self._portal.call(send)

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)

    def together(
        self, times: int, method: str, url: str, *, then: Callable[[int], None] | None = None, **options: Any
    ) -> list[httpx.Response]:
        """The same request several times at once; `then` is called after each answer with how many there are."""

        async def send() -> list[httpx.Response]:
            asked = [asyncio.create_task(self._http.request(method, url, **options)) for _ in range(times)]
            for number, answer in enumerate(asyncio.as_completed(asked), 1):
                await answer
                if then is not None:
                    then(number)
            return [task.result() for task in asked]

        return self._portal.call(send)

    def each(self, method: str, url: str, bodies: Sequence[object]) -> list[httpx.Response]:
        """A request with each body, all at once."""

        async def send() -> list[httpx.Response]:
            return await asyncio.gather(*(self._http.request(method, url, json=body) for body in bodies))

        return self._portal.call(send)


@contextmanager
def running(app: FastAPI) -> Iterator[Client]:
    """A client of `app`, started before and stopped after."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(app.router.lifespan_context(app)):
        http = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        with portal.wrap_async_context_manager(http):
            yield Client(portal, http)
