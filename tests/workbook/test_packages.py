"""A workbook's zip file is read however its program laid it out, and called what it is where it cannot be read."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from farol.errors import WorkbookError
from farol.workbook.panel import Panel, read_panel
from tests.workbook.making import PEDE, Rows, pupils, write_xlsx

ROWS = pupils(3, {"Mat": [4.0, 5.5, None]})
Layout = Callable[[str, bytes], tuple[str, bytes]]


def laid_out(source: Path, target: Path, layout: Layout) -> Path:
    """A copy of a zip file whose members have other names or bytes."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            member, data = layout(name, old.read(name))
            info = zipfile.ZipInfo(member)
            info.filename = member  # ZipInfo would replace backslashes on Windows
            new.writestr(info, data)
    return target


def backslashes(name: str, data: bytes) -> tuple[str, bytes]:
    return name.replace("/", "\\"), data


def other_workbook(name: str, data: bytes) -> tuple[str, bytes]:
    return name.replace("workbook.xml", "workbook22.xml"), data.replace(b"workbook.xml", b"workbook22.xml")


def other_folder(name: str, data: bytes) -> tuple[str, bytes]:
    moved = f"Book/{name.removeprefix('xl/')}" if name.startswith("xl/") else name
    return moved, data.replace(b"xl/workbook.xml", b"Book/workbook.xml").replace(b'"/xl/', b'"')


def other_case(name: str, data: bytes) -> tuple[str, bytes]:
    return name.replace("workbook", "WorkBook"), data


def strict(name: str, data: bytes) -> tuple[str, bytes]:
    main = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    data = data.replace(main, b"http://purl.oclc.org/ooxml/spreadsheetml/main")
    return name, data.replace(office, b"http://purl.oclc.org/ooxml/officeDocument/relationships")


@pytest.mark.parametrize("layout", [backslashes, other_workbook, other_folder, other_case, strict])
def test_every_layout_of_an_xlsx_gives_the_same(tmp_path: Path, layout: Layout) -> None:
    plain = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": ROWS})
    other = laid_out(plain, tmp_path / "b.xlsx", layout)
    assert other.read_bytes() != plain.read_bytes()
    assert read_panel(other, PEDE).fingerprint == read_panel(plain, PEDE).fingerprint


def test_a_package_that_names_no_workbook_is_damaged(tmp_path: Path) -> None:
    plain = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": ROWS})
    other = laid_out(plain, tmp_path / "b.xlsx", lambda name, data: (name, data.replace(b'/officeDocument"', b'/x"')))
    with pytest.raises(WorkbookError, match="damaged"):
        read_panel(other, PEDE)


def record(kind: int, data: bytes = b"") -> bytes:
    """A record of xlsb: its number and its length in sevens of bits, then its data (MS-XLSB, 2.1.4)."""
    head = bytes([kind]) if kind < 128 else bytes([kind & 127 | 128, kind >> 7])
    length = len(data)
    while length > 127:
        head += bytes([length & 127 | 128])
        length >>= 7
    return head + bytes([length]) + data


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xlsb_sheet(rows: Rows) -> bytes:
    """The part of a sheet, with texts (6) and numbers (5)."""
    size = struct.pack("<4I", 0, len(rows) - 1, 0, len(rows[0]) - 1)
    parts = [record(129), record(148, size), record(145)]
    for number, row in enumerate(rows):
        parts.append(record(0, struct.pack("<I", number) + bytes(13)))
        for column, cell in enumerate(row):
            at = struct.pack("<II", column, 0)
            if isinstance(cell, str):
                parts.append(record(6, at + wide(cell)))
            elif isinstance(cell, int | float):
                parts.append(record(5, at + struct.pack("<d", cell)))
    return b"".join([*parts, record(146), record(130)])


def write_xlsb(path: Path, rows: Rows) -> Path:
    """The sheet PEDE2022 in Excel's binary format; no library writes it."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"
    sheet = struct.pack("<II", 0, 1) + wide("rId1") + wide("PEDE2022")
    relations = f'<Relationships><Relationship Id="rId1" Type="{kind}" Target="worksheets/sheet1.bin"/></Relationships>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        book = [record(131), record(143), record(156, sheet), record(144), record(132)]
        archive.writestr("xl/workbook.bin", b"".join(book))
        archive.writestr("xl/_rels/workbook.bin.rels", relations)
        archive.writestr("xl/worksheets/sheet1.bin", xlsb_sheet(rows))
    return path


def test_an_xlsb_gives_the_same_as_an_xlsx(tmp_path: Path) -> None:
    xlsx = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": ROWS})
    xlsb = write_xlsb(tmp_path / "a.xlsb", ROWS)
    assert read_panel(xlsb, PEDE).fingerprint == read_panel(xlsx, PEDE).fingerprint
    xlsb.write_bytes(xlsb.read_bytes()[:-30])
    with pytest.raises(WorkbookError, match="damaged"):
        read_panel(xlsb, PEDE)


def refusal(path: Path, **members: bytes) -> WorkbookError:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(WorkbookError) as error:
        read_panel(path, PEDE)
    return error.value


def test_a_protected_ods_of_today_is_called_so(tmp_path: Path) -> None:
    members = {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "encrypted-package": b"\0" * 99}
    error = refusal(tmp_path / "a.ods", **members)
    assert "protected by a password" in str(error)
    assert "without password" in str(error.fix)


def test_a_zip_of_something_else_is_called_so(tmp_path: Path) -> None:
    assert "not a workbook" in str(refusal(tmp_path / "a.zip", **{"word/document.xml": b"<w/>"}))


def test_a_workbook_with_macros_is_read(tmp_path: Path) -> None:
    def with_macros(path: Path) -> Panel:
        write_xlsx(path, {"PEDE2022": ROWS})
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("xl/vbaProject.bin", b"\xd0\xcf")
        return read_panel(path, PEDE)

    assert len(with_macros(tmp_path / "a.xlsm").student) == 3
