"""A copy of a workbook in which every faulty cell is coloured and says in a comment what is wrong and what to do.

It is an xlsx file, whatever the format of the original. Values are those that were read: no formula is carried over.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from farol.errors import WorkbookError
from farol.files import PRIVATE, written
from farol.i18n import msg
from farol.intake.review import ReadRequest
from farol.profile import Severity, fold
from farol.workbook.findings import Finding
from farol.workbook.headers import HeaderIndex, column_letters
from farol.workbook.panel import panel_of
from farol.workbook.raw import Cell, CellError, RawSheet
from farol.workbook.selection import SheetNeeds

COLOURS: Mapping[Severity, str] = {"error": "FFF4B6AE", "warning": "FFFFE199"}
"""Findings that are normal for the data are not marked."""
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
"""Of a sheet of xlsx."""
LONGEST_TEXT = 32_767
_NOT_IN_TITLES = re.compile(r"[\[\]:*?/\\]")
_AUTHOR = "Farol"

Marks = dict[tuple[int, int], list[Finding]]
"""The findings of a cell, by its row (1-based) and column (0-based)."""


def write_marked(request: ReadRequest, locale: str, target: Path) -> int:
    """Write the marked copy of a request's workbook to `target`; how many cells are marked."""
    profile = request.whole_profile()
    book = request.raw(profile)
    try:
        findings = panel_of(book, Path(request.path).name, profile, SheetNeeds(year=request.year)).findings
    except WorkbookError:  # what can be read of it is marked all the same
        findings = tuple(book.findings)
    grave = [finding for finding in findings if finding.severity in COLOURS]
    copy = Workbook(write_only=True)
    _write_list(copy, grave, locale)
    marked = 0
    for raw in book.sheets:
        marks = _marks(raw, HeaderIndex(profile, raw.year), grave)
        marked += len(marks)
        _write_sheet(copy.create_sheet(_title(raw.name, copy.sheetnames)), raw, marks, locale)
    with written(target, private=True) as file:
        copy.save(file)
    if os.name != "nt":
        target.chmod(PRIVATE)
    return marked


def _write_list(copy: Workbook, findings: list[Finding], locale: str) -> None:
    """The first sheet: every fault in a row."""
    sheet = copy.create_sheet("Farol")
    headers = (msg("Sheet"), msg("Column"), msg("Rows"), msg("What is wrong"), msg("What was done, or what to do"))
    sheet.append([_bold(sheet, header.render(locale)) for header in headers])
    for finding in findings:
        rows = ", ".join(map(str, finding.rows[:50])) + (" …" if len(finding.rows) > 50 else "")
        texts = (finding.sheet, finding.column or "", rows)
        words = (finding.message.render(locale), finding.action.render(locale))
        cells = [_cell(sheet, text) for text in (*texts, *words)]
        cells[0].fill = _fill(finding.severity)
        sheet.append(cells)


def _marks(raw: RawSheet, index: HeaderIndex, findings: list[Finding]) -> Marks:
    at = index.header_row(raw.rows)
    headings = index.headings(raw.rows[at]) if raw.rows else []
    places = {h.text if h.folded else column_letters(h.position): h.position for h in reversed(headings)}
    marks: defaultdict[tuple[int, int], list[Finding]] = defaultdict(list)
    for finding in findings:
        if fold(finding.sheet) != fold(raw.name):
            continue
        column = places.get(finding.column or "", 0)
        for row in finding.rows or (at + 1,):
            marks[row, column].append(finding)
    return dict(marks)


def _write_sheet(sheet: WriteOnlyWorksheet, raw: RawSheet, marks: Marks, locale: str) -> None:
    marked_rows = {row for row, _ in marks}
    for number, row in enumerate(raw.rows[:MOST_ROWS], start=1):
        cells = [value if _is_plain(value) else _cell(sheet, value) for value in row[:MOST_COLUMNS]] or [None]
        if number in marked_rows:
            for column in range(len(cells)):
                about = marks.get((number, column))
                if about:
                    cell = cells[column] = _cell(sheet, row[column] if row else None)
                    cell.fill = _fill(min((f.severity for f in about), key=list(COLOURS).index))
                    cell.comment = Comment("\n".join(_words(about, locale)), _AUTHOR, height=160, width=320)
        sheet.append(cells)


def _is_plain(value: Cell) -> bool:
    """Whether openpyxl may take a value as it is, which is faster: it is nothing, a number, or a text that it would
    neither change, refuse, nor take for a formula or an error."""
    if isinstance(value, str):
        return value.isprintable() and value[:1] not in "=#" and len(value) <= LONGEST_TEXT
    return value is None or type(value) in (int, float)


def _words(findings: list[Finding], locale: str) -> Iterator[str]:
    for finding in findings:
        yield f"{finding.message.render(locale)} {finding.action.render(locale)}"


def _cell(sheet: WriteOnlyWorksheet, value: Cell) -> Any:
    """A cell that holds a value and never a formula."""
    match value:
        case None | "":
            return WriteOnlyCell(sheet)
        case bool() | int() | float() | dt.datetime() | dt.date() | dt.time() | dt.timedelta():
            return WriteOnlyCell(sheet, value=_storable(value))
        case CellError():
            text = value.kind
        case _:
            text = str(value)
    cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", text)[:LONGEST_TEXT])
    cell.data_type = "s"  # a text that begins with = stays a text
    return cell


def _storable(value: Any) -> Any:
    """A date that xlsx can hold, else its text."""
    return str(value) if isinstance(value, dt.date) and value.year < 1900 else value


def _bold(sheet: WriteOnlyWorksheet, text: str) -> Any:
    cell = _cell(sheet, text)
    cell.font = Font(bold=True)
    return cell


def _fill(severity: Severity) -> PatternFill:
    return PatternFill("solid", fgColor=COLOURS.get(severity, COLOURS["warning"]))


def _title(name: str, taken: list[str]) -> str:
    """A sheet's title that xlsx takes and no other sheet has."""
    plain = ILLEGAL_CHARACTERS_RE.sub("", _NOT_IN_TITLES.sub("_", name)).strip("'")[:28] or "1"
    title, number = plain, 1
    while title.casefold() in {other.casefold() for other in taken}:
        number += 1
        title = f"{plain}_{number}"
    return title
