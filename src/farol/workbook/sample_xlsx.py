"""The few parts of an xlsx file that a plain workbook needs, written with the standard library.

We write the sample ourselves instead of depending on a writer: it must hold things a writer is built to prevent
(real error cells, numbers dressed as dates, empty text), and its bytes must depend on its cells alone.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from xml.sax.saxutils import escape

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_EPOCH = date(1899, 12, 30).toordinal()
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """A cell whose formula failed: `#N/A`, `#DIV/0!`."""

    text: str


@dataclass(frozen=True, slots=True)
class DateCell:
    """A number shown as a date: days since 1899-12-30, the day's part as a fraction."""

    serial: float


@dataclass(frozen=True, slots=True)
class PercentCell:
    """A number shown as a percentage: 7.5 as 750%."""

    number: float


Cell = str | float | ErrorCell | DateCell | PercentCell | None
"""The content of a cell: `""` is a cell with empty text, None means no cell."""


def date_cell(day: date, fraction: float = 0.0) -> DateCell:
    """A date as a spreadsheet stores it."""
    return DateCell(day.toordinal() - _EPOCH + fraction)


def workbook_bytes(sheets: Sequence[tuple[str, Iterable[Sequence[Cell]]]]) -> bytes:
    """An xlsx file of named sheets, each of rows of cells; the same cells give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _parts(sheets):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # ZipInfo would note the platform it runs on
            archive.writestr(entry, _DECLARATION + text)
    return buffer.getvalue()


def _parts(sheets: Sequence[tuple[str, Iterable[Sequence[Cell]]]]) -> Iterator[tuple[str, str]]:
    numbers = range(1, len(sheets) + 1)
    overrides = "".join(
        f'<Override PartName="/xl/{part}.xml" ContentType="{_TYPE}.{kind}+xml"/>'
        for part, kind in (
            ("workbook", "sheet.main"),
            ("styles", "styles"),
            *((f"worksheets/sheet{number}", "worksheet") for number in numbers),
        )
    )
    yield (
        "[Content_Types].xml",
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
    )
    yield "_rels/.rels", _relations(("officeDocument", "xl/workbook.xml"))
    named = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="rId{number}"/>'
        for number, (name, _) in zip(numbers, sheets, strict=True)
    )
    yield (
        "xl/workbook.xml",
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{named}</sheets></workbook>',
    )
    targets = [("worksheet", f"worksheets/sheet{number}.xml") for number in numbers]
    yield "xl/_rels/workbook.xml.rels", _relations(*targets, ("styles", "styles.xml"))
    # Style 0 is general, style 1 a date, style 2 a percentage.
    yield (
        "xl/styles.xml",
        f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts>'
        '<fills count="2"><fill><patternFill/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="3"><xf xfId="0"/><xf xfId="0" numFmtId="14" applyNumberFormat="1"/>'
        '<xf xfId="0" numFmtId="9" applyNumberFormat="1"/></cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
    )
    for number, (_, rows) in zip(numbers, sheets, strict=True):
        body = "".join(_row(place, row) for place, row in enumerate(rows, start=1))
        yield (
            f"xl/worksheets/sheet{number}.xml",
            f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>',
        )


def _relations(*targets: tuple[str, str]) -> str:
    body = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{body}</Relationships>'


def _row(number: int, cells: Sequence[Cell]) -> str:
    written = "".join(
        _cell(f"{_letters(column)}{number}", value) for column, value in enumerate(cells) if value is not None
    )
    return f'<row r="{number}">{written}</row>'


def _cell(place: str, value: str | float | ErrorCell | DateCell | PercentCell) -> str:
    if isinstance(value, str):
        if not value:
            return f'<c r="{place}" t="inlineStr"/>'
        text = escape(_NOT_XML.sub("", value))
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
    if isinstance(value, ErrorCell):
        return f'<c r="{place}" t="e"><v>{value.text}</v></c>'
    if isinstance(value, DateCell):
        return f'<c r="{place}" s="1"><v>{value.serial!r}</v></c>'
    if isinstance(value, PercentCell):
        return f'<c r="{place}" s="2"><v>{value.number!r}</v></c>'
    return f'<c r="{place}"><v>{value!r}</v></c>'


def _letters(column: int) -> str:
    high, low = divmod(column, 26)
    return (chr(64 + high) if high else "") + chr(65 + low)
