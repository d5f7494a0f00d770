"""Traces by OpenTelemetry, where FAROL_OTLP_ENDPOINT names a receiver; without it nothing of theirs is loaded.

What needs their libraries, which are an extra, stands in `farol.api.spans`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING

from starlette.types import Scope

from farol.errors import MissingExtraError
from farol.i18n import msg
from farol.settings import Settings

if TYPE_CHECKING:
    from farol.api.spans import RequestTrace, Tracing

_NOTHING = nullcontext()
_NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def check_tracing(settings: Settings) -> None:
    """MissingExtraError where traces are wished for and what sends them is not installed. Loads nothing of it."""
    if not settings.otlp_endpoint:
        return
    for name in _NEEDED:
        if not _is_installed(name):
            raise MissingExtraError(
                msg(
                    "Sending traces, as {setting} asks, needs the Python package {name}, which is not installed.",
                    setting="FAROL_OTLP_ENDPOINT",
                    name=name,
                ),
                extra="telemetry",
            )


def open_tracing(settings: Settings) -> Tracing | None:
    """What makes and sends the traces; None where none are wished for. MissingExtraError."""
    check_tracing(settings)
    if not settings.otlp_endpoint:
        return None
    from farol.api.spans import Tracing  # noqa: PLC0415  of an extra, and to cost nothing where it is not wanted

    return Tracing(settings)


def traced(scope: Scope, name: str) -> AbstractContextManager[object]:
    """A span for a part of this request; nothing where it is not traced."""
    trace: RequestTrace | None = scope["state"].get("trace")
    return _NOTHING if trace is None else trace.part(name)


def traced_row(scope: Scope, row_id: str) -> AbstractContextManager[object]:
    """Says that the row which is stored meanwhile is of this request; nothing where it is not traced."""
    trace: RequestTrace | None = scope["state"].get("trace")
    return _NOTHING if trace is None else trace.storing(row_id)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # a package above it is not there
        return False
