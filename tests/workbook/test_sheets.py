"""Every format gives the same sheets, and what cannot be read says why."""

from __future__ import annotations

import builtins
import datetime as dt
import io
import shutil
import zipfile
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import xlwt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P
from openpyxl import load_workbook
from pyarrow import parquet

from farol.errors import FarolError, MissingExtraError, WorkbookError
from farol.workbook.panel import read_panel
from farol.workbook.raw import EMPTY_TEXT, Cell, CellError
from farol.workbook.selection import SheetNeeds
from farol.workbook.sheets import DEFAULT_LIMITS, Limits, RawSheet, read_workbook
from tests.workbook.making import PEDE, Rows, only, pupils, write_xlsx

SHEETS: Mapping[str, Rows] = {
    "Resumo": [["nothing"]],
    "PEDE2023": [["RA", "IAA", "Data de Nasc"], ["RA-1", 7.5, dt.date(2014, 3, 2)], ["RA-2", None, "6/17/2015"]],
    "PEDE2022": [["RA", "IAA"], ["RA-1", 8.25], ["RA-2", "ã"]],
}
EXPECTED = {
    "PEDE2022": [["RA", "IAA"], ["RA-1", 8.25], ["RA-2", "ã"]],
    "PEDE2023": [["RA", "IAA", "Data de Nasc"], ["RA-1", 7.5, dt.date(2014, 3, 2)], ["RA-2", "", "6/17/2015"]],
}


def write_xls(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """The same as an xls workbook."""
    workbook = xlwt.Workbook()
    dates = xlwt.easyxf(num_format_str="DD/MM/YYYY")
    for name, rows in sheets.items():
        sheet = workbook.add_sheet(name)
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                if isinstance(value, dt.date):
                    sheet.write(i, j, value, dates)
                elif value is not None:
                    sheet.write(i, j, value)
    workbook.save(str(path))
    return path


def write_ods(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """The same as an ods workbook."""
    document = OpenDocumentSpreadsheet()
    for name, rows in sheets.items():
        table = Table(name=name)
        document.spreadsheet.addElement(table)
        for row in rows:
            line = TableRow()
            table.addElement(line)
            for value in row:
                line.addElement(_ods_cell(value))
    document.save(str(path))
    return path


def _ods_cell(value: object) -> TableCell:
    if value is None:
        return TableCell()
    if isinstance(value, str) and value.startswith("="):  # as a library writes it, which calculates nothing
        return TableCell(formula=f"of:{value}")
    if isinstance(value, dt.date):
        cell = TableCell(valuetype="date", datevalue=value.isoformat())
    elif isinstance(value, int | float):
        cell = TableCell(valuetype="float", value=str(value))
    else:
        cell = TableCell(valuetype="string")
    cell.addElement(P(text=str(value)))
    return cell


def read(path: Path, limits: Limits = DEFAULT_LIMITS) -> dict[str, list[list[Cell]]]:
    """The cells by sheet."""
    return {sheet.name: [list(row) for row in sheet.rows] for sheet in read_workbook(path, PEDE, limits).sheets}


def refused(path: Path, limits: Limits = DEFAULT_LIMITS) -> str:
    """The error for a workbook that cannot be read."""
    with pytest.raises(WorkbookError) as error:
        read_workbook(path, PEDE, limits)
    return str(error.value)


@pytest.mark.parametrize(("write", "name"), [(write_xlsx, "a.xlsx"), (write_xls, "a.xls"), (write_ods, "a.ods")])
def test_workbooks_give_the_sheets_of_years_in_their_order(
    tmp_path: Path, write: Callable[[Path, Mapping[str, Rows]], Path], name: str
) -> None:
    sheets = read_workbook(write(tmp_path / name, SHEETS), PEDE).sheets
    assert [(sheet.name, sheet.year) for sheet in sheets] == [("PEDE2022", 2022), ("PEDE2023", 2023)]
    assert {sheet.name: [list(row) for row in sheet.rows] for sheet in sheets} == EXPECTED


def test_the_format_is_known_by_the_content_not_the_extension(tmp_path: Path) -> None:
    assert read(write_xls(tmp_path / "a.xlsx", SHEETS)) == EXPECTED


FAILED: Mapping[str, Rows] = {"PEDE2022": [["RA", "IAA"], ["RA-1", "#N/A"], ["RA-2", None], ["RA-3", "#DIV/0!"]]}


def test_failed_formulas_are_distinguished_from_empty_cells(tmp_path: Path) -> None:
    column = [row[1] for row in read(write_xlsx(tmp_path / "a.xlsx", FAILED))["PEDE2022"]]
    assert column == ["IAA", CellError("#N/A"), "", CellError("#DIV/0!")]


def test_formulas_of_an_ods_never_calculated_are_named(tmp_path: Path) -> None:
    rows = pupils(2, {"INDE 22": ["=1+1", 7.0]})
    panel = read_panel(write_ods(tmp_path / "a.ods", {"PEDE2022": rows}), PEDE)
    assert only(panel, "uncalculated").rows == (2,)


def test_failed_formulas_of_a_libreoffice_ods_are_named(tmp_path: Path) -> None:
    path = write_ods(tmp_path / "a.ods", FAILED)
    with zipfile.ZipFile(path) as archive:
        content = archive.read("content.xml")
    text = b'office:value-type="string"><text:p>#'
    error = b'office:value-type="string" office:string-value="" calcext:value-type="error"><text:p>#'
    assert content.count(text) == 2
    rewrite(path, {"content.xml": content.replace(text, error)})
    column = [row[1] for row in read(path)["PEDE2022"]]
    assert column == ["IAA", CellError("#N/A"), "", CellError("#DIV/0!")]


def test_what_lies_beyond_the_last_value_is_left_alone(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": [["RA"]]})
    rewrite(
        path,
        {
            "xl/worksheets/sheet1.xml": b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            b'<sheetData><row r="1"><c r="A1" t="str"><v>RA</v></c><c r="C1" t="inlineStr"/></row>'
            b'<row r="3"><c r="A3" t="inlineStr"/></row></sheetData></worksheet>',
        },
    )
    (sheet,) = read_workbook(path, PEDE).sheets
    assert [list(row) for row in sheet.rows] == [["RA"]]
    assert sheet.formatted_rows == 3


def test_shared_strings_without_characters_are_marked(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": [["RA", "IAA"], ["RA-1", "nothing"], ["RA-2", 1.0]]})
    rewrite(
        path,
        {
            "xl/sharedStrings.xml": b"<sst><si><t>RA</t></si><si><t>IAA</t></si><si><t></t></si></sst>",
            "xl/worksheets/sheet1.xml": b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            b'<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
            b'<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2"><v>3</v></c></row></sheetData></worksheet>',
        },
    )
    assert read(path) == {"PEDE2022": [["RA", "IAA"], [EMPTY_TEXT, 3.0]]}


def rewrite(path: Path, members: Mapping[str, bytes | None]) -> Path:
    """Replace, add or (None) remove members of a zip file."""
    with zipfile.ZipFile(path) as archive:
        all_members: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in (all_members | dict(members)).items():
            if data is not None:
                archive.writestr(name, data)
    path.write_bytes(buffer.getvalue())
    return path


def test_relations_may_be_absolute_and_names_escaped(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": [["RA"]], "A & B": [["x"]]})
    with zipfile.ZipFile(path) as archive:
        relations = archive.read("xl/_rels/workbook.xml.rels").decode()
    relative = relations.replace('Target="/xl/worksheets/', 'Target="worksheets/')
    assert relative != relations
    assert (
        read(path) == read(rewrite(path, {"xl/_rels/workbook.xml.rels": relative.encode()})) == {"PEDE2022": [["RA"]]}
    )


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_separator_and_encoding_of_a_csv_are_found_out(tmp_path: Path, separator: str, encoding: str) -> None:
    text = "\r\n".join(["RA;Inglês;Nº Av;Defas", "RA-1;7.5;4;-1", 'RA-2;"x, y";;0', ""]).replace(";", separator)
    path = tmp_path / "PEDE2022.csv"
    path.write_bytes(text.encode(encoding))
    expected = [["RA", "Inglês", "Nº Av", "Defas"], ["RA-1", "7.5", "4", "-1"], ["RA-2", "x, y", "", "0"]]
    assert read(path) == {"PEDE2022": expected}


def test_a_decimal_comma_does_not_pass_for_a_separator(tmp_path: Path) -> None:
    path = tmp_path / "PEDE2022.csv"
    path.write_text("RA;Mat;Por\n1;7,5;8,25\n2;1,0;2,5\n3;4,0\n", encoding="utf-8")
    (sheet,) = read_workbook(path, PEDE).sheets
    assert sheet.rows == [["RA", "Mat", "Por"], ["1", "7,5", "8,25"], ["2", "1,0", "2,5"], ["3", "4,0", ""]]
    assert sheet.source.typed is False


def test_the_separator_is_the_one_that_names_columns(tmp_path: Path) -> None:
    path = tmp_path / "PEDE2022.csv"
    path.write_text("RA;Escola\n1;a, b, c, d\n2;a, b, c, d, e\n", encoding="utf-8")
    assert read(path)["PEDE2022"] == [["RA", "Escola"], ["1", "a, b, c, d"], ["2", "a, b, c, d, e"]]


def test_an_ods_counts_the_days_of_1900_as_libreoffice_does(tmp_path: Path) -> None:
    rows = pupils(1, {"Idade 22": [dt.date(1900, 1, 7)]})
    panel = read_panel(write_ods(tmp_path / "a.ods", {"PEDE2022": rows}), PEDE)
    assert panel.numbers["age"].tolist() == [8.0]


def test_a_csv_row_with_a_stray_separator_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "PEDE2022.csv"
    path.write_text("RA,Mat,Por\n1,7,8,\n2,7,5,8\n3,1,1,1,1\n", encoding="utf-8")
    said = refused(path)
    assert "more than that (rows: 2; the first is row 3)" in said
    assert "cells: 3" in said


def test_a_csv_whose_quotes_never_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "PEDE2022.csv"
    path.write_text('RA;Mat\n"' + "x" * 200_000, encoding="utf-8")
    assert "not a workbook" in refused(path)


def test_parquet_gives_the_same_sheet(tmp_path: Path) -> None:
    moment = dt.datetime(2014, 3, 2, 1, 2, 3, tzinfo=dt.UTC)
    table = pa.table(
        {
            "RA": ["RA-1", None],
            "IAA": pa.array([Decimal("7.25"), None], pa.decimal128(5, 2)),
            "n": pa.array([1, 2], pa.int8()),
            "at": pa.array([moment, None], pa.timestamp("ns", "UTC")),
        }
    )
    path = tmp_path / "PEDE2022.parquet"
    parquet.write_table(table, path)
    cells = read(path)["PEDE2022"]
    assert cells == [["RA", "IAA", "n", "at"], ["RA-1", 7.25, 1, moment], [None, None, 2, None]]


def test_parquet_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "PEDE2022.parquet"
    parquet.write_table(pa.table({"RA": ["x"]}), path)
    real = builtins.__import__

    def without(name: str, *arguments: object) -> object:
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *arguments)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"\.\[parquet\]"):
        read_workbook(path, PEDE)


def test_a_folder_of_files_a_year_is_a_workbook(tmp_path: Path) -> None:
    (tmp_path / "PEDE2023.csv").write_text("RA;Mat\n1;7\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    (tmp_path / "PEDE2020.md").write_text("x", encoding="utf-8")
    (tmp_path / "PEDE2021.csv").mkdir()
    parquet.write_table(pa.table({"RA": ["1"], "Mat": [6.0]}), tmp_path / "pede2022.parquet")
    assert read(tmp_path) == {"pede2022": [["RA", "Mat"], ["1", 6.0]], "PEDE2023": [["RA", "Mat"], ["1", "7"]]}


def test_a_workbook_without_a_year_names_the_sheets_it_has(tmp_path: Path) -> None:
    said = refused(write_xlsx(tmp_path / "a.xlsx", {"Resumo": [["x"]], "Abril": [["x"]]}))
    assert "Resumo, Abril" in said
    assert "PEDE2024" in said
    (tmp_path / "empty").mkdir()
    assert "no sheet of a year" in refused(tmp_path / "empty")
    (tmp_path / "notes.csv").write_text("RA;x", encoding="utf-8")
    assert "notes.csv" in refused(tmp_path / "notes.csv")


def test_the_cells_of_all_sheets_are_counted_together(tmp_path: Path) -> None:
    sheet: Rows = [["RA", "IAA"], ["RA-1", 1.0], ["RA-2", 2.0]]
    path = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": sheet, "PEDE2023": sheet})
    assert "too large" in str(refused(path, Limits(max_cells=10)))


def test_of_many_sheets_only_the_first_are_named(tmp_path: Path) -> None:
    said = refused(write_xlsx(tmp_path / "a.xlsx", {f"S{number:02}": [["x"]] for number in range(30)}))
    assert "S19, …" in said
    assert "S20" not in said


def test_two_sheets_of_one_year_are_refused(tmp_path: Path) -> None:
    said = refused(write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": [["RA"]], " pede2022": [["RA"]]}))
    assert "of the year 2022" in said


def test_missing_empty_and_closed_ones_say_so(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "a.xlsx")
    (tmp_path / "a.xlsx").touch()
    assert "file is empty" in refused(tmp_path / "a.xlsx")
    assert "cannot be opened" in refused(tmp_path / "a\0.xlsx")
    assert "cannot be opened" in refused(tmp_path / "a.xlsx" / "b.xlsx")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0", b"\xff\xfea", b"\x81\x8d"])
@pytest.mark.parametrize("name", ["photo.xlsx", "photo.csv"])
def test_a_file_of_another_kind_is_not_a_workbook(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert "not a workbook" in refused(path)


@pytest.mark.parametrize("name", ["PEDE2024.xlsx", "PEDE2024.XLS", "other.ods"])
def test_a_text_under_a_workbooks_name_is_not_a_workbook(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("RA;Fase;Defas\n1;2;0\n")
    with pytest.raises(WorkbookError, match="not a workbook"):
        read_workbook(path, PEDE)


def test_a_zip_of_another_kind_is_not_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    assert "not a workbook" in refused(path)


@pytest.mark.parametrize("write", [write_xlsx, write_xls, write_ods])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_workbook_cut_short_is_damaged(
    tmp_path: Path, write: Callable[[Path, Mapping[str, Rows]], Path], part: float
) -> None:
    path = write(tmp_path / "a.bin", SHEETS)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    assert "damaged or was cut short" in refused(path)


@pytest.mark.parametrize(
    "members",
    [
        {"xl/_rels/workbook.xml.rels": None},
        {"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row r='1'><c r='A1'><v>"},
        {"xl/worksheets/sheet1.xml": b'<worksheet><c r="A9999999"/></worksheet>'},
        {"xl/styles.xml": b"<styleSheet"},
    ],
)
def test_an_xlsx_that_does_not_hold_together_is_damaged(tmp_path: Path, members: Mapping[str, bytes | None]) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": [["RA"]]})
    assert "damaged" in refused(rewrite(path, members))


def test_a_sheet_whose_part_is_missing_is_not_there(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": [["RA"]], "PEDE2023": [["RA"]]})
    assert list(read(rewrite(path, {"xl/worksheets/sheet1.xml": None}))) == ["PEDE2023"]


def test_a_workbook_behind_a_password_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"))
    assert "password" in refused(path)
    xls = write_xls(tmp_path / "a.xls", SHEETS)
    first_record_after_the_start = b"\xe1\x00\x02\x00"
    assert xls.read_bytes().count(first_record_after_the_start) == 1
    xls.write_bytes(xls.read_bytes().replace(first_record_after_the_start, b"\x2f\x00\x02\x00"))
    assert "password" in refused(xls)
    ods = write_ods(tmp_path / "a.ods", SHEETS)
    manifest = b"<manifest:manifest><manifest:encryption-data/></manifest:manifest>"
    assert "password" in refused(rewrite(ods, {"META-INF/manifest.xml": manifest}))


def test_an_ods_without_manifest_is_damaged(tmp_path: Path) -> None:
    path = write_ods(tmp_path / "a.ods", {"PEDE2022": [["RA"]]})
    assert "damaged" in refused(rewrite(path, {"META-INF/manifest.xml": None}))


def test_limits_hold_for_every_format(tmp_path: Path) -> None:
    few = Limits(max_cells=5)
    assert "at most 5 cells" in refused(write_xlsx(tmp_path / "a.xlsx", SHEETS), few)
    assert "at most 5 cells" in refused(write_xls(tmp_path / "a.xls", SHEETS), few)
    assert "at most 5 cells" in refused(write_ods(tmp_path / "a.ods", SHEETS), few)
    (tmp_path / "PEDE2022.csv").write_text("RA;Mat\n1;7\n2;7\n", encoding="utf-8")
    assert "at most 5 cells" in refused(tmp_path / "PEDE2022.csv", few)
    parquet.write_table(pa.table({"RA": ["x"] * 50}), tmp_path / "PEDE2022.parquet")
    assert "at most 5 cells" in refused(tmp_path / "PEDE2022.parquet", few)
    small = Limits(max_unpacked_bytes=30)
    assert "at most 30 bytes when unpacked" in refused(tmp_path / "PEDE2022.parquet", small)
    assert "at most 30 bytes when unpacked" in refused(tmp_path / "a.xlsx", small)
    assert "at most 9 bytes" in refused(tmp_path / "a.xlsx", Limits(max_bytes=9))
    assert "at most 9 bytes" in refused(tmp_path, Limits(max_bytes=9))


def test_one_cell_in_the_last_corner_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": [["RA"]]})
    book = load_workbook(path)
    book["PEDE2022"]["XFD1048576"] = 1
    book.save(path)
    assert "too large" in refused(path)


def test_times_and_durations_come_as_text(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("PEDE2022")
    sheet.write(0, 0, dt.datetime(2020, 1, 2, 3, 4, 5), xlwt.easyxf(num_format_str="DD/MM/YYYY HH:MM:SS"))  # noqa: DTZ001 - sheets know no zones
    sheet.write(0, 1, 1.5, xlwt.easyxf(num_format_str="[HH]:MM:SS"))
    book.save(str(tmp_path / "a.xls"))
    (row,) = read(tmp_path / "a.xls")["PEDE2022"]
    assert isinstance(row[0], dt.datetime)
    assert row[0].isoformat() == "2020-01-02T03:04:05"
    assert isinstance(row[1], str)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good small workbook to spoil."""
    return write_xlsx(tmp_path_factory.mktemp("whole") / "a.xlsx", {"PEDE2022": pupils(3), "PEDE2023": pupils(2)})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    length=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_a_spoilt_workbook_raises_nothing_but_our_errors(
    whole: Path, tmp_path: Path, changes: list[tuple[float, int]], length: float
) -> None:
    content = bytearray(whole.read_bytes())
    for place, value in changes:
        content[int(place * (len(content) - 1))] = value
    path = tmp_path / "spoilt.xlsx"
    path.write_bytes(content[: int(length * len(content))])
    try:
        read_panel(path, PEDE)
    except FarolError:
        return


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(min_size=0, max_size=400), start=st.sampled_from([b"", b"PK\x03\x04", b"PAR1", b"RA;Defas\n"]))
def test_no_bytes_raise_anything_but_our_errors(tmp_path: Path, content: bytes, start: bytes) -> None:
    path = tmp_path / "PEDE2022.csv"
    path.write_bytes(start + content)
    try:
        panel = read_panel(path, PEDE)
    except FarolError:
        pass
    else:
        assert start == b"RA;Defas\n"
        assert panel.years == (2022,)
    shutil.copy(path, tmp_path / "other.xlsx")
    with pytest.raises(FarolError):
        read_panel(tmp_path / "other.xlsx", PEDE)


def test_a_sheet_without_a_cell_is_a_sheet(tmp_path: Path) -> None:
    (sheet,) = read_workbook(write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": []}), PEDE).sheets
    assert isinstance(sheet, RawSheet)
    assert list(sheet.rows) == []


@pytest.mark.parametrize("suffix", ["xlsx", "xls", "ods", "csv"])
def test_the_year_of_a_lone_sheet_may_be_given(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"turma.{suffix}"
    writers = {"xlsx": write_xlsx, "xls": write_xls, "ods": write_ods}
    if suffix == "csv":
        path.write_text("RA;IAA\nRA-1;7,5\n", "utf-8")
    else:
        writers[suffix](path, {"Plan1": [["RA", "IAA"], ["RA-1", 7.5]]})
    assert [sheet.year for sheet in read_workbook(path, PEDE, year=2025).sheets] == [2025]
    with pytest.raises(WorkbookError, match="--year"):
        read_workbook(path, PEDE)
    folder = tmp_path / "folder"
    folder.mkdir()
    if suffix == "csv":
        shutil.copy(path, folder)
        assert [sheet.year for sheet in read_workbook(folder, PEDE, year=2025).sheets] == [2025]


def test_a_year_in_the_name_counts_more_than_the_one_given(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": pupils(1)})
    assert [sheet.year for sheet in read_workbook(path, PEDE, year=2025).sheets] == [2022]


def test_a_name_that_is_too_long_is_said(tmp_path: Path) -> None:
    for name in ("a" * 300 + ".xlsx", "a" * 5_000, "a\0b.xlsx"):
        with pytest.raises(WorkbookError, match="cannot be opened"):
            read_workbook(tmp_path / name, PEDE)


@pytest.mark.parametrize(
    ("name", "content", "got"),
    [
        ("PEDE2022.csv", b"<html><table><tr><td>RA", "a page of HTML, or XML"),
        ("PEDE2022.csv", b'[{"RA": 1}]', "JSON"),
        ("PEDE2022.csv", b"RA;IAA\r\nRA-1;7\0\r\n" * 9, "a file with zero bytes in it"),
        ("notas.xls", b"\xef\xbb\xbf <html><table><tr><td>RA", "a page of HTML, or XML"),
        ("notas.xls", b"RA\tIAA\r\n", "a file of another kind under that name"),
    ],
)
def test_a_file_of_another_kind_is_called_what_it_is(tmp_path: Path, name: str, content: bytes, got: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WorkbookError) as error:
        read_workbook(tmp_path / name, PEDE)
    assert (str(error.value.got), error.value.fix is not None) == (got, True)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\r\n" * 50, b" \t\r\n\x1a"])
def test_a_file_of_nothing_is_empty(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "PEDE2022.csv").write_bytes(content)
    assert "The file is empty" in refused(tmp_path / "PEDE2022.csv")


def test_cells_that_nothing_separates_are_said(tmp_path: Path) -> None:
    (tmp_path / "PEDE2022.csv").write_text("RA IAA IEG\nRA-1 7,5 8,25\n", encoding="utf-8")
    with pytest.raises(WorkbookError) as error:
        read_workbook(tmp_path / "PEDE2022.csv", PEDE)
    assert "semicolons" in str(error.value.fix)


@pytest.mark.parametrize("formula", ['="RA-"&1', "RA-"])
def test_a_file_without_pupils_says_why(tmp_path: Path, formula: str) -> None:
    rows = pupils(3)
    for row in rows[1:]:
        row[0] = formula if formula.startswith("=") else None
    with pytest.raises(WorkbookError) as error:
        read_panel(write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": rows}), PEDE)
    assert ("formulas without a value" in str(error.value.fix)) == formula.startswith("=")
    assert "3" in str(error.value.got)


def test_a_log_of_another_task_says_which_to_choose(tmp_path: Path) -> None:
    log = "prediction_id,model_version,task,student,IAA\n1,2024-a,next-year,RA-1,7.5\n"
    (tmp_path / "log.csv").write_text(log, encoding="utf-8")
    needs = SheetNeeds(pupils=False, year=2024, task="current")
    with pytest.raises(WorkbookError) as error:
        read_panel(tmp_path / "log.csv", PEDE, needs=needs)
    assert "--task" in str(error.value.fix)
