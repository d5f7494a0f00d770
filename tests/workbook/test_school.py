"""Another school is read by a TOML alone: csv files, other headers, another scale, another rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from farol.profile import load_profile
from farol.workbook.panel import Panel, read_panel
from tests.schools import PROFILE, PUPILS, write_school
from tests.workbook.making import findings_of


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    """The second school's panel."""
    return read_panel(write_school(tmp_path_factory.mktemp("school")), load_profile(PROFILE))


def test_every_year_and_pupil_is_there(panel: Panel) -> None:
    assert panel.years == (2021, 2022, 2023)
    assert len(panel.student) == 3 * PUPILS
    assert int(np.count_nonzero(~np.isnan(panel.next_label))) == 2 * PUPILS


def test_no_grade_is_lost_between_headers_and_encodings(panel: Panel) -> None:
    for name in ("reading", "arithmetic", "absences", "grade", "joined"):
        assert not np.isnan(panel.numbers[name]).any()
    assert panel.numbers["reading"].max() > 50  # a scale of 0–100, with decimal commas
    assert set(panel.categories["shift"]) == {"morning", "afternoon"}


def test_its_own_label_rule_holds(panel: Panel) -> None:
    np.testing.assert_array_equal(panel.label, panel.numbers["absences"] >= 20)
    assert 0.2 < panel.label.mean() < 0.5


def test_its_own_words_are_reported_under_its_own_code(panel: Panel) -> None:
    excused = findings_of(panel, "excused")
    assert sum(finding.count for finding in excused) == np.count_nonzero(np.isnan(panel.numbers["homework"]))
    assert {finding.severity for finding in panel.findings} == {"info"}


def test_the_files_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    first, second = write_school(tmp_path / "a"), write_school(tmp_path / "b")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()
    other = write_school(tmp_path / "c", seed=8)
    assert (other / "Notas 2021.csv").read_bytes() != (first / "Notas 2021.csv").read_bytes()
