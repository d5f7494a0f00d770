"""Brings a database forward to the tables this program knows, once, whoever else is starting at the same time.

A new one is made as it is to be; one that an older Farol made goes through the migrations. A test proves that both lead
to the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, Engine, MetaData, PrimaryKeyConstraint, String, Table, inspect, text

from farol.errors import Place, StoreError
from farol.i18n import msg
from farol.store import migrations
from farol.store.driver import sqlite
from farol.store.engine import IMMEDIATE, describe
from farol.store.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config

_ADVISORY_LOCK = 0x6661726F6C  # "farol": any number that no other program locks
_VERSION = Table(  # as Alembic makes and reads it
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
_WAL_ATTEMPTS, _WAL_PAUSE = 500, 0.02  # seconds between attempts


def migrate(engine: Engine) -> None:
    """Makes or updates the tables; nothing happens where they are up to date.

    Raises StoreError when a newer Farol has been here. Driver errors pass through.
    """
    with engine.connect() as connection:
        if revision_of(connection) == migrations.REVISIONS[-1]:
            return
    if engine.dialect.name == "sqlite":
        _use_wal(engine)
    with alone(engine) as connection:
        # Another process may have done it while we waited for the lock.
        if revision_of(connection) != migrations.REVISIONS[-1]:
            _upgrade(connection)


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """One transaction, during which no other process changes the tables; whoever comes second waits."""
    with engine.connect().execution_options(**{IMMEDIATE: True}) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        yield connection


def revision_of(connection: Connection) -> str | None:
    """Which revision a database is at, None when it is empty; StoreError when a newer Farol made it."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    found: str | None = connection.execute(_VERSION.select()).scalar()
    if found is not None and found not in migrations.REVISIONS:
        raise StoreError(
            msg("The database was made by a newer version of Farol."),
            expected=msg("revision {text} at most", text=migrations.REVISIONS[-1]),
            got=msg("revision {text}", text=found),
            where=Place(file=describe(connection.engine.url)),
            fix=msg("Update Farol, or use another database."),
        )
    return found


def _use_wal(engine: Engine) -> None:
    """Write-ahead logging: readers and the writer do not wait for each other. The file remembers it.

    SQLite does not honour the busy timeout for this change, so processes that make the file at the same moment
    take turns here. Where the file system has no shared memory the mode stays as it was; commits are safe in both.
    """
    for _ in range(_WAL_ATTEMPTS):
        if _is_wal(engine):
            return
        time.sleep(_WAL_PAUSE)


def _is_wal(engine: Engine) -> bool:
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
    except sqlite.OperationalError as error:
        if error.sqlite_errorcode != sqlite.SQLITE_BUSY:
            raise
        return False
    finally:
        connection.close()
    return True


def _upgrade(connection: Connection) -> None:
    if not inspect(connection).has_table(_VERSION.name):
        metadata.create_all(connection, checkfirst=False)
        _VERSION.create(connection)
        connection.execute(_VERSION.insert(), {"version_num": migrations.REVISIONS[-1]})
        return
    # Alembic takes a third of a second to import, and only an older database needs it.
    from alembic import command  # noqa: PLC0415

    command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: Connection) -> Config:
    """What Alembic needs to know of our revisions; they run in the transaction of `connection`."""
    from alembic.config import Config  # noqa: PLC0415  as above

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
