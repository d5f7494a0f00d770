"""Statements that are compiled once say the same as those SQLAlchemy makes anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from farol.errors import StoreError
from farol.store.database import Store
from farol.store.sqlite import sqlite3
from farol.store.statements import MOST_ROWS, InsertRows, _begun, carry_out, driver_transaction
from farol.store.tables import predictions
from tests.store.rows import EVER, row


@pytest.mark.parametrize("n", [1, 2, 3, 7, 64, MOST_ROWS - 1, MOST_ROWS, MOST_ROWS + 1, 3 * MOST_ROWS + 5])
def test_any_number_of_rows_is_written_in_their_order(store: Store, n: int) -> None:
    rows = [row({"IAA": float(i % 10)}) for i in range(n)]
    store.write(rows)
    with store.snapshot() as connection:
        ids = connection.execute(select(predictions.c.id).order_by(predictions.c.seq)).scalars().all()
    assert ids == [stored.id for stored in rows]
    assert sum(store.counts("current", "2024-abc", row().at.date(), row().at.date())["IAA"].values()) == n


def test_columns_in_another_order_than_the_table_are_refused(sqlite_store: Store) -> None:
    columns = [column.name for column in predictions.columns if column.name != "seq"]
    swapped = InsertRows(predictions.insert(), columns[::-1], sqlite_store.engine)
    with driver_transaction(sqlite_store.engine) as cursor, pytest.raises(ValueError, match="another order"):
        carry_out(cursor, swapped.steps([[None] * len(columns)]))  # type: ignore[arg-type]  # there is one: nobody else writes


def test_beside_another_writer_a_write_neither_lands_nor_waits(sqlite_store: Store) -> None:
    with sqlite_store.exclusive():
        assert sqlite_store.write_now([row()]) is None
    assert sqlite_store.total() == 0
    rows = [row({"IAA": 1.0}), row({"IAA": 2.0})]
    assert sqlite_store.write_now(rows) == rows
    assert sqlite_store.counts("current", "2024-abc", *EVER) == {"IAA": {1: 1, 2: 1}}


def test_what_would_have_to_wait_is_not_written_now(store: Store) -> None:
    assert store.write_now([replace(row(), key_hash="a" * 64, body_hash="b")]) is None
    is_postgresql = store.engine.dialect.name == "postgresql"
    assert (store.write_now([row()]) is None) == is_postgresql
    assert store.total() == (0 if is_postgresql else 1)


def test_what_cannot_be_written_leaves_nothing_behind(sqlite_store: Store) -> None:
    first = row()
    sqlite_store.write([first])
    with pytest.raises(StoreError, match="refused the row"):
        sqlite_store.write_now([row(), first])
    assert sqlite_store.total() == 1
    with sqlite_store.exclusive():  # and no lock
        pass
    with sqlite_store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE counters")
    with pytest.raises(StoreError):
        sqlite_store.write_now([row()])


def test_another_fault_than_another_writer_is_raised(sqlite_store: Store) -> None:
    sqlite_store.write([row()])
    path = Path(str(sqlite_store.engine.url.database))
    for name in (path, Path(f"{path}-wal")):
        name.write_bytes(b"this is no database any more" * 200)
    sqlite_store.close()
    with pytest.raises(StoreError):
        sqlite_store.write_now([row()])


def test_a_fault_of_the_disk_is_not_taken_for_another_writer(sqlite_store: Store) -> None:
    class Failing:
        """A cursor whose disk fails when a transaction begins."""

        def execute(self, statement: str) -> None:
            if statement == "BEGIN IMMEDIATE":
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorname = "SQLITE_IOERR_LOCK"
                raise error

    with pytest.raises(sqlite3.OperationalError, match="disk"):
        _begun(sqlite_store.engine, Failing(), patient=False)  # type: ignore[arg-type]  # all that is asked of a cursor
