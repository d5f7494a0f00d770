"""Student × year: the years joined, whatever their order, with the label of the year and of the next."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workbook.making import Rows, findings_of, only, panel_of, pupils

NAN = float("nan")


def respelt(rows: Rows, spellings: dict[str, str]) -> list[list[object]]:
    """The rows with other headers."""
    header = [spellings.get(str(cell), cell) for cell in rows[0]]
    return [header, *(list(row) for row in rows[1:])]


IN_2022 = pupils(3, {"Matem": [4.0, 5.0, 6.0], "Portug": [1.0, 2.0, 3.0], "Defas": [-1, 0, 1]})
IN_2023 = respelt(
    pupils(3, {"RA": ["RA-3", "RA-1", "RA-9"], "Matem": [7.0, 8.0, 9.0], "Defas": [0, -2, -1]}),
    {"Matem": "Mat", "Portug": "Por", "Inglês": "Ing", "Defas": "Defasagem", "Fase ideal": "Fase  Ideal"},
)


def test_two_spellings_of_a_header_in_two_years_lose_no_grade(tmp_path: Path) -> None:
    # Joining before resolving would make two columns of "Matem" and "Mat", each empty for a whole year.
    panel = panel_of(tmp_path, {"PEDE2022": IN_2022, "PEDE2023": IN_2023})
    assert panel.years == (2022, 2023)
    assert panel.year.tolist() == [2022, 2022, 2022, 2023, 2023, 2023]
    assert panel.numbers["MATEMATICA"].tolist() == [4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    assert panel.numbers["PORTUGUES"].tolist() == [1.0, 2.0, 3.0, 6.0, 6.0, 6.0]
    assert panel.numbers["INGLES"].tolist() == [5.0] * 6
    renamed = {finding.column for finding in findings_of(panel, "renamed_column")}
    assert renamed == {"Mat", "Por", "Ing", "Defasagem"}


def test_the_next_label_is_the_same_pupils_in_the_following_year(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, {"PEDE2022": IN_2022, "PEDE2023": IN_2023})
    assert panel.label.tolist() == [1.0, 0.0, 0.0, 0.0, 1.0, 1.0]
    np.testing.assert_array_equal(panel.next_label, [1.0, NAN, 0.0, NAN, NAN, NAN])
    unlinked = only(panel, "unlinked")
    assert (unlinked.sheet, unlinked.rows) == ("PEDE2022", (3,))


def test_a_later_year_needs_no_change_of_code(tmp_path: Path) -> None:
    assert panel_of(tmp_path, {"PEDE2031": pupils(1)}).years == (2031,)


def test_rows_are_selected_with_all_their_columns(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, {"PEDE2022": IN_2022, "PEDE2023": IN_2023})
    some = panel.select(panel.year == 2023)
    assert some.student.tolist() == ["RA-3", "RA-1", "RA-9"]
    assert {len(values) for values in (*some.numbers.values(), *some.dates.values(), *some.categories.values())} == {3}
    assert (len(some.label), len(some.next_label), some.fingerprint) == (3, 3, panel.fingerprint)


@pytest.mark.parametrize(
    "other",
    [
        {"Matem": [4.0, 5.0, 6.5]},
        {"RA": ["RA-1", "RA-2", "RA-4"]},
        {"Defas": [-1, 0, None]},
        {"Gênero": ["Menina", None, None]},
    ],
)
def test_another_value_gives_another_fingerprint(tmp_path: Path, other: dict[str, Sequence[object]]) -> None:
    columns: dict[str, Sequence[object]] = {"Matem": [4.0, 5.0, 6.0], "Defas": [-1, 0, 1], "Gênero": [None] * 3}
    first = panel_of(tmp_path, {"PEDE2022": pupils(3, columns)})
    second = panel_of(tmp_path, {"PEDE2022": pupils(3, columns | other)})
    assert first.fingerprint != second.fingerprint
    assert len(first.fingerprint) == 64


def test_two_spellings_of_a_value_give_the_same_fingerprint(tmp_path: Path) -> None:
    first = panel_of(tmp_path, {"PEDE2022": pupils(1, {"IAA": [7.5], "Gênero": ["Menina"], "Defas": [-0.0]})})
    second = panel_of(tmp_path, {"PEDE2022": pupils(1, {"IAA": ["7,5"], "Gênero": ["Feminino"], "Defas": [0]})})
    assert first.fingerprint == second.fingerprint


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000))
def test_the_order_of_sheets_and_columns_changes_nothing(tmp_path: Path, seed: int) -> None:
    sheets: dict[str, Rows] = {
        "PEDE2022": pupils(
            3, {"IAA": [7.0, "#N/A", 0], "Pedra 22": ["Ágata", None, "Topázio"], "Cor": ["x", "y", "z"]}
        ),
        "PEDE2023": respelt(IN_2023, {"IAA": " iaa"}),
        "Notas": [["x"]],
    }
    shuffle = random.Random(seed)
    mixed: dict[str, Rows] = {}
    for name in shuffle.sample(list(sheets), len(sheets)):
        order = shuffle.sample(range(len(sheets[name][0])), len(sheets[name][0]))
        mixed[name] = [[row[position] for position in order] for row in sheets[name]]
    straight, other = panel_of(tmp_path, sheets), panel_of(tmp_path, mixed)
    assert other.fingerprint == straight.fingerprint
    assert other.student.tolist() == straight.student.tolist()
    np.testing.assert_array_equal(other.next_label, straight.next_label)
    assert other.findings == straight.findings
