from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from farol.errors import StoreError
from farol.store import migrations, schema
from farol.store.database import Store
from farol.store.engine import open_engine
from farol.store.sqlite import sqlite3
from farol.store.tables import metadata
from tests.store.rows import row

OPEN_AND_WRITE = """
import sys
from farol.store.database import Store
from tests.store.rows import row
sys.stdin.readline()
with Store.open(sys.argv[1]) as store:
    store.write([row()])
"""


def test_a_new_database_has_what_the_migrations_lead_to(url: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        schema.upgrade(connection)
        options = {"compare_type": True, "include_object": ours(engine.dialect.name)}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    migrated = described(engine)
    with engine.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    engine.dispose()
    with Store.open(url) as store:
        assert described(store.engine) == migrated
    assert differences == []
    assert migrated[""] == (migrations.REVISIONS[-1],)


def test_a_database_that_was_migrated_takes_predictions(url: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        schema.upgrade(connection)
    engine.dispose()
    stored = row()
    with Store.open(url) as store:
        store.write([stored])
        assert [prediction.id for prediction in store.stream()] == [stored.id]


def ours(dialect: str) -> Callable[..., bool]:
    """Alembic does not look at `ddl_if`: an index that one kind of database alone has says so in its `info`."""
    return lambda thing, *_: getattr(thing, "info", {}).get("dialect", dialect) == dialect


def described(engine: Engine) -> dict[str, object]:
    """All that a database knows of its tables; columns by name, in whatever order."""
    inspector = inspect(engine)
    versions = text("SELECT version_num FROM alembic_version")
    with engine.connect() as connection:
        tables: dict[str, object] = {"": tuple(connection.execute(versions).scalars())}
    for table in inspector.get_table_names():
        tables[table] = (
            {column["name"]: {**column, "type": str(column["type"])} for column in inspector.get_columns(table)},
            inspector.get_pk_constraint(table),
            sorted(inspector.get_unique_constraints(table), key=str),
            sorted(inspector.get_check_constraints(table), key=str),
            sorted(inspector.get_foreign_keys(table), key=str),
            sorted(
                str({**index, "dialect_options": {name: str(text) for name, text in index["dialect_options"].items()}})
                for index in inspector.get_indexes(table)
            ),
        )
    return tables


def test_every_revision_is_listed_in_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert tuple(step.revision for step in reversed(list(script.walk_revisions()))) == migrations.REVISIONS


def test_processes_that_start_at_once_migrate_once_and_all_work(url: str) -> None:
    arguments = [sys.executable, "-c", OPEN_AND_WRITE, url]
    processes = [
        subprocess.Popen(arguments, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    with Store.open(url) as store:
        assert store.total() == 3


def test_a_process_that_comes_second_leaves_what_the_first_made(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(url) as first:
        first.write([row()])
        look = schema.revision_of
        # The first look is too early: the other process makes its tables between it and the lock.
        too_early = iter([True, False])
        monkeypatch.setattr(schema, "revision_of", lambda connection: None if next(too_early) else look(connection))
        with Store.open(url) as second:
            assert second.total() == 1


def test_an_up_to_date_database_is_opened_without_alembic(sqlite_url: str) -> None:
    Store.open(sqlite_url).close()
    code = (
        "import sys; from farol.store.database import Store; Store.open(sys.argv[1]).close(); "
        "sys.exit('alembic' in sys.modules or 'psycopg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, sqlite_url], check=False, timeout=60).returncode == 0


def test_a_database_of_an_unknown_revision_is_refused(url: str) -> None:
    with Store.open(url) as store, store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="does not know the tables") as caught:
        Store.open(url)
    told = str(caught.value)
    assert "9999" in told
    assert migrations.REVISIONS[-1] in told
    assert "Update Farol, or use another database" in told
    with pytest.raises(StoreError):  # it was left as it was
        Store.open(url)


def test_tables_that_cannot_all_be_made_are_not_made_at_all(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    create_tables = schema._create_tables

    def interrupted(connection: Connection) -> None:
        create_tables(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(schema, "_create_tables", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Store.open(url)
    monkeypatch.undo()
    engine = open_engine(url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    with Store.open(url) as store:
        assert store.total() == 0


def test_a_lock_held_while_the_file_is_being_made_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "farol.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    is_wal = schema._is_wal
    attempts = []

    def attempt(engine: Engine) -> bool:
        attempts.append(is_wal(engine))
        if len(attempts) == 3:
            other.execute("COMMIT")
        return attempts[-1]

    monkeypatch.setattr(schema, "_is_wal", attempt)
    with Store.open(f"sqlite:///{path}?timeout=0.01") as store:
        store.write([row()])
    assert attempts == [False, False, False, True]
    other.close()


def test_a_lock_that_is_never_released_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_WAL_ATTEMPTS", 2)
    path = tmp_path / "farol.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another program"):
        Store.open(f"sqlite:///{path}?timeout=0.01")
    other.close()


def test_a_database_whose_making_was_cut_off_is_made(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.begin() as connection:
        schema._REVISION.create(connection)
    engine.dispose()
    with Store.open(sqlite_url) as store:
        store.write([row()])
        assert store.total() == 1


def test_a_database_of_an_earlier_revision_is_upgraded(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # There is one revision so far: what a second one would do is not there, that it would be asked for is.
    engine, asked = open_engine(sqlite_url), []
    schema.migrate(engine)
    monkeypatch.setattr(migrations, "REVISIONS", (*migrations.REVISIONS, "9999"))
    monkeypatch.setattr(schema, "upgrade", lambda connection: asked.append(schema.revision_of(connection)))
    schema.migrate(engine)
    engine.dispose()
    assert asked == [migrations.REVISIONS[0]]
