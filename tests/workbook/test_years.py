"""No sheet and no file of a year is left out without a word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from openpyxl import load_workbook
from openpyxl.chart import BarChart

from farol.errors import WorkbookError
from farol.workbook.panel import Panel, read_panel
from farol.workbook.selection import SheetNeeds
from farol.workbook.years import Fit, year_name
from tests.workbook.making import PEDE, Rows, findings_of, only, panel_of, pupils, write_xlsx
from tests.workbook.test_sheets import rewrite, write_ods, write_xls

NEAR = ["PEDE 2023", "PEDE2023 (2)", "PEDE_2023", "2023", "PEDE2023\u200b", "pede-2023", "PEDE23", "PEDE2023 - Cópia"]
WRITERS = [write_xlsx, write_xls, write_ods]


def said(panel: Panel) -> dict[str, str]:
    """The reason for each sheet or file that is not read."""
    return {finding.sheet: str(finding.message) for finding in findings_of(panel, "unread_sheet")}


@pytest.mark.parametrize("name", NEAR)
def test_a_year_that_is_nearly_named_is_read_and_said(tmp_path: Path, name: str) -> None:
    panel = panel_of(tmp_path, {"PEDE2022": pupils(2), name: pupils(3)})
    assert panel.years == (2022, 2023)
    assert only(panel, "near_year").sheet == name
    assert str(only(panel, "near_year").action) == "It is read as the sheet of 2023."


@pytest.mark.parametrize("write", WRITERS)
def test_a_near_year_is_read_from_every_format(
    tmp_path: Path, write: Callable[[Path, Mapping[str, Rows]], Path]
) -> None:
    path = write(tmp_path / "book.bin", {"PEDE2022": pupils(2), "PEDE 2023": pupils(3), "Resumo": [["x"]]})
    panel = read_panel(path, PEDE)
    assert panel.years == (2022, 2023)
    assert said(panel) == {"Resumo": "The name has no year in the form of the profile."}


@pytest.mark.parametrize("stem", ["PEDE2023 (1)", "dados 2023", "PEDE_2023"])
def test_a_file_of_a_folder_is_read_or_named(tmp_path: Path, stem: str) -> None:
    lines = "\n".join(";".join("" if cell is None else str(cell) for cell in row) for row in pupils(2))
    for name in ("PEDE2022.csv", f"{stem}.csv", "notas.txt"):
        (tmp_path / name).write_text(lines, encoding="utf-8")
    write_xlsx(tmp_path / "last.xlsx", {"PEDE2024": pupils(2)})
    (tmp_path / "PEDE2025.docx").write_text(lines, encoding="utf-8")
    panel = read_panel(tmp_path, PEDE)
    assert panel.years == (2022, 2023, 2024)
    assert only(panel, "near_year").sheet == stem
    assert said(panel) == {
        "PEDE2025.docx": "Of a folder, only workbooks, csv and parquet files are read.",
        "notas.txt": "The name has no year in the form of the profile.",
    }


def test_every_sheet_that_is_not_read_has_its_reason(tmp_path: Path) -> None:
    names = ["PEDE2022", "PEDE2022 (2)", "Resumo", "PEDE 2022-2023", "PEDE2O23", "Metas 2024"]
    panel = panel_of(tmp_path, {name: pupils(2) if name.startswith("PEDE") else [["Meta"]] for name in names})
    assert panel.years == (2022,)
    assert said(panel) == {
        "PEDE2022 (2)": "Another one is of the year 2022 too: PEDE2022.",
        "Resumo": "The name has no year in the form of the profile.",
        "PEDE 2022-2023": "The name has several years.",
        "PEDE2O23": "The name has no year in the form of the profile.",
        "Metas 2024": "Of the name only the year fits, and there is no column of pupils' codes.",
    }
    grave = {finding.sheet: finding.severity for finding in findings_of(panel, "unread_sheet")}
    assert [name for name in names if grave.get(name) == "info"] == ["Resumo"]


def test_two_near_names_of_one_year_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match="of the year 2022"):
        panel_of(tmp_path, {"PEDE 2022": pupils(2), "PEDE_2022": pupils(2)})


@pytest.mark.parametrize("write", WRITERS[:2])
@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_hidden_sheet_of_a_year_is_read_and_said(
    tmp_path: Path, write: Callable[[Path, Mapping[str, Rows]], Path], state: str
) -> None:
    path = write(tmp_path / "a.xlsx", {"PEDE2022": pupils(2), "PEDE2023": pupils(2)})
    if write is write_xlsx:
        book = load_workbook(path)
        book["PEDE2023"].sheet_state = "hidden" if state == "hidden" else "veryHidden"
        book.save(path)
    else:
        content = path.read_bytes()
        # The record of the second sheet (BOUNDSHEET): its length, its place, and whether it is visible.
        at = content.rindex(b"PEDE2023") - 4
        path.write_bytes(content[:at] + (b"\x01" if state == "hidden" else b"\x02") + content[at + 1 :])
    panel = read_panel(path, PEDE)
    assert panel.years == (2022, 2023)
    assert only(panel, "hidden_sheet").sheet == "PEDE2023"


def test_a_sheet_that_the_file_does_not_hold_is_named(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", {"PEDE2022": pupils(1), "PEDE2023": pupils(1)})
    panel = read_panel(rewrite(path, {"xl/worksheets/sheet1.xml": None}), PEDE)
    assert said(panel) == {"PEDE2022": "The file names this sheet, but does not hold it."}


def test_a_chosen_name_says_how_well_it_fits() -> None:
    fits = {
        name: matched.fit if (matched := year_name("PEDE{year}", name)) else None for name in ("PEDE2024", *NEAR, "x")
    }
    assert [name for name, fit in fits.items() if fit is Fit.near] == [name for name in NEAR if name != "2023"]
    assert (fits["PEDE2024"], fits["2023"], fits["x"]) == (Fit.exact, Fit.year_only, None)


@pytest.mark.parametrize("write", WRITERS)
def test_a_blank_sheet_of_a_year_is_skipped_and_named(
    tmp_path: Path, write: Callable[[Path, Mapping[str, Rows]], Path]
) -> None:
    panel = read_panel(write(tmp_path / "book.bin", {"PEDE2022": pupils(2), "PEDE2023": [[" "]]}), PEDE)
    assert panel.years == (2022,)
    assert said(panel) == {"PEDE2023": "Nothing is written in it."}
    assert only(panel, "unread_sheet").severity == "warning"


@pytest.mark.parametrize("title", ["chart", "empty"])
def test_a_newest_tab_without_cells_stops_nothing(tmp_path: Path, title: str) -> None:
    path = write_xlsx(tmp_path / "book.xlsx", {"PEDE2022": pupils(2)})
    book = load_workbook(path)
    if title == "chart":
        book.create_chartsheet("PEDE2023").add_chart(BarChart())
    else:
        book.create_sheet("PEDE2023")
    book.save(path)
    assert said(read_panel(path, PEDE)) == {"PEDE2023": "Nothing is written in it."}


def test_a_year_of_two_digits_is_of_the_nearer_century() -> None:
    years = [name.year for text in ("PEDE24", "PEDE 99") if (name := year_name("PEDE{year}", text))]
    assert years == [2024, 1999]


def test_another_year_than_the_name_says_is_reported(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "book.xlsx", {"PEDE2023": pupils(3)})
    panel = read_panel(path, PEDE, needs=SheetNeeds(year=2024))
    assert panel.years == (2023,)
    finding = only(panel, "year_in_name")
    assert (finding.sheet, finding.severity, "2024" in str(finding.message)) == ("PEDE2023", "warning", True)
    assert findings_of(read_panel(path, PEDE, needs=SheetNeeds(year=2023)), "year_in_name") == []
    several = write_xlsx(tmp_path / "several.xlsx", {"PEDE2022": pupils(3), "PEDE2023": pupils(3)})
    assert findings_of(read_panel(several, PEDE, needs=SheetNeeds(year=2022)), "year_in_name") == []


def test_two_sheets_of_a_year_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WorkbookError) as error:
        panel_of(tmp_path, {"PEDE2023 7A": pupils(2), "PEDE2023 7B": pupils(2)})
    assert error.value.fix is not None


def test_what_an_ods_keeps_of_another_file_is_no_sheet(tmp_path: Path) -> None:
    other = "'file:///C:/escola/PEDE2023.ods'#$PEDE2023"
    panel = read_panel(write_ods(tmp_path / "book.ods", {"PEDE2022": pupils(2), other: pupils(3)}), PEDE)
    assert panel.years == (2022,)
    assert said(panel) == {other: "It is what formulas keep of a sheet of another file."}
