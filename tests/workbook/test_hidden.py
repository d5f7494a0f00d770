"""Rows and columns that the spreadsheet hides are read, and said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from farol.workbook.hidden import about_hidden, hidden_in_ods, hidden_in_xlsx
from farol.workbook.panel import read_panel
from farol.workbook.raw import NOTHING_HIDDEN, Hidden, RawSheet
from tests.workbook.making import PEDE, findings_of, only, pupils, write_xlsx
from tests.workbook.test_sheets import write_ods

ROWS = pupils(5, {"Nome": ["x"] * 5, "Turma": ["A"] * 5})
CLASS, NAME, PHASE = (ROWS[0].index(header) for header in ("Turma", "Nome", "Fase"))


def hidden_xlsx(path: Path) -> Path:
    """Above the headers a hidden title, then pupils in rows 3 to 7 of which 4 and 6 are hidden, and a blank row 8."""
    write_xlsx(path, {"PEDE2022": [["Notas"], *ROWS, [" "]]})
    book = load_workbook(path)
    sheet = book["PEDE2022"]
    for row in (1, 4, 6, 8, 500):
        sheet.row_dimensions[row].hidden = True
    for column in (CLASS, NAME):
        sheet.column_dimensions[get_column_letter(column + 1)].hidden = True
    sheet.auto_filter.ref = "A2:P7"
    book.save(path)
    return path


def hidden_ods(path: Path) -> Path:
    """The same as ods, as LibreOffice writes it: a filter's rows, closed rows, and many more below the table."""
    write_ods(path, {"PEDE2022": [["Notas"], *ROWS, [" "]]})
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    row, closed, filtered = (
        b"<table:table-row>",
        b'<table:table-row table:visibility="collapse">',
        b'<table:table-row table:visibility="filter">',
    )
    before, *rows = members["content.xml"].split(row)
    rows = [(closed if at in (0, 7) else filtered if at in (3, 5) else row) + rest for at, rest in enumerate(rows)]
    columns = (
        b'<table:table-column table:number-columns-repeated="%d"/>'
        b'<table:table-column table:visibility="collapse" table:number-columns-repeated="2"/>' % NAME
    )
    content = before + columns + b"".join(rows)
    end = b'<table:table-row table:number-rows-repeated="1048000" table:visibility="collapse"/></table:table>'
    members["content.xml"] = content.replace(b"</table:table>", end)
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return path


@pytest.mark.parametrize(("write", "name"), [(hidden_xlsx, "a.xlsx"), (hidden_ods, "a.ods")])
def test_hidden_rows_and_columns_are_read_and_said(tmp_path: Path, write: Callable[[Path], Path], name: str) -> None:
    panel = read_panel(write(tmp_path / name), PEDE)
    assert panel.student.tolist() == ["RA-1", "RA-2", "RA-3", "RA-4", "RA-5"]
    about = only(panel, "hidden_rows")
    assert (about.rows, about.count, about.severity) == ((4, 6), 2, "warning")  # no title, no blank row
    assert [finding.column for finding in findings_of(panel, "hidden_column")] == ["Turma"]  # names are not read


def test_a_sheet_that_hides_nothing_has_no_finding(tmp_path: Path) -> None:
    panel = read_panel(write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": ROWS}), PEDE)
    assert not findings_of(panel, "hidden_rows") + findings_of(panel, "hidden_column")


def test_hidden_is_understood_however_it_is_written() -> None:
    sheet = (
        b"<x:cols><x:col hidden='true' max='3' min='2'/><col min='5' max='5' hidden='0'/><col hidden='1'/></x:cols>"
        b'<row/><row hidden = "1"/><x:row r="9" hidden="true"></x:row><row hidden="1"/><row r="7" hidden="false"/>'
    )
    hidden = hidden_in_xlsx(sheet)
    assert (hidden.rows, hidden.columns) == ([range(1, 2), range(8, 9), range(9, 10)], [range(1, 3)])
    assert hidden_in_xlsx(b"<row/>") == NOTHING_HIDDEN
    assert hidden_in_ods(b"<table:table-row/>") == ([], [])


def test_rows_hidden_over_and_over_count_once() -> None:
    raw = RawSheet(
        "PEDE2022", 2022, [["a"]] * 6, hidden=Hidden([range(3, 4), range(1, 3), range(2, 4), range(3, 9)], ())
    )
    (hidden,) = about_hidden(raw, 2, ())
    assert hidden.rows == (2, 3, 4, 5, 6)
