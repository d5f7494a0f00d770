"""Statements that are compiled once say the same as those SQLAlchemy makes anew."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from farol.store.database import Store
from farol.store.statements import MOST_ROWS, Rows
from farol.store.tables import predictions
from tests.store.rows import row


@pytest.mark.parametrize("n", [1, 2, 3, 7, 64, MOST_ROWS - 1, MOST_ROWS, MOST_ROWS + 1, 3 * MOST_ROWS + 5])
def test_any_number_of_rows_is_written_in_their_order(store: Store, n: int) -> None:
    rows = [row({"IAA": float(i % 10)}) for i in range(n)]
    store.write(rows)
    with store.moment() as connection:
        found = connection.execute(select(predictions.c.id).order_by(predictions.c.seq)).scalars().all()
    assert found == [one.id for one in rows]
    assert sum(store.counts("current", "2024-abc", row().at.date(), row().at.date())["IAA"].values()) == n


def test_columns_in_another_order_than_the_tables_are_refused_not_mixed_up(sqlite_store: Store) -> None:
    columns = [column.name for column in predictions.columns if column.name != "seq"]
    swapped = Rows(predictions.insert(), columns[::-1], sqlite_store.engine)
    with sqlite_store._at_once() as cursor, pytest.raises(ValueError, match="another order"):
        swapped.run(cursor, [[None] * len(columns)])
