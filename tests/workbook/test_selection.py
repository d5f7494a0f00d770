"""One column of a sheet is read for each column of the profile, and every other one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from farol.errors import WorkbookError
from farol.profile import parse_profile
from farol.workbook.account import reading_lines
from tests.workbook.making import PEDE, changed, findings_of, only, panel_of, pupils, read, refused, values


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


def test_a_header_twice_that_nobody_reads_is_told(tmp_path: Path) -> None:
    header, row = pupils(1)
    rows = [[*header, "Destaque IPV", "destaque  ipv"], [*row, "x", "x"]]
    finding = only(read(tmp_path, rows), "duplicate_header")
    assert (finding.column, finding.count) == ("Destaque IPV", 2)


def test_empty_unknown_and_nameless_columns_are_told(tmp_path: Path) -> None:
    rows = pupils(1, {"Cor": ["azul"], "Cf": [None], "IPP": [None]})
    panel = read(tmp_path, [[*rows[0], None, None, "Cg"], [*rows[1], "x", None, 1.0]])
    assert only(panel, "unknown_column").column == "Cor"
    assert {(f.column, f.severity) for f in findings_of(panel, "empty_column")} == {("Cf", "info"), ("IPP", "warning")}
    assert only(panel, "unnamed_column").column == "Q"


def test_another_years_column_is_not_taken_for_this_years(tmp_path: Path) -> None:
    panel = read(tmp_path, pupils(1, {"INDE 22": [5.0], "INDE 2023": [7.0]}), 2023)
    assert values(panel, "inde") == [7.0]
    assert only(panel, "history_column").column == "INDE 22"


@pytest.mark.parametrize(
    ("header", "said"), [("RA", "no column with the pupil's code"), ("Defas", "no column that says whether")]
)
def test_a_sheet_without_code_or_label_is_refused(tmp_path: Path, header: str, said: str) -> None:
    rows = [["?" if cell == header else cell for cell in row] for row in pupils(1)]
    text = refused(tmp_path, rows)
    assert said in text
    assert "sheet PEDE2022" in text
    assert "?, Fase" in text or "Fase ideal, ?" in text


def test_a_header_that_fits_but_for_signs_is_read_and_told(tmp_path: Path) -> None:
    rows = pupils(2, {"Mat.": [4.0, 5.0], "Fase_ideal": [3, 3]}, without=["Matem", "Fase ideal"])
    panel = read(tmp_path, rows)
    assert values(panel, "MATEMATICA") == [4.0, 5.0]
    near = {finding.column: str(finding.message) for finding in findings_of(panel, "near_header")}
    assert near == {
        "Mat.": "The header is Mat but for signs and spaces.",
        "Fase_ideal": "The header is Fase ideal but for signs and spaces.",
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
    assert "Is Matemática meant" in str(unknown["Nota Mat"].message)
    assert (unknown["Nota Mat"].severity, unknown["Ano_nasci"].severity) == ("error", "warning")
    first, _ = reading_lines(panel.accounts, panel.findings, "a.xlsx", "en")
    assert "Nota Mat (PEDE2023) = Matemática?" in first


def test_a_refusal_names_the_header_that_may_be_meant(tmp_path: Path) -> None:
    rows = [["Código (RA)" if cell == "RA" else cell for cell in row] for row in pupils(1)]
    with pytest.raises(WorkbookError) as error:
        read(tmp_path, rows)
    assert error.value.fix is not None
    assert "The header Código (RA) is probably meant: rename it to RA" in str(error.value.fix)


def test_another_column_that_every_sheet_must_have_is_named(tmp_path: Path) -> None:
    source = changed(PEDE, 'aliases = ["IAA"]', 'required = "every"\naliases = ["IAA"]')
    profile = parse_profile(source.replace(b'zero_is_missing = true\nrequired = "some"', b""), "other.toml")
    with pytest.raises(WorkbookError, match="no column for IAA"):
        read(tmp_path, pupils(1, without=["IAA"]), 2022, profile)


def test_many_headers_are_not_all_listed(tmp_path: Path) -> None:
    text = refused(tmp_path, [[f"h{number}" for number in range(70)]])
    assert "h59, …" in text
    assert "h60" not in text
    assert "—" in refused(tmp_path, [[]])
