"""The application: the only place that joins routes, pages, store and models.

`create_app()` for programs and tests; `uvicorn farol.app:app` for servers. The second is made when it is first asked
for, so that importing this module neither reads settings nor touches a disk.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from fastapi import FastAPI
from starlette.types import ASGIApp

import farol
from farol.api import routes
from farol.api.background import Watch
from farol.api.openapi import describe
from farol.api.service import Service
from farol.errors import StoreError
from farol.i18n import LOCALES, negotiate
from farol.settings import Settings
from farol.web import views
from farol.web.error_pages import error_page

logger = logging.getLogger("farol.app")

T = TypeVar("T")

REFRESH_SECONDS = 1.0
"""How soon a database that has come back is used, a model whose folder was mended, a key known or refused."""

FOLLOW_SECONDS = 0.25
"""How often we look whether another version was chosen: all workers are to serve it within a second."""

GARBAGE = 10_000
"""Objects more than before until garbage is looked for. Requests leave little of it, and each makes many objects."""

WATCH_SECONDS = 5.0
"""How often a worker looks whether a check or an alert is due."""


class Farol(FastAPI):
    """FastAPI with our OpenAPI document, which speaks of the models served now, and no layers around our own."""

    def openapi(self) -> dict[str, Any]:
        """The document in English; `GET /openapi.json` gives it in either language."""
        return describe(self, self.state.service, LOCALES[1])

    def build_middleware_stack(self) -> ASGIApp:
        """What stands around the routes, from ours on: our guard does what the framework's outer layers would do."""
        stack: Any = super().build_middleware_stack()
        while not type(stack).__module__.startswith("farol."):
            stack = stack.app
        found: ASGIApp = stack
        return found


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application for `settings`, by default those of the environment.

    The models and the database are opened when it starts, not here. Raises ProfileError for an unusable profile,
    InputError for a schedule, a window or an alert that cannot be carried out.
    """
    settings = settings or Settings()
    service = Service(settings)
    watch = Watch(service)
    service.metrics.add(watch)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(service.refresh)
        await _read_keys(service)
        if gc.isenabled():  # else whoever started us put it off: what was imported is hardly ever garbage
            gc.collect()
        gc.freeze()  # what is there now stays: the collector need not look at it again and again
        gc.set_threshold(GARBAGE)
        gc.enable()
        # A task each: reading a new model takes longer than keys may be old, and a receiver that does not answer must
        # not hold up a check.
        watchers = [
            asyncio.create_task(_every(REFRESH_SECONDS, _refresh, service)),
            asyncio.create_task(_every(REFRESH_SECONDS, _read_keys, service)),
            asyncio.create_task(_every(FOLLOW_SECONDS, _follow, service)),
            *(asyncio.create_task(_every(WATCH_SECONDS, _in_thread, once)) for once in (watch.look, watch.send)),
        ]
        try:
            yield
        finally:
            for watcher in watchers:
                watcher.cancel()
                with suppress(asyncio.CancelledError):
                    await watcher
            await asyncio.to_thread(watch.stop)
            await service.close()

    app = Farol(
        title="Farol",
        version=farol.__version__,
        lifespan=lifespan,
        openapi_url=None,  # these three: `farol.api.openapi` has its own, without a CDN and in two languages
        docs_url=None,
        redoc_url=None,
        # FastAPI can send spans and logs elsewhere, started by one environment variable. Ours go nowhere.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.service = service
    app.state.locale = negotiate(settings.locale)
    app.state.error_page = error_page
    routes.install(app, service)
    app.include_router(views.router)
    views.mount_static(app)
    return app


async def _every(seconds: float, once: Callable[[T], Awaitable[None]], given: T) -> None:
    while True:
        await asyncio.sleep(seconds)
        await once(given)


async def _in_thread(once: Callable[[], None]) -> None:
    try:
        await asyncio.to_thread(once)
    except Exception:  # a mistake of ours must not end the watching for good, and unnoticed
        logger.exception("Watching failed; it is tried again.")


async def _refresh(service: Service) -> None:
    await asyncio.to_thread(service.refresh)


async def _follow(service: Service) -> None:
    while True:
        await asyncio.sleep(FOLLOW_SECONDS)
        service.metrics.tell()
        if service.is_another_chosen():
            await asyncio.to_thread(service.refresh)


async def _read_keys(service: Service) -> None:
    with suppress(StoreError):  # told by /ready, and to whoever asks once the keys known are too old
        await service.keyring.read()


def __getattr__(name: str) -> FastAPI:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    app = globals()["app"] = create_app()
    return app
