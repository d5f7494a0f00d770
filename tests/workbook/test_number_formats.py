"""The format that shows a number does not change its value, or a finding says so."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from farol.workbook.markup import read_marks
from farol.workbook.panel import read_panel
from farol.workbook.styles import percent_styles
from tests.workbook.making import PEDE, Rows, findings_of, only, pupils, values

ROWS = pupils(12, {"Mat": [number / 20 for number in range(3, 15)]}, without=["Matem"])
GRADES = [pytest.approx(number / 2) for number in range(3, 15)]


def formatted_xlsx(path: Path, rows: Rows, code: str, *, column: str, mac: bool = False) -> Path:
    """The sheet PEDE2022 with one column in a number format."""
    book = Workbook()
    if mac:
        book.epoch = CALENDAR_MAC_1904
    sheet = book.worksheets[0]
    sheet.title = "PEDE2022"
    for row in rows:
        sheet.append(list(row))
    place = list(rows[0]).index(column) + 1
    for number in range(1, len(rows) + 1):
        sheet.cell(number, place).number_format = code
    book.save(path)
    return path


@pytest.mark.parametrize("code", ["0%", "0.00%", '0.0" of "%'])
def test_grades_shown_as_percentages_are_grades(tmp_path: Path, code: str) -> None:
    panel = read_panel(formatted_xlsx(tmp_path / "a.xlsx", ROWS, code, column="Mat"), PEDE)
    assert values(panel, "MATEMATICA") == GRADES
    finding = only(panel, "percentage")
    assert (finding.column, finding.count) == ("Mat", 12)


def test_a_percent_sign_in_quotes_is_no_percentage(tmp_path: Path) -> None:
    panel = read_panel(formatted_xlsx(tmp_path / "a.xlsx", ROWS, '0.00"%"', column="Mat"), PEDE)
    assert values(panel, "MATEMATICA")[0] == 0.15
    assert not findings_of(panel, "percentage")
    assert only(panel, "like_shares").column == "Mat"


def test_percentages_of_an_ods_are_grades(tmp_path: Path) -> None:
    document = OpenDocumentSpreadsheet()
    table = Table(name="PEDE2022")
    document.spreadsheet.addElement(table)
    place = ROWS[0].index("Mat")
    for row in ROWS:
        line = TableRow()
        table.addElement(line)
        for at, value in enumerate(row):
            kind = "string" if isinstance(value, str) else "percentage" if at == place else "float"
            cell = TableCell(valuetype=kind, **({} if kind == "string" else {"value": str(value)}))
            cell.addElement(P(text=str(value)))
            line.addElement(cell)
    document.save(str(tmp_path / "a.ods"))
    panel = read_panel(tmp_path / "a.ods", PEDE)
    assert values(panel, "MATEMATICA") == GRADES
    assert only(panel, "percentage").count == 12


def test_percentages_of_an_xls_are_named(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("PEDE2022")
    for i, row in enumerate(ROWS):
        for j, value in enumerate(row):
            sheet.write(i, j, value, xlwt.easyxf(num_format_str="0%"))
    book.save(str(tmp_path / "a.xls"))
    assert only(read_panel(tmp_path / "a.xls", PEDE), "like_shares").column == "Mat"


def test_percentages_of_a_csv_are_grades(tmp_path: Path) -> None:
    lines = [";".join(str(cell) for cell in row) for row in pupils(2, {"Mat": ["85%", "72,5 %"]}, without=["Matem"])]
    (tmp_path / "PEDE2022.csv").write_text("\n".join(lines), encoding="utf-8")
    panel = read_panel(tmp_path / "PEDE2022.csv", PEDE)
    assert values(panel, "MATEMATICA") == [8.5, pytest.approx(7.25)]


def test_a_workbook_that_counts_from_1904_keeps_its_ages(tmp_path: Path) -> None:
    born = dt.date(2012, 6, 17)
    rows = pupils(2, {"Data de Nasc": [born, born], "Idade": [9, 12]})
    book = xlwt.Workbook()
    book.dates_1904 = True
    sheet = book.add_sheet("PEDE2022")
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            dated = i > 0 and rows[0][j] in ("Idade", "Data de Nasc")
            sheet.write(i, j, value, xlwt.easyxf(num_format_str="DD/MM/YYYY" if dated else "General"))
    book.save(str(tmp_path / "a.xls"))
    xlsx = formatted_xlsx(tmp_path / "a.xlsx", rows, "dd/mm/yyyy", column="Idade", mac=True)
    for path in (tmp_path / "a.xls", xlsx):
        panel = read_panel(path, PEDE)
        assert values(panel, "age") == [9.0, 12.0]
        assert values(panel, "birth_year") == [2012.0, 2012.0]
        assert values(panel, "birth_month") == [6.0, 6.0]
        assert only(panel, "age_as_date").count == 2


def test_styles_without_formats_have_no_percentages() -> None:
    assert percent_styles(b"") == frozenset()
    assert percent_styles(b"<numFmt formatCode='0%'/><cellXfs><xf/><xf numFmtId='9'/></cellXfs>") == {1}
    assert percent_styles(b"<numFmt formatCode='0%' numFmtId='7'/><cellXfs ><xf numFmtId='7'/></cellXfs>") == {0}


def test_percentages_are_found_in_any_markup() -> None:
    simple = b'<row r="1"><c r="A1" s="3"><v>1</v></c><c r="B1" s="2"><v>1</v></c></row>'
    other = (
        b"<x:row r='1'><x:c r='A1' s='3'><x:v>1</x:v></x:c><x:c s='2'><x:v>1</x:v></x:c><x:c><x:v>1</x:v></x:c></x:row>"
    )
    for sheet in (simple, other):
        marks = read_marks(sheet, 10_000_000, {}, {3})
        assert marks is not None
        assert list(marks.percent) == [(0, 0)]
