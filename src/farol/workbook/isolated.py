"""xls and ods are read in a process of their own.

Given a damaged file of these two, the reader (calamine 0.37) can panic, ask for terabytes or never end: that must not
take the service with it. xlsx is measured before it is read and does not need this.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, TextIO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetVisibleEnum

from farol.i18n import msg
from farol.workbook.limits import Limits, damaged, too_large
from farol.workbook.raw import Block
from farol.workbook.years import choose_names

SECONDS = 120.0

Rows = list[list[object]]

_PROGRAM = "import sys; from farol.workbook.isolated import main; main(sys.argv, sys.stdin.buffer, sys.stdout)"


@dataclass(frozen=True, slots=True)
class IsolatedSheets:
    """The names of all sheets, those of the hidden ones, and of those that `choose_names` takes the rows and the merged
    cells (in xls; calamine does not know those of ods)."""

    names: list[str]
    hidden: list[str]
    rows: dict[str, Rows]
    merged: dict[str, list[Block]]


def read_isolated(content: bytes, pattern: str, limits: Limits, file: str, year: int | None = None) -> IsolatedSheets:
    """The sheets of a workbook. Raises `WorkbookError`."""
    # -P: a file in the working folder must not pass for a module.
    command = [sys.executable, "-P", "-c", _PROGRAM, pattern, str(limits.max_cells), str(year or "")]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and program; the file only comes on its input
            command, input=content, capture_output=True, timeout=SECONDS, check=True
        )
        answer = json.loads(done.stdout, object_hook=_revived)
    except (subprocess.SubprocessError, json.JSONDecodeError) as error:
        raise damaged(file) from error
    match answer:
        case {"names": names, "hidden": hidden, "sheets": sheets, "merged": merged}:
            blocks = {name: [Block(*block) for block in of_sheet] for name, of_sheet in merged.items()}
            return IsolatedSheets(names, hidden, sheets, blocks)
        case {"refused": "cells"}:
            raise too_large(msg("cells"), limits.max_cells, file)
        case _:
            raise damaged(file)


def main(arguments: list[str], source: BinaryIO, target: TextIO) -> None:
    """The child process: a workbook on `source`, its sheets as JSON on `target`."""
    _, pattern, max_cells, *year = arguments
    answer = _answer(source.read(), pattern, int(max_cells), int(year[0]) if any(year) else None)
    json.dump(answer, target, default=_plain)


def _answer(content: bytes, pattern: str, max_cells: int, year: int | None) -> dict[str, object]:
    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(content))
        years = choose_names(pattern, workbook.sheet_names, year).years
        sheets = {name: workbook.get_sheet_by_name(name) for name in years}
        hidden = [sheet.name for sheet in workbook.sheets_metadata if sheet.visible is not SheetVisibleEnum.Visible]
    except CalamineError:
        return {"refused": "damaged"}
    if sum(sheet.total_height * sheet.total_width for sheet in sheets.values()) > max_cells:
        return {"refused": "cells"}
    rows = {name: sheet.to_python(skip_empty_area=False) for name, sheet in sheets.items()}
    merged = {name: merged_blocks(sheet) for name, sheet in sheets.items()}
    return {"names": workbook.sheet_names, "hidden": hidden, "sheets": rows, "merged": merged}


def merged_blocks(sheet: CalamineSheet) -> list[Block]:
    """The merged cells of a sheet; none in ods."""
    return [Block(*first, *last) for first, last in sheet.merged_cell_ranges or ()]


def _plain(cell: object) -> object:
    """A date as JSON; what else a cell may be (a time, a duration) as its text."""
    if isinstance(cell, dt.date):
        return {"date": cell.isoformat()}
    return str(cell)


def _revived(values: dict[str, object]) -> object:
    match values:
        case {"date": str(text)}:
            return dt.datetime.fromisoformat(text) if "T" in text else dt.date.fromisoformat(text)
        case _:
            return values
