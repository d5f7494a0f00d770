"""A value in merged cells is that of every row that people see it in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import CoveredTableCell, Table, TableCell, TableRow
from odf.text import P
from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from farol.workbook.merged import repeated_downward, repeated_values
from farol.workbook.panel import Panel, read_panel
from farol.workbook.raw import Block
from tests.workbook.making import PEDE, Rows, findings_of, only, pupils, values

Write = Callable[[Path, Rows, Sequence[Block]], Path]


def merged_xlsx(path: Path, rows: Rows, blocks: Sequence[Block]) -> Path:
    """The sheet PEDE2022 with merged cells, as a spreadsheet program writes them."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "PEDE2022"
    for row in rows:
        sheet.append(list(row))
    for top, left, bottom, right in blocks:
        sheet.merge_cells(f"{get_column_letter(left + 1)}{top + 1}:{get_column_letter(right + 1)}{bottom + 1}")
    book.save(path)
    return path


def merged_xls(path: Path, rows: Rows, blocks: Sequence[Block]) -> Path:
    """The same as xls."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("PEDE2022")
    firsts = {(block.top, block.left): block for block in blocks}
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            if (i, j) in firsts:
                block = firsts[i, j]
                sheet.write_merge(block.top, block.bottom, block.left, block.right, value)
            elif not _covered(blocks, i, j):
                sheet.write(i, j, value)
    book.save(str(path))
    return path


def merged_ods(path: Path, rows: Rows, blocks: Sequence[Block]) -> Path:
    """The same as ods."""
    document = OpenDocumentSpreadsheet()
    table = Table(name="PEDE2022")
    document.spreadsheet.addElement(table)
    firsts = {(block.top, block.left): block for block in blocks}
    for i, row in enumerate(rows):
        line = TableRow()
        table.addElement(line)
        for j, value in enumerate(row):
            if _covered(blocks, i, j):
                line.addElement(CoveredTableCell())
                continue
            spans = {}
            if (i, j) in firsts:
                block = firsts[i, j]
                spans = {
                    "numberrowsspanned": block.bottom - block.top + 1,
                    "numbercolumnsspanned": block.right - block.left + 1,
                }
            if value is None:
                cell = TableCell()
            elif isinstance(value, str):
                cell = TableCell(valuetype="string", **spans)
            else:
                cell = TableCell(valuetype="float", value=str(value), **spans)
            cell.addElement(P(text="" if value is None else str(value)))
            line.addElement(cell)
    document.save(str(path))
    return path


def _covered(blocks: Sequence[Block], row: int, column: int) -> bool:
    return any(
        block.top <= row <= block.bottom
        and block.left <= column <= block.right
        and (row, column) != (block.top, block.left)
        for block in blocks
    )


FORMATS = pytest.mark.parametrize(
    ("write", "name"), [(merged_xlsx, "a.xlsx"), (merged_xls, "a.xls"), (merged_ods, "a.ods")]
)
ROWS = pupils(5, {"Turma": ["A", None, None, "B", None]})
CLASS, PHASE = ROWS[0].index("Turma"), ROWS[0].index("Fase")


def panel_of_file(path: Path) -> Panel:
    return read_panel(path, PEDE)


@FORMATS
def test_a_merged_value_counts_for_every_row(tmp_path: Path, write: Write, name: str) -> None:
    rows = [list(row) for row in ROWS]
    rows[2][PHASE] = None
    blocks = [Block(1, CLASS, 3, CLASS), Block(4, CLASS, 5, CLASS), Block(1, PHASE, 2, PHASE)]
    panel = panel_of_file(write(tmp_path / name, rows, blocks))
    assert panel.categories["class"].tolist() == ["A", "A", "A", "B", "B"]
    assert values(panel, "phase") == [2.0] * 5
    merged = {finding.column: finding.rows for finding in findings_of(panel, "merged_cells")}
    assert merged == {"Turma": (3, 4, 6), "Fase": (3,)}


@FORMATS
def test_a_value_merged_to_the_right_counts_for_every_column(tmp_path: Path, write: Write, name: str) -> None:
    rows = [list(row) for row in ROWS]
    grades = rows[0].index("Portug")
    rows[1][grades + 1] = None
    panel = panel_of_file(write(tmp_path / name, rows, [Block(1, grades, 1, grades + 1)]))
    assert values(panel, "MATEMATICA")[:2] == [6.0, 4.5]


@FORMATS
def test_a_merged_code_is_never_repeated(tmp_path: Path, write: Write, name: str) -> None:
    rows = [list(row) for row in ROWS]
    rows[2][0] = None
    panel = panel_of_file(write(tmp_path / name, rows, [Block(1, 0, 2, 0)]))
    assert panel.student.tolist() == ["RA-1", "RA-3", "RA-4", "RA-5"]
    assert only(panel, "missing_student").rows == (3,)
    note = [list(row) for row in ROWS]
    note.append(["Dados preliminares", *[None] * (len(ROWS[0]) - 1)])
    panel = panel_of_file(write(tmp_path / name, note, [Block(6, 0, 6, 5)]))
    assert only(panel, "note_row").rows == (7,)
    assert not findings_of(panel, "merged_cells")


def test_rows_with_nothing_else_are_not_filled(tmp_path: Path) -> None:
    rows: list[list[object]] = [*map(list, ROWS), [None] * len(ROWS[0])]
    panel = panel_of_file(merged_xlsx(tmp_path / "a.xlsx", rows, [Block(4, CLASS, 9, CLASS)]))
    assert only(panel, "merged_cells").rows == (6,)
    assert len(panel.student) == 5


@FORMATS
def test_headers_of_two_rows_are_found(tmp_path: Path, write: Write, name: str) -> None:
    header, *body = ROWS
    grades = header.index("Portug")
    upper = ["Notas" if at == grades else None if at > grades else cell for at, cell in enumerate(header)]
    lower = [cell if at >= grades else None for at, cell in enumerate(header)]
    blocks = [Block(0, at, 1, at) for at in range(grades)] + [Block(0, grades, 0, len(header) - 1)]
    panel = panel_of_file(write(tmp_path / name, [upper, lower, *body], blocks))
    assert values(panel, "MATEMATICA") == [4.5] * 5
    assert len(panel.student) == 5
    (account,) = panel.accounts
    assert (account.above, account.pupils, account.rows) == (1, 5, 7)


def test_merged_cells_without_a_value_or_outside_do_nothing(tmp_path: Path) -> None:
    rows = pupils(2, {"Turma": [None, None], "Sala": ["1", "2"]})
    column = rows[0].index("Turma")
    blocks = [Block(1, column, 2, column), Block(40, 2, 41, 3), Block(1, 60, 2, 61)]
    panel = panel_of_file(merged_xlsx(tmp_path / "a.xlsx", rows, blocks))
    assert panel.categories["class"].tolist() == [None, None]
    assert not findings_of(panel, "merged_cells")


def test_merged_cells_over_each_other_end(tmp_path: Path) -> None:
    rows = [list(row) for row in ROWS]
    rows[4][CLASS] = None
    blocks = [Block(1, CLASS, 5, CLASS + bottom % 3) for bottom in range(60)]
    panel = panel_of_file(merged_xlsx(tmp_path / "a.xlsx", rows, blocks))
    assert panel.categories["class"].tolist() == ["A"] * 5
    unnamed = merged_xlsx(tmp_path / "b.xlsx", [*rows, [None] * 16 + ["x"]], [Block(1, CLASS, 3, CLASS + 1)])
    assert "P" in {finding.column for finding in findings_of(panel_of_file(unnamed), "merged_cells")}


def test_a_value_of_its_own_is_kept() -> None:
    rows = [["a", "x", "1"], ["b", "y", ""], ["c", "", "3"]]
    assert repeated_downward(rows, [Block(0, 1, 2, 1), Block(0, 7, 2, 7)], 3) == [
        ["a", "x", "1"],
        ["b", "y", ""],
        ["c", "x", "3"],
    ]
    filled, places = repeated_values(rows, [Block(0, 0, 2, 2)], 0, {1})
    assert (filled, places) == (rows, {})
    filled, places = repeated_values([["k", "", "", "1"]], [Block(0, 0, 0, 2)], 0, {1})
    assert (filled, places) == ([["k", "", "k", "1"]], {2: [0]})
