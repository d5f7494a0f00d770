"""`farol check`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from farol.cli.terminal import _, open_panel, open_profile, read_settings, say_json
from farol.i18n import terminal_locale, visible


class Format(StrEnum):
    """How a command prints its answer."""

    text = "text"
    json = "json"


WorkbookArgument = Annotated[
    Path,
    typer.Argument(
        metavar=_("WORKBOOK"),
        help=_("The workbook: xlsx, xls, ods, csv, parquet, or a folder of such files."),
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help=_("Profile of the school's data: a TOML file, or `pede`."), show_default="pede"),
]
YearOption = Annotated[
    int | None,
    typer.Option(
        "--year",
        min=1,
        max=9999,
        help=_(
            "The year of the sheet; without it, the last one. For a file without a year in its name, this is its year."
        ),
    ),
]
SheetYearOption = Annotated[
    int | None,
    typer.Option(
        "--year", min=1, max=9999, help=_("The year of a file, or of a single sheet, without a year in its name.")
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help=_("Print for people or for programs."))]


def check(
    workbook: WorkbookArgument,
    year: SheetYearOption = None,
    output: FormatOption = Format.text,
    profile: ProfileOption = None,
) -> None:
    """Print the findings of a workbook."""
    from farol.workbook.doctor import as_dict, render_text
    from farol.workbook.selection import SheetNeeds

    settings = read_settings(profile=profile)
    panel = open_panel(workbook, open_profile(settings), settings, SheetNeeds(year=year))
    if output is Format.json:
        say_json(json.dumps(as_dict(panel, terminal_locale()), ensure_ascii=False, indent=2))
    else:
        print(visible(render_text(panel, terminal_locale())))
