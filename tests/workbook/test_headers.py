"""Which column of the profile a header means."""

from __future__ import annotations

import pytest

from farol.workbook.headers import HeaderIndex, column_letters, header_text, sheet_year
from tests.workbook.making import PEDE

IN_2023 = HeaderIndex(PEDE, 2023)


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Mat", "MATEMATICA"),
        ("Matem", "MATEMATICA"),
        (" MATEMÁTICA ", "MATEMATICA"),
        ("Por", "PORTUGUES"),
        ("Ing", "INGLES"),
        ("Ingles", "INGLES"),
        ("Defas", "lag"),
        ("Fase Ideal", "ideal_phase"),
        ("fase  ideal", "ideal_phase"),
        ("N° Av", "assessments"),
        ("INDE 23", "inde"),
        ("INDE 2023", "inde"),
        ("Idade 23", "age"),
        ("Nome Anonimizado", "name"),
        ("Cg", "other"),
    ],
)
def test_a_header_means_its_column_however_it_is_spelt(header: str, column: str) -> None:
    heading = IN_2023.heading(0, header)
    assert (heading.meaning, heading.column) == ("column", column)


@pytest.mark.parametrize("header", ["INDE 22", "INDE 2022", "Pedra 20", "INDE 24", "Idade 22"])
def test_a_header_of_another_year_is_history(header: str) -> None:
    assert IN_2023.heading(0, header).meaning == "history"


@pytest.mark.parametrize(("header", "meaning"), [("Mathe", "unknown"), ("", "blank"), (" º ", "blank")])
def test_other_headers_are_unknown_or_blank(header: str, meaning: str) -> None:
    assert IN_2023.heading(0, header).meaning == meaning


def test_the_header_row_is_the_one_that_names_most_columns() -> None:
    title = ["Pesquisa 2023", "RA", "", ""]
    header = ["RA", "Fase", "Defas", "IAA"]
    assert IN_2023.header_row([["", "", "", ""], title, header, ["RA", "1", "2", "3"]]) == 2
    assert IN_2023.header_row([header, ["Fase", "", "", ""]]) == 0


def test_without_any_known_header_the_first_filled_row_counts() -> None:
    assert IN_2023.header_row([["", None], ["x", "y"]]) == 1
    assert IN_2023.header_row([]) == 0


def test_a_header_far_below_is_not_looked_for() -> None:
    assert IN_2023.header_row([["x"]] * 30 + [["RA"]]) == 0


@pytest.mark.parametrize(("cell", "text"), [("RA", "RA"), (2023.0, "2023"), (1.5, "1.5"), (None, ""), (7, "7")])
def test_a_header_may_be_a_number(cell: object, text: str) -> None:
    assert header_text(cell) == text


@pytest.mark.parametrize(("position", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_columns_are_named_as_in_a_spreadsheet(position: int, letters: str) -> None:
    assert column_letters(position) == letters


@pytest.mark.parametrize(
    ("name", "year"),
    [("PEDE2022", 2022), (" pede2031 ", 2031), ("PEDE22", None), ("PEDE2022b", None), ("Resumo", None), ("", None)],
)
def test_a_sheet_is_a_years_by_its_name(name: str, year: int | None) -> None:
    assert sheet_year("PEDE{year}", name) == year
