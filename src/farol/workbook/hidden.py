"""Rows and columns that the spreadsheet hides, by hand, in a closed group or by a filter: they are read like others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from farol.workbook.findings import Finding, finding
from farol.workbook.headers import Heading
from farol.workbook.raw import NOTHING_HIDDEN, Hidden, RawSheet, is_empty

_ROW = re.compile(rb"<(?:\w+:)?row(?=[\s/>])([^<>]*)>")
_COLUMNS = re.compile(rb"<(?:\w+:)?col\s([^<>]*)>")
_HIDDEN = re.compile(rb"\shidden\s*=\s*[\"'](?:1|true)[\"']")
_NUMBER, _FIRST, _LAST = (re.compile(rb"\s%b\s*=\s*[\"']([0-9]{1,7})[\"']" % name) for name in (b"r", b"min", b"max"))

_ODS = re.compile(rb"<table:table-(row|column)(?=[\s/>])([^<>]*)>")
_ODS_REPEATED = re.compile(rb"\stable:number-(?:rows|columns)-repeated=[\"']([0-9]{1,9})[\"']")
_ODS_HIDDEN = re.compile(rb"\stable:visibility=[\"'](?:collapse|filter)[\"']")


def hidden_in_xlsx(sheet: bytes) -> Hidden:
    """What an xlsx sheet's markup hides."""
    if b"hidden" not in sheet:  # most sheets hide nothing, and have many rows
        return NOTHING_HIDDEN
    columns = [
        range(int(first[1]) - 1, int(last[1]))
        for tag in _COLUMNS.finditer(sheet)
        if _HIDDEN.search(attributes := b" " + tag[1])
        and (first := _FIRST.search(attributes))
        and (last := _LAST.search(attributes))
    ]
    rows = []
    row = -1
    for tag in _ROW.finditer(sheet):
        number = _NUMBER.search(tag[1])
        row = int(number[1]) - 1 if number else row + 1
        if _HIDDEN.search(tag[1]):
            rows.append(range(row, row + 1))
    return Hidden(rows, columns)


def hidden_in_ods(sheet: bytes) -> Hidden:
    """What an ods sheet's markup hides."""
    rows: list[range] = []
    columns: list[range] = []
    row = column = 0
    for tag in _ODS.finditer(sheet):
        repeated = _ODS_REPEATED.search(tag[2])
        times = int(repeated[1]) if repeated else 1
        is_row = tag[1] == b"row"
        start = row if is_row else column
        if _ODS_HIDDEN.search(tag[2]):
            (rows if is_row else columns).append(range(start, start + times))
        row, column = (row + times, column) if is_row else (row, column + times)
    return Hidden(rows, columns)


def about_hidden(raw: RawSheet, first_row: int, read: Iterable[Heading]) -> Iterator[Finding]:
    """A finding on the hidden rows from `first_row` (1-based) on that hold something, and one on each hidden column
    that is read.
    """
    rows = [
        row + 1
        for row in _places(raw.hidden.rows, len(raw.rows))
        if row + 1 >= first_row and not all(map(is_empty, raw.rows[row]))
    ]
    if rows:
        yield finding("hidden_rows", sheet=raw.name, rows=rows)
    columns = set(_places(raw.hidden.columns, len(raw.rows[0]) if raw.rows else 0))
    for heading in read:
        if heading.position in columns:
            yield finding("hidden_column", sheet=raw.name, column=heading.text, count=1)


def _places(spans: Sequence[range], end: int) -> Iterator[int]:
    """The places before `end` that the spans cover, each once: there may be many spans, and long ones."""
    start = 0
    for span in sorted(spans, key=lambda span: span.start):
        yield from range(max(start, span.start), min(span.stop, end))
        start = max(start, span.stop)
