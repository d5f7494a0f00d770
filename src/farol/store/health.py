"""The health of the database: its software, whether it takes rows at the moment, and known faults of its version."""

from __future__ import annotations

from sqlalchemy import text

from farol.i18n import Message, msg
from farol.store import sqlite
from farol.store.database import Store
from farol.store.engine import IMMEDIATE, store_errors


def probe(store: Store) -> None:
    """Raises StoreError unless a transaction can be written and flushed to the disk. The data stay as they are.

    Reading does not show it: a full disk or a read-only file still answers questions.
    """
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        if store.engine.dialect.name == "sqlite":
            # A number that SQLite keeps for applications. Farol does not use it; writing the same number writes a page.
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version = {int(version)}")
        else:
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))


def software(store: Store) -> str:
    """The database and its version, such as `SQLite 3.53.4`."""
    if store.engine.dialect.name == "sqlite":
        return f"SQLite {sqlite.VERSION}"
    return "PostgreSQL " + ".".join(map(str, store.engine.dialect.server_version_info or ()))


def caution(store: Store, workers: int) -> Message | None:
    """A warning where several workers write one SQLite file with a version that has the WAL-reset fault."""
    if store.engine.dialect.name != "sqlite" or sqlite.SOUND or workers == 1:
        return None
    return msg(
        "SQLite {version} has a fault that can damage a database to which several workers write. This is "
        "rare. Use one worker, SQLite 3.51.3 or newer, or PostgreSQL.",
        version=sqlite.VERSION,
    )
