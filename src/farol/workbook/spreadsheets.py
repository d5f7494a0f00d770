"""xlsx, xls and ods through calamine: fast, and careful with what it is given."""

from __future__ import annotations

import datetime as dt
import html
import posixpath
import re
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from farol.i18n import msg
from farol.workbook.archive import Archive
from farol.workbook.findings import Finding
from farol.workbook.headers import column_letters
from farol.workbook.hidden import hidden_in_xlsx
from farol.workbook.isolated import merged_blocks, read_isolated
from farol.workbook.limits import Limits, damaged, encrypted, misplaced_cell, not_a_workbook, too_large
from farol.workbook.markup import (
    Marks,
    has_tables_in_cells,
    odd_shared_strings,
    plain_markup,
    read_marks,
    read_ods_marks,
    with_types,
)
from farol.workbook.raw import FROM_WORKBOOK, UNCALCULATED, Footnoted, Percent, RawSheet, RawWorkbook, Source
from farol.workbook.styles import percent_styles
from farol.workbook.years import NameChoice, about_names, choose_names, hidden, unread, without

THREADS = 2

_MANIFEST = "META-INF/manifest.xml"
_RELATIONS = "_rels/.rels"
_WORKBOOK = "xl/workbook.xml"
_USUAL_RELATIONS = (
    b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
    b'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    b'Target="xl/workbook.xml"/></Relationships>'
)
_STYLES = "xl/styles.xml"
_STRINGS = "xl/sharedStrings.xml"
_SHEET = re.compile(r"<(?:\w+:)?sheet\s([^<>]*)>")
_RELATION = re.compile(r"<(?:\w+:)?Relationship\s([^<>]*)>")
_ATTRIBUTE = re.compile(r"\b(?:(\w+):)?(\w+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_OTHER_ERROR = re.compile(
    rb'(\st="e"[^<>]{0,200}>(?:<f[^<>]*>[^<]*</f>|<f[^<>]*/>)?<v>)(?!#(?:N/A|DIV/0!|REF!|VALUE!|NAME\?|NUM!|NULL!)<)[^<]+'
)
_ENCRYPTED_XLSX = "EncryptedPackage".encode("utf-16-le")
_ENCRYPTED_XLS = re.compile(rb"\x09\x08\x10\x00\x00\x06\x05\x00.{12}(?:\x86\x00\x00\x00)?\x2f\x00", re.DOTALL)
"""The record FILEPASS right behind the workbook's first one (BOF), or behind WRITEPROTECT."""
_NO_MARKS = Marks(0, 0, {})
_ODS = Source(epoch=dt.date(1899, 12, 30))


def read_zip(content: bytes, pattern: str, limits: Limits, file: str, year: int | None = None) -> RawWorkbook:
    """An xlsx, xlsb or ods workbook: the sheets that `choose_names` takes. Raises `WorkbookError`."""
    archive = Archive(content, file, limits)
    main = _main_part(archive)
    folder, _, name = main.rpartition("/")
    if main.endswith(".bin") and main in archive:
        archive.check()
        return _read_isolated(content, pattern, limits, file, year)
    if main != _WORKBOOK and main in archive:  # the reader knows no other name
        renamed = {name: "workbook.xml", f"_rels/{name}.rels": "_rels/workbook.xml.rels"}
        content = archive.moved(f"{folder}/" if folder else "", "xl/", renamed, {_RELATIONS: _USUAL_RELATIONS})
        archive = Archive(content, file, limits)
    if _WORKBOOK in archive:
        return _read_xlsx(content, archive, pattern, limits, file, year=year)
    if "encrypted-package" in archive:  # an ods as LibreOffice 24.8 and later protects it
        raise encrypted(file)
    if "content.xml" in archive:
        return _read_ods(content, archive, pattern, limits, file, year=year)
    raise not_a_workbook(file)


def _main_part(archive: Archive) -> str:
    """The member that an xlsx or xlsb archive itself calls the workbook; the usual one where it does not say."""
    if _RELATIONS in archive:
        for attributes in map(_attributes, _RELATION.findall(_decoded(archive, _RELATIONS))):
            if attributes.get("Type", "").endswith("/officeDocument"):
                return posixpath.normpath(attributes.get("Target", "").replace("\\", "/").lstrip("/")).lower()
    return "xl/workbook.bin" if "xl/workbook.bin" in archive else _WORKBOOK


def read_xls(content: bytes, pattern: str, limits: Limits, file: str, year: int | None = None) -> RawWorkbook:
    """An xls workbook, in which failed cells look like empty ones. Raises `WorkbookError`."""
    if _ENCRYPTED_XLSX in content or _ENCRYPTED_XLS.search(content):
        raise encrypted(file)
    return _read_isolated(content, pattern, limits, file, year)


def _read_isolated(content: bytes, pattern: str, limits: Limits, file: str, year: int | None) -> RawWorkbook:
    book = read_isolated(content, pattern, limits, file, year)
    choice = choose_names(pattern, book.names, year)
    years = choice.years
    sheets = [RawSheet(name, years[name], cells, merged=book.merged[name]) for name, cells in book.rows.items()]
    return RawWorkbook(book.names, sheets, _about(choice, pattern, book.hidden))


def _read_ods(
    content: bytes, archive: Archive, pattern: str, limits: Limits, file: str, *, year: int | None
) -> RawWorkbook:
    if _MANIFEST not in archive:
        raise damaged(file)
    if b"encryption-data" in archive.read(_MANIFEST):
        raise encrypted(file)
    archive.check()
    written = archive.read("content.xml")
    plain = plain_markup(written)
    if plain is None or has_tables_in_cells(plain):
        raise damaged(file)
    plain = with_types(plain)
    if plain != written:
        content = archive.moved("", "", {_MANIFEST.lower(): _MANIFEST}, {"content.xml": plain})
    marks = read_ods_marks(plain)
    for name, mark in marks.items():
        if mark.span > limits.max_cells:
            raise too_large(msg("cells"), limits.max_cells, file, name)
    book = read_isolated(content, pattern, limits, file, year)
    choice = choose_names(pattern, book.names, year)
    years = choice.years
    for name, cells in book.rows.items():
        _place(cells, marks.get(name, _NO_MARKS))
    sheets = [
        RawSheet(
            name, years[name], cells, _ODS, 0, _notes(mark := marks.get(name, _NO_MARKS)), mark.merged, mark.hidden
        )
        for name, cells in book.rows.items()
    ]
    return RawWorkbook(book.names, sheets, _about(choice, pattern, book.hidden))


def _read_xlsx(
    content: bytes, archive: Archive, pattern: str, limits: Limits, file: str, *, year: int | None
) -> RawWorkbook:
    parts, concealed = _parts(archive, file)
    choice = choose_names(pattern, parts, year)
    choice = without(choice, {name: unread(name, "unread_part") for name in choice.years if parts[name] not in archive})
    years = choice.years
    archive.check(but=[parts[name] for name in years])
    if len({parts[name] for name in years}) < len(years):  # each would be read whole for every name
        raise damaged(file)
    sheets = [parts[name] for name in years]
    content = _written_plainly(content, archive, [*sheets, *([_STRINGS] if _STRINGS in archive else [])], file)
    archive = Archive(content, file, limits)
    strings = archive.read(_STRINGS) if _STRINGS in archive else b""
    odd = odd_shared_strings(strings)
    percent = percent_styles(archive.read(_STYLES)) if _STYLES in archive else frozenset()
    content = _with_known_errors(content, archive, sheets)
    opened = (
        threading.local()
    )  # each thread opens it for itself: calamine reads one sheet at a time of one that is open
    spans: list[int] = []

    def read(name: str) -> RawSheet:
        markup = archive.read(parts[name])
        marks = read_marks(markup, limits.max_cells, odd, percent)
        if marks is None:
            raise damaged(file, name)
        if marks.misplaced is not None:
            row, column = marks.misplaced
            raise misplaced_cell(file, name, row + 1, column_letters(column))
        if marks.span > limits.max_cells:
            raise too_large(msg("cells"), limits.max_cells, file, name)
        spans.append(marks.span)
        if sum(spans) > limits.max_cells:
            raise too_large(msg("cells"), limits.max_cells, file)
        try:
            if not hasattr(opened, "workbook"):
                opened.workbook = CalamineWorkbook.from_filelike(BytesIO(content))
            sheet = opened.workbook.get_sheet_by_name(name)
            cells = sheet.to_python(skip_empty_area=False)
        except CalamineError as error:
            raise damaged(file, name) from error
        _place(cells, marks)
        merged, notes = merged_blocks(sheet), _notes(marks)
        return RawSheet(name, years[name], cells, FROM_WORKBOOK, marks.rows, notes, merged, hidden_in_xlsx(markup))

    with ThreadPoolExecutor(max_workers=THREADS) as threads:
        read_sheets = list(threads.map(read, years))
    return RawWorkbook(list(parts), read_sheets, _about(choice, pattern, concealed))


def _written_plainly(content: bytes, archive: Archive, parts: Sequence[str], file: str) -> bytes:
    """The workbook with those members that `plain_markup` changes. Raises `WorkbookError`."""
    mended = {}
    for part in parts:
        written = archive.read(part)
        plain = plain_markup(written)
        if plain is None:
            raise damaged(file)
        if plain is not written and plain != written:
            mended[part] = plain
    return archive.replaced(mended) if mended else content


def _with_known_errors(content: bytes, archive: Archive, sheets: Sequence[str]) -> bytes:
    """The workbook with #N/A for the newer errors (`#SPILL!`, `#GETTING_DATA`), at which the reader would give up."""
    mended = {}
    for part in sheets:
        markup = archive.read(part)
        if b't="e"' in markup and _OTHER_ERROR.search(markup):
            mended[part] = _OTHER_ERROR.sub(rb"\1#N/A", markup)
    return archive.replaced(mended) if mended else content


def _about(choice: NameChoice, pattern: str, concealed: Sequence[str]) -> list[Finding]:
    return [*choice.findings, *about_names(choice, pattern), *hidden(concealed, choice)]


def _parts(archive: Archive, file: str) -> tuple[dict[str, str], list[str]]:
    """The member of the archive that should hold each sheet, by the sheet's name, and the names of hidden sheets."""
    relations = "xl/_rels/workbook.xml.rels"
    if relations not in archive:
        raise damaged(file)
    targets = {}
    for attributes in map(_attributes, _RELATION.findall(_decoded(archive, relations))):
        targets[attributes.get("Id", "")] = _member(attributes.get("Target", ""))
    parts: dict[str, str] = {}
    concealed = []
    for attributes in map(_attributes, _SHEET.findall(_decoded(archive, "xl/workbook.xml"))):
        name = attributes.get("name", "")
        parts[name] = targets.get(attributes.get("id", ""), "")
        if attributes.get("state", "visible") != "visible":
            concealed.append(name)
    return parts, concealed


def _decoded(archive: Archive, name: str) -> str:
    return archive.read(name).decode("utf-8", "replace")


def _attributes(text: str) -> Mapping[str, str]:
    return {name: html.unescape(double or single) for _, name, double, single in _ATTRIBUTE.findall(text)}


def _member(target: str) -> str:
    """The archive's name of a relation's target, which is relative to `xl/` or absolute."""
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")


def _notes(marks: Marks) -> dict[str, list[int]]:
    """The rows of a sheet, as a spreadsheet numbers them, of which something was left out while it was read."""
    rows = sorted({row + 1 for (row, _), cell in marks.odd.items() if isinstance(cell, Footnoted)})
    return {"footnote": rows} if rows else {}


def _place(cells: list[list[Any]], marks: Marks) -> None:
    """Put the odd cells and the percentages where they are.

    What has no value may stand beyond the last value that the reader saw.
    """
    odd = marks.odd
    uncalculated = [place for place, error in odd.items() if error is UNCALCULATED]
    if uncalculated and cells:
        width = max(len(cells[0]), *(column + 1 for _, column in uncalculated))
        for line in cells:
            line.extend([""] * (width - len(line)))
        missing = max(row + 1 for row, _ in uncalculated) - len(cells)
        cells.extend([""] * width for _ in range(missing))
    for (row, column), error in odd.items():
        if row < len(cells) and column < len(cells[row]):
            cells[row][column] = error
    for row, column in marks.percent:
        if row < len(cells) and column < len(cells[row]) and isinstance(cells[row][column], float):
            cells[row][column] = Percent(cells[row][column])
