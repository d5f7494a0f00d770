"""Statements that are run for every answer, compiled once.

SQLAlchemy looks a statement up, checks and converts each value anew whenever it runs: for the journal's group of a few
rows that costs more than the database does. These are its own statements all the same, in the dialect of the engine;
whoever runs them gives the values as the driver takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql import ClauseElement


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled statement, and the order of its values."""

    sql: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, statement: ClauseElement, engine: Engine, columns: Sequence[str] | None = None) -> Self:
        """Compile for the engine, which takes values by position; `columns` are those that an insert gives."""
        compiled: Any = statement.compile(
            dialect=engine.dialect, column_keys=None if columns is None else list(columns)
        )
        return cls(compiled.string, tuple(compiled.positiontup))

    def run(self, cursor: DBAPICursor, values: Mapping[str, object]) -> Sequence[Any]:
        """Run it once: the rows it gives."""
        cursor.execute(self.sql, tuple(values[name] for name in self.names))
        return cursor.fetchall()

    def run_many(self, cursor: DBAPICursor, rows: Sequence[Sequence[object]]) -> None:
        """Run it for each row of values, in the order of `names`."""
        cursor.executemany(self.sql, rows)


def cursor_of(connection: Connection) -> DBAPICursor:
    """The driver's own cursor, in the transaction of `connection`."""
    return connection.connection.cursor()
