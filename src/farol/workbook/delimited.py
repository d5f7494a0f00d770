"""csv: one file a year. Separator, decimal comma and encoding are found out."""

from __future__ import annotations

import codecs
import csv
import io

from farol.errors import Place, WorkbookError
from farol.i18n import msg
from farol.workbook.cells import Cell, Source
from farol.workbook.headers import HeaderIndex
from farol.workbook.limits import Limits, not_a_workbook, too_large

SEPARATORS = ";,\t|"
FROM_TEXT = Source(typed=False)
_SAMPLE_LINES = 40


def read_delimited(content: bytes, index: HeaderIndex, limits: Limits, file: str) -> list[list[Cell]]:
    """The rows of a csv file. Raises `WorkbookError` when it is no text, or its rows do not fit its headers."""
    text = decoded(content, file)
    separator = _separator(text, index)
    rows: list[list[Cell]] = []
    width = 0
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            rows.append([*record])
            width = max(width, len(record))
            if width * len(rows) > limits.max_cells:
                raise too_large(msg("cells"), limits.max_cells, file)
    except csv.Error as error:
        raise not_a_workbook(file) from error
    _refuse_wide_rows(rows, index.header_row(rows), file)
    for row in rows:
        row.extend([""] * (width - len(row)))
    return rows


def decoded(content: bytes, file: str) -> str:
    """A file's text: UTF-8 or UTF-16 by their mark, else UTF-8, else what a Brazilian Windows writes."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise not_a_workbook(file)


def _separator(text: str, index: HeaderIndex) -> str:
    """The separator under which the first lines name most columns of the profile, then the most frequent one."""
    lines = text[:100_000].splitlines()[:_SAMPLE_LINES]

    def known(separator: str) -> tuple[int, int]:
        headers = max((index.known_headers(_split(line, separator)) for line in lines), default=0)
        return headers, sum(line.count(separator) for line in lines)

    return max(SEPARATORS, key=known)


def _split(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _refuse_wide_rows(rows: list[list[Cell]], header: int, file: str) -> None:
    """A row longer than the headers has a stray separator: everything behind it would be in the wrong column."""
    width = len(rows[header]) if rows else 0
    wide = [number for number, row in enumerate(rows, start=1) if number > header + 1 and any(row[width:])]
    if wide:
        raise WorkbookError(
            msg("Rows have more cells than there are headers."),
            expected=msg("{count} cells", count=width),
            got=msg("more in {count} rows, the first being row {row}", count=len(wide), row=wide[0]),
            where=Place(file=file),
            fix=msg("Put quotation marks around texts and numbers that contain the separator."),
        )
