"""An error of the database is said in clear words, without its password and without a pupil's row."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, select, text

from farol.errors import FarolError, InputError, MissingExtraError, StoreError
from farol.settings import Settings
from farol.store.backup import backup, restore
from farol.store.database import Store
from farol.store.engine import parse_url, require_file
from farol.store.sqlite import sqlite3
from farol.store.tables import metadata, sessions, users
from tests.store.rows import EVER, row

SECRET = "s3cr3t pa@ss"
QUOTED = "s3cr3t%20pa%40ss"
PUPILS_VALUE = 13 / 4  # not written out: a traceback quotes these lines


def everything_told(error: FarolError) -> str:
    return "".join([*traceback.format_exception(error), *error.lines("pt_BR"), *error.lines("en"), repr(error)])


def test_a_plain_postgresql_url_uses_psycopg_and_a_time_limit() -> None:
    parsed = parse_url("postgresql://me@host/db")
    assert parsed.drivername == "postgresql+psycopg"
    assert parsed.query["connect_timeout"] == "5"
    assert parsed.query["tcp_user_timeout"] == "15000"
    assert parse_url("postgres://me@host/db?connect_timeout=60").query["connect_timeout"] == "60"


@pytest.mark.parametrize("url", ["", "no url", "postgresql://me:s3cr3t@host:port/db", "://"])
def test_an_invalid_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(StoreError, match="URL cannot be read") as caught:
        Store.open(url)
    assert "s3cr3t" not in everything_told(caught.value)


@pytest.mark.parametrize("url", ["mysql://me:s3cr3t@host/db", "postgresql+asyncpg://me:s3cr3t@host/db"])
def test_another_kind_of_database_or_driver_is_refused_by_name(url: str) -> None:
    with pytest.raises(StoreError, match="cannot use the database") as caught:
        Store.open(url)
    assert "s3cr3t" not in everything_told(caught.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file::memory:?uri=true"])
def test_a_database_that_forgets_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="in memory"):
        Store.open(url)


def test_a_driver_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError) as caught:
        Store.open("postgresql://me@host/db")
    assert ".[postgresql]" in str(caught.value)


@pytest.mark.parametrize("name", ["x%20y", "a?b=c", "100%", "turma #8 ção", "a+b&c@d:e"])
def test_the_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    settings = Settings(data=tmp_path / name)
    with Store.open(settings.store_url) as store:
        store.write([row()])
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "farol.db").is_file()
    backup(settings.store_url, tmp_path / name / "copy?%20.db")
    assert restore(settings.store_url, tmp_path / name / "copy?%20.db", force=True).rows == 1
    assert sorted(path.name for path in (tmp_path / name).iterdir() if path.suffix == ".db") == [
        "copy?%20.db",
        "farol.db",
    ]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="folder of the database cannot be made") as caught:
        Store.open(f"sqlite:///{tmp_path / 'file' / 'data' / 'farol.db'}")
    assert str(tmp_path / "file" / "data") in str(caught.value)


def test_a_database_that_must_be_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no database here yet"):
        Store.open(f"sqlite:///{tmp_path / 'away' / 'farol.db'}", existing=True)
    assert not list(tmp_path.iterdir())
    Store.open(f"sqlite:///{tmp_path / 'farol.db'}").close()
    Store.open(f"sqlite:///{tmp_path / 'farol.db'}", existing=True).close()
    with pytest.raises(StoreError, match="folder of the database cannot be made"):
        Store.open(f"sqlite:///{tmp_path / 'farol.db' / 'farol.db'}", existing=True)
    require_file(parse_url("postgresql://farol@127.0.0.1/farol"))


def test_a_folder_in_the_place_of_the_file_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(f"sqlite:///{tmp_path}")


def test_a_file_of_another_kind_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "farol.db"
    path.write_bytes(b"RA;Nome\n" * 1000)
    with pytest.raises(StoreError, match="not an SQLite database"):
        Store.open(f"sqlite:///{path}")


def test_a_damaged_file_is_an_error_with_a_way_out(sqlite_url: str, tmp_path: Path) -> None:
    with Store.open(sqlite_url) as store:
        store.write([row() for _ in range(50)])
    path = tmp_path / "farol.db"
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(StoreError, match="damaged") as caught:
        Store.open(sqlite_url)
    assert "recover" in str(caught.value)


def test_a_read_only_file_answers_questions_and_refuses_rows(sqlite_url: str, tmp_path: Path) -> None:
    with Store.open(sqlite_url) as store:
        store.write([row()])
    with Store.open(f"sqlite:///file:{tmp_path / 'farol.db'}?mode=ro&uri=true") as store:
        assert store.total() == 1
        with pytest.raises(StoreError, match="read-only"):
            store.write([row()])


def test_a_read_only_file_without_tables_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "farol.db"
    sqlite3.connect(path).execute("CREATE TABLE other (x)").connection.close()
    with pytest.raises(StoreError, match="read-only"):
        Store.open(f"sqlite:///file:{path}?mode=ro&uri=true")


def test_a_full_disk_is_reported_and_counters_equal_rows(sqlite_store: Store) -> None:
    def limit(connection: sqlite3.Connection, _entry: object) -> None:
        connection.execute("PRAGMA max_page_count = 20")

    sqlite_store.write([row({"IAA": 1.0})])
    sqlite_store.engine.dispose()
    event.listen(sqlite_store.engine, "connect", limit)
    with pytest.raises(StoreError, match="disk is full"):
        sqlite_store.write([row({"IAA": 1.0}) for _ in range(1000)])
    assert sqlite_store.total() == 1
    assert sqlite_store.counts("current", "2024-abc", *EVER) == {"IAA": {1: 1}}


def test_a_file_that_stays_locked_is_reported_after_the_timeout(sqlite_url: str, tmp_path: Path) -> None:
    with Store.open(f"{sqlite_url}?timeout=0.01") as store:
        other = sqlite3.connect(tmp_path / "farol.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program"):
            store.write([row()])
        other.execute("ROLLBACK")
        other.close()
        store.write([row()])


def test_a_database_that_is_not_ours_is_refused_with_its_code(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("DROP TABLE predictions"))
    with pytest.raises(StoreError, match="database refused") as caught:
        store.write([row({"IAA": PUPILS_VALUE})])
    assert ("SQLITE_ERROR" if store.engine.dialect.name == "sqlite" else "42P01") in str(caught.value)
    assert str(PUPILS_VALUE) not in everything_told(caught.value)


def test_a_row_the_database_refuses_is_not_repeated_in_the_error(store: Store) -> None:
    stored = row({"IAA": PUPILS_VALUE})
    store.write([stored])
    with pytest.raises(StoreError, match="refused the row") as caught:
        store.write([stored])
    told = everything_told(caught.value)
    assert str(PUPILS_VALUE) not in told
    assert stored.label not in told


def test_too_many_users_at_once_is_reported(sqlite_store: Store) -> None:
    sqlite_store.engine.pool._timeout = 0.01  # type: ignore[attr-defined]  # waiting half a minute proves no more
    held = [sqlite_store.engine.connect() for _ in range(15)]
    with pytest.raises(StoreError, match="connections to the database are in use"):
        sqlite_store.ping()
    for connection in held:
        connection.close()


@pytest.fixture
def role(postgresql_url: str) -> Iterator[str]:
    """A PostgreSQL user who may connect to an empty database and nothing else."""
    with Store.open(postgresql_url) as store, store.engine.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(text('CREATE ROLE "guest" LOGIN'))
    yield "guest"
    with Store.open(postgresql_url) as store, store.engine.begin() as connection:
        connection.execute(text('DROP ROLE "guest"'))


@pytest.mark.postgresql
def test_a_user_without_rights_learns_which_are_needed(postgresql_url: str, role: str) -> None:
    with pytest.raises(StoreError, match="may not do this") as caught:
        Store.open(postgresql_url.replace("postgres@", f"{role}@"))
    assert "Grant" in str(caught.value)


@pytest.mark.postgresql
def test_a_replica_is_read_only(postgresql_url: str) -> None:
    Store.open(postgresql_url).close()
    options = "&options=-c%20default_transaction_read_only%3Don"
    with Store.open(postgresql_url + options) as store, pytest.raises(StoreError, match="read-only"):
        store.write([row()])


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "change",
    [
        ("postgres@", f"unknown:{QUOTED}@"),
        ("postgres@", f"{QUOTED}:{QUOTED}@"),  # the server's answer quotes the user, which is the password here
        ("/farol_", f"/unknown_{SECRET[:6]}"),
    ],
)
def test_a_wrong_user_or_name_is_reported_without_the_password(postgresql_url: str, change: tuple[str, str]) -> None:
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        Store.open(postgresql_url.replace(*change))
    assert "does not exist" in str(caught.value)
    assert SECRET not in everything_told(caught.value)
    assert QUOTED not in everything_told(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{QUOTED}@127.0.0.1:1/farol",
        f"postgresql://me@127.0.0.1:1/farol?password={QUOTED}",
    ],
)
def test_a_silent_server_is_reported_without_the_password(url: str) -> None:
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        Store.open(url)
    assert "FAROL_DATABASE_URL" in str(caught.value)
    assert SECRET not in everything_told(caught.value)


@pytest.mark.postgresql
def test_a_nul_in_a_text_is_no_fault_of_the_database(postgresql_url: str) -> None:
    """What people type into a form or an address is looked for as it is: it must not look like an outage."""
    with Store.open(postgresql_url) as store:
        with pytest.raises(InputError, match="cannot be stored"), store.reading() as connection:
            connection.execute(select(users.c.id).where(users.c.login == "a\0b"))
        with pytest.raises(InputError, match="cannot be stored"), store.transaction() as connection:
            connection.execute(sessions.insert(), [{"digest": "\0", "user": "u", "created": 1, "seen": 1, "ends": 2}])
        assert store.total() == 0
