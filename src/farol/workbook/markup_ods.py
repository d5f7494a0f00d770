"""What the markup of an ods workbook tells and its reader does not: formula errors, and how far cells reach."""

from __future__ import annotations

import html
import re

from farol.workbook.cells import CellError
from farol.workbook.markup import Marks, failure

_SHEET = re.compile(rb"<table:table\s([^>]*)>")
_NAME = re.compile(rb"\btable:name=(?:\"([^\"]*)\"|'([^']*)')")
_TAG = re.compile(rb"<table:(table-row|table-cell|covered-table-cell)(?=[\s/>])([^>]*)>")
_REPEATED = re.compile(rb"\stable:number-(?:rows|columns)-repeated=[\"']([0-9]{1,9})[\"']")
_FAILED = re.compile(rb"\scalcext:value-type=[\"']error[\"']")
_TEXT = re.compile(rb"<text:p[^>]*>([^<]*)<")
_MOST_REPEATED = 10_000
"""A failed cell repeated more often than this is no pupil's."""


def read_ods_marks(content: bytes) -> dict[str, Marks]:
    """The marks of each sheet by its name, from the content.xml of an ods workbook; `span` is exact."""
    parts = list(_SHEET.finditer(content))
    ends = [*(part.start() for part in parts), len(content)][1:]
    marks = {}
    for part, end in zip(parts, ends, strict=False):
        name = _NAME.search(part[1])
        if name is not None:
            text = (name[1] or name[2] or b"").decode("utf-8", "replace")
            marks[html.unescape(text)] = _sheet_marks(content[part.end() : end])
    return marks


def _sheet_marks(sheet: bytes) -> Marks:
    odd: dict[tuple[int, int], CellError] = {}
    rows = columns = 0
    row = column = row_repeated = 0
    for tag in _TAG.finditer(sheet):
        repeated = _REPEATED.search(tag[2])
        times = int(repeated[1]) if repeated else 1
        if tag[1] == b"table-row":
            row, column, row_repeated = row + row_repeated, 0, times
            continue
        if b"office:value-type=" in tag[2]:
            rows, columns = row + row_repeated, max(columns, column + times)
            if _FAILED.search(tag[2]) and row_repeated * times <= _MOST_REPEATED:
                text = _TEXT.match(sheet, tag.end())
                error = failure(text[1] if text else b"")
                odd |= {(row + i, column + j): error for i in range(row_repeated) for j in range(times)}
        column += times
    return Marks(rows, rows * columns, odd)
