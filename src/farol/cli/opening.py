"""`farol open`: the pages in the browser, without a terminal; started if they are not running yet."""

from __future__ import annotations

import html
import os
import sys
import sysconfig
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farol.cli.launcher import launcher_for
from farol.cli.running import running_base
from farol.cli.serve import DataOption, PortOption, check_address, run
from farol.cli.terminal import _, read_settings, say
from farol.cli.train import ArtifactsOption
from farol.errors import FarolError, InputError, reason_of
from farol.i18n import msg, terminal_locale

if TYPE_CHECKING:
    from farol.settings import Settings

THIS_COMPUTER = "127.0.0.1"
MORE_PORTS = 20
"""How many ports after the usual one are tried, where other programs have it."""

PROBLEM_PAGE = """<!doctype html>
<html lang="{tag}"><head><meta charset="utf-8"><title>Farol</title></head>
<body><h1>{title}</h1>{lines}</body></html>
"""


def open_(
    install: Annotated[
        bool, typer.Option("--install", help=_("Write a launcher for this user, to start Farol by a click."))
    ] = False,
    port: PortOption = None,
    artifacts: ArtifactsOption = None,
    data: DataOption = None,
    launched: Annotated[bool, typer.Option("--launched", hidden=True)] = False,
) -> None:
    """Find the running service or start one, for this computer alone."""
    settings = read_settings(host=THIS_COMPUTER, workers=1, port=port, artifacts=artifacts, data=data)
    if install:
        write_launcher(settings)
        return
    try:
        open_pages(settings, is_port_chosen=port is not None)
    except FarolError as error:
        if launched:  # nobody sees a terminal
            show_problem(error)
        raise


def open_pages(settings: Settings, *, is_port_chosen: bool) -> None:
    """Open the first page in the browser, and serve until stopped where no service of this data folder runs yet."""
    base = running_base(settings)
    if base is not None:
        say(msg("Farol is running already: {base}", base=base))
        webbrowser.open(f"{base}/")
        return
    settings = settings if is_port_chosen else on_free_port(settings)
    first_page = f"http://{settings.host}:{settings.port}/"
    # In a thread: a browser within the terminal would hold up the service that it asks.
    browser = threading.Thread(target=webbrowser.open, args=(first_page,), daemon=True)
    run(settings, started=browser.start, is_stoppable=True)


def on_free_port(settings: Settings) -> Settings:
    """The same settings on the first port from theirs on that is free. InputError where all are taken."""
    for port in range(settings.port, min(settings.port + MORE_PORTS, 65_535)):
        tried = settings.model_copy(update={"port": port})
        try:
            check_address(tried)
        except InputError:
            continue
        return tried
    check_address(settings)
    return settings


def write_launcher(settings: Settings) -> None:
    """Write the launcher of this user and say where it is. InputError where it cannot be written."""
    program = Path(sysconfig.get_path("scripts")) / ("farol.exe" if os.name == "nt" else "farol")
    folders = [f"--data={settings.data.absolute()}", f"--artifacts={settings.artifacts.absolute()}"]
    launcher = launcher_for(sys.platform, os.environ, (str(program), "open", "--launched", *folders), Path.cwd())
    try:
        launcher.path.parent.mkdir(parents=True, exist_ok=True)
        launcher.path.write_bytes(launcher.content)
        launcher.path.chmod(0o755)
    except OSError as error:
        raise InputError(
            msg("The launcher cannot be written: {reason}.", reason=reason_of(error)),
            got=msg("{path}", path=launcher.path),
            fix=msg("Make sure that you may write in that folder. Without the icon, `farol open` does the same."),
        ) from error
    say(msg("wrote {path}", path=launcher.path))
    say(launcher.advice)


def show_problem(error: FarolError) -> None:
    """The error as a page in the browser, for who started Farol by a click."""
    locale = terminal_locale()
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in error.lines(locale))
    title = msg("Farol could not be started").render(locale)
    page = PROBLEM_PAGE.format(tag=locale.replace("_", "-"), title=html.escape(title), lines=lines)
    file = Path(tempfile.mkdtemp(prefix="farol-")) / "farol.html"
    file.write_text(page, encoding="utf-8")
    webbrowser.open(file.as_uri())
