"""`farol log`: the predictions that were stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farol.cli.check import ProfileOption
from farol.cli.i18n import Command, Group
from farol.cli.output import CsvFormatOption, OverwriteOption, output_file
from farol.cli.serve import DataOption
from farol.cli.terminal import _, open_tasks, read_settings
from farol.csv_form import Audience, CsvForm
from farol.i18n import count, msg, terminal_locale

if TYPE_CHECKING:
    from farol.store.records import Prediction

app = typer.Typer(cls=Group, help=_("The stored predictions."), no_args_is_help=True)


@app.callback()
def root() -> None:
    """`log` is a group even while it has one command."""


@app.command(cls=Command, help=_("Write all stored predictions to a CSV file, the oldest first."))
def export(
    file: Annotated[Path, typer.Argument(metavar=_("FILE"), help=_("The CSV file to write; - is standard output."))],
    task: Annotated[str | None, typer.Option("--task", help=_("Only this task."))] = None,
    csv_format: CsvFormatOption = Audience.programs,
    overwrite: OverwriteOption = False,
    data: DataOption = None,
    profile: ProfileOption = None,
) -> None:
    """Stream the log to a file."""
    from farol.store.database import Store
    from farol.store.exporting import write_csv

    output = output_file(file, overwrite=overwrite)
    settings = read_settings(data=data, profile=profile)
    n = 0

    def counted(rows: Iterable[Prediction]) -> Iterator[Prediction]:
        nonlocal n
        for row in rows:
            n += 1
            yield row

    with Store.open(settings.store_url, existing=True) as store:
        form = CsvForm(csv_format, terminal_locale())
        pieces = write_csv(counted(store.stream(task)), open_tasks(settings).profile, settings.timezone, form)
        output.write(piece.encode() for piece in pieces)
    output.say(msg("wrote predictions to {path}: {n}", n=count(n), path=file))
