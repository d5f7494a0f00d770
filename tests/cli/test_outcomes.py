"""`farol forecast` and `farol outcomes`, as a person runs them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from sqlalchemy import select, update

from farol.outcomes.estimate_vs_actual import EstimateVsActual, MeasurePair
from farol.outcomes.estimation import ExpectedMeasure
from farol.profile import load_profile
from farol.school.recording import latest_answers
from farol.settings import Settings
from farol.store.database import Store
from farol.store.tables import outcomes
from farol.workbook.panel import read_panel
from tests.cli.conftest import Farol, Run
from tests.played import promoted


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli-outcomes") / "artifacts"
    promoted(folder)
    return folder


@pytest.fixture(scope="module")
def then(sample_workbook: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workbook before the sheet of 2024."""
    book = openpyxl.load_workbook(sample_workbook, data_only=True)
    del book["PEDE2024"]
    book.save(file := tmp_path_factory.mktemp("then") / "then.xlsx")
    return file


@pytest.fixture
def run(farol: Farol, tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command with this test's database; what it printed."""
    folder = artifacts

    def run(*arguments: str, code: int = 0, artifacts: bool = True) -> str:
        monkeypatch.setenv("FAROL_LOCALE", "en")
        models = ["--artifacts", folder] if artifacts else []
        return "".join(farol(*arguments, "--data", tmp_path / "data", *models, code=code))

    return run


def test_a_year_is_played_through_and_every_pupil_accounted_for(
    run: Run, then: Path, sample_workbook: Path, tmp_path: Path
) -> None:
    panel = read_panel(sample_workbook, load_profile("pede"))
    before, after = (panel.select(panel.year == year) for year in (2023, 2024))
    n, stayed = before.student.size, len(set(before.student) & set(after.student))

    answers = ("--csv", str(tmp_path / "answers.csv"), "--csv-format", "programs")
    said = run("forecast", str(then), "--at", "2023-12-15", *answers)
    assert f"pupils of 2023: {n:,}; forecasts stored now: {n:,}; stored before: 0" in said
    assert "farol outcomes" in said
    assert "Pupils marked “at risk”, because their risk is" in said
    assert re.search(r"Pupils with an answer: 1,\d{3}\. Expected at risk: about \d+", said)
    assert "RA-" not in said
    with (tmp_path / "answers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["student"] for row in rows] == list(before.student)
    assert {row["timestamp"] for row in rows} == {"2023-12-15T12:00:00-03:00"}
    again = json.loads(run("forecast", str(then), "--format", "json"))
    assert (again["pupils"], again["stored"], again["already_stored"]) == (n, 0, n)
    with Store.open(f"sqlite:///{tmp_path / 'data' / 'farol.db'}") as store:
        assert latest_answers(store) == (2023, n)  # the pages have their lists

    body = json.loads(run("outcomes", str(sample_workbook), "--format", "json"))
    assert body["recorded"]["added"] == after.student.size
    (report,) = body["reports"]
    assert (report["task"], report["counts"]["forecast"], report["counts"]["matched"]) == ("next-year", n, stayed)
    assert (report["counts"]["left"], report["counts"]["new"]) == (n - stayed, after.student.size - stayed)
    known = int((~np.isnan(before.next_label)).sum())
    assert report["together"]["n"] == known - report["counts"]["unanswered"]
    assert report["together"]["positives"] == int(np.nansum(before.next_label))

    said = run("outcomes", str(sample_workbook))
    assert "new: 0; with another answer than before: 0; no longer in the sheet: 0" in said
    assert f"Pupils with a forecast: {n:,}; in the sheet: {stayed:,}; left: {n - stayed:,}." in said
    for word in ("promised", "came true", "as promised", "may have been helped", "Not behind at the time", "Mean risk"):
        assert word in said
    assert "RA-" not in said
    assert "No forecast counts" not in said
    measured, before = report["together"]["n"], report["expected_before"]
    assert before["n"] == measured
    assert f"Estimated only from the probabilities of these pupils ({measured:,}), beside what came true:" in said
    risk, auc = before["at_risk"], before["measures"]["roc_auc"]
    table = " ".join(said.partition("could be expected before")[2].split())
    came = {name: estimate["value"] for name, estimate in before["realised"].items()}
    for name, title, interval in (("at_risk", "Share at risk", risk), ("roc_auc", "ROC AUC", auc)):
        inside = "yes" if interval["low"] <= came[name] <= interval["high"] else "no"
        row = (
            f"{title} {interval['value']:.3f} ({interval['low']:.3f}–{interval['high']:.3f}) {came[name]:.3f} {inside}"
        )
        assert row in table
    for words in before["assumptions"]:
        assert words in table


def test_a_sheet_that_repeats_another_is_refused(run: Run, then: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(then, data_only=True)
    book.copy_worksheet(book["PEDE2023"]).title = "PEDE 2024 (2)"
    book.save(pasted := tmp_path / "pasted.xlsx")
    run("forecast", str(then), "--at", "2023-12-15")
    said = " ".join(run("outcomes", str(pasted), code=2).split())
    assert "The sheet repeats an earlier one" in said
    assert re.search(
        r"Expected: the values of PEDE 2024 \(2\) itself Got: the values of PEDE2023 for ([\d,]+) of the \1", said
    )
    assert "What to do: Put its own values there, or delete the copy. Nothing was stored." in said
    assert "RA-" not in said
    with Store.open(Settings(data=tmp_path / "data").store_url) as store, store.exclusive() as connection:
        assert connection.execute(select(outcomes)).all() == []


def test_late_or_knowing_forecasts_are_said_not_to_count(
    run: Run, sample_workbook: Path, tmp_path: Path, artifacts: Path
) -> None:
    said = run("outcomes", str(sample_workbook), "--year", "2024")
    assert "No forecast counts for this year" in said
    run("forecast", str(sample_workbook), "--year", "2023")
    said = run("outcomes", str(sample_workbook), "--task", "next-year")
    assert "forecasts stored after this sheet, which do not count" in said
    assert "measured: 0." in said
    settings = Settings(data=tmp_path / "data")
    with Store.open(settings.store_url) as store:
        answers = store.total()
    # The same model, asked about a year that it learned from.
    run("forecast", str(sample_workbook), "--year", "2022", "--at", "2022-12-01")
    said = run("outcomes", str(sample_workbook), "--year", "2023")
    assert "models that had learned from these answers, which do not count" in " ".join(said.split())
    assert answers > 0


def test_codes_that_cannot_be_stored_are_counted_for_the_reader(
    run: Run, sample_workbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farol.pupils.forecast.student_code", lambda code: None if code.endswith("7") else code)
    assert "their code cannot be stored" in run("forecast", str(sample_workbook))


def test_few_pupils_who_left_have_no_mean(run: Run, sample_workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("forecast", str(sample_workbook), "--year", "2023", "--at", "2023-12-15")
    monkeypatch.setattr("farol.outcomes.report.FEWEST_OF_A_MEAN", 10_000)
    assert "Mean risk" not in run("outcomes", str(sample_workbook))


def test_few_pupils_get_no_estimate_and_undefined_is_a_dash(
    run: Run, sample_workbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("forecast", str(sample_workbook), "--year", "2023", "--at", "2023-12-15")
    monkeypatch.setattr("farol.outcomes.estimate_vs_actual.MIN_SAMPLES", 10_000)
    assert "With fewer than 30 pupils nothing is estimated." in run("outcomes", str(sample_workbook))
    monkeypatch.setattr("farol.outcomes.estimate_vs_actual.MIN_SAMPLES", 30)
    nothing = MeasurePair("precision", ExpectedMeasure(None, None, None), None)
    few = EstimateVsActual(40, nothing, (nothing,))
    monkeypatch.setattr("farol.outcomes.report.estimate_vs_actual", lambda *_: few)
    assert "Precision – – –" in " ".join(run("outcomes", str(sample_workbook)).split())


def test_erasing_and_purging_reach_outcomes_and_say_so(run: Run, sample_workbook: Path, tmp_path: Path) -> None:
    panel = read_panel(sample_workbook, load_profile("pede"))
    student = str(panel.student[panel.year == 2024][0])
    run("outcomes", str(sample_workbook))
    assert "erased outcomes of this pupil: 1" in run("students", "erase", student)
    settings = Settings(data=tmp_path / "data")
    with Store.open(settings.store_url) as store, store.exclusive() as connection:
        connection.execute(update(outcomes).values(changed=0))
    left = int((panel.year == 2024).sum()) - 1
    assert f"removed outcomes: {left:,}" in run("store", "purge", "--older-than", "30d", artifacts=False)


@pytest.mark.parametrize("day", ["yesterday", "2023-02-30", "9999-01-01"])
def test_a_day_that_cannot_be_is_refused(run: Run, sample_workbook: Path, day: str) -> None:
    assert "day" in run("forecast", str(sample_workbook), "--at", day, code=2)


def test_an_unknown_task_or_year_is_refused(run: Run, sample_workbook: Path) -> None:
    assert "There is no task" in run("outcomes", str(sample_workbook), "--task", "nobody", code=2)
    assert "no sheet of 2031" in run("outcomes", str(sample_workbook), "--year", "2031", code=2)
    assert "no sheet of 2031" in run("forecast", str(sample_workbook), "--year", "2031", code=2)
