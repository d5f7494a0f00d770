"""The SQLite in use has no WAL-reset fault, and rows go into the file at the path or nowhere."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from farol.errors import StoreError
from farol.store import sqlite
from farol.store.database import Store
from farol.store.sqlite import choose, is_sound, sqlite3
from tests.store.rows import row


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ((3, 7, 0), False),
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 0), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 4), True),
    ],
)
def test_the_versions_with_the_wal_reset_fault_are_known(version: tuple[int, ...], sound: bool) -> None:
    assert is_sound(version) is sound


def module_of(*version: int) -> ModuleType:
    module = ModuleType("sqlite")
    module.__dict__["sqlite_version_info"] = version
    return module


def test_pythons_own_is_used_where_it_is_sound_or_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    own, affected = module_of(3, 51, 3), module_of(3, 40, 1)
    assert choose(own, "no.such.module") is own
    assert choose(affected, "no_such_module") is affected


def test_the_newer_one_is_used_where_pythons_own_is_affected(monkeypatch: pytest.MonkeyPatch) -> None:
    affected = module_of(3, 40, 1)
    monkeypatch.setattr(sqlite, "import_module", {"newer": module_of(3, 53, 4), "older": module_of(3, 39, 4)}.get)
    assert choose(affected, "newer").__dict__["sqlite_version_info"] == (3, 53, 4)
    assert choose(affected, "older") is affected


def test_the_sqlite_in_use_is_sound() -> None:
    assert is_sound(sqlite3.sqlite_version_info), f"SQLite {sqlite.VERSION}: install what requirements/lock.txt lists"
    assert sqlite.SOUND
    version = sqlite3.connect(":memory:").execute("SELECT sqlite_version()").fetchone()
    assert version == (sqlite.VERSION,)


def test_every_connection_of_the_store_is_of_that_sqlite(sqlite_store: Store) -> None:
    with sqlite_store.snapshot() as connection:
        assert connection.exec_driver_sql("SELECT sqlite_version()").scalar_one() == sqlite.VERSION


def test_no_empty_file_is_made_while_the_file_is_away(sqlite_url: str, tmp_path: Path) -> None:
    file, away = tmp_path / "farol.db", tmp_path / "away"
    with Store.open(sqlite_url) as store:
        store.write([row()])
        file.rename(away)
        for _ in range(2):
            with pytest.raises(StoreError, match="not where it was"):
                store.write([row()])
            store.engine.dispose()  # a new connection makes no file either
        assert not file.exists()
        away.rename(file)
        store.write([row()])
        assert store.total() == 2


def test_pythons_own_module_is_not_used_on_a_store_elsewhere() -> None:
    """Two SQLites in one process do not see each other's locks."""
    folder = Path(sqlite.__file__).parent
    imports = re.compile(r"^\s*import sqlite3|import_module\(.sqlite3", re.MULTILINE)
    users = [file.name for file in folder.rglob("*.py") if imports.search(file.read_text(encoding="utf-8"))]
    assert users == ["sqlite.py"]
