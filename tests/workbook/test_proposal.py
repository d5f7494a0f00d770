"""A proposed profile: what it guesses of a file, what it leaves to people, and that no pupil is in it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from random import Random

import openpyxl
import pytest

from farol.errors import InputError, WorkbookError
from farol.profile import Profile, parse_profile
from farol.workbook.panel import read_panel
from farol.workbook.proposal import FILL_IN, Proposal, marked_lines, propose
from tests.schools import write_school, write_terms

NAMES = ("Ana", "Bruno", "Carla", "Davi", "Elisa", "Fabio", "Gil", "Helena", "Igor", "Julia")
FAMILIES = ("Souza", "Lima", "Prado", "Rocha", "Dias", "Melo", "Alves", "Nunes", "Reis", "Costa")


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]], separator: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator).writerows([header, *rows])
    return path


def college(path: Path, rows: int = 120) -> Path:
    """One row a pupil, with columns of every kind and a result in words."""
    random = Random(3)
    table = []
    for number in range(rows):
        failed = number % 4 == 0
        table.append([
            number + 1,
            f"RA-{number:03}",
            f"{NAMES[number % 10]} {FAMILIES[number // 10 % 10]}",
            f"pupil{number}@school.example",
            f"{number % 28 + 1:02}/0{number % 9 + 1}/2008",
            random.choice(("F", "M")),
            random.choice((0, 1)),
            9000 + 100 * (number % 5),
            f"{random.randint(40, 99) / 10:.1f}".replace(".", ","),
            random.choice(("manhã", "Manhã", "tarde")) if number % 7 else "NA",
            f"{60 + number % 30}%",
            3.5 if failed else 8.5,
            "" if not failed else "moved",
            "x",
            "",
            f"a remark on pupil {number} alone",
            7 if number == 0 else number % 5,
            "dispensado" if number == 5 else -number,
            "Transferido" if number % 10 == 9 else "Reprovado" if failed else "Aprovado",
        ])  # fmt: skip
    header = ["nº", "RA", "Nome", "Contato", "Nascimento", "Sexo", "Bolsa", "Curso", "Média", "Turno", "Frequência"]
    header += ["Conselho", "Saída", "Unidade", "Vazia", "Obs", "Irmãos", "Saldo", "Situação"]
    return write_csv(path, header, table, ";")


def parsed(proposal: Proposal) -> Profile:
    assert proposal.problem is None, proposal.problem
    return parse_profile(proposal.text.encode(), "school.toml")


@pytest.fixture
def proposal(tmp_path: Path) -> Proposal:
    return propose(college(tmp_path / "college 2024.csv"), None, "en")


def test_a_proposal_reads_its_own_file(tmp_path: Path, proposal: Proposal) -> None:
    panel = read_panel(tmp_path / "college 2024.csv", parsed(proposal))
    assert len(panel.year) == 120
    assert panel.label.sum() == 30
    assert [finding.code for finding in panel.findings if finding.severity == "error"] == []


def test_kinds_are_guessed_from_values_and_headers(proposal: Proposal) -> None:
    columns = parsed(proposal).columns
    assert {name: column.kind for name, column in columns.items()} == {
        "n": "ignored",
        "ra": "identifier",
        "nome": "personal",
        "contato": "personal",
        "nascimento": "date",
        "sexo": "category",
        "bolsa": "category",
        "curso": "category",
        "media": "number",
        "turno": "category",
        "frequencia": "number",
        "conselho": "number",
        "saida": "ignored",
        "unidade": "ignored",
        "vazia": "ignored",
        "obs": "ignored",
        "irmaos": "number",
        "saldo": "number",
        "situacao": "category",
    }
    assert set(columns["turno"].categories) in ({"tarde", "manhã"}, {"tarde", "Manhã"})
    assert [rule.pattern for rule in columns["turno"].recodes] == ["na"]
    assert (columns["media"].minimum, columns["media"].maximum) == (0, 10)
    assert (columns["irmaos"].minimum, columns["irmaos"].maximum) == (0, 10)
    assert (columns["saldo"].minimum, columns["saldo"].maximum) == (-200, 0)
    assert (columns["frequencia"].minimum, columns["frequencia"].maximum) == (0, 100)


def test_a_proposal_has_no_value_of_one_pupil(proposal: Proposal) -> None:
    for name in (*NAMES, *FAMILIES, "RA-0", "@", "2008", "remark", "dispensado", "moved"):
        assert name not in proposal.text, name


def test_the_label_is_the_result_in_few_words(proposal: Proposal) -> None:
    profile = parsed(proposal)
    assert (profile.label.column, profile.label.operator, profile.label.value) == ("situacao", "==", "Reprovado")
    assert [rule.value for rule in profile.tasks["end"].only] == ["Transferido"]


def test_columns_known_too_late_are_no_features(proposal: Proposal) -> None:
    features = parsed(proposal).tasks["end"].features
    assert set(features) == {"bolsa", "curso", "media", "turno", "frequencia", "irmaos", "saldo"}
    assert "Left out, because they may be known too late: conselho" in proposal.text


def test_groups_are_compared_and_not_features(proposal: Proposal) -> None:
    profile = parsed(proposal)
    assert profile.audit == ("sexo",)
    assert "sexo" not in profile.tasks["end"].features


def test_what_cannot_be_guessed_is_a_numbered_line(tmp_path: Path) -> None:
    rows = [[n % 7, n % 5, "a" if n % 3 else "b"] for n in range(60)]
    proposal = propose(write_csv(tmp_path / "grades.csv", ["G1", "G3", "Grupo"], rows), None, "pt_BR")
    lines = proposal.text.splitlines()
    assert [lines[number - 1].split(" =")[0] for number in proposal.to_fill_in] == ["column", "value"]
    assert proposal.problem is not None
    assert proposal.problem.where.field == "label.column"
    assert marked_lines(proposal.text, FILL_IN) == proposal.to_fill_in


@pytest.mark.parametrize(
    ("label", "operator", "value"),
    [
        ("G3 < 3", "<", 3.0),
        ("g3<=2,5", "<=", 2.5),
        ("G3 >= 4", ">=", 4.0),
        ("G3 > 3", ">", 3.0),
        ("G3 = 0", "==", 0.0),
        ("G3 != 0", "!=", 0.0),
        ("Grupo = 'b'", "==", "b"),
        ("Grupo != a", "!=", "a"),
        ("Grupo", "==", "b"),
    ],
)
def test_a_label_can_be_given_as_a_condition(tmp_path: Path, label: str, operator: str, value: object) -> None:
    rows = [[n % 7, n % 5, "a" if n % 3 else "b"] for n in range(60)]
    path = write_csv(tmp_path / "grades.csv", ["G1", "G3", "Grupo"], rows)
    profile = parsed(propose(path, label, "en"))
    assert (profile.label.operator, profile.label.value) == (operator, value)
    assert 0 < read_panel(path, profile).label.sum() < 60


def test_a_label_without_its_value_waits_for_it(tmp_path: Path) -> None:
    rows = [[n % 7, n % 5, "abc"[n % 3]] for n in range(60)]
    path = write_csv(tmp_path / "grades.csv", ["G1", "Nota final", "Grupo"], rows)
    for label, empty in (("G1", 'value = ""'), ("Grupo", "value = []"), (None, 'value = ""')):
        proposal = propose(path, label, "en")
        assert [proposal.text.splitlines()[number - 1].split("  #")[0] for number in proposal.to_fill_in] == [empty]


def test_an_unknown_label_names_the_headers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Média, Turno"):
        propose(college(tmp_path / "college.csv"), "Nota < 3", "en")
    with pytest.raises(InputError, match="could say how it ended"):
        propose(tmp_path / "college.csv", "Nome", "en")
    with pytest.raises(InputError, match="the condition none") as refusal:
        propose(tmp_path / "college.csv", "Conselho << 10", "en")
    assert '"Conselho < 10"' in str(refusal.value.expected)


def test_sheets_of_years_give_a_question_of_next_year(tmp_path: Path) -> None:
    school = write_school(tmp_path / "school")
    profile = parsed(propose(school, "Faltas > 20", "en"))
    assert profile.sheet_pattern == "Notas {year}"
    assert profile.identifiers == ("matricula",)
    assert {task.name: task.horizon for task in profile.tasks.values()} == {"this-year": 0, "next-year": 1}
    assert "faltas" not in profile.tasks["this-year"].features
    assert "faltas" in profile.tasks["next-year"].features
    assert len(read_panel(school, profile).years) == 3


def test_terms_in_a_column_are_put_in_order(tmp_path: Path) -> None:
    profile = parsed(propose(write_terms(tmp_path), None, "en"))
    assert profile.periods is not None
    assert (profile.periods.column, dict(profile.periods.values)) == ("term", {"2013 J": 1, "2013B": 2, "2014B": 3})
    assert profile.identifiers == ("id",)
    assert (profile.label.operator, profile.label.value) == ("in", ("fail", "withdrawn"))


def test_grades_are_terms_where_pupils_come_again(tmp_path: Path) -> None:
    rows = [[pupil, grade, pupil % 9, pupil % 7] for pupil in range(40) for grade in ("K", "1", "2")]
    again = propose(write_csv(tmp_path / "again.csv", ["id", "grade", "score", "absent"], rows), "score < 4", "en")
    assert dict(parsed(again).periods.values) == {"K": 1, "1": 2, "2": 3}  # type: ignore[union-attr]
    rows = [[pupil, pupil % 3 + 1, pupil % 9] for pupil in range(120)]
    once = propose(write_csv(tmp_path / "once.csv", ["id", "grade", "score"], rows), "score < 4", "en")
    assert parsed(once).periods is None


def test_years_in_a_column_need_no_map(tmp_path: Path) -> None:
    rows = [[pupil, year, pupil % 9 + year % 2, pupil % 7] for pupil in range(40) for year in (2021, 2022, 2023)]
    path = write_csv(tmp_path / "years.csv", ["id", "year", "score", "absent"], rows)
    profile = parsed(propose(path, "score < 4", "en"))
    assert profile.periods is not None
    assert (profile.periods.column, dict(profile.periods.values)) == ("school_year", {})
    assert read_panel(path, profile).years == (2021, 2022, 2023)


def test_a_code_may_be_unique_with_a_second_column(tmp_path: Path) -> None:
    rows = [[pupil, module, pupil % 9, pupil % 7] for pupil in range(60) for module in ("AA", "BB")]
    path = write_csv(tmp_path / "modules.csv", ["student_id", "module", "score", "absent"], rows)
    assert parsed(propose(path, "score < 4", "en")).identifiers == ("student_id", "module")


def test_codes_without_a_telling_header_are_codes(tmp_path: Path) -> None:
    rows = [[f"X{pupil}", pupil % 9, f"t{pupil}-{term}" if term else f"t{pupil}", 2020 + term, "0123456789"[pupil % 10]]
            for term in range(6) for pupil in range(12)]  # fmt: skip
    path = write_csv(tmp_path / "codes.csv", ["Aluno?", "score", "ticket", "year", "digit"], rows)
    profile = parsed(propose(path, "score < 4", "en"))
    assert profile.identifiers
    assert "X1" not in propose(path, "score < 4", "en").text


def test_a_column_of_its_own_for_each_pupil_hides_words(tmp_path: Path) -> None:
    names = [f"bob{letter}" for letter in "abcdefghijklmno"]
    rows = [[pupil + 100, names[pupil], (pupil + year) % 9, year] for year in range(2018, 2024) for pupil in range(15)]
    path = write_csv(tmp_path / "nicks.csv", ["id", "apelido", "score", "year"], rows)
    assert "bob" not in propose(path, "score < 4", "en").text


def test_names_of_teachers_are_not_written(tmp_path: Path) -> None:
    teachers = [f"{first} {last}" for first, last in zip(NAMES[:4], FAMILIES, strict=False)]
    rows = [[pupil, teachers[pupil % 4], pupil % 9] for pupil in range(80)]
    path = write_csv(tmp_path / "teachers.csv", ["id", "Professora", "score"], rows)
    assert "Souza" not in propose(path, "score < 4", "en").text


def test_schools_are_kept_apart_in_the_test(tmp_path: Path) -> None:
    rows = [[pupil, 4000 + pupil % 12, f"Bairro {pupil % 60}", pupil % 9] for pupil in range(600)]
    path = write_csv(tmp_path / "schools.csv", ["id", "escola", "bairro", "score"], rows)
    profile = parsed(propose(path, "score < 4", "en"))
    assert profile.tasks["end"].split == "escola"
    assert "bairro" not in profile.tasks["end"].features


def test_headers_missing_twice_or_in_braces_are_reported(tmp_path: Path) -> None:
    rows = [[pupil, pupil % 9, pupil % 8, pupil % 3, pupil % 7, True] for pupil in range(60)]
    path = write_csv(tmp_path / "odd.csv", ["2a nota", "score", "score", "", "{x}", "?!"], rows)
    proposal = propose(path, "score < 4", "en")
    assert "Columns without a header, which are left out: 1." in proposal.text
    assert "Headers that stand twice; the first column counts: score." in proposal.text
    assert {"c_2a_nota", "score", "x", "column"} == set(parsed(proposal).columns)


def test_the_fullest_sheet_is_taken_by_name(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Capa"  # type: ignore[union-attr]
    book["Capa"].append(["Escola"])
    book["Capa"].append(["Um"])
    sheet = book.create_sheet("Dados")
    sheet.append(["Notas da escola"])
    sheet.append(["id", "score", "ok"])
    for pupil in range(50):
        sheet.append([pupil, pupil % 9 / 2, pupil % 2 == 0])
    book.save(tmp_path / "book.xlsx")
    proposal = propose(tmp_path / "book.xlsx", "score < 2", "en")
    assert parsed(proposal).sheet_pattern == "Dados"
    assert len(read_panel(tmp_path / "book.xlsx", parsed(proposal)).year) == 50


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match="no rows below"):
        propose(write_csv(tmp_path / "empty.csv", ["id", "score"], []), None, "en")


def test_a_table_without_features_waits_for_them(tmp_path: Path) -> None:
    rows = [["same", n % 2] for n in range(60)]
    proposal = propose(write_csv(tmp_path / "two.csv", ["x", "Situação"], rows), "Situação = 1", "en")
    assert [proposal.text.splitlines()[line - 1].split("  #")[0] for line in proposal.to_fill_in] == ["features = []"]


def test_a_code_that_comes_again_is_no_identifier(tmp_path: Path) -> None:
    rows = [[pupil, "ab"[pupil % 2], pupil % 9, pupil % 7] for _ in range(3) for pupil in range(40)]
    path = write_csv(tmp_path / "again.csv", ["id", "shift", "score", "absent"], rows)
    proposal = propose(path, "score < 4", "en")
    assert parsed(proposal).identifiers == ()
    assert "No column is a pupil's code" in proposal.text


@pytest.mark.parametrize("code", ["{}", "S-{:03}"])
def test_a_pupil_of_several_rows_is_kept_together(tmp_path: Path, code: str) -> None:
    rows = [[code.format(pupil), pupil % 9 + place, "LMH"[pupil % 3]] for place in range(3) for pupil in range(80)]
    path = write_csv(tmp_path / "courses.csv", ["Student", "score", "level"], rows)
    proposal = propose(path, "score < 4", "en")
    task = parsed(proposal).tasks["end"]
    assert (task.split, task.features) == ("student", ("level",))
    assert "80 codes stand in 240 rows" in proposal.text


def test_whole_numbers_of_one_row_each_are_no_feature(tmp_path: Path) -> None:
    rows = [[(pupil * 7919) % 100_003, pupil % 9, "ab"[pupil % 2]] for pupil in range(200)]
    path = write_csv(tmp_path / "tests.csv", ["V1", "score", "shift"], rows)
    proposal = propose(path, "score < 4", "en")
    assert (parsed(proposal).identifiers, parsed(proposal).tasks["end"].features) == (("v1",), ("shift",))
    assert "a number of its own in every row" in proposal.text


def test_codes_under_the_word_pupil_are_no_names(tmp_path: Path) -> None:
    rows = [[f"A{pupil:04}", pupil % 9, pupil % 7] for pupil in range(120)]
    proposal = propose(write_csv(tmp_path / "codes.csv", ["Aluno", "nota", "faltas"], rows), "nota < 4", "en")
    assert parsed(proposal).identifiers == ("aluno",)


@pytest.mark.parametrize(
    ("header", "words", "risk"),
    [
        ("Dropout", ("1", "1", "1", "0"), "1"),
        ("Evasão do aluno", ("sim", "sim", "sim", "não"), "sim"),
        ("Passed", ("no", "no", "no", "yes"), "no"),
        ("CourseSuccess", ("0", "1", "1", "1"), "0"),
        ("não aprovado", ("sim", "não", "não", "não"), "sim"),
    ],
)
def test_yes_is_good_or_bad_by_what_the_header_asks(
    tmp_path: Path, header: str, words: tuple[str, ...], risk: str
) -> None:
    rows = [[row % 7, words[row % 4]] for row in range(80)]
    label = parsed(propose(write_csv(tmp_path / "yes.csv", ["absent", header], rows), None, "en")).label
    assert (label.operator, label.value) == ("==", risk)


def test_the_class_of_a_pupil_is_not_a_result(tmp_path: Path) -> None:
    rows = [[row % 7, "AB"[row % 2], "LMH"[row % 3]] for row in range(90)]
    proposal = propose(write_csv(tmp_path / "classes.csv", ["absent", "Section ID", "Class"], rows), None, "en")
    profile = parsed(proposal)
    assert profile.columns["class"].aliases == ("Section ID",)
    assert (profile.label.column, profile.columns[profile.label.column].aliases) == ("class_result", ("Class",))
    assert profile.tasks["end"].features == ("absent",)


def test_words_of_few_rows_are_counted_not_written(tmp_path: Path) -> None:
    rows = [[pupil, "judô" if pupil < 4 else "natação" if pupil < 9 else "nenhum", pupil % 9] for pupil in range(60)]
    text = propose(write_csv(tmp_path / "rare.csv", ["id", "esporte", "score"], rows), "score < 4", "en").text
    assert "judô" not in text
    assert "natação" in text
    assert "words not written here, because few rows have them or they are many: 1" in text


@pytest.mark.parametrize(("value", "ends"), [(5.5, (0, 10)), (5, (0, 5)), (-3, (-3, 0)), (0, (0, 1))])
def test_one_number_in_two_spellings_has_a_range(tmp_path: Path, value: float, ends: tuple[float, float]) -> None:
    spellings = (str(value), f"{value:.3f}")
    rows = [[f"P-{at}", spellings[at % 2], at % 9 + 0.5, at % 7] for at in range(60)]
    proposal = propose(write_csv(tmp_path / "notas.csv", ["RA", "IAN", "faltas", "G3"], rows), "G3 < 4", "en")
    assert proposal.problem is None
    column = parsed(proposal).columns["ian"]
    assert (column.minimum, column.maximum) == ends


@pytest.mark.parametrize("odd", ["1e999", "-1e305", "1e308"])
def test_an_infinite_number_is_ignored(tmp_path: Path, odd: str) -> None:
    rows = [[f"P-{at}", odd if at == 3 else at % 9 + 0.5, at % 7] for at in range(60)]
    proposal = propose(write_csv(tmp_path / "notas.csv", ["RA", "faltas", "G3"], rows), "G3 < 4", "en")
    assert proposal.problem is None
    assert parsed(proposal).columns["faltas"].maximum == 10
