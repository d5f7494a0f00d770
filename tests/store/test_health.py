"""The health of the database says which it is, whether it takes rows, and which known fault it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from farol.errors import StoreError
from farol.store import sqlite
from farol.store.database import Store
from farol.store.health import caution, probe, software
from tests.store.rows import row


def test_the_database_says_what_it_is(store: Store) -> None:
    name, _, version = software(store).partition(" ")
    assert name == {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[store.engine.dialect.name]
    assert version[0].isdecimal()


def test_a_faulty_sqlite_is_reported_only_with_several_workers(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert caution(store, 2) is None
    monkeypatch.setattr(sqlite, "SOUND", False)
    assert caution(store, 1) is None
    told = caution(store, 2)
    if store.engine.dialect.name == "sqlite":
        assert told is not None
        assert sqlite.VERSION in told.render("en")
    else:
        assert told is None


def test_probing_a_store_changes_nothing_in_it(store: Store) -> None:
    stored = row()
    store.write([stored])
    probe(store)
    assert [read.id for read in store.stream()] == [stored.id]


def test_a_read_only_store_is_reported_though_it_answers(sqlite_url: str, tmp_path: Path) -> None:
    Store.open(sqlite_url).close()
    with Store.open(f"sqlite:///file:{tmp_path / 'farol.db'}?mode=ro&uri=true") as store:
        store.ping()
        with pytest.raises(StoreError, match="read-only"):
            probe(store)
