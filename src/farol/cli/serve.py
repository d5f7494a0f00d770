"""`farol serve`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farol.cli.terminal import _, read_settings, say
from farol.cli.train import ArtifactsOption
from farol.i18n import msg

if TYPE_CHECKING:
    from farol.settings import Settings


class LogLevel(StrEnum):
    """The least that is logged."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


DataOption = Annotated[
    Path | None,
    typer.Option("--data", help=_("Folder of the database and of what commands write."), show_default="data"),
]
HostOption = Annotated[str | None, typer.Option("--host", help=_("Address to listen on."), show_default="127.0.0.1")]
PortOption = Annotated[
    int | None, typer.Option("--port", min=1, max=65535, help=_("Port to listen on."), show_default="8000")
]


LogLevelOption = Annotated[
    LogLevel | None,
    typer.Option("--log-level", help=_("What to log; info has a line for every request."), show_default="warning"),
]


WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=64, help=_("Processes that answer, on one database."), show_default="1"),
]


def serve(
    host: HostOption = None,
    port: PortOption = None,
    workers: WorkersOption = None,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
    log_level: LogLevelOption = None,
) -> None:
    """Serve until interrupted."""
    run(read_settings(host=host, port=port, workers=workers, artifacts=artifacts, data=data, log_level=log_level))


def run(settings: Settings) -> None:
    """Serve with these settings, by as many processes as they say; refuses an address that anyone could reach."""
    from farol.api.keyring import check_binding

    check_binding(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    base = f"http://{host}:{settings.port}"
    say(msg("Farol is at {base}", base=base))
    say(msg("  {base}/                      what this is, and how to read an answer", base=base))
    say(msg("  {base}/monitoring/dashboard  can the answers still be trusted", base=base))
    say(msg("  {base}/docs                  the API, to try", base=base))
    say(msg("Press Ctrl+C to stop."))
    if settings.workers > 1:
        from farol.cli.workers import supervise

        supervise(settings)
        return
    import uvicorn

    from farol.api.logs import logging_config
    from farol.api.server import HTTP
    from farol.app import create_app

    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        http=HTTP,
        access_log=False,  # ours says no more than a route's template
        log_config=logging_config(settings),
    )
