"""`farol profile`: from a school's own file to a profile that trains."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from farol.profile import load_profile
from tests.cli.conftest import Run


@pytest.fixture
def grades(tmp_path: Path) -> Path:
    """A file of 200 pupils without a code; who is often absent ends below 10 more often."""
    random = Random(5)
    lines = ["faltas;sexo;G1;G3"]
    for _ in range(200):
        absent, sex = random.randint(0, 30), random.choice("FM")
        lines.append(f"{absent};{sex};{random.randint(4, 19)},5;{max(0, 16 - absent // 2 + random.randint(-4, 4))}")
    path = tmp_path / "notas.csv"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def test_from_a_file_to_a_model_with_the_profile_alone(run: Run, grades: Path, tmp_path: Path) -> None:
    printed = run("profile", "new", grades, "--label", "G3 < 10")
    assert "Fill in first" not in printed
    printed = run("profile", "check", "school.toml", grades)
    assert "The profile notas is valid." in printed
    assert "rows with a known answer: 200; at risk:" in printed
    assert f"A model can be trained: `farol train {grades} --profile school.toml --task end`" in printed
    train = (
        "train",
        grades,
        "--profile",
        "school.toml",
        "--task",
        "end",
        "--quick",
        "--artifacts",
        tmp_path / "models",
    )
    assert "ROC AUC" in run(*train)


def test_lines_to_fill_in_are_named_by_both_commands(run: Run, grades: Path, tmp_path: Path) -> None:
    printed = run("profile", "new", grades)
    lines = (tmp_path / "school.toml").read_text(encoding="utf-8").splitlines()
    waiting = [number for number, line in enumerate(lines, start=1) if "# FILL IN:" in line]
    said = ", ".join(map(str, waiting))
    assert f"Fill in first, lines: {said}." in printed
    printed = run("profile", "check", "school.toml", grades, code=2)
    assert f"Lines that still wait to be filled in: {said}." in printed
    assert "field label.column" in printed
    for number, text in zip(waiting, ('column = "g3"', "value = 10"), strict=True):
        lines[number - 1] = text
    (tmp_path / "school.toml").write_text("\n".join(lines), encoding="utf-8")
    run("profile", "check", "school.toml", grades)


def test_a_proposal_replaces_nothing_unasked(run: Run, grades: Path, tmp_path: Path) -> None:
    (tmp_path / "school.toml").write_text("mine", encoding="utf-8")
    assert "exists already" in run("profile", "new", grades, code=2)
    assert (tmp_path / "school.toml").read_text(encoding="utf-8") == "mine"
    run("profile", "new", grades, "--overwrite")
    assert "[label]" in run("profile", "new", grades, "--out", "-")


def test_check_says_what_the_file_lacks(run: Run, grades: Path, tmp_path: Path) -> None:
    run("profile", "new", grades, "--label", "G3 < 10")
    profile = tmp_path / "school.toml"
    text = profile.read_text(encoding="utf-8").replace('aliases = ["faltas"]', 'aliases = ["ausências"]')
    profile.write_text(text.replace("[columns.faltas]", "[columns.absent]").replace('"faltas"', '"absent"'), "utf-8")
    printed = run("profile", "check", profile, grades)
    assert "Columns of the profile with values: 3 of 4." in printed
    assert "[columns.absent]: no value. Expected: a header among ausências" in printed
    assert "unknown headers: faltas" in printed


def test_check_says_why_nothing_can_be_trained(run: Run, grades: Path, tmp_path: Path) -> None:
    run("profile", "new", grades, "--label", "G3 < 0")
    printed = run("profile", "check", "school.toml", grades, code=1)
    assert "No model can be trained:" in printed
    assert "known answers: 200, at risk: 0" in printed
    profile = tmp_path / "school.toml"
    text = profile.read_text(encoding="utf-8").replace('column = "g3"', 'column = "sexo"')
    profile.write_text(text.replace('operator = "<"', 'operator = "=="').replace("value = 0", 'value = "F"'), "utf-8")
    grades.write_text("faltas;sexo;G1;G3\n" + "3;;5;7\n" * 40, encoding="utf-8")
    printed = run("profile", "check", profile, grades, code=1)
    assert "cannot be trained" in printed


def test_check_answers_programs_in_json(run: Run, grades: Path) -> None:
    run("profile", "new", grades, "--label", "G3 < 0")
    answer = json.loads(run("profile", "check", "school.toml", grades, "--format", "json", code=1))
    (file,) = answer["files"]
    assert answer["tasks"]["end"]["tested_by"] == "rows"
    assert file["columns"] == {"faltas": 200, "sexo": 200, "g1": 200, "g3": 200}
    assert file["tasks"]["end"]["problem"]["got"] == "known answers: 200, at risk: 0"


def test_the_examples_are_valid_profiles(run: Run) -> None:
    examples = Path(__file__).parents[2] / "examples"
    for path in sorted(examples.glob("*.toml")):
        printed = run("profile", "check", path)
        assert all(task in printed for task in load_profile(str(path)).tasks), path


def test_portuguese_has_no_english(run: Run, grades: Path, tmp_path: Path) -> None:
    printed = run("profile", "new", grades, locale="pt_BR")
    printed += run("profile", "check", "school.toml", grades, code=2, locale="pt_BR")
    printed += (tmp_path / "school.toml").read_text(encoding="utf-8")
    comments = [line.partition("# ")[2] for line in printed.splitlines() if "# " in line]
    assert comments
    assert [line for line in comments if " the " in f" {line.lower()} "] == []
    assert "PREENCHA" in printed


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"format = 1\nname = [1,\n", "não é um arquivo TOML"),
        (b'format = 1\nname = "x\n', "linha 2, coluna 10"),
        (b"format = 1\nformat = 2\n", "linha 2, coluna 11"),
        (b"PK\x03\x04\xfa", "não é um texto em UTF-8"),
    ],
)
def test_an_invalid_profile_is_described_without_english(run: Run, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "school.toml").write_bytes(content)
    printed = run("profile", "check", "school.toml", code=2, locale="pt_BR")
    assert said in printed
    assert not any(word in printed for word in (" at ", "codec", "Illegal", "Cannot", "Invalid"))


def test_a_condition_on_numbers_needs_a_number(run: Run, grades: Path) -> None:
    printed = run("profile", "new", grades, "--label", "G3 << 10", code=2)
    assert "The column G3 has numbers, and the condition none." in printed


@pytest.mark.parametrize("name", ["answers.docx", "answers.xlsx", "answers.csv.gz"])
def test_answers_have_an_ending_that_is_written(run: Run, grades: Path, tmp_path: Path, name: str) -> None:
    printed = run("score", grades, "--out", name, code=2)
    assert "Answers are not written in files of this ending." in printed
    assert not (tmp_path / name).exists()
