"""All JSON routes, and what must stand around them."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from farol.api import batch, describing, errors, history, monitoring, openapi, outcomes, predict, state, status, v2
from farol.api.auth import Access
from farol.api.direct import Direct
from farol.api.middleware import Guard
from farol.api.service import Service
from farol.api.serving_model import ROUTES


def install(app: FastAPI, service: Service) -> None:
    """Give `app` the routes, the one error shape, and around them guard, CORS where wished, and access."""
    settings = service.settings
    errors.install(app)
    for module in (predict, batch, v2, monitoring, history, outcomes, status, state, describing, openapi):
        app.include_router(module.router)
    openapi.mount_assets(app)
    # What is added last stands outermost.
    app.add_middleware(Direct, routes={route: predict.answering(service, task) for task, route in ROUTES.items()})
    app.add_middleware(Access, settings=settings, keyring=service.keyring)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "X-API-Key", "X-Request-ID"),
            expose_headers=("Retry-After", "X-Request-ID"),
        )
    app.add_middleware(
        Guard,
        max_body_bytes=settings.max_body_bytes,
        larger={"batch": max(settings.max_batch_bytes, settings.max_stream_bytes), "infer": settings.max_batch_bytes},
        observe=service.metrics.answered,
    )
    if service.tracing is not None:
        app.add_middleware(service.tracing.middleware)
