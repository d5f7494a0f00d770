"""The health of the database: its software, whether it takes rows at the moment, and known faults of its version."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import delete, update

from farol.i18n import Message, msg
from farol.store import sqlite
from farol.store.database import Store
from farol.store.records import Prediction, day_of, microseconds, uuid7
from farol.store.tables import counters, prediction_values, predictions


def probe(store: Store) -> None:
    """Raises StoreError unless a prediction could be stored and flushed to the disk. The data stay as they are.

    It does what a prediction does, and takes it back in the same transaction: a full disk or a read-only file still
    answers questions, and a damaged page is met only by whoever needs it.
    """
    now = datetime.now(UTC)
    row = Prediction(
        id=uuid7(now),
        at=now,
        task="",
        version="",
        source="api",
        features={},
        prediction=None,
        label="",
        probability=None,
        threshold=0.5,
        year=now.year,
        counted=None,
    )
    store.months.make(store.months.missing([row]))
    same = (predictions.c.id == row.id) & (predictions.c.at == microseconds(now))
    with store.transaction() as connection:
        connection.execute(predictions.insert(), prediction_values(row))
        connection.execute(delete(predictions).where(same))
        if store.engine.dialect.name == "sqlite":  # elsewhere other writers may wait for these rows, and we for them
            today = counters.c.day >= day_of(now)
            connection.execute(update(counters).where(today).values(cells=counters.c.cells))


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
