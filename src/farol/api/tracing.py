"""Traces by OpenTelemetry, where FAROL_OTLP_ENDPOINT names a receiver; without it none of its libraries is loaded.

`farol.api.spans` has what needs these libraries, which are an extra.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from farol.errors import MissingExtraError
from farol.i18n import msg
from farol.settings import Settings

if TYPE_CHECKING:
    from farol.api.spans import Tracing

_NEEDED = (
    "opentelemetry.sdk",
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.instrumentation.asgi",
    "opentelemetry.instrumentation.sqlalchemy",
)


def check_tracing(settings: Settings) -> None:
    """MissingExtraError where the setting asks for traces and a library for them is not installed. It loads none."""
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
    """What makes and sends traces; None where the setting asks for none. MissingExtraError."""
    check_tracing(settings)
    if not settings.otlp_endpoint:
        return None
    from farol.api.spans import Tracing  # noqa: PLC0415  it needs an extra

    return Tracing(settings)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # a package above it is not there
        return False
