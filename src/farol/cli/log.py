"""`farol log`: the predictions that were stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farol.cli.check import ProfileOption
from farol.cli.i18n import Command, Group
from farol.cli.serve import DataOption
from farol.cli.terminal import _, open_tasks, read_settings, say
from farol.i18n import msg

app = typer.Typer(cls=Group, help=_("The stored predictions."), no_args_is_help=True)


@app.callback()
def root() -> None:
    """`log` is a group even while it has one command."""


@app.command(cls=Command, help=_("Write all stored predictions to a CSV file, the oldest first."))
def export(
    file: Annotated[Path, typer.Argument(metavar=_("FILE"), help=_("The CSV file to write."))],
    task: Annotated[str | None, typer.Option("--task", help=_("Only this task."))] = None,
    data: DataOption = None,
    profile: ProfileOption = None,
) -> None:
    """Stream the log to a file."""
    from farol.store.database import Store
    from farol.store.exporting import write_csv_file

    settings = read_settings(data=data, profile=profile)
    with Store.open(settings.store_url) as store:
        written = write_csv_file(store.stream(task), file, open_tasks(settings).profile, settings.timezone)
    say(msg("wrote predictions to {path}: {n}", n=written, path=file))
