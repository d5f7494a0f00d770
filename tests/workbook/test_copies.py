"""Rows that say the same as others: copies are named and told from rows that are alike by chance."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from farol.profile import load_profile
from farol.workbook.copies import first_alike
from farol.workbook.panel import Panel, read_panel
from tests.schools import COHORT
from tests.workbook.making import panel_of, pupils


def panel(folder: Path, most: int, copies: int) -> Panel:
    """200 pupils with scores and absences below `most`, and some of them a second time."""
    random = Random(5)
    rows = [f"{random.randrange(most)},{random.randrange(most)},{random.choice(['a', 'b', ''])}" for _ in range(200)]
    path = folder / "copies.csv"
    path.write_text("\n".join(["score,absent,shift", *rows, *rows[:copies]]) + "\n")
    return read_panel(path, load_profile(COHORT))


@pytest.mark.parametrize(("copies", "severity"), [(1, "info"), (80, "warning")])
def test_copied_rows_are_named(tmp_path: Path, copies: int, severity: str) -> None:
    findings = [finding for finding in panel(tmp_path, 10_000, copies).findings if finding.code == "copied_row"]
    assert [(finding.severity, finding.rows) for finding in findings] == [(severity, tuple(range(202, 202 + copies)))]


@pytest.mark.parametrize(("most", "copies"), [(10_000, 0), (8, 0), (8, 80)])
def test_rows_alike_by_chance_are_no_copies(tmp_path: Path, most: int, copies: int) -> None:
    assert "copied_row" not in {finding.code for finding in panel(tmp_path, most, copies).findings}


def test_a_row_is_like_the_first_of_its_copies() -> None:
    scores = np.concatenate([np.arange(200.0), [7.0, np.nan, 7.0, np.nan]])
    words = np.array([*map(str, range(200)), "7", None, "8", None], dtype=np.object_)
    alike = first_alike({"score": scores, "word": words}, 204)
    assert alike.tolist() == [*range(200), 7, 201, 202, 201]


def test_a_sheet_without_rows_has_no_copies() -> None:
    assert first_alike({"score": np.array([])}, 0).tolist() == []


def test_pupils_with_codes_are_no_copies_of_each_other(tmp_path: Path) -> None:
    book = panel_of(tmp_path, {"PEDE2024": pupils(40)})
    assert "copied_row" not in {finding.code for finding in book.findings}
