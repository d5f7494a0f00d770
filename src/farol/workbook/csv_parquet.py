"""csv and parquet: one file a year.

Of a csv file the separator, the decimal comma and the encoding are detected. parquet is read by pyarrow, an extra.
"""

from __future__ import annotations

import codecs
import csv
import datetime as dt
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, SupportsFloat

import numpy as np

from farol.csv_form import unguarded
from farol.errors import MissingExtraError, Place, WorkbookError
from farol.i18n import Message, count, msg
from farol.workbook.headers import HeaderIndex
from farol.workbook.limits import Limits, damaged, not_a_workbook, too_large
from farol.workbook.raw import NESTED, Cell, Rounded

SEPARATORS = ";,\t|"
_SAMPLE_LINES = 40
_SAMPLE_CHARACTERS = 100_000
_KEPT = (str, bool, int, float, dt.date, dt.time)
"""Types of values that stay what they are."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CONSOLE = "cp850"
_MOST_OF = 0.7
_DECIMAL_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9])")
_SURROGATE = re.compile("[\udc80-\udcff]")
"""What Python makes of a byte that is not UTF-8."""

_OTHER_FORMATS = {"{": msg("JSON"), "[": msg("JSON"), "<": msg("a page of HTML, or XML"), "%PDF": msg("a PDF")}
"""How other formats begin. As csv their whole content would be a header, and stand in the error."""

_MOST_LINES = 100
"""A cell has no more lines than this."""


@dataclass(frozen=True, slots=True, eq=False)
class DelimitedRows:
    """The rows of a csv file, all of one length, and those that did not fit (1-based), by the finding's code."""

    rows: list[list[Cell]]
    notes: Mapping[str, Sequence[int]]


def read_delimited(content: bytes, index: HeaderIndex, limits: Limits, file: str) -> DelimitedRows:
    """The rows of a csv file. Raises `WorkbookError` when it is no text, or its rows do not fit its headers."""
    is_of_console = _is_of_console(content, index)
    text, strange = (content.decode(CONSOLE), frozenset[int]()) if is_of_console else decoded(content, file)
    kind = other_format(text)
    if kind is not None:
        raise not_a_workbook(file, kind)
    separator = _separator(text, index)
    rows: list[list[Cell]] = []
    stray: list[int] = []
    other: list[int] = []
    width = read = 0
    try:
        lines = without_stray_quotes(text, separator, _header_width(text, separator, index), rows, stray)
        reader = csv.reader(lines, delimiter=separator)
        for record in reader:
            # Farol's own files guard what a spreadsheet would run.
            rows.append([unguarded(cell) if "'" in cell else cell for cell in record])
            if strange and not strange.isdisjoint(range(read, reader.line_num)):
                other.append(len(rows))
            read = reader.line_num
            width = max(width, len(record))
            if max(width, 1) * len(rows) > limits.max_cells:
                raise too_large(msg("cells"), limits.max_cells, file)
    except csv.Error as error:
        raise not_a_workbook(file) from error
    header = index.header_row(rows)
    _refuse_wide_rows(rows, header, file)
    needed = len(rows[header]) if rows else 0
    filled = [(at, len(row)) for at, row in enumerate(rows, start=1) if at > header + 1 and any(row)]
    short = [at for at, cells in filled if cells < needed]
    # Some programs end every row with a separator: only a row that has one more than most is odd.
    long = [at for at, cells in filled if cells > needed]
    long = long if 2 * len(long) < len(filled) else []
    for row in rows:
        row.extend([""] * (width - len(row)))
    notes = {"stray_quote": stray, "short_row": short, "long_row": long, "other_encoding": other}
    notes["console_encoding"] = [header + 1] if is_of_console else []
    return DelimitedRows(rows, {code: at for code, at in notes.items() if at})


def other_format(text: str) -> Message | None:
    """The kind of file that a text begins like; None where it may be csv."""
    return next((kind for start, kind in _OTHER_FORMATS.items() if text.lstrip().startswith(start)), None)


def _header_width(text: str, separator: str, index: HeaderIndex) -> int:
    """How many cells the headers have. The beginning is shorter than the longest cell that the csv module reads."""
    beginning = io.StringIO(text[:_SAMPLE_CHARACTERS], newline="")
    rows = list(islice(csv.reader(beginning, delimiter=separator), _SAMPLE_LINES))
    return len(rows[index.header_row(rows)]) if rows else 0


def without_stray_quotes(
    text: str, separator: str, width: int, rows: Sequence[object], stray: list[int]
) -> Iterator[str]:
    """The lines of a text, without the quotation marks that open a cell and would swallow the rows below.

    `rows` are the rows read so far: the number of the row in which a mark is left out goes to `stray`. A cell of
    several lines differs from a stray mark in what it makes of its rows: one row of the headers' width.
    """
    lines = iter(io.StringIO(text, newline=""))
    for line in lines:
        group = [line]
        if line.count('"') % 2:
            for following in islice(lines, _MOST_LINES):
                group.append(following)
                if following.count('"') % 2:
                    break
        if (len(group) == 1 and line.count('"') % 2 == 0) or _is_one_row(group, separator, width):
            yield from group
            continue
        for part in group:
            if part.count('"') % 2:
                stray.append(len(rows) + 1)
                yield part.replace('"', "")
            else:
                yield part


def _is_one_row(lines: Sequence[str], separator: str, width: int) -> bool:
    if len(lines) == 1 or lines[-1].count('"') % 2 == 0:
        return False
    if not any(line.count(separator) >= max((width - 1) // 2, 1) for line in lines[1:]):
        return True
    rows = list(csv.reader(lines, delimiter=separator))
    apart = [len(_split(line.replace('"', ""), separator)) for line in lines]
    return len(rows) == 1 and len(rows[0]) == width and any(cells != width for cells in apart)


def decoded(content: bytes, file: str) -> tuple[str, frozenset[int]]:
    """A file's text, and the lines (0-based) that have bytes of another encoding.

    It is UTF-8, UTF-16 or UTF-32 by its mark; UTF-16 by its zero bytes; UTF-8; or what a Brazilian Windows writes
    (Windows-1252). A text in UTF-8 into which other programs wrote a few bytes stays one: those alone are Windows-1252.
    """
    encoding = wide_encoding(content) or "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            raise not_a_workbook(file) from error
        text, lines = _mixed(content, file)
    else:
        lines = frozenset()
    if "\0" in text:
        raise not_a_workbook(file, msg("a file with zero bytes in it"))
    return text.lstrip("\ufeff"), lines


def _is_of_console(content: bytes, index: HeaderIndex) -> bool:
    """Whether a text is one of the Windows console of Brazil: read so, its headers name more columns of the profile."""
    beginning = content[:_SAMPLE_CHARACTERS]
    if b"\0" in content or beginning.isascii():
        return False

    def known(text: str) -> int:
        lines = text.splitlines()[:_SAMPLE_LINES]
        rows = (_split(line, separator) for line in lines for separator in SEPARATORS)
        return max(map(index.known_headers, rows), default=0)

    return known(beginning.decode(CONSOLE)) > known(mostly_utf_8(beginning))


def wide_encoding(content: bytes) -> str | None:
    """The encoding of a text in UTF-16 or UTF-32, by its beginning; None for any other."""
    marked = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)
    return marked or _utf_16(content[:_SAMPLE_CHARACTERS])


def _utf_16(beginning: bytes) -> str | None:
    """UTF-16 without its mark: nearly every other byte of a text in Latin letters is zero."""
    half = len(beginning) // 2
    if beginning[1::2].count(0) > _MOST_OF * half:
        return "utf-16-le"
    return "utf-16-be" if beginning[::2].count(0) > _MOST_OF * half else None


def _mixed(content: bytes, file: str) -> tuple[str, frozenset[int]]:
    """A text that is not all UTF-8: UTF-8 with a few other bytes, or Windows-1252."""
    text = content.decode("utf-8-sig", "surrogateescape")
    strange = _SURROGATE.findall(text)
    accents = sum(not character.isascii() for character in text) - len(strange)
    if len(strange) > accents:
        try:
            return content.decode("cp1252"), frozenset()
        except UnicodeDecodeError as error:
            raise not_a_workbook(file) from error
    lines = frozenset(at for at, line in enumerate(io.StringIO(text, newline="")) if _SURROGATE.search(line))
    return _SURROGATE.sub(_windows_character, text), lines


def mostly_utf_8(content: bytes) -> str:
    """A text in UTF-8, into which other programs may have written a few bytes of Windows-1252."""
    return _SURROGATE.sub(_windows_character, content.decode("utf-8", "surrogateescape"))


def _windows_character(match: re.Match[str]) -> str:
    byte = bytes([ord(match[0]) - 0xDC00])
    return byte.decode("cp1252", "replace")


def _separator(text: str, index: HeaderIndex) -> str:
    """The separator under which the first lines name most columns of the profile, then the most frequent one.

    A comma between digits may be a decimal comma, and counts only where nothing else is as frequent.
    """
    lines = text[:_SAMPLE_CHARACTERS].splitlines()[:_SAMPLE_LINES]

    def known(separator: str) -> tuple[int, int, int]:
        headers = max((index.known_headers(_split(line, separator)) for line in lines), default=0)
        apart = sum(_DECIMAL_COMMA.sub("", line).count(separator) for line in lines)
        return headers, apart, sum(line.count(separator) for line in lines)

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
            expected=msg("cells: {count}", count=count(width)),
            got=msg("more than that (rows: {count}; the first is row {row})", count=count(len(wide)), row=wide[0]),
            where=Place(file=file),
            fix=msg("Put quotation marks around texts and numbers that contain the separator.")
            if width > 1
            else msg("Separate the cells, in every row, by semicolons, commas, tabs or |."),
        )


def read_parquet(content: bytes, limits: Limits, file: str) -> list[list[Cell]]:
    """The rows of a parquet file, its headers first.

    Raises `MissingExtraError` without pyarrow, `WorkbookError` for a file that is damaged or too large.
    """
    pa, parquet = parquet_library()
    try:
        source = parquet.ParquetFile(io.BytesIO(content))
        size = source.metadata
        if size.num_rows * size.num_columns > limits.max_cells:
            raise too_large(msg("cells"), limits.max_cells, file)
        if sum(size.row_group(i).total_byte_size for i in range(size.num_row_groups)) > limits.max_unpacked_bytes:
            raise too_large(msg("bytes when unpacked"), limits.max_unpacked_bytes, file)
        table = source.read()
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError) as error:
        raise damaged(file) from error
    columns = [
        _readable(name, column, pa, file) for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return [list(table.column_names), *(list(row) for row in zip(*columns, strict=True))]


def parquet_library() -> tuple[Any, Any]:
    """The packages `pyarrow` and `pyarrow.parquet`. Raises MissingExtraError."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, wanted by few
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(
            msg("Parquet files need a library that is not installed."),
            extra="parquet",
        ) from error
    return pa, parquet


def _readable(name: str, column: Any, pa: Any, file: str) -> list[Cell]:
    """The cells of a column. Raises `WorkbookError` for dates that Python's calendar does not have, and for times of a
    zone that nobody knows.
    """
    try:
        return _cells(column, pa)
    except (pa.ArrowException, ValueError, OverflowError, LookupError) as error:
        raise WorkbookError(
            msg("The column has values that cannot be read."),
            expected=msg("dates of the years 1 to 9999, times of a known time zone, or texts and numbers"),
            got=msg("the type {type}", type=str(column.type)),
            where=Place(file=file, column=name),
            fix=msg("Correct the values, or write them as text such as 2015-06-17, or leave the column out."),
        ) from error


def _cells(column: Any, pa: Any) -> list[Cell]:
    if pa.types.is_nested(column.type):
        return [None if value is None else NESTED for value in column.to_pylist()]
    if pa.types.is_floating(column.type) and not pa.types.is_float64(column.type):
        return _short_floats(column.type.to_pandas_dtype(), column.to_pylist())
    return [_cell(value) for value in _in_microseconds(column, pa).to_pylist()]


def _short_floats(kind: Any, values: Sequence[Any]) -> list[Cell]:
    """Numbers of two or four bytes: 7.3 of four bytes is 7.300000190734863 of eight, and 20240001 is 20240000."""
    exact = 2 ** (np.finfo(kind).nmant + 1)
    numbers = [None if value is None else float(str(kind(value))) for value in values]
    return [Rounded(number) if number is not None and abs(number) >= exact else number for number in numbers]


def _in_microseconds(column: Any, pa: Any) -> Any:
    """Python's times stop at microseconds."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return column


def plain_bytes(value: bytes) -> str:
    """The text that bytes are, in UTF-8 or Windows-1252."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def _cell(value: object) -> Cell:
    """A value as a spreadsheet would have it: bytes are text, and a number is one number whatever its width."""
    if isinstance(value, bytes):
        return plain_bytes(value)
    if isinstance(value, Decimal):  # a code may have more digits than a float keeps
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, _KEPT) or value is None:
        return value
    return float(value) if isinstance(value, SupportsFloat) else str(value)
