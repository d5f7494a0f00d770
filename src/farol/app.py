"""The application: the only place that joins routes, pages, store and models.

`create_app()` for programs and tests; `uvicorn farol.app:app` for servers. The second is made when it is first asked
for, so that importing this module neither reads settings nor touches a disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI

import farol
from farol.api import routes
from farol.api.openapi import describe
from farol.api.service import Service
from farol.errors import StoreError
from farol.i18n import LOCALES, negotiate
from farol.settings import Settings
from farol.web import views

REFRESH_SECONDS = 1.0
"""How soon a database that has come back is used, a model whose folder was mended, a key known or refused."""

FOLLOW_SECONDS = 0.25
"""How often we look whether another version was chosen: all workers are to serve it within a second."""


class Farol(FastAPI):
    """FastAPI with our OpenAPI document, which speaks of the models served now."""

    def openapi(self) -> dict[str, Any]:
        """The document in English; `GET /openapi.json` gives it in either language."""
        return describe(self, self.state.service, LOCALES[1])


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application for `settings`, by default those of the environment.

    The models and the database are opened when it starts, not here. Raises ProfileError for an unusable profile.
    """
    settings = settings or Settings()
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(service.refresh)
        await _read_keys(service)
        # A task each: reading a new model takes longer than keys may be old.
        watchers = [asyncio.create_task(watch(service)) for watch in (_refresh, _read_keys_again, _follow)]
        try:
            yield
        finally:
            for watcher in watchers:
                watcher.cancel()
                with suppress(asyncio.CancelledError):
                    await watcher
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
    routes.install(app, service)
    app.include_router(views.router)
    views.mount_static(app)
    return app


async def _refresh(service: Service) -> None:
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        await asyncio.to_thread(service.refresh)


async def _read_keys_again(service: Service) -> None:
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        await _read_keys(service)


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
