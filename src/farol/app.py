"""The application: the only place that joins routes, pages, store and models.

`create_app()` for programs and tests; `uvicorn farol.app:app` for servers. The second is made when it is first asked
for, so that importing this module neither reads settings nor touches a disk.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

import farol
from farol.api import batch, errors, history, monitoring, openapi, outcomes, predict, state, status, tasks, v2
from farol.api.auth import AccessMiddleware
from farol.api.background import Watch
from farol.api.direct import DirectMiddleware
from farol.api.keyring import Keyring
from farol.api.middleware import Guard
from farol.api.tracing import open_tracing
from farol.i18n import LOCALES, msg, negotiate
from farol.intake.runner import LOOK_SECONDS, JobRunner
from farol.periodic import PeriodicJob, PeriodicJobs
from farol.school.standings import standings_of
from farol.service import Service
from farol.settings import Settings
from farol.web import views
from farol.web.accounts import administration as user_pages
from farol.web.accounts import views as account_pages
from farol.web.administration import views as administration_pages
from farol.web.advice import look
from farol.web.casework import views as casework_pages
from farol.web.error_pages import error_page
from farol.web.intake import views as intake_pages
from farol.web.school import views as school_pages

if TYPE_CHECKING:
    from farol.api.spans import Tracing

REFRESH_SECONDS = 1.0
"""How soon a database that has come back is used, a model whose folder was mended, a key known or refused."""

FOLLOW_SECONDS = 0.25
"""How often we look whether another version was chosen: all workers are to serve it within a second."""

TRUST_SECONDS = 15.0
"""How soon the pages of pupils say that answers are not to be relied on."""

WATCH_SECONDS = 5.0
"""How often a worker looks whether a check or an alert is due."""


class Farol(FastAPI):
    """FastAPI with our OpenAPI document, which speaks of the models served now."""

    def openapi(self) -> dict[str, Any]:
        """The document in English; `GET /openapi.json` gives it in either language."""
        return openapi.describe(self, self.state.service, LOCALES[1])


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application for `settings`, by default those of the environment.

    The models and the database are opened when it starts, not here. Raises ProfileError for an unusable profile,
    InputError for a schedule, a window or an alert that cannot be carried out.
    """
    settings = settings or Settings()
    tracing = open_tracing(settings)
    service = Service(settings) if tracing is None else Service(settings, opened=tracing.instrument)
    keyring = Keyring(lambda: service.store, settings.artifacts, settings.store_url)
    watch = Watch(service)
    runner = JobRunner(settings, lambda: service.store)
    service.metrics.add(watch)
    service.background = _background(service, keyring, watch, runner)
    jobs = {job.name: job for job in service.background}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(service.refresh)
        await asyncio.to_thread(jobs["keys"].run)
        # What is there now stays; else the collector looks at all of it again and again, and at 64 connections the
        # slowest answer of a hundred takes 120 ms in place of 29 (docs/serving.md).
        gc.collect()
        gc.freeze()
        periodic = PeriodicJobs(service.background)
        periodic.start()
        try:
            yield
        finally:
            await periodic.stop()
            await asyncio.to_thread(watch.stop)
            await asyncio.to_thread(runner.stop)
            await service.close()
            if tracing is not None:
                await asyncio.to_thread(tracing.close)

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
    app.state.keyring = keyring
    app.state.tracing = tracing
    app.state.job_runner = runner
    app.state.locale = negotiate(settings.locale)
    app.state.error_page = error_page
    app.state.stop = None  # what ends the service, where a page may: `farol open` sets it
    pages = (views, account_pages, user_pages, school_pages, casework_pages, intake_pages, administration_pages)
    for module in (predict, batch, tasks, v2, monitoring, history, outcomes, status, state, openapi, *pages):
        app.router.routes.extend(module.router.routes)
    openapi.mount_assets(app)
    views.mount_static(app)
    errors.install(app)
    _add_middleware(app, settings, service, keyring, tracing)
    return app


def _background(service: Service, keyring: Keyring, watch: Watch, runner: JobRunner) -> tuple[PeriodicJob, ...]:
    """What a service does beside its answers."""
    return (
        PeriodicJob("refresh", msg("Opening the database and the models"), REFRESH_SECONDS, service.refresh),
        PeriodicJob("keys", msg("Reading the keys"), REFRESH_SECONDS, keyring.read_now),
        PeriodicJob("follow", msg("Following promotions"), FOLLOW_SECONDS, service.follow),
        # Two: a receiver that does not answer must not hold up a check.
        PeriodicJob("watch", msg("Checking for drift"), WATCH_SECONDS, watch.look),
        PeriodicJob("send", msg("Sending alerts"), WATCH_SECONDS, watch.send),
        PeriodicJob("jobs", msg("Looking after jobs and uploads"), LOOK_SECONDS, runner.look),
        PeriodicJob("lists", msg("Keeping the lists of pupils ready"), LOOK_SECONDS, lambda: _read_lists(service)),
        PeriodicJob("trust", msg("Checking whether answers can be relied on"), TRUST_SECONDS, lambda: look(service)),
        PeriodicJob("erase", msg("Removing what was erased"), WATCH_SECONDS, service.finish_erasing),
    )


def _add_middleware(
    app: FastAPI, settings: Settings, service: Service, keyring: Keyring, tracing: Tracing | None
) -> None:
    """What each request passes; what is added last stands outermost."""
    app.add_middleware(DirectMiddleware, routes=predict.answers(service, tracing))
    app.add_middleware(AccessMiddleware, settings=settings, keyring=keyring)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "X-API-Key", "X-Request-ID"),
            expose_headers=("Retry-After", "X-Request-ID"),
        )
    app.add_middleware(Guard, settings=settings, observe=service.metrics.answered)
    if tracing is not None:
        app.add_middleware(tracing.middleware)


def _read_lists(service: Service) -> None:
    """Whoever opens a list after a workbook was accepted need not wait until all of its pupils are read."""
    for task in service.task_names():
        standings_of(service.store, task)


def __getattr__(name: str) -> FastAPI:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    app = globals()["app"] = create_app()
    return app
