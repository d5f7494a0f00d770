"""What the markup of an xlsx sheet tells and its reader does not: formula errors, empty texts, how far cells reach.

The reader we use (calamine) gives an empty cell for `#N/A`, so a failed formula would pass for a missing value. It
also makes room for every cell between the first and the last one, so that a tiny sheet with one cell in its last
corner would ask for more memory than there is: we measure before it does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from farol.workbook.cells import EMPTY_TEXT, CellError
from farol.workbook.texts import error_kind

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384

_SIMPLE_SPAN = 9_999 * 702
_NOT_SIMPLE = re.compile(rb'<c(?! r="[A-Z]{1,2}[1-9][0-9]{0,3}"[ />])(?![a-zA-Z])')
"""A cell that does not begin as nearly all do, `<c r="AB1234"`, in a row and column of few letters and digits."""

_SIMPLE_REFERENCE = re.compile(rb"([A-Z]{1,2})([0-9]{1,4})")
_ODD = re.compile(
    rb' t="(?:(e)"'
    rb'|str"[^>]*>(?:<f[^>]*>[^<]*</f>|<f[^>]*/>)?<v(?: ?/>|></v>)'
    rb'|inlineStr"(?: ?/>|><is ?/>|><is><t(?: [^>]*)?(?:/>|></t>)))'
)
"""The type of a cell that failed (group 1), or of one that holds a text without characters."""

_TAG = re.compile(rb"<(?:\w+:)?(row|c)(?=[\s/>])([^>]*)>")
_REFERENCE = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]{0,3})([0-9]{0,7})[\"']")
_HAS_REFERENCE = re.compile(rb"\sr\s*=")
_TYPE = re.compile(rb"\st\s*=\s*[\"'](e|s|str|inlineStr)[\"']")
_VALUE = re.compile(rb"<(?:\w+:)?v[^>]*>([^<]*)<")
_CELL_END = re.compile(rb"</(?:\w+:)?c\s*>")
_NO_TEXT = re.compile(rb"(?:<[^>]*>|\s)*")


@dataclass(frozen=True, slots=True)
class Marks:
    """What a sheet's markup tells.

    `rows` is the number of the last row (1-based) that has a cell, with a value or only with a format. `span` is no
    less than the number of cells in the rectangle around all of them. `odd` has the failed cells and the empty texts
    by (row, column), 0-based.
    """

    rows: int
    span: int
    odd: Mapping[tuple[int, int], CellError]


def read_marks(sheet: bytes, max_cells: int, empty_strings: Collection[int] = ()) -> Marks | None:
    """The marks of a sheet's markup; None when it cannot be what it says it is.

    `span` is only exact where it might exceed `max_cells`. `empty_strings` are the indices of the workbook's shared
    strings that have no characters.
    """
    if b"\0" in sheet[:4]:  # in another encoding than UTF-8, cells would pass unseen
        return None
    simple = b":c" not in sheet and not _NOT_SIMPLE.search(sheet)
    if simple and max_cells >= _SIMPLE_SPAN:
        return _simple_marks(sheet, empty_strings)
    return _any_marks(sheet, empty_strings)


def empty_shared_strings(table: bytes) -> frozenset[int]:
    """The indices of the shared strings without characters."""
    items = re.split(rb"<(?:\w+:)?si(?=[\s/>])", table)[1:]
    return frozenset(index for index, item in enumerate(items) if _has_no_text(item.partition(b">")[2]))


def _simple_marks(sheet: bytes, empty_strings: Collection[int]) -> Marks:
    """As `_any_marks`, by searching for the odd cells alone."""
    found: list[tuple[int, CellError]] = []
    for match in _ODD.finditer(sheet):
        failed = match[1] is not None
        found.append(
            (match.start(), _failure(_inside(sheet, _tag_end(sheet, match.start()))) if failed else EMPTY_TEXT)
        )
    if empty_strings:
        indices = b"|".join(b"%d" % index for index in sorted(empty_strings))
        shared = re.finditer(rb' t="s"[^>]*><v>(?:%b)</v>' % indices, sheet)
        found += [(match.start(), EMPTY_TEXT) for match in shared]
    odd = {place: error for at, error in found if (place := _simple_place(sheet, at)) is not None}
    last = _simple_place(sheet, len(sheet))
    return Marks(last[0] + 1 if last else 0, _SIMPLE_SPAN, odd)


def _simple_place(sheet: bytes, position: int) -> tuple[int, int] | None:
    """The last cell whose tag begins before `position`."""
    start = sheet.rfind(b'<c r="', 0, position)
    reference = _SIMPLE_REFERENCE.match(sheet, start + 6) if start >= 0 else None
    return (int(reference[2]) - 1, _column(reference[1])) if reference else None


def _tag_end(sheet: bytes, position: int) -> int:
    end = sheet.find(b">", position)
    return end + 1 if end >= 0 else len(sheet)


def _any_marks(sheet: bytes, empty_strings: Collection[int]) -> Marks | None:
    """The marks of a sheet written in any way that XML allows, cell by cell."""
    odd: dict[tuple[int, int], CellError] = {}
    rows, columns = [0], [0]
    row = column = -1
    for tag in _TAG.finditer(sheet):
        name, attributes = tag.groups()
        reference = _REFERENCE.search(attributes)
        if reference is None and _HAS_REFERENCE.search(attributes):
            return None
        letters, digits = reference.groups() if reference else (b"", b"")
        if name == b"row":
            row, column = int(digits) - 1 if digits else row + 1, -1
            continue
        row = int(digits) - 1 if digits else row
        column = _column(letters) if letters else column + 1
        if not (0 <= row < MAX_ROWS and 0 <= column < MAX_COLUMNS):
            return None
        rows.append(row + 1)
        columns.append(column + 1)
        error = _odd_cell(sheet, tag, empty_strings)
        if error is not None:
            odd[row, column] = error
    return Marks(max(rows), max(rows) * max(columns), odd)


def _odd_cell(sheet: bytes, tag: re.Match[bytes], empty_strings: Collection[int]) -> CellError | None:
    kind = _TYPE.search(tag[2])
    if kind is None:
        return None
    inside = _inside(sheet, tag.end())
    if kind[1] == b"e":
        return _failure(inside)
    if kind[1] == b"s":
        value = _VALUE.search(inside)
        return EMPTY_TEXT if value and value[1].isdigit() and int(value[1]) in empty_strings else None
    text = re.sub(rb"<(?:\w+:)?f(?=[\s>])[^>]*>[^<]*<", b"<", inside)
    return EMPTY_TEXT if _has_no_text(text) else None


def _inside(sheet: bytes, start: int) -> bytes:
    """What stands between a cell's opening tag, which ends at `start`, and its closing one."""
    if sheet[start - 2 : start] == b"/>":
        return b""
    end = _CELL_END.search(sheet, start)
    return sheet[start : end.start()] if end else b""


def _failure(inside: bytes) -> CellError:
    value = _VALUE.search(inside)
    return failure(value[1] if value else b"")


def failure(text: bytes) -> CellError:
    """The failed cell that shows `text`."""
    # Only the known kinds go on: what else stands there could be anything, and findings show it.
    return CellError(error_kind(text.decode("utf-8", "replace")) or "#ERROR")


def _has_no_text(markup: bytes) -> bool:
    return _NO_TEXT.fullmatch(markup) is not None


def _column(letters: bytes) -> int:
    """The 0-based position of the column that a spreadsheet names so."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number - 1
