"""Each command needs of a sheet only the columns of its task."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from farol.intake.columns import KeptColumn, keep_columns
from farol.model.bundle import write_bundle
from farol.model.registry import Registry
from farol.profile import load_profile
from farol.settings import Settings
from farol.store.database import Store
from farol.training.train import train
from farol.workbook.panel import read_panel
from tests.cli.conftest import Farol, Run
from tests.workbook.making import pupils, write_xlsx

FEATURES = ("IAA", "IEG", "IPS", "IPP", "IDA", "IPV", "IAN", "Por", "Mat", "Ing")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory, sample_workbook: Path) -> Path:
    """Both models of the sample, in use."""
    folder = tmp_path_factory.mktemp("cli-sheets") / "artifacts"
    panel = read_panel(sample_workbook, load_profile("pede"))
    for task in panel.profile.tasks:
        Registry(folder).promote(task, write_bundle(folder, train(panel, task, quick=True)).name)
    return folder


@pytest.fixture
def run(farol: Farol, tmp_path: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command with this test's database; what it printed."""

    def run(*arguments: object, code: int = 0, folder: Path = artifacts, both: bool = True) -> str:
        monkeypatch.setenv("FAROL_LOCALE", "en")
        monkeypatch.setenv("FAROL_DATA", str(tmp_path / "data"))
        models = ["--artifacts", folder] if arguments[0] not in ("check", "log") else []
        printed, errors = farol(*arguments, *models, code=code)
        return printed + (errors if both else "")

    return run


@pytest.fixture(scope="module")
def newest(sample_workbook: Path) -> list[list[object]]:
    """The sheet of 2024, the headers first."""
    book = openpyxl.load_workbook(sample_workbook, data_only=True)
    return [[cell.value for cell in row] for row in book["PEDE2024"].iter_rows()]


def write(path: Path, rows: Sequence[Sequence[object]], keep: Callable[[str], bool]) -> Path:
    """A csv file of some columns of a sheet."""
    chosen = [position for position, header in enumerate(rows[0]) if keep(str(header))]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["" if row[i] is None else row[i] for i in chosen] for row in rows])
    return path


def test_a_sheet_without_labels_is_checked_listed_and_forecast(
    run: Run, tmp_path: Path, newest: list[list[object]]
) -> None:
    file = write(tmp_path / "turma.csv", newest, lambda header: header not in ("Defasagem", "Fase Ideal"))
    assert "errors: 0," in run("check", file, "--year", 2025)
    assert "--year" in run("list", file, code=2)
    listed = json.loads(run("list", file, "--year", 2025, "--task", "current", "--format", "json", both=False))
    assert (listed["year"], {pupil["at_risk_now"] for pupil in listed["pupils"]}) == (2025, {None})
    told = run("forecast", file, "--year", 2025, "--task", "current")
    assert "pupils of 2025" in told
    assert "does not say of any pupil whether they are at risk" in run("outcomes", file, "--year", 2025, code=2)


def test_a_missing_column_is_reported_with_its_cost(run: Run, tmp_path: Path, newest: list[list[object]]) -> None:
    file = write(tmp_path / "PEDE2025.csv", newest, lambda header: header not in ("IAN", "IEG"))
    cost = "This sheet has no value of Engagement, Adequacy to the level for any pupil."
    for command in ("list", "forecast"):
        assert cost in run(command, file, "--task", "current")
    assert cost in run("drift", "--task", "current", "--input", file)


def test_drift_needs_the_columns_of_its_task_alone(run: Run, tmp_path: Path, newest: list[list[object]]) -> None:
    file = write(tmp_path / "ten-features.csv", newest, lambda header: header in FEATURES)
    report = json.loads(run("drift", "--task", "current", "--input", file, "--format", "json", both=False))
    assert report["n"] == len(newest) - 1
    told = run("drift", "--task", "current", "--input", file)
    assert "No sheet, row with values or needed column is missing." in told
    other = write(tmp_path / "x.csv", newest, lambda header: header == "Fase")
    assert "no column that can be used here" in run("drift", "--task", "current", "--input", other, code=2)


def test_drift_reads_the_logs_own_file(run: Run, tmp_path: Path, sample_workbook: Path) -> None:
    for task in ("current", "next-year"):
        run("simulate", "--n", 60, "--task", task, "--workbook", sample_workbook)
    log = tmp_path / "log.csv"
    run("log", "export", log)
    report = json.loads(run("drift", "--task", "current", "--input", log, "--format", "json", both=False))
    stored = json.loads(run("drift", "--task", "current", "--window", "all", "--format", "json", both=False))
    assert report["n"] == stored["n"] == 60


def test_training_goes_on_with_what_the_years_allow(run: Run, tmp_path: Path, sample_workbook: Path) -> None:
    folder = tmp_path / "artifacts"
    replayed = run("train", sample_workbook, "--as-of", 2022, "--quick", folder=folder)
    assert "Tested on pupils of 2022" in replayed
    assert "This task was not trained; the others were:" in replayed
    assert "two consecutive years" in replayed
    assert re.search(r"To use it: `farol models promote current \S+`\.", replayed)
    assert Registry(folder).promoted("current") is None
    run("train", sample_workbook, "--as-of", 2022, "--quick", "--task", "current", "--force", folder=folder)
    assert str(Registry(folder).promoted("current")).startswith("2022-")
    assert "two consecutive years" in run(
        "train", sample_workbook, "--as-of", 2022, "--task", "next-year", folder=folder, code=2
    )


def test_commands_know_what_the_site_was_taught(farol: Farol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pupils(20)
    rows[0][rows[0].index("Matem")] = "Nota Matemátic 2024"
    book = write_xlsx(tmp_path / "ano.xlsx", {"PEDE2024": rows})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAROL_LOCALE", "en")

    def unknown() -> tuple[bool, str]:
        printed, errors = farol("check", book, "--format", "json")
        return "Nota Matem" in printed, errors

    assert unknown() == (True, "")
    assert not (tmp_path / "data").exists(), "to look at a workbook makes no database"
    settings = Settings()
    settings.data.mkdir()
    with Store.open(settings.store_url) as store:
        kept = KeptColumn("pede", "Nota Matemátic {year}", "MATEMATICA", "2026-01-01")
        keep_columns(store, [kept], datetime.now(UTC))
    is_unknown, said = unknown()
    assert not is_unknown
    assert "known here, too: 1" in said
    (settings.data / "farol.db").write_bytes(b"no database" * 1000)
    is_unknown, said = unknown()
    assert is_unknown
    assert "are not known here" in said
