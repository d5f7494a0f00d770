from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from farol.errors import StoreError
from farol.store import driver
from farol.store.database import Store
from farol.store.driver import chosen, is_sound, sqlite
from farol.store.health import caution, probe, software
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
    assert chosen(own, "no.such.module") is own
    assert chosen(affected, "no_such_module") is affected


def test_the_newer_one_is_used_where_pythons_own_is_affected(monkeypatch: pytest.MonkeyPatch) -> None:
    affected = module_of(3, 40, 1)
    monkeypatch.setattr(driver, "import_module", {"newer": module_of(3, 53, 4), "older": module_of(3, 39, 4)}.get)
    assert chosen(affected, "newer").__dict__["sqlite_version_info"] == (3, 53, 4)
    assert chosen(affected, "older") is affected


def test_what_is_in_use_here_is_sound() -> None:
    assert is_sound(sqlite.sqlite_version_info), f"SQLite {driver.VERSION}: install what requirements/lock.txt lists"
    assert driver.SOUND
    found = sqlite.connect(":memory:").execute("SELECT sqlite_version()").fetchone()
    assert found == (driver.VERSION,)


def test_every_connection_of_the_store_is_of_that_sqlite(sqlite_store: Store) -> None:
    with sqlite_store.snapshot() as connection:
        assert connection.exec_driver_sql("SELECT sqlite_version()").scalar_one() == driver.VERSION


def test_the_database_says_what_it_is(store: Store) -> None:
    name, _, version = software(store).partition(" ")
    assert name == {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[store.engine.dialect.name]
    assert version[0].isdecimal()


def test_an_affected_sqlite_is_told_only_where_several_workers_write_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert caution(store, 2) is None
    monkeypatch.setattr(driver, "SOUND", False)
    assert caution(store, 1) is None
    told = caution(store, 2)
    if store.engine.dialect.name == "sqlite":
        assert told is not None
        assert driver.VERSION in told.render("en")
    else:
        assert told is None


def test_a_store_that_takes_rows_is_proven_to_and_nothing_in_it_changes(store: Store) -> None:
    one = row()
    store.write([one])
    probe(store)
    assert [found.id for found in store.stream()] == [one.id]


def test_a_store_that_may_only_be_read_is_told_though_it_answers(sqlite_url: str, tmp_path: Path) -> None:
    Store.open(sqlite_url).close()
    with Store.open(f"sqlite:///file:{tmp_path / 'farol.db'}?mode=ro&uri=true") as store:
        store.ping()
        with pytest.raises(StoreError, match="read-only"):
            probe(store)


def test_while_the_file_is_away_nothing_is_written_and_no_empty_one_is_made(sqlite_url: str, tmp_path: Path) -> None:
    file, away = tmp_path / "farol.db", tmp_path / "away"
    with Store.open(sqlite_url) as store:
        store.write([row()])
        file.rename(away)
        for _ in range(2):
            with pytest.raises(StoreError, match="cannot be opened"):
                store.write([row()])
            store.engine.dispose()  # a new connection makes no file either
        assert not file.exists()
        away.rename(file)
        store.write([row()])
        assert store.total() == 2


def test_a_file_put_in_the_place_of_the_one_that_was_open_is_the_one_written(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "farol.db"
    with Store.open(sqlite_url) as store, Store.open(f"sqlite:///{tmp_path}/other.db") as other:
        store.write([row()])
        other.close()
        (tmp_path / "other.db").rename(file)
        for name in ("farol.db-wal", "farol.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        store.write([row(), row()])
        assert store.total() == 2
    with Store.open(sqlite_url) as store:
        assert store.total() == 2


def test_pythons_own_module_is_not_used_on_a_store_elsewhere() -> None:
    """Two SQLites in one process do not see each other's locks."""
    folder = Path(driver.__file__).parent
    users = [file.name for file in folder.rglob("*.py") if "import sqlite3" in file.read_text(encoding="utf-8")]
    assert users == ["driver.py"]
