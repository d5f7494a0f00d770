"""All JSON routes, and what must stand around them."""

from __future__ import annotations

from fastapi import FastAPI

from farol.api import errors, monitoring, openapi, predicting, state
from farol.api.guard import Guard


def install(app: FastAPI, *, max_body_bytes: int) -> None:
    """Give `app` the routes, the one error shape and the guard; `app.state.service` is the caller's to set."""
    errors.install(app)
    for router in (predicting.router, monitoring.router, state.router, openapi.router):
        app.include_router(router)
    openapi.mount_assets(app)
    app.add_middleware(Guard, max_body_bytes=max_body_bytes)
