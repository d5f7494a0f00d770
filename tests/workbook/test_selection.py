"""One column of a sheet is read for each column of the profile, and every other one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from farol.errors import WorkbookError
from farol.workbook.account import reading_lines
from farol.workbook.panel import Panel, read_panel
from farol.workbook.selection import SheetNeeds
from tests.workbook.making import (
    PEDE,
    Rows,
    findings_of,
    only,
    panel_of,
    pupils,
    read,
    refused,
    values,
    write_xlsx,
)


def test_of_two_headers_for_one_column_the_filled_one_is_read(tmp_path: Path) -> None:
    rows = pupils(2, {"Pedra 23": [None, None], "Pedra 2023": ["Ágata", "Topázio"]})
    panel = read(tmp_path, rows, 2023)
    assert panel.categories["stone"].tolist() == ["agate", "topaz"]
    finding = only(panel, "duplicate_header")
    assert (finding.column, finding.count, finding.severity) == ("Pedra 2023", 2, "info")
    assert "Pedra 23 (O), Pedra 2023 (P)" in str(finding.message)


def test_two_filled_columns_that_differ_are_a_warning(tmp_path: Path) -> None:
    rows = pupils(2, {"Matem": [4.0, 5.0], "Mat": [7.0, 8.0]})
    panel = read(tmp_path, rows)
    assert values(panel, "MATEMATICA") == [4.0, 5.0]  # the profile names "Matem" first
    assert only(panel, "duplicate_header").severity == "warning"
    same = read(tmp_path, pupils(2, {"Matem": [4.0, 5.0], "Mat": [4.0, 5.0]}))
    assert only(same, "duplicate_header").severity == "info"


def test_the_first_spelling_wins_then_the_fuller_column(tmp_path: Path) -> None:
    base = pupils(3, without=["Matem"])
    short, spelt, full = [4.0, None, None], [5.0, 5.0, None], [6.0, 6.0, 6.0]
    columns: list[tuple[str, list[float | None]]] = [
        ("Mat", [*full]),
        ("Matem", short),
        ("Mat ", [*full]),
        ("matem", spelt),
    ]
    header = [*base[0], *(name for name, _ in columns)]
    rows = [[*row, *(cells[at] for _, cells in columns)] for at, row in enumerate(base[1:])]
    assert values(read(tmp_path, [header, *rows]), "MATEMATICA") == [5.0, 5.0, None]


def test_a_header_twice_that_nobody_reads_is_reported(tmp_path: Path) -> None:
    header, row = pupils(1)
    rows = [[*header, "Destaque IPV", "destaque  ipv"], [*row, "x", "x"]]
    finding = only(read(tmp_path, rows), "duplicate_header")
    assert (finding.column, finding.count) == ("Destaque IPV", 2)


def test_empty_unknown_and_nameless_columns_are_reported(tmp_path: Path) -> None:
    rows = pupils(1, {"Cor": ["azul"], "Cf": [None], "IPP": [None]})
    panel = read(tmp_path, [[*rows[0], None, None, "Cg"], [*rows[1], "x", None, 1.0]])
    assert only(panel, "unknown_column").column == "Cor"
    assert {(f.column, f.severity) for f in findings_of(panel, "empty_column")} == {("Cf", "info"), ("IPP", "warning")}
    assert only(panel, "unnamed_column").column == "Q"


def test_another_years_column_is_not_taken_for_this_years(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(1, {"INDE 22": [5.0], "INDE 2023": [7.0]}), 2023)
    assert values(panel, "inde") == [7.0]
    assert only(panel, "history_column").column == "INDE 22"


def test_a_sheet_without_codes_is_refused(tmp_path: Path) -> None:
    text = refused(tmp_path, [["?" if cell == "RA" else cell for cell in row] for row in pupils(1)])
    assert "no column with the pupil's code" in text
    assert "sheet PEDE2022" in text
    assert "?, Fase" in text


def test_a_sheet_with_nothing_but_codes_is_refused(tmp_path: Path) -> None:
    text = refused(tmp_path, [["RA", "Cor"], ["RA-1", "azul"]])
    assert "no column that can be used here" in text
    assert "Fase ideal" in text
    assert "The file has no pupil." in refused(tmp_path, pupils(0))


def test_columns_are_read_by_their_code_names_too(tmp_path: Path) -> None:
    panel = read(tmp_path, [["student", "phase", "ideal_phase", "year_joined"], ["RA-1", 2, 3, 2019]])
    assert (panel.student.tolist(), panel.label.tolist()) == (["RA-1"], [1.0])
    assert values(panel, "year_joined") == [2019.0]


def needing(folder: Path, rows: Rows, needs: SheetNeeds, name: str = "PEDE2022") -> Panel:
    """The panel of a sheet of which something is needed."""
    return read_panel(write_xlsx(folder / "book.xlsx", {name: rows}), PEDE, needs=needs)


def test_where_no_codes_are_needed_a_row_is_a_pupil(tmp_path: Path) -> None:
    needs = SheetNeeds(pupils=False, columns=frozenset({"IAA"}))
    panel = needing(tmp_path, [["IAA", "IEG"], [7.0, 8.0], [None, None], [5.0, None]], needs)
    assert values(panel, "IAA") == [7.0, 5.0]
    assert len(set(panel.student)) == 2
    repeated = pupils(4, {"RA": ["RA-1", "RA-1", None, "TOTAL"], "IAA": [1.0, 2.0, 3.0, 4.0]})
    panel = needing(tmp_path, repeated, needs)
    assert values(panel, "IAA") == [1.0, 2.0, 3.0]
    assert only(panel, "summary_row").rows == (5,)
    assert findings_of(panel, "missing_student") == []
    with pytest.raises(WorkbookError, match="no column that can be used"):
        needing(tmp_path, [["IEG"], [7.0]], needs)


def test_of_a_log_only_the_rows_of_a_task_are_read(tmp_path: Path) -> None:
    header: list[object] = ["IAA", "prediction_id", "task", "model_version", "student"]
    lines: list[list[object]] = [
        [7.0, "p1", "current", "v1", None],
        [8.0, "p2", "next-year", "v2", None],
        [9.0, "p3", "current", "v1", "RA-1"],
    ]
    panel = needing(tmp_path, [header, *lines], SheetNeeds(pupils=False, task="current"))
    assert values(panel, "IAA") == [7.0, 9.0]
    assert only(panel, "other_task").rows == (3,)
    assert panel.accounts[0].left_out == {"other_task": 1}
    assert values(needing(tmp_path, [header, *lines], SheetNeeds(pupils=False)), "IAA") == [7.0, 8.0, 9.0]
    other: Rows = [["IAA", "task"], [7.0, "homework"]]
    assert values(needing(tmp_path, other, SheetNeeds(pupils=False, task="current")), "IAA") == [7.0]


def test_a_header_that_fits_but_for_signs_is_read_and_reported(tmp_path: Path) -> None:
    rows = pupils(2, {"Mat.": [4.0, 5.0], "Fase_ideal": [3, 3]}, without=["Matem", "Fase ideal"])
    panel = read(tmp_path, rows)
    assert values(panel, "MATEMATICA") == [4.0, 5.0]
    near = {finding.column: str(finding.message) for finding in findings_of(panel, "near_header")}
    assert near == {
        "Mat.": "The header differs from Mat only in signs and spaces, or a range of values.",
        "Fase_ideal": "The header differs from Fase ideal only in signs and spaces, or a range of values.",
    }


def test_the_profiles_own_spelling_goes_before_a_near_one(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(2, {"Matemática.": [4.0, 5.0]}))
    assert values(panel, "MATEMATICA") == [4.5, 4.5]
    assert only(panel, "duplicate_header").severity == "warning"


def test_an_unknown_header_says_which_column_it_may_mean(tmp_path: Path) -> None:
    sheets = {"PEDE2022": pupils(2), "PEDE2023": pupils(2, {"Nota Mat": [4.0, 5.0], "Ano_nasci": [2012, 2013]})}
    sheets["PEDE2023"] = [[cell for at, cell in enumerate(row) if at != 12] for row in sheets["PEDE2023"]]
    panel = panel_of(tmp_path, sheets)
    unknown = {finding.column: finding for finding in findings_of(panel, "unknown_column")}
    assert "Perhaps it is Matemática" in str(unknown["Nota Mat"].message)
    assert (unknown["Nota Mat"].severity, unknown["Ano_nasci"].severity) == ("error", "warning")
    first, _ = reading_lines(panel.accounts, panel.findings, "a.xlsx", "en")
    assert "Nota Mat (PEDE2023) = Matemática?" in first


def test_a_refusal_names_the_header_that_may_be_meant(tmp_path: Path) -> None:
    rows = [["Código (RA)" if cell == "RA" else cell for cell in row] for row in pupils(1)]
    with pytest.raises(WorkbookError) as error:
        read(tmp_path, rows)
    assert error.value.fix is not None
    assert "This is probably the header Código (RA): rename it to RA" in str(error.value.fix)


def test_many_headers_are_not_all_listed(tmp_path: Path) -> None:
    text = refused(tmp_path, [[f"h{number}" for number in range(70)]])
    assert "h59, …" in text
    assert "h60" not in text
    assert "—" in refused(tmp_path, [[]])


@pytest.mark.parametrize("first", [["RA-1", 7.5, 3.25], ["RA-1", "Maria", "17/06/2012"]])
def test_a_row_that_may_be_a_pupils_stands_in_no_error(tmp_path: Path, first: list[object]) -> None:
    words = refused(tmp_path, [first, ["RA-2", 8.5, 1.25]])
    assert "a first row without any known header (cells: 3)" in words
    assert not any(str(cell) in words for cell in first)


def test_a_header_that_is_a_formula_is_named_by_its_sign(tmp_path: Path) -> None:
    rows = pupils(3)
    rows[0][rows[0].index("IAA")] = '="IAA"'
    panel = read(tmp_path, rows)
    assert "=" in {finding.column for finding in findings_of(panel, "unknown_column")}


def test_a_second_table_beside_the_first_is_an_error(tmp_path: Path) -> None:
    others = [list(row) for row in pupils(3)]
    for number, row in enumerate(others[1:]):
        row[0] = f"RA-{number + 50}"
    panel = read(tmp_path, [[*row, None, *other] for row, other in zip(pupils(3), others, strict=True)])
    assert len(panel.student) == 3
    (finding,) = (f for f in findings_of(panel, "duplicate_header") if f.column == "RA")
    assert finding.severity == "error"
