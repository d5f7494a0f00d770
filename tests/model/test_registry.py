"""Versions: which there are, which is served, and how that changes."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from farol.errors import BundleError
from farol.files import canonical_json
from farol.model import registry
from farol.model.bundle import write_bundle
from farol.model.registry import PROMOTED, Registry
from tests.bundles import make_bundle, trained_model


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts with two versions of `current` and one of `next-year`, nothing promoted; no test may change it."""
    artifacts = tmp_path_factory.mktemp("artifacts")
    make_bundle(artifacts, seed=1)
    make_bundle(artifacts, seed=2, last_year=2023)
    make_bundle(artifacts, "next-year")
    return artifacts


@pytest.fixture
def models(three: Path, tmp_path: Path) -> Registry:
    """A registry over a copy of them."""
    return Registry(Path(shutil.copytree(three, tmp_path / "artifacts")))


def names(models: Registry) -> tuple[str, str]:
    older, newer = (entry.version for entry in models.versions("current"))
    return older, newer


def test_tasks_and_versions_are_what_the_folder_has(models: Registry) -> None:
    (models.artifacts / "current" / ".2024-0123456789.abcd").mkdir()
    (models.artifacts / "empty").mkdir()
    assert models.tasks() == ["current", "next-year"]
    entries = models.versions("current")
    assert [entry.version[:5] for entry in entries] == ["2023-", "2024-"]
    assert all(entry.problem is None and entry.manifest is not None and not entry.promoted for entry in entries)
    assert models.versions("empty") == []


def test_a_folder_without_models_has_no_tasks(tmp_path: Path) -> None:
    assert Registry(tmp_path / "nothing").tasks() == []
    assert Registry(tmp_path / "nothing").promoted("current") is None


def test_a_damaged_version_is_listed_with_what_is_wrong(models: Registry) -> None:
    older, _ = names(models)
    (models.artifacts / "current" / older / "card.html").write_bytes(b"")
    first, second = models.versions("current")
    assert first.manifest is None
    assert "card.html" in str(first.problem)
    assert second.problem is None


def test_the_promoted_version_is_loaded(models: Registry) -> None:
    older, newer = names(models)
    models.promote("current", older)
    assert models.promoted("current") == older
    assert models.load("current").version == older
    assert models.load("current", newer).version == newer
    assert [entry.promoted for entry in models.versions("current")] == [True, False]
    assert models.promoted("next-year") is None


def test_rolling_back_goes_one_version_at_a_time(models: Registry) -> None:
    older, newer = names(models)
    for version in (older, newer, newer, older):
        models.promote("current", version)
    file = models.artifacts / "current" / PROMOTED
    assert json.loads(file.read_bytes()) == {"version": older, "history": [older, newer]}
    assert models.rollback("current") == newer
    assert models.rollback("current") == older
    assert models.promoted("current") == older
    with pytest.raises(BundleError, match="before the present one"):
        models.rollback("current")
    assert models.promoted("current") == older


@pytest.mark.parametrize("task", ["current", "unknown", "../current"])
def test_without_a_past_there_is_nothing_to_roll_back_to(models: Registry, task: str) -> None:
    with pytest.raises(BundleError, match="before the present one"):
        models.rollback(task)


def test_a_damaged_version_never_comes_into_use(models: Registry) -> None:
    older, newer = names(models)
    models.promote("current", older)
    models.promote("current", newer)
    (models.artifacts / "current" / older / "model.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match=r"model\.onnx"):
        models.rollback("current")
    with pytest.raises(BundleError, match=r"model\.onnx"):
        models.promote("current", older)
    assert models.promoted("current") == newer


@pytest.fixture
def unfit(tmp_path: Path) -> tuple[Registry, str]:
    """A version whose own report says that it should not be used."""
    trained = trained_model("next-year")
    report = {**json.loads(trained.files["report.json"]), "promotable": False}
    files = {**trained.files, "report.json": canonical_json(report)}
    return Registry(tmp_path), write_bundle(tmp_path, replace(trained, files=files)).name


def test_a_version_its_report_refuses_is_not_promoted(unfit: tuple[Registry, str]) -> None:
    models, version = unfit
    with pytest.raises(BundleError, match="should not be used") as caught:
        models.promote("next-year", version)
    assert "--force" in str(caught.value.fix)
    assert models.promoted("next-year") is None
    assert [entry.problem for entry in models.versions("next-year")] == [None]


def test_a_version_its_report_refuses_is_promoted_by_force(unfit: tuple[Registry, str]) -> None:
    models, version = unfit
    models.promote("next-year", version, force=True)
    assert models.promoted("next-year") == version


def test_an_unknown_version_is_refused_listing_the_known_ones(models: Registry) -> None:
    older, newer = names(models)
    for unknown in ("2025-0000000000", "../next-year", ".", ""):
        with pytest.raises(BundleError) as caught:
            models.promote("current", unknown)
        assert str(caught.value.expected) == f"one of {older}, {newer}"


def test_an_unknown_task_is_refused(models: Registry) -> None:
    with pytest.raises(BundleError, match="no version 2024-0000000000 of weather"):
        models.load("weather", "2024-0000000000")


def test_nothing_promoted_says_how_to_train_and_how_to_promote(models: Registry) -> None:
    with pytest.raises(BundleError) as caught:
        models.load("current")
    assert "farol train" in str(caught.value.fix)
    assert "`farol models list`" in str(caught.value.fix)
    assert "`farol models promote current VERSION`" in str(caught.value.fix)


def test_no_model_at_all_hints_at_another_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        Registry(tmp_path / "away").load("current")
    assert "--artifacts or FAROL_ARTIFACTS" in str(caught.value.fix)
    assert not (tmp_path / "away").exists()


def test_a_renamed_version_is_not_served_under_its_new_name(models: Registry) -> None:
    older, _ = names(models)
    folder = models.artifacts / "current" / older
    folder.rename(folder.with_name("2030-0000000000"))
    with pytest.raises(BundleError, match="another name than the model"):
        models.promote("current", "2030-0000000000")


@pytest.mark.parametrize("source", [b"", b"{", b"[]", b"\xff", b'{"version": 3, "history": []}', b'{"version": "a"}'])
def test_a_damaged_choice_is_refused_and_never_guessed(models: Registry, source: bytes) -> None:
    (models.artifacts / "current" / PROMOTED).write_bytes(source)
    with pytest.raises(BundleError, match=r"promoted\.json does not say"):
        models.load("current")


def test_a_choice_that_cannot_be_written_leaves_the_old_one(models: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    older, newer = names(models)
    models.promote("current", older)

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BundleError, match="the disk is full"):
        models.promote("current", newer)
    assert models.promoted("current") == older


def test_a_promotion_waits_for_another_and_gives_up(models: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    _, newer = names(models)
    monkeypatch.setattr(registry, "LOCK_SECONDS", 0.05)
    with closing(sqlite3.connect(models.artifacts / "current" / ".lock", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BundleError, match="another command is changing"):
            models.promote("current", newer)
    models.promote("current", newer)
    assert models.promoted("current") == newer


def test_processes_promoting_at_once_lose_no_promotion(models: Registry) -> None:
    older, newer = names(models)
    # Each process promotes one and then the other, over and over: every promotion must find its way into the history.
    code = (
        "import sys; from pathlib import Path; from farol.model.registry import Registry\n"
        "models = Registry(Path(sys.argv[1]))\n"
        "for _ in range(10):\n"
        "    for version in sys.argv[2:]:\n"
        "        models.promote('current', version)\n"
        "        assert models.promoted('current') in sys.argv[2:]\n"
    )
    command = [sys.executable, "-c", code, str(models.artifacts), older, newer]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    choice = json.loads((models.artifacts / "current" / PROMOTED).read_bytes())
    served = [*choice["history"], choice["version"]]
    # A promotion of the served version adds nothing, so the two must alternate without a gap.
    assert all(before != after for before, after in pairwise(served))
    assert len(served) >= 20
    leftovers = {entry.name for entry in (models.artifacts / "current").iterdir()} - {older, newer}
    assert leftovers == {PROMOTED, ".lock"}
