"""Rows that are no pupils, and rows that do not fit, are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from farol.workbook.panel import Panel, read_panel
from tests.workbook.making import PEDE, Rows, findings_of, only, pupils, read


def with_row(rows: Rows, cells: dict[str, object]) -> list[list[object]]:
    """The rows and one more with these cells."""
    return [*map(list, rows), [cells.get(str(header)) for header in rows[0]]]


def csv_panel(folder: Path, lines: list[str], encoding: str = "utf-8") -> Panel:
    """The panel of a csv file."""
    path = folder / "PEDE2022.csv"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return read_panel(path, PEDE)


def csv_lines(count: int = 4) -> list[str]:
    """Ordinary pupils as csv lines, the class behind the code."""
    rows = pupils(count, {"Turma": ["A"] * count})
    order = [0, len(rows[0]) - 1, *range(1, len(rows[0]) - 1)]
    return [";".join(str(row[at]) for at in order) for row in rows]


@pytest.mark.parametrize(
    "code",
    [
        *("TOTAL", "Média", "Média geral", "Total de alunos: 3", "Subtotal", "Desvio padrão", "Máximo"),
        *("Fonte: PEDE, 2022", "Turma A", "Turma 7B", "Geral", "Resultado", "Nº de alunos", "Série 3"),
        *("% aprovados", "* Total", "→ média", "Taxa de aprovação", "Porcentagem"),
    ],
)
def test_a_row_of_totals_is_no_pupil(tmp_path: Path, code: str) -> None:
    panel = read(tmp_path, with_row(pupils(3), {"RA": code, "Fase": 2, "Defas": -1, "IAA": 8.5}))
    assert panel.student.tolist() == ["RA-1", "RA-2", "RA-3"]
    finding = only(panel, "summary_row")
    assert (finding.rows, finding.column, finding.severity) == ((5,), "RA", "warning")


@pytest.mark.parametrize("text", ["* dados parciais", "Vespertino 7A", "x" * 80])
def test_a_note_below_the_table_is_no_pupil(tmp_path: Path, text: str) -> None:
    panel = read(tmp_path, with_row(pupils(3), {"RA": text}))
    assert panel.student.tolist() == ["RA-1", "RA-2", "RA-3"]
    assert only(panel, "note_row").rows == (5,)


def test_a_repeated_header_row_is_no_pupil(tmp_path: Path) -> None:
    rows = pupils(4)
    panel = read(tmp_path, [*rows[:3], rows[0], *rows[3:], [str(cell).upper() for cell in rows[0]]])
    assert panel.student.tolist() == ["RA-1", "RA-2", "RA-3", "RA-4"]
    assert only(panel, "header_row_again").rows == (4, 7)
    assert findings_of(panel, "unreadable_text") == []


SECOND_HEADERS: list[dict[str, object]] = [
    {"RA": "código", "Fase": "(0 a 8)", "IAA": "(0 a 10)", "Matem": "(0 a 10)"},
    {"RA": "Código do aluno", "Turma": "série e letra"},
    {"RA": "(6 dígitos)", "Fase": "nível", "Defas": "fases"},
    {"RA": None, "Turma": "letra", "IAA": "nota", "IEG": "nota", "IDA": "nota de 0 a 10"},
    {"RA": "texto", "Turma": "texto", "IAA": "número", "IEG": "número"},
    {"RA": "ex.: RA-1234", "Turma": "ex.: 7A", "IAA": "ex.: 7,5 pontos"},
    {"RA": "identificador", "Fase": "0-8", "Matem": "pontos", "IPS": "-"},
]


@pytest.mark.parametrize("cells", SECOND_HEADERS)
@pytest.mark.parametrize("count", [3, 40])
def test_a_row_that_explains_the_headers_is_no_pupil(tmp_path: Path, cells: dict[str, object], count: int) -> None:
    rows = with_row(pupils(count, {"Turma": [f"7{'AB'[at % 2]}" for at in range(count)]}), cells)
    panel = read(tmp_path, [rows[0], rows[-1], *rows[1:-1]])
    assert panel.student.tolist() == [f"RA-{number + 1}" for number in range(count)]
    assert only(panel, "second_header").rows == (2,)
    assert [f.code for f in panel.findings if f.rows == (2,) and f.code != "second_header"] == []
    (account,) = panel.accounts
    assert account.left_out["second_header"] == 1


def test_explanations_of_several_rows_are_no_pupils(tmp_path: Path) -> None:
    rows = pupils(3)
    explanations = [with_row(rows, cells)[-1] for cells in SECOND_HEADERS[:3]]
    blank: list[object] = [None] * len(rows[0])
    panel = read(
        tmp_path, [rows[0], explanations[0], blank, explanations[2], *rows[1:3], rows[0], explanations[0], rows[3]]
    )
    assert panel.student.tolist() == ["RA-1", "RA-2", "RA-3"]
    assert only(panel, "second_header").rows == (2, 4, 8)


@pytest.mark.parametrize(
    ("code", "cells"),
    [
        ("ANA", {"IAA": 7.5, "IEG": "faltou muito"}),
        ("ANA", {"IAA": "faltou", "IEG": "dispensado", "Turma": "7C"}),
        ("ANA", {"Turma": "7A", "IAA": "INCLUIR"}),
        ("Aluno novo", {"Turma": "8A", "IAA": "7,5", "IEG": "(0 a 10)"}),
        ("RA-99", {"Turma": "sem turma", "IAA": "INCLUIR", "IEG": "INCLUIR"}),
    ],
)
def test_a_pupil_below_the_headers_stays_one(tmp_path: Path, code: str, cells: dict[str, object]) -> None:
    rows = with_row(pupils(3, {"Turma": ["7A", "7A", "7B"]}), {"RA": code, **cells})
    panel = read(tmp_path, [rows[0], rows[-1], *rows[1:-1]])
    assert len(panel.student) == 4
    assert findings_of(panel, "second_header") == []


def test_codes_without_digits_are_pupils(tmp_path: Path) -> None:
    rows = with_row(pupils(3, {"RA": ["ANA", "BIA", "CAIO"]}), {"RA": "DAVI", "IAA": "a ver", "IEG": "a ver"})
    assert len(read(tmp_path, [rows[0], rows[-1], *rows[1:-1]]).student) == 4


def test_pupils_with_codes_like_words_are_kept(tmp_path: Path) -> None:
    codes = ["TOTAL-1", "MEDIA-2", "FONTE-3"]
    assert read(tmp_path, pupils(3, {"RA": codes})).student.tolist() == codes


def test_a_pupil_with_nothing_but_a_code_is_kept(tmp_path: Path) -> None:
    assert read(tmp_path, with_row(pupils(3), {"RA": "RA-4"})).student.tolist()[-1] == "RA-4"


def test_a_code_unlike_the_others_is_kept_and_named(tmp_path: Path) -> None:
    codes = [*(f"RA-{number}" for number in range(1, 30)), "Visitante"]
    panel = read(tmp_path, pupils(30, {"RA": codes}))
    assert len(panel.student) == 30
    assert only(panel, "unlike_code").rows == (31,)


def test_a_stray_quote_swallows_no_pupils(tmp_path: Path) -> None:
    good = csv_panel(tmp_path, csv_lines(6))
    lines = csv_lines(6)
    lines[2] = lines[2].replace(";A;", ';"A;')
    lines[4] = lines[4].replace(";A;", ';A";')
    panel = csv_panel(tmp_path, lines)
    assert panel.fingerprint == good.fingerprint
    assert only(panel, "stray_quote").rows == (3, 5)


def test_a_quote_that_never_ends_swallows_no_pupils(tmp_path: Path) -> None:
    good = csv_panel(tmp_path, csv_lines(6))
    lines = csv_lines(6)
    lines[2] = lines[2].replace(";A;", ';"A;')
    panel = csv_panel(tmp_path, lines)
    assert panel.fingerprint == good.fingerprint
    assert only(panel, "stray_quote").rows == (3,)


def test_a_cell_of_several_lines_is_one_cell(tmp_path: Path) -> None:
    lines = csv_lines(3)
    lines[0] = lines[0].replace("IPS", '"IPS\n"')
    lines[2] = lines[2].replace(";A;", ';"A\ne ""B"";\n, C";')
    panel = csv_panel(tmp_path, lines)
    assert len(panel.student) == 3
    assert findings_of(panel, "stray_quote") == findings_of(panel, "short_row") == []


def test_a_csv_row_with_too_few_cells_is_named(tmp_path: Path) -> None:
    lines = csv_lines(4)
    lines[2] = ";".join(lines[2].split(";")[:5])
    lines[3] = lines[3].replace("RA-3;A;2;", 'RA-3;"A;2";')
    panel = csv_panel(tmp_path, [*lines, ""])
    assert len(panel.student) == 4
    finding = only(panel, "short_row")
    assert (finding.rows, finding.severity) == ((3, 4), "warning")


def test_a_csv_row_with_a_separator_too_many_is_named(tmp_path: Path) -> None:
    lines = csv_lines(4)
    lines[2] = lines[2] + ";"
    finding = only(csv_panel(tmp_path, lines), "long_row")
    assert (finding.rows, finding.severity) == ((3,), "warning")
    first, *others = csv_lines(4)
    assert findings_of(csv_panel(tmp_path, [first, *(f"{line};" for line in others)]), "long_row") == []


def test_a_last_cell_of_several_lines_is_one_cell(tmp_path: Path) -> None:
    first, *others = [f"{line};x" for line in csv_lines()]
    lines = [first.removesuffix("x") + "Observação", *others[:-1], others[-1].removesuffix("x") + '"um\r\ndois"']
    panel = csv_panel(tmp_path, lines)
    assert panel.student.size == 4
    assert findings_of(panel, "stray_quote") == findings_of(panel, "short_row") == []


def exchanged(rows: Rows, *headers: str) -> list[list[object]]:
    """The rows with two columns exchanged."""
    first, second = (rows[0].index(header) for header in headers)
    order = list(range(len(rows[0])))
    order[first], order[second] = second, first
    return [[row[at] for at in order] for row in rows]


@pytest.mark.parametrize("headers", [("IAA", "IEG"), ("RA", "IDA")])
def test_rows_below_headers_in_another_order_are_placed(tmp_path: Path, headers: tuple[str, str]) -> None:
    rows = pupils(6)
    turned = exchanged(rows, *headers)
    panel = read(tmp_path, [*rows[:3], turned[0], *turned[3:5], rows[0], *rows[5:]])
    plain = read(tmp_path, rows)
    assert panel.student.tolist() == plain.student.tolist()
    assert panel.fingerprint == plain.fingerprint
    finding = only(panel, "headers_reordered")
    assert (finding.rows, finding.severity) == ((4,), "error")
    assert only(panel, "header_row_again").rows == (4, 7)


def test_headers_again_in_another_spelling_are_no_pupil(tmp_path: Path) -> None:
    rows = pupils(4)
    again = ["R.A." if cell == "RA" else cell for cell in rows[0]]
    panel = read(tmp_path, [*rows[:3], again, *rows[3:]])
    assert len(panel.student) == 4
    assert only(panel, "header_row_again").rows == (4,)
    assert findings_of(panel, "headers_reordered") == []


def test_rows_below_other_headers_are_left_out_and_named(tmp_path: Path) -> None:
    rows = pupils(4)
    width = len(rows[0])
    table: list[list[object]] = [["RA", "IAA", "IEG", "Defas"], ["RA-50", 7.0, 8.0, 0], [None], ["RA-51", 5.0, 6.0, -1]]
    panel = read(tmp_path, [*rows, [None] * width, *([*row, *[None] * (width - len(row))] for row in table)])
    assert panel.student.tolist() == ["RA-1", "RA-2", "RA-3", "RA-4"]
    finding = only(panel, "other_headers")
    assert (finding.rows, finding.severity) == ((7, 8, 10), "error")
    (account,) = panel.accounts
    assert account.rows == account.above + 1 + account.pupils + sum(account.left_out.values())
    assert account.left_out == {"blank_row": 2, "other_headers": 3}


def test_several_odd_codes_among_rows_of_sums_are_named(tmp_path: Path) -> None:
    rows = pupils(30)
    for code in ("Total", "Média", "σ", "Mediana", "Máximo"):
        rows = with_row(rows, {"RA": code, "Fase": 2, "IAA": 8.5})
    panel = read(tmp_path, rows)
    assert only(panel, "unlike_code").rows == (34,)
    assert only(panel, "summary_row").rows == (32, 33, 35, 36)


OTHER_TABLE: list[list[object]] = [["Professora", "Disciplina"], ["Ana", "Matemática"], ["Bia 2", 5], ["RA-9", "7A"]]


def test_a_table_of_other_things_below_holds_no_pupils(tmp_path: Path) -> None:
    rows = pupils(4)
    below = [[*row, *[None] * (len(rows[0]) - 2)] for row in OTHER_TABLE]
    blank: list[object] = [None] * len(rows[0])
    panel = read(tmp_path, [*rows, blank, *below])
    assert panel.student.tolist() == ["RA-1", "RA-2", "RA-3", "RA-4", "RA-9"]
    finding = only(panel, "other_headers")
    assert (finding.rows, finding.severity) == ((7, 8, 9), "error")
    panel = read(tmp_path, [*rows, blank, *below[:-1]])
    assert (len(panel.student), only(panel, "other_headers").rows) == (4, (7, 8, 9))


@pytest.mark.parametrize(
    "cells",
    [
        {"RA": "ANA", "Gênero": "Menina"},
        {"RA": "ANA", "IAA": 7.5, "Turma": "A"},
        {"RA": "ANA"},
        {"RA": "RA-77", "Turma": "A", "Gênero": "?"},
    ],
)
def test_a_pupil_below_a_blank_row_stays_one(tmp_path: Path, cells: dict[str, object]) -> None:
    rows = with_row(pupils(4, {"Turma": ["B"] * 4, "Gênero": ["Menino"] * 4}), cells)
    panel = read(tmp_path, [*rows[:-1], [None] * len(rows[0]), rows[-1]])
    assert findings_of(panel, "other_headers") == []
    assert len(panel.student) + len(findings_of(panel, "note_row")) == 5


def test_codes_without_digits_below_a_blank_row_are_pupils(tmp_path: Path) -> None:
    rows = with_row(pupils(3, {"RA": ["ANA", "BIA", "CAIO"], "Turma": ["A", "B", "A"]}), {"RA": "DAVI", "Turma": "C"})
    panel = read(tmp_path, [*rows[:-1], [None] * len(rows[0]), rows[-1]])
    assert panel.student.tolist() == ["ANA", "BIA", "CAIO", "DAVI"]
