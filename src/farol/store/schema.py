"""Makes the tables of a new database and brings those of an earlier release up to date.

A new database is made from `farol.store.tables` and marked with the last revision: importing Alembic takes a
quarter of a second, making the tables a hundredth. A test proves that the migrations lead to the same tables.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Column, Connection, Engine, MetaData, PrimaryKeyConstraint, String, Table, inspect, text

from farol.errors import Place, StoreError
from farol.i18n import msg
from farol.store import migrations
from farol.store.engine import IMMEDIATE, describe
from farol.store.patience import Patience
from farol.store.sqlite import sqlite3
from farol.store.tables import metadata

_ADVISORY_LOCK = 0x6661726F6C  # "farol": any number that no other program locks
_REVISION = Table(  # as Alembic makes and reads it
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
_WAL_ATTEMPTS, _WAL_PAUSE = 500, 0.02  # seconds between attempts


def migrate(engine: Engine, patience: Patience | None = None) -> None:
    """Makes or updates the tables, in one transaction; nothing happens where they are up to date.

    Raises StoreError for a revision that this Farol does not know. Driver errors pass through. Changing a large table
    may take longer than `patience` has, so it does not count meanwhile.
    """
    patience = patience or Patience()
    with engine.connect() as connection:
        if revision_of(connection) == migrations.REVISIONS[-1]:
            return
    if engine.dialect.name == "sqlite":
        _use_wal(engine)
    with _without_end(patience), _locked(engine) as connection:
        # Another process may have done it while this one waited for the lock.
        revision = revision_of(connection)
        if revision is None:
            _create_tables(connection)
        elif revision != migrations.REVISIONS[-1]:
            upgrade(connection)


@contextmanager
def _without_end(patience: Patience) -> Iterator[None]:
    seconds, patience.seconds = patience.seconds, None
    try:
        yield
    finally:
        patience.seconds = seconds


def revision_of(connection: Connection) -> str | None:
    """The revision of a database's tables; None where it has none yet. StoreError for one this Farol does not know."""
    if not inspect(connection).has_table(_REVISION.name):
        return None
    revision: str | None = connection.execute(_REVISION.select()).scalar()
    if revision is not None:
        require_known(revision, describe(connection.engine.url))
    return revision


def require_known(revision: str, database: str) -> None:
    """Raises StoreError for a revision that this Farol does not know; `database` says where it was read."""
    if revision not in migrations.REVISIONS:
        raise StoreError(
            msg("This Farol does not know the tables of the database. A newer Farol made them."),
            expected=msg("revision {text} at most", text=migrations.REVISIONS[-1]),
            got=msg("revision {text}", text=revision),
            where=Place(file=database),
            fix=msg("Update Farol, or use another database: set FAROL_DATA or FAROL_DATABASE_URL."),
        )


def upgrade(connection: Connection) -> None:
    """Runs every migration that the database has not had yet, within the transaction of `connection`."""
    from alembic import command  # noqa: PLC0415  a quarter of a second that most starts do not need
    from alembic.config import Config  # noqa: PLC0415  as above

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _create_tables(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    _REVISION.create(connection, checkfirst=True)
    connection.execute(_REVISION.insert(), {"version_num": migrations.REVISIONS[-1]})


@contextmanager
def _locked(engine: Engine) -> Iterator[Connection]:
    """One transaction, during which no other process changes the tables; whoever comes second waits."""
    with engine.connect().execution_options(**{IMMEDIATE: True}) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        yield connection


def _use_wal(engine: Engine) -> None:
    """Write-ahead logging: readers and the writer do not wait for each other. The file remembers it.

    SQLite does not honour the busy timeout for this change, so processes that make the file at the same moment
    try again here. Where the file system has no shared memory the mode stays as it was; commits are safe in both.
    """
    for _ in range(_WAL_ATTEMPTS):
        if _is_wal(engine):
            return
        time.sleep(_WAL_PAUSE)


def _is_wal(engine: Engine) -> bool:
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return False
    finally:
        connection.close()
    return True
