"""Which database this is, whether it takes rows just now, and what is to be feared of it."""

from __future__ import annotations

from sqlalchemy import text

from farol.i18n import Message, msg
from farol.store import driver
from farol.store.database import Store
from farol.store.engine import IMMEDIATE, store_errors


def probe(store: Store) -> None:
    """Raises StoreError unless a transaction can be written and flushed to the disk. Changes nothing that is stored.

    Reading tells less: a full disk or a file that may not be written answers questions as ever.
    """
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        if store.engine.dialect.name == "sqlite":
            # A number for applications, which we do not use: set to what it is, its page is written all the same.
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version = {int(version)}")
        else:
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))


def software(store: Store) -> str:
    """The database and its version, such as `SQLite 3.53.4`."""
    if store.engine.dialect.name == "sqlite":
        return f"SQLite {driver.VERSION}"
    return "PostgreSQL " + ".".join(map(str, store.engine.dialect.server_version_info or ()))


def caution(store: Store, workers: int) -> Message | None:
    """What to fear where several processes write one SQLite file through an SQLite that has the WAL-reset fault."""
    if store.engine.dialect.name != "sqlite" or driver.SOUND or workers == 1:
        return None
    return msg(
        "SQLite {version} has a fault that may, rarely, damage a database that several workers write. "
        "Serve with one worker, or use SQLite 3.51.3 or newer, or PostgreSQL.",
        version=driver.VERSION,
    )
