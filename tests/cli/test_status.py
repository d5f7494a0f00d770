"""`farol status`, as a person and as cron run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from farol.model.registry import Registry
from farol.store.database import Store
from tests.bundles import make_bundle, put_into_use
from tests.cli.conftest import Farol, Run
from tests.web.site import build_site


@pytest.fixture
def run(farol: Farol, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`farol status` of a folder; what it wrote to its output."""

    def run(folder: Path, *arguments: str, code: int = 0) -> str:
        monkeypatch.setenv("FAROL_LOCALE", "en")
        folders = ["--artifacts", folder / "artifacts", "--data", folder / "data"]
        return farol("status", *arguments, *folders, code=code)[0]

    return run


def with_database(folder: Path) -> None:
    Store.open(f"sqlite:///{folder / 'data' / 'farol.db'}").close()


def test_something_to_do_has_its_reason_and_exit_code_1(run: Run, tmp_path: Path) -> None:
    build_site(tmp_path)
    told = run(tmp_path, code=1)
    assert "Look at the data: Changed, and not in one level, class or source alone: “Self-evaluation”" in told
    assert "Not certain yet: Wait for more predictions." in told
    assert "→ `farol drift --task next-year" in told
    body = json.loads(run(tmp_path, "--format", "json", code=1))
    assert body["to_do"]
    assert [task["task"] for task in body["tasks"]] == ["next-year", "current"]


def test_nothing_to_do_is_exit_code_0(run: Run, tmp_path: Path) -> None:
    Registry(tmp_path / "artifacts").promote(
        "current", make_bundle(tmp_path / "artifacts", report={"served": {"years": [2040]}}).name
    )
    with_database(tmp_path)
    assert json.loads(run(tmp_path, "--format", "json"))["to_do"] is False
    with_database(tmp_path / "empty")
    assert "No model is in use yet." in run(tmp_path / "empty")


def test_an_unusable_database_is_reported_for_each_model(run: Run, tmp_path: Path) -> None:
    put_into_use(tmp_path / "artifacts", "current")
    (tmp_path / "data").write_text("")
    assert "the model or the database cannot be read" in run(tmp_path, code=1)


ONLY_READING = (
    ("status",),
    ("drift",),
    ("drift", "--multivariate"),
    ("estimate",),
    ("report", "--task", "current"),
    ("log", "export", "log.csv"),
    ("students", "export", "RA-1"),
    ("students", "erase", "RA-1"),
    ("keys", "list"),
    ("keys", "revoke", "000000000000"),
    ("alerts", "status"),
    ("alerts", "check"),
    ("alerts", "retry"),
    ("store", "recount"),
    ("store", "purge", "--older-than", "90d"),
    ("store", "compact"),
    ("store", "backup", "copy.db"),
)


@pytest.mark.parametrize("arguments", ONLY_READING, ids=" ".join)
def test_looking_into_a_missing_folder_makes_no_database(
    farol: Farol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    put_into_use(tmp_path / "artifacts", "current")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAROL_LOCALE", "en")
    _, told = farol(*arguments, "--data", "away", code=2)
    assert "There is no database here yet." in told
    assert str(tmp_path / "away" / "farol.db") in told.replace("\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["artifacts"]
