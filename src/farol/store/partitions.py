"""The parts of the table of predictions: on PostgreSQL one a month, so that old months go at once.

A month is that of the counters' days, so that a part and its counters end at the same moment. Parts are made when the
first prediction of their month comes. PostgreSQL would block readers and writers to make a part; a table that is made
apart and then attached blocks nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, Engine, text

from farol.store.engine import store_errors
from farol.store.records import Prediction, day_of, microseconds, start_of

_LOCK = 0x6D6F6E7468  # "month": whoever makes a part
_NAME = re.compile(r"predictions_(\d{4})_(\d{2})")


class Months:
    """The months of one database that have a part. On SQLite there are no parts, and nothing happens."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: set[date] = set()
        self._is_parted = engine.dialect.name == "postgresql"

    def missing(self, rows: Iterable[Prediction]) -> set[date]:
        """The months of rows for which nobody here has made sure yet that there is a part."""
        return {month_of(day_of(row.at)) for row in rows} - self._known if self._is_parted else set()

    def make(self, months: Iterable[date]) -> None:
        """Makes the parts that are missing. Raises StoreError."""
        for month in sorted(months):
            with store_errors(self._engine.url), self._engine.begin() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                if month not in parts(connection):
                    _make(connection, month)
            self._known.add(month)

    def forget(self) -> None:
        """Looks again the next time: another process may have removed a part."""
        self._known.clear()


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def parts(connection: Connection) -> dict[date, str]:
    """The first day of each month that has a part, and the part's name, ascending."""
    query = text(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'predictions'::regclass ORDER BY 1"
    )
    named = [(_NAME.search(name), name) for name in connection.execute(query).scalars()]
    return {date(int(match[1]), int(match[2]), 1): name for match, name in named if match}


def drop_part(connection: Connection, month: date) -> int:
    """Removes a month with all its predictions, within a transaction of `Store.exclusive`; how many they were."""
    name = _name(month)
    rows = int(connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one())  # noqa: S608  our own name
    connection.execute(text(f"DROP TABLE {name}"))
    return rows


def next_month(month: date) -> date:
    """The first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _make(connection: Connection, month: date) -> None:
    name, first, after = _name(month), *(microseconds(start_of(day)) for day in (month, next_month(month)))
    bounds = f"at >= {first} AND at < {after}"
    # With the check, attaching need not look at any row.
    connection.execute(text(f"CREATE TABLE {name} (LIKE predictions INCLUDING ALL, CHECK ({bounds}))"))
    connection.execute(text(f"ALTER TABLE predictions ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({after})"))


def _name(month: date) -> str:
    return f"predictions_{month:%Y_%m}"
