"""`farol students` and `farol store`, as a person runs them."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from farol.intake.uploads import FOLDER
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.store.database import Store
from farol.store.statements import cursor_of
from tests.bundles import put_into_use
from tests.cli.conftest import Run
from tests.intake.sending import send, settings_of
from tests.store.rows import row
from tests.store.scored import answered, pupils

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_into_use(tmp_path_factory.mktemp("cli-store") / "artifacts", "current")


@pytest.fixture
def store(tmp_path: Path, artifacts: Path) -> Store:
    """The database of this test's service: forty answers, ten of them of one pupil, and all of two days."""
    (tmp_path / "artifacts").symlink_to(artifacts)
    scorer = Scorer(Registry(artifacts).load("current"))
    store = Store.open(f"sqlite:///{tmp_path / 'data' / 'farol.db'}")
    for position, values in enumerate(pupils(scorer, 40)):
        at = NOW - timedelta(days=500 if position < 15 else 0)
        store.write([answered(scorer, values, at=at, student="RA-7" if position % 4 == 0 else None)])
    store.close()
    return store


def test_a_pupil_is_exported_to_the_screen_or_to_a_private_file(store: Store, run: Run, tmp_path: Path) -> None:
    shown = json.loads(run("students", "export", "RA-7"))
    assert (shown["student"], len(shown["predictions"])) == ("RA-7", 10)
    assert "wrote out/pupil.json" in run("students", "export", " RA-7 ", "--output", "out/pupil.json")
    file = tmp_path / "out" / "pupil.json"
    assert json.loads(file.read_text())["predictions"] == shown["predictions"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "--overwrite" in run("students", "export", "RA-7", "--output", "out/pupil.json", code=2)
    assert json.loads(run("students", "export", "RA-8"))["predictions"] == []


def test_what_cannot_be_a_code_is_refused_and_not_repeated(store: Store, run: Run) -> None:
    for command in ("export", "erase"):
        printed = run("students", command, "segredo" * 10, code=2)
        assert "1 to 64 characters" in printed
        assert "segredo" not in printed


def test_counters_are_true_after_a_pupil_is_erased(store: Store, run: Run) -> None:
    printed = run("students", "erase", "RA-7")
    assert "erased predictions of this pupil: 10" in printed
    assert "no longer count in the measurement of drift" in printed
    assert "backup" in printed
    assert store.total() == 30
    assert "all counters agree with the predictions" in run("store", "recount")
    again = run("students", "erase", "RA-7")
    assert "erased predictions of this pupil: 0" in again
    assert "no longer count" not in again


def test_a_pupil_who_is_erased_is_in_no_upload(store: Store, run: Run, tmp_path: Path) -> None:
    book = tmp_path / "PEDE2024.csv"
    book.write_text("RA;Turma\nRA-7;3B\n")
    settings = settings_of(tmp_path)
    send(settings, store, book)
    printed = run("students", "erase", "RA-7")
    assert "deleted workbooks that were sent by a page" in printed
    assert not (settings.data / FOLDER).exists()


def test_erasing_says_what_counters_of_lost_models_count(store: Store, run: Run) -> None:
    store.write([replace(row(), student="RA-9"), row()])
    printed = run("students", "erase", "RA-9")
    assert "The counters of current 2024-abc still count some of them." in printed
    assert "store recount --repair" in printed


def test_counters_are_proven_and_mended(store: Store, run: Run) -> None:
    assert "predictions counted again: 40" in run("store", "recount")
    with store.exclusive() as connection:
        for key, (layout, cells) in store.counters.stored(connection).items():
            store.counters.put(cursor_of(connection), {key: (layout, cells + (cells > 0))})
    told = run("store", "recount", code=1)
    assert "IAA, bin" in told
    assert "more; --format json has all" in told
    body = json.loads(run("store", "recount", "--format", "json", code=1))
    assert (body["rows"], body["repaired"], body["unproven"]) == (40, False, [])
    first = body["differences"][0]
    assert first["counted"] == first["rows"] + 1
    assert first.keys() == {"task", "version", "day", "slice", "name", "bin", "counted", "rows"}
    assert f"wrong counters, now corrected: {len(body['differences'])}" in run("store", "recount", "--repair")
    assert json.loads(run("store", "recount", "--format", "json"))["differences"] == []


def test_unproven_rows_are_reported_and_are_no_difference(store: Store, run: Run) -> None:
    store.write([row()])
    told = run("store", "recount")
    assert "current 2024-abc: predictions that cannot be counted again: 1. There is no version 2024-abc" in told
    (unproven,) = json.loads(run("store", "recount", "--format", "json"))["unproven"]
    assert (unproven["version"], unproven["rows"], unproven["problem"]["code"]) == ("2024-abc", 1, "bundle")


def test_old_predictions_are_purged_and_the_counters_stay_true(store: Store, run: Run) -> None:
    assert "with their part in the counters: 15" in run("store", "purge", "--older-than", "400d")
    assert store.total() == 25
    assert "predictions counted again: 25" in run("store", "recount")
    assert "400d" in run("store", "purge", "--older-than", "a year", code=2)


def test_a_backup_is_written_and_put_back(store: Store, run: Run) -> None:
    assert "wrote predictions to copy.db: 40" in run("store", "backup", "copy.db")
    assert "exists already" in run("store", "backup", "copy.db", code=2)
    run("students", "erase", "RA-7")
    assert "--force" in run("store", "restore", "copy.db", code=2)
    printed = run("store", "restore", "copy.db", "--force")
    assert "restored predictions from copy.db: 40" in printed
    assert "erase them again" in printed
    assert "restored predictions from copy.db: 40" in run("store", "restore", "copy.db", "--data", "elsewhere")
    assert "all counters agree with the predictions" in run("store", "recount")
