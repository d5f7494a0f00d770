"""Which column of the profile a header means."""

from __future__ import annotations

from pathlib import Path

import pytest

from farol.profile import parse_profile
from farol.workbook.doctor import render_text
from farol.workbook.headers import HeaderIndex, column_letters, header_text, sheet_year
from tests.workbook.making import PEDE, only, pupils, read, values

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


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Fase_Ideal", "ideal_phase"),
        ("FaseIdeal", "ideal_phase"),
        ("R.A.", "student"),
        ("I.A.A.", "IAA"),
        ("Mat.", "MATEMATICA"),
        ("INDE_23", "inde"),
        ("«Por»", "PORTUGUES"),
        ("Nº. Av", "assessments"),
    ],
)
def test_signs_and_spaces_do_not_hide_a_column(header: str, column: str) -> None:
    heading = IN_2023.heading(0, header)
    assert (heading.column, heading.near) == (column, True)
    assert not IN_2023.heading(0, "IAA\u200b").near


def test_a_sign_that_means_something_makes_another_header() -> None:
    assert IN_2023.heading(0, "Mat %").meaning == "unknown"
    assert IN_2023.heading(0, "%").meaning == "unknown"


def test_signs_do_not_make_one_column_of_two() -> None:
    source = PEDE.source.decode().replace('aliases = ["IAA"]', 'aliases = ["I+A", "I-A"]')
    source = source.replace('aliases = ["IEG"]', 'aliases = ["I.A"]')
    index = HeaderIndex(parse_profile(source.encode(), "other.toml"), 2023)
    assert index.heading(0, "I A").meaning == "unknown"
    assert index.heading(0, "I.A").column == "IEG"


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Nota Mat", "MATEMATICA"),
        ("Nota de Matemática 2023", "MATEMATICA"),
        ("Nota de Matemática 2022", None),
        ("Português (nota)", "PORTUGUES"),
        ("Língua Portuguesa", "PORTUGUES"),
        ("Matematca", "MATEMATICA"),
        ("Port", "PORTUGUES"),
        ("Mat %", "MATEMATICA"),
        ("Código do aluno (RA)", "student"),
        ("Data de nascimento", "birth_date"),
        ("Fase atual", "phase"),
        ("Atendido por", None),
        ("Nasc", "birth_year"),
        ("Ensino de datas", None),
        ("Nota", None),
        ("Rua", None),
    ],
)
def test_an_unknown_header_names_the_column_it_may_mean(header: str, column: str | None) -> None:
    assert IN_2023.likely_column(header, PEDE.columns) == column


def test_a_column_that_the_sheet_has_is_not_meant() -> None:
    assert IN_2023.likely_column("Nota Mat", PEDE.columns.keys() - {"MATEMATICA"}) is None


@pytest.mark.parametrize("header", ["INDE 22", "INDE 2022", "Pedra 20", "INDE 24", "Idade 22", "INDE_22"])
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
    assert IN_2023.header_row([["x"]] * 200 + [["RA"]]) == 0
    assert IN_2023.header_row([["RA"], *[["x"]] * 30, ["RA", "Fase"]]) == 0


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


def test_headers_of_two_rows_are_read_together(tmp_path: Path) -> None:
    rows = pupils(3)
    at = rows[0].index("IAA")
    upper = [*rows[0][:at], "Indicadores", *[None] * (len(rows[0]) - at - 1)]
    lower = [*[None] * at, *rows[0][at:]]
    panel = read(tmp_path, [upper, lower, *rows[1:]])
    assert panel.student.tolist() == ["RA-1", "RA-2", "RA-3"]
    assert values(panel, "IAA") == values(read(tmp_path, rows), "IAA")
    assert values(panel, "phase") == [2.0] * 3
    assert only(panel, "above_headers").severity == "info"


@pytest.mark.parametrize("header", ["IAA (0 a 10)", "IAA\n(0-10)", "iaa [0 até 10 pontos]", "IAA (0,0 a 10,0)"])
def test_a_range_of_values_makes_no_other_header(tmp_path: Path, header: str) -> None:
    rows = pupils(3)
    rows[0][rows[0].index("IAA")] = header
    panel = read(tmp_path, rows)
    assert values(panel, "IAA") == [8.5] * 3
    assert only(panel, "near_header").column == header
    assert f"\n      {' '.join(header.split())}\n" in render_text(panel, "pt_BR")


def test_headers_far_down_are_found_where_none_is_above(tmp_path: Path) -> None:
    rows = pupils(3)
    text = [[f"Linha {number}", *[None] * (len(rows[0]) - 1)] for number in range(40)]
    panel = read(tmp_path, [*text, *rows])
    assert panel.student.tolist() == ["RA-1", "RA-2", "RA-3"]
    assert len(only(panel, "above_headers").rows) == 40
