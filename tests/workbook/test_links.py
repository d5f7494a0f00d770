"""Contradictions between a year's sheet and the next one's are named, with the rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from farol.workbook.account import reading_lines
from farol.workbook.cells import Spellings
from farol.workbook.links import respelled_values
from farol.workbook.panel import read_panel
from tests.workbook.making import PEDE, Rows, findings_of, only, panel_of, pupils


def test_a_year_left_out_links_nobody(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, {"PEDE2022": pupils(2), "PEDE2024": pupils(2)})
    assert np.isnan(panel.next_label).all()
    assert findings_of(panel, "unlinked") == []


def test_where_all_pupils_stay_none_is_unlinked(tmp_path: Path) -> None:
    assert findings_of(panel_of(tmp_path, {"PEDE2022": pupils(2), "PEDE2023": pupils(2)}), "unlinked") == []


def test_changes_between_years_are_named_with_the_later_rows(tmp_path: Path) -> None:
    before: dict[str, Sequence[object]] = {
        "Gênero": ["Menina", "Menino", None],
        "Ano ingresso": [2019, 2020, 2021],
        "Fase": [1, 2, 3],
    }
    after: dict[str, Sequence[object]] = {
        "Gênero": ["Feminino", "Feminino", "Feminino"],
        "Ano ingresso": [2019, 2020, 2020],
        "Fase": [2, 5, 3],
    }
    sheets: dict[str, Rows] = {"PEDE2022": pupils(3, before), "PEDE2023": pupils(3, after)}
    panel = panel_of(tmp_path, sheets)
    changes = {(f.column, f.rows) for f in findings_of(panel, "changed_between_years")}
    assert changes == {("Gênero", (3,)), ("Ano ingresso", (4,))}
    jump = only(panel, "jump_between_years")
    assert (jump.sheet, jump.column, jump.rows) == ("PEDE2023", "Fase", (3,))
    assert str(jump.message) == "Fase changed by more than 1 since PEDE2022 for the same pupils."


def test_a_value_is_respelled_where_years_share_no_word_for_it() -> None:
    earlier: Spellings = {"F": frozenset({"Menina"}), "M": frozenset({"Menino", "Masculino"}), "gone": frozenset({"x"})}
    later: Spellings = {"F": frozenset({"Feminino"}), "M": frozenset({"Masculino"}), "new": frozenset({"y"})}
    assert respelled_values(earlier, later) == {"F"}


@pytest.mark.parametrize(("linked", "warnings"), [(2, 0), (1, 1)])
def test_half_of_the_smaller_sheet_is_enough_to_link(tmp_path: Path, linked: int, warnings: int) -> None:
    stayed, new = ["RA-1", "RA-2"][:linked], ["RA-21", "RA-22", "RA-23"]
    smaller = pupils(4, {"RA": [*stayed, *new][:4]})
    panel = panel_of(tmp_path, {"PEDE2022": pupils(9), "PEDE2023": smaller})
    assert only(panel, "unlinked").count == 9 - linked
    assert len(findings_of(panel, "few_linked")) == warnings


def differing(count: int, *, shift: float = 0.0, mended: int = 0) -> Rows:
    """Pupils of many different grades; those of the first `mended` are others."""
    grades = [round(shift + 0.1 * (place % 20) + (1 if place < mended else 0), 2) for place in range(count)]
    return pupils(count, {"IDA": grades, "IEG": [None, *grades[1:]], "Gênero": ["Menina"] * count})


@pytest.mark.parametrize(("shared", "mended", "copies"), [(30, 0, 1), (29, 0, 0), (40, 2, 1), (40, 3, 0)])
def test_a_sheet_that_repeats_another_is_an_error(tmp_path: Path, shared: int, mended: int, copies: int) -> None:
    sheets = {"PEDE2024": differing(shared), "PEDE 2025 (2)": differing(shared, mended=mended)}
    panel = panel_of(tmp_path, sheets)
    repeated = findings_of(panel, "repeated_sheet")
    assert len(repeated) == copies
    for finding in repeated:
        assert (finding.severity, finding.sheet, finding.count) == ("error", "PEDE 2025 (2)", shared - mended)
        assert finding.rows == tuple(range(mended + 2, shared + 2))
        of = f"of the pupils that are in both ({shared}), {shared - mended} have the same value"
        assert f"PEDE 2025 (2) seems to be a copy of PEDE2024: {of}" in str(finding.message)


def test_a_copy_is_known_two_years_on_and_with_ages_that_grew(tmp_path: Path) -> None:
    years: dict[int, Rows] = {}
    for year, shift in ((2022, 0.0), (2023, 3.0), (2024, 0.0)):
        header, *rows = differing(30, shift=shift)
        ages = [10 + place % 4 + year - 2022 for place in range(30)]
        years[year] = [[*header, "Idade", "Ano ingresso"],
                       *([*row, age, 2019 + year % 3] for row, age in zip(rows, ages, strict=True))]  # fmt: skip
    panel = panel_of(tmp_path, {f"PEDE{year}": rows for year, rows in years.items()})
    assert only(panel, "repeated_sheet").message.values["earlier"] == "PEDE2022"


def test_pupils_who_hardly_differ_are_no_sign_of_a_copy(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, {"PEDE2023": pupils(40), "PEDE2024": pupils(40)})
    assert findings_of(panel, "repeated_sheet") == []


def test_a_category_that_changed_shows_that_it_is_no_copy(tmp_path: Path) -> None:
    header, *rows = differing(30)
    sheets = {f"PEDE{year}": [[*header, f"Pedra {year}"], *([*row, stone] for row in rows)]
              for year, stone in ((2023, "Ágata"), (2024, "Topázio"))}  # fmt: skip
    assert findings_of(panel_of(tmp_path, sheets), "repeated_sheet") == []


def test_reading_says_that_a_sheet_repeats_another(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, {"PEDE2023": differing(30), "PEDE2024": differing(30)})
    for aside in (False, True):
        read, _ = reading_lines(panel.accounts, panel.findings, "b.xlsx", "pt_BR", year=2024, only_losses=aside)
        assert "PEDE2024 parece ser uma cópia de PEDE2023: dos alunos que estão nas duas (30), 30 têm" in read
    assert "cópia" not in reading_lines(panel.accounts, panel.findings, "b.xlsx", "pt_BR", year=2023)[0]


def test_the_sample_and_the_real_workbook_repeat_no_sheet(sample_workbook: Path, real_workbook: Path) -> None:
    for workbook in (sample_workbook, real_workbook):
        assert findings_of(read_panel(workbook, PEDE), "repeated_sheet") == []


def test_a_year_that_no_other_is_near_is_named(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, {"PEDE2022": pupils(3), "PEDE2023": pupils(3), "PEDE2042": pupils(3)})
    finding = only(panel, "year_gap")
    assert (finding.sheet, finding.severity) == ("PEDE2042", "warning")
    assert str(finding.message) == "There is no sheet of 2024 between this one and PEDE2023."
