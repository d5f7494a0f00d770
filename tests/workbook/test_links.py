"""What is odd between a year's sheet and the next one's is named, with the rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from farol.workbook.cells import Spellings
from farol.workbook.links import respelled_values
from tests.workbook.making import Rows, findings_of, only, panel_of, pupils


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
