"""Everything of a workbook is read or named, and the account of it adds up."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from farol.workbook.account import account_lines, reading_lines
from farol.workbook.doctor import as_dict, render_text
from farol.workbook.panel import Panel, read_panel
from tests.workbook.making import PEDE, findings_of, only, panel_of, pupils, read

ROW = 14
"""Cells of an ordinary pupil's row."""


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """A title, five pupils, and one row of each kind that is no pupil's; a column of each kind that is not read."""
    columns: dict[str, list[object]] = {"Nome": ["x"] * 5, "Escola": ["x"] * 5, "Cor": ["x"] * 5, "INDE 21": [7.0] * 5}
    header, *rows = pupils(5, columns)
    width = len(header)
    odd: list[list[object]] = [
        [None] * width,
        header,
        ["Total", *[1.0] * (width - 1)],
        ["Dados preliminares da escola", *[None] * (width - 1)],
        ["R" * 70, *rows[0][1:]],
        [None, *rows[0][1:]],
    ]
    title: list[object] = ["Notas", *[None] * (width - 1)]
    return panel_of(
        tmp_path_factory.mktemp("account"),
        {"PEDE2022": [title, header, *rows, *odd], "Resumo": [["nothing"]], "PEDE2022 (2)": [header, *rows]},
    )


def test_the_account_adds_up(panel: Panel) -> None:
    (account,) = panel.accounts
    assert account.rows == 13
    assert account.rows == account.above + 1 + account.pupils + sum(account.left_out.values())
    assert account.left_out == {
        "blank_row": 1,
        "header_row_again": 1,
        "summary_row": 1,
        "note_row": 1,
        "unusable_code": 1,
        "missing_student": 1,
    }
    assert account.rows_lost == 5
    assert (account.columns_read, account.columns_unused) == (ROW, 3)
    assert (account.columns_empty, account.columns_unknown, account.columns) == (0, 1, ROW + 4)


def test_every_column_not_read_is_named(panel: Panel) -> None:
    assert only(panel, "unused_column").column == "Escola"
    assert only(panel, "personal_column").column == "Nome"
    assert only(panel, "history_column").column == "INDE 21"
    assert {finding.column for finding in findings_of(panel, "unknown_column")} == {"Cor"}


def test_check_ends_with_the_account(panel: Panel) -> None:
    account = render_text(panel, "en").split("\n\n")[-2].split("\n")
    assert account == [
        "Sheets or files: 3. Read: 1. Not read: 2 (PEDE2022 (2), Resumo).",
        "  PEDE2022: rows 13: above the headers 1, headers 1, pupils 5, left out 6 (blank 1, headers again 1, totals "
        "and the like 1, notes 1, code not usable 1, no code 1).",
        "  PEDE2022: columns 18: read 14, known and not used 3, empty 0, unknown 1.",
    ]
    assert account_lines(panel.accounts, panel.findings, "pt_BR")[0].startswith("Abas ou arquivos: 3. Lidos: 1.")


def test_the_json_has_the_account_too(panel: Panel) -> None:
    body = json.loads(json.dumps(as_dict(panel, "en")))["account"]
    assert body["sheets"] == {"read": 1, "unread": 2}
    (table,) = body["tables"]
    assert (table["rows"], table["pupils"], table["columns"]) == (13, 5, 18)
    assert table["left_out"]["summary_row"] == 1


def test_two_lines_say_what_was_lost_in_reading(panel: Panel, tmp_path: Path) -> None:
    first, second = reading_lines(panel.accounts, panel.findings, "a.xlsx", "en")
    assert first == (
        "Read from a.xlsx: PEDE2022; pupils: 5. Not read: sheets or files: PEDE2022 (2); rows with values: 5; "
        "unknown headers: Cor (PEDE2022)."
    )
    assert second.endswith("`farol check a.xlsx` says which and where.")
    lost = panel_of(tmp_path, {"PEDE2022": pupils(2, without=["Matem"]), "PEDE2023": pupils(2)})
    (first, _) = reading_lines(lost.accounts, lost.findings, "a.xlsx", "en")
    assert "needed columns without values: Matemática (PEDE2022)" in first


def test_two_lines_speak_of_the_year_that_is_used(tmp_path: Path) -> None:
    book = panel_of(tmp_path, {"PEDE2022": pupils(2, {"Cor": ["x", "y"]}), "PEDE2023": pupils(2)})
    (first, second) = reading_lines(book.accounts, book.findings, "a.xlsx", "en", year=2023)
    assert first == "Read from a.xlsx: PEDE2023; pupils: 2. No sheet, row with values or needed column is missing."
    assert "errors: 0, to look at: 0" in second
    assert reading_lines(book.accounts, book.findings, "a.xlsx", "en", year=2023, only_losses=True) == []


def test_a_line_lists_no_more_than_eight_names(tmp_path: Path) -> None:
    book = read(tmp_path, pupils(1, {f"Cor {letter}": ["x"] for letter in "ABCDEFGHIJ"}))
    (first, _) = reading_lines(book.accounts, book.findings, "a.xlsx", "en")
    assert "Cor H (PEDE2022), …" in first
    assert "Cor I" not in first


def test_pupils_above_the_headers_are_an_error(tmp_path: Path) -> None:
    header, *rows = pupils(3)
    book = read(tmp_path, [rows[0], header, *rows[1:]])
    above = only(book, "above_headers")
    assert (above.rows, above.severity) == ((1,), "error")
    titled = read(tmp_path, [["Notas de 2022"], header, *rows])
    assert only(titled, "above_headers").severity == "info"


def test_the_rows_of_a_csv_add_up(tmp_path: Path) -> None:
    header, *rows = pupils(3)
    with (tmp_path / "PEDE2022.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, rows[0], [], rows[1], ["Total"], rows[2]])
    (account,) = read_panel(tmp_path / "PEDE2022.csv", PEDE).accounts
    assert (account.rows, account.pupils, account.left_out) == (6, 3, {"blank_row": 1, "summary_row": 1})


def test_the_two_lines_name_a_year_without_pupils(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, {"PEDE2022": pupils(3), "PEDE2023": pupils(3)[:1]})
    first, _ = reading_lines(panel.accounts, panel.findings, "book.xlsx", "en", year=2022)
    assert "Not read: without any pupil: PEDE2023" in first
    first, _ = reading_lines(panel.accounts, panel.findings, "book.xlsx", "pt_BR", year=2022)
    assert "sem nenhum aluno: PEDE2023" in first
