"""`farol serve`."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farol.cli.terminal import _, read_settings, say
from farol.cli.train import ArtifactsOption
from farol.errors import InputError, reason_of
from farol.i18n import msg

if TYPE_CHECKING:
    from collections.abc import Callable

    from farol.settings import Settings

PRIVATE_UMASK = 0o077
"""What a service makes, its owner alone may read."""
BACKLOG = 2048
STARTUP_FAILURE = 3
"""uvicorn's own exit code of a service that could not start."""

_LAST_PORT = 65_535
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


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


def run(settings: Settings, *, started: Callable[[], object] = lambda: None, is_stoppable: bool = False) -> None:
    """Serve with these settings, by as many processes as they say; refuses an address that anyone could reach.

    One process calls `started` once it answers, and a page has a button that stops it where it `is_stoppable`.
    """
    from farol.api.keyring import check_binding

    check_binding(settings)
    os.umask(PRIVATE_UMASK)
    sockets = listening_sockets(settings.host, settings.port)
    try:
        _serve(settings, sockets, started, is_stoppable=is_stoppable)
    finally:
        for listening in sockets:
            listening.close()


def _serve(
    settings: Settings, sockets: list[socket.socket], started: Callable[[], object], *, is_stoppable: bool
) -> None:
    if settings.workers > 1:
        from farol.cli.workers import supervise

        supervise(settings, sockets, lambda: announce(settings))
        return
    import uvicorn

    from farol.api.logs import logging_config
    from farol.api.server import HTTP
    from farol.app import create_app
    from farol.cli.running import forget_running, note_running

    class Server(uvicorn.Server):
        """Says where it is once it answers."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                note_running(settings, app.state.service.started)
                started()

    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http=HTTP,
        access_log=False,  # ours says no more than a route's template
        server_header=False,  # whoever asks need not know which software answers
        log_config=logging_config(settings),
    )
    announce(settings)
    server = Server(config)
    if is_stoppable:
        app.state.stop = lambda: setattr(server, "should_exit", True)
    with suppress(KeyboardInterrupt):  # the server has drained, and raises again the signal that ended it
        server.run(sockets=sockets)
    if server.started:
        forget_running(settings)
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)


def announce(settings: Settings) -> None:
    """Say where the service is, once it has the address."""
    base = address_of(settings)
    say(msg("Farol is at {base}", base=base))
    say(msg("  {base}/                      what this is, and how to read an answer", base=base))
    say(msg("  {base}/workbooks             send the workbook of the year", base=base))
    say(msg("  {base}/monitoring/dashboard  can the answers still be trusted", base=base))
    say(msg("  {base}/docs                  the API, to try", base=base))
    token = _first_invitation(settings)
    if token is not None:
        say(msg("  {base}/first/{token}", base=base, token=token))
        say(msg("     to make the first administrator, within an hour; from then on everybody signs in"))
    say(msg("Press Ctrl+C to stop."))


def address_of(settings: Settings) -> str:
    """Where a browser on this machine finds the service."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def _first_invitation(settings: Settings) -> str | None:
    """The token of a one-time link, while there are no users and the database can be used; none for invented pupils."""
    from farol.accounts.users import invite_first
    from farol.errors import FarolError
    from farol.store.database import Store

    if settings.is_demonstration:
        return None
    with suppress(FarolError), Store.of(settings) as store:
        return invite_first(store, at=datetime.now(UTC))
    return None


def check_address(settings: Settings) -> None:
    """Raise InputError unless the service could listen where the settings say: to know it before long work begins."""
    for listening in listening_sockets(settings.host, settings.port):
        listening.close()


def listening_sockets(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on every address of `host`: of `localhost` there may be two.

    Raises:
        InputError: another program has the port, this user may not have it, or the address is not of this machine.
    """
    sockets: list[socket.socket] = []
    try:
        # A name may have an address that this machine cannot listen on, such as ::1 without IPv6: one is enough.
        for family, kind, protocol, _name, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            try:
                sockets.append(_listening(socket.socket(family, kind, protocol), address))
            except OSError as error:
                if error.errno not in _ABSENT or not sockets:
                    raise
    except (OSError, UnicodeError) as error:
        for listening in sockets:
            listening.close()
        raise _not_listening(host, port, error) from error
    return sockets


def _listening(listening: socket.socket, address: tuple[object, ...]) -> socket.socket:
    try:
        if os.name == "nt":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # type: ignore[attr-defined]  # Windows
        else:  # a service that has just ended does not keep the port from the next one
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listening.family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    listening.set_inheritable(True)
    return listening


def _not_listening(host: str, port: int, error: OSError | UnicodeError) -> InputError:
    number = error.errno if isinstance(error, OSError) and not isinstance(error, socket.gaierror) else None
    if number == errno.EADDRINUSE:
        return InputError(
            msg("Port {port} is in use by another program.", port=port),
            fix=msg(
                "If Farol is running already, use that one or end it first. Else choose another port, such as "
                "--port {other}, or with make: make run PORT={other}.",
                other=port + 1 if port < _LAST_PORT else port - 1,
            ),
        )
    if number in {errno.EACCES, errno.EPERM}:
        return InputError(
            msg("This user may not listen on port {port}.", port=port),
            fix=msg("Choose a port from 1024 upwards, such as --port 8000."),
        )
    if number is None or number in _ABSENT:
        return InputError(
            msg("{host} is not an address of this machine.", host=host),
            fix=msg("Leave --host out to serve this machine alone; 0.0.0.0 stands for all its addresses."),
        )
    assert isinstance(error, OSError)  # noqa: S101  the others have no number
    return InputError(
        msg(
            "The service cannot listen on {host}, port {port}: {reason}.", host=host, port=port, reason=reason_of(error)
        ),
        fix=msg("Choose another port with --port, or another address with --host."),
    )
