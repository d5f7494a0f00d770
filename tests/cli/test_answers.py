"""`farol list` and `farol explain`: answers for whoever works with the pupils, and for programs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from farol.profile import load_profile
from farol.workbook.panel import read_panel
from tests.bundles import put_into_use
from tests.cli.conftest import Farol, Run
from tests.workbook.making import pupils, write_xlsx


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_into_use(tmp_path_factory.mktemp("answers") / "artifacts")


@pytest.fixture(scope="module")
def student(sample_workbook: Path) -> str:
    return str(read_panel(sample_workbook, load_profile("pede")).student[-1])


@pytest.fixture
def run(farol: Farol, artifacts: Path) -> Run:
    """A command with the models of this file; what it printed."""

    def run(*arguments: str, code: int = 0) -> str:
        return "".join(farol(*arguments, "--artifacts", artifacts, code=code))

    return run


def test_a_pupil_is_explained_in_words_and_for_programs(run: Run, sample_workbook: Path, student: str) -> None:
    said = run("explain", student, "--workbook", str(sample_workbook))
    assert said.startswith(f"{student} · 2024")
    body = json.loads(run("explain", student, "--workbook", str(sample_workbook), "--format", "json"))
    assert (body["student"], body["task"], len(body["reasons"]) <= 3) == (student, "next-year", True)
    current = run("explain", student, "--workbook", str(sample_workbook), "--task", "current", "--reasons", "1")
    assert current.count("•") == 1


@pytest.mark.parametrize(("locale", "written"), [("pt_BR", "Alunos de 2024: 1.156."), ("en", "Pupils of 2024: 1,156.")])
def test_the_list_counts_as_its_reader_writes(
    run: Run, sample_workbook: Path, monkeypatch: pytest.MonkeyPatch, locale: str, written: str
) -> None:
    monkeypatch.setenv("FAROL_LOCALE", locale)
    assert written in run("list", str(sample_workbook), "--capacity", "10")


def test_an_unknown_pupil_is_an_error_and_nobody_else_is_named(run: Run, sample_workbook: Path, student: str) -> None:
    said = run("explain", "RA-999999", "--workbook", str(sample_workbook), code=2)
    assert student not in said
    assert "999999" not in said


def test_the_list_is_printed_with_what_to_expect(run: Run, sample_workbook: Path) -> None:
    said = run("list", str(sample_workbook), "--capacity", "10", "--reasons", "1")
    assert "RA-" in said
    assert "%" in said
    body = json.loads(run("list", str(sample_workbook), "--capacity", "10", "--by", "onset", "--format", "json"))
    assert (body["by"], body["places"]) == ("onset", 10)
    assert {pupil["at_risk_now"] for pupil in body["pupils"]} == {False}
    assert body["expected"]["low"] <= body["expected"]["value"] <= body["expected"]["high"]


def test_the_list_says_what_was_not_read(run: Run, tmp_path: Path) -> None:
    grades = [number / 4 for number in range(1, 41)]
    last = pupils(40, {"Cor": ["x"] * 40, "IDA": grades, "IEG": grades}, without=["Matem"])
    sheets = {"PEDE2023": pupils(40), "PEDE2024": last}
    book = str(write_xlsx(tmp_path / "book.xlsx", sheets))
    said = run("list", book, "--capacity", "5")
    assert "PEDE2024" in said
    assert "Matemática (PEDE2024)" in said
    assert "Cor (PEDE2024)" in said
    assert f"`farol check {book}`" in said


def test_the_list_becomes_a_table(run: Run, sample_workbook: Path, tmp_path: Path) -> None:
    file = tmp_path / "lists" / "list.csv"
    said = run("list", str(sample_workbook), "--capacity", "10", "--csv", str(file), "--csv-format", "programs")
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) >= 10
    assert str(len(rows)) in said
    assert not any(row["student"] in said for row in rows), "the names are in the file alone"


def test_a_file_that_cannot_be_written_is_named(run: Run, sample_workbook: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = run("list", str(sample_workbook), "--capacity", "10", "--csv", str(tmp_path / "file" / "list.csv"), code=2)
    assert "list.csv" in said


@pytest.mark.parametrize("capacity", ["0", "95%", "many", "100000"])
def test_a_capacity_of_nobody_or_nearly_everyone_is_refused(run: Run, sample_workbook: Path, capacity: str) -> None:
    assert "--capacity" in run("list", str(sample_workbook), "--capacity", capacity, code=2)
