from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Column, Connection, Date, Engine, Integer, MetaData, Table, Text, inspect, text
from sqlalchemy.exc import IntegrityError

from farol.errors import StoreError
from farol.store import migrations, schema
from farol.store.database import Store, _prediction_values
from farol.store.driver import sqlite
from farol.store.engine import open_engine
from farol.store.records import Prediction
from farol.store.tables import metadata, predictions
from tests.store.rows import row

OPEN_AND_WRITE = """
import sys
from farol.store.database import Store
from tests.store.rows import row
sys.stdin.readline()
with Store.open(sys.argv[1]) as store:
    store.write([row()])
"""


def test_the_migrations_lead_to_the_tables_the_code_uses(url: str) -> None:
    upgraded_to(url, "head")
    with Store.open(url) as store, store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_new_database_is_what_the_migrations_lead_to(url: str) -> None:
    with Store.open(url) as store:
        made = described(store.engine)
        with store.engine.begin() as connection:
            metadata.drop_all(connection)
            connection.execute(text("DROP TABLE alembic_version"))
    upgraded_to(url, "head")
    with Store.open(url) as store:
        assert described(store.engine) == made
    assert made[""] == (migrations.REVISIONS[-1],)


def described(engine: Engine) -> dict[str, object]:
    """All that a database knows of its tables; columns by name, since some were added to tables that were there."""
    inspector = inspect(engine)
    versions = text("SELECT version_num FROM alembic_version")
    with engine.connect() as connection:
        found: dict[str, object] = {"": tuple(connection.execute(versions).scalars())}
    for table in inspector.get_table_names():
        found[table] = (
            {column["name"]: {**column, "type": str(column["type"])} for column in inspector.get_columns(table)},
            inspector.get_pk_constraint(table),
            sorted(inspector.get_unique_constraints(table), key=str),
            sorted(inspector.get_check_constraints(table), key=str),
            sorted(inspector.get_foreign_keys(table), key=str),
            sorted(
                str({**one, "dialect_options": {name: str(text) for name, text in one["dialect_options"].items()}})
                for one in inspector.get_indexes(table)
            ),
        )
    return found


def test_every_revision_is_listed_in_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert tuple(one.revision for one in reversed(list(script.walk_revisions()))) == migrations.REVISIONS


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
        found = schema.revision_of
        answers = iter([None, found])
        # The first look is too early: the other process made its tables between it and our lock.
        monkeypatch.setattr(schema, "revision_of", lambda c: look(c) if (look := next(answers)) else None)
        with Store.open(url) as second:
            assert second.total() == 1


def test_an_up_to_date_database_is_opened_without_alembic(sqlite_url: str) -> None:
    Store.open(sqlite_url).close()
    code = (
        "import sys; from farol.store.database import Store; Store.open(sys.argv[1]).close(); "
        "sys.exit('alembic' in sys.modules or 'psycopg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, sqlite_url], check=False, timeout=60).returncode == 0


def test_a_database_of_a_newer_farol_is_refused(url: str) -> None:
    with Store.open(url) as store, store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer version") as caught:
        Store.open(url)
    assert "9999" in str(caught.value)
    assert migrations.REVISIONS[-1] in str(caught.value)


def test_a_lock_held_while_the_file_is_being_made_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "farol.db"
    other = sqlite.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")

    def let_go() -> None:
        time.sleep(0.2)
        other.execute("COMMIT")

    thread = threading.Thread(target=let_go)
    thread.start()
    with Store.open(f"sqlite:///{path}?timeout=0.01") as store:
        store.write([row()])
    thread.join()
    other.close()


def test_a_lock_that_is_never_released_is_an_error_and_not_an_endless_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_WAL_ATTEMPTS", 2)
    path = tmp_path / "farol.db"
    other = sqlite.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another program"):
        Store.open(f"sqlite:///{path}?timeout=0.01")
    other.close()


def upgraded_to(url: str, revision: str) -> None:
    """A database as the Farol of that revision made it."""
    engine = open_engine(url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


FEATURE_COUNTS = Table(
    "feature_counts",
    MetaData(),
    Column("task", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("feature", Text, primary_key=True),
    Column("bin", Integer, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
)
"""How 0001 counted, a row for each bin; 0020 made one tally of a day."""


def values_of_the_first_farol(row: Prediction) -> dict[str, object]:
    """The columns that a row had at the beginning."""
    later = {"student", "class", "year", "key_hash", "body_hash"}
    return {name: value for name, value in _prediction_values(row).items() if name not in later}


def test_a_database_of_the_first_farol_keeps_its_rows_and_takes_answers_that_are_none(url: str) -> None:
    upgraded_to(url, "0001")
    engine = open_engine(url)
    old = [row({"IAA": 7.5}), row({"IAA": None}, task="next-year", probability=0.25)]
    with engine.begin() as connection:
        for one in old:
            connection.execute(predictions.insert(), values_of_the_first_farol(one))
        connection.execute(
            FEATURE_COUNTS.insert(),
            {"task": "current", "version": "v", "day": date(2024, 5, 10), "feature": "IAA", "bin": 7, "count": 41},
        )
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(predictions.insert(), values_of_the_first_farol(replace(row(), prediction=None)))
    engine.dispose()

    with Store.open(url) as store:
        none = replace(row(), prediction=None, probability=None, label="Sem resposta")
        store.write([none])
        found = list(store.stream())
        assert [one.id for one in found] == [*(one.id for one in old), none.id]
        assert [(one.prediction, one.probability) for one in found] == [(1, 0.75), (1, 0.25), (None, None)]
        assert {(one.student, one.year, one.key_hash, one.body_hash) for one in found} == {(None, None, None, None)}
        assert [dict(one.features) for one in found[:2]] == [dict(one.features) for one in old]
        assert store.counts("current", "v", date(2024, 5, 10), date(2024, 5, 10)) == {"IAA": {7: 41}}
        assert [one.id for one in store.latest(5, "next-year")] == [old[1].id]
        with pytest.raises(StoreError, match="refused the row"):  # an id is still stored once
            store.write([none])
        with store.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
            assert {index["name"] for index in inspect(connection).get_indexes("predictions")} >= {
                "ix_predictions_task_seq",
                "ix_predictions_at",
                "ix_predictions_student",
                "ux_predictions_key_hash",
            }


def test_an_update_that_fails_half_way_leaves_the_database_as_it_was(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgraded_to(sqlite_url, "0001")

    def upgrade(connection: Connection) -> None:
        _upgrade(connection)
        raise KeyboardInterrupt

    _upgrade = schema._upgrade
    monkeypatch.setattr(schema, "_upgrade", upgrade)
    with pytest.raises(KeyboardInterrupt):
        Store.open(sqlite_url)
    monkeypatch.undo()
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        assert schema.revision_of(connection) == "0001"
        nullable = {column["name"]: column["nullable"] for column in inspect(connection).get_columns("predictions")}
    engine.dispose()
    assert not nullable["prediction"]
    Store.open(sqlite_url).close()


def test_the_tables_of_watching_come_and_go_and_the_rest_stays(url: str) -> None:
    with Store.open(url) as store:
        store.write([row()])
    engine = open_engine(url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    watching = {"events", "alert_states", "outbox", "turns"}
    with engine.begin() as connection:
        assert watching <= set(inspect(connection).get_table_names())
        config.attributes["connection"] = connection
        command.downgrade(config, "0020")
    with engine.begin() as connection:
        assert not watching & set(inspect(connection).get_table_names())
        assert connection.execute(text("SELECT count(*) FROM predictions")).scalar_one() == 1
    engine.dispose()
    with Store.open(url) as store:
        assert store.total() == 1
        with store.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
