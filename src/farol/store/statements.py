"""Statements that are run for every answer, compiled once and run on the driver's own cursor.

A detour around SQLAlchemy's execution: without it 0.72 of the throughput at 16 connections, 0.90 at 64 (docs/serving.md
says how that was measured). SQLAlchemy looks a statement up, checks and converts each value anew whenever it runs: for
the journal's group of a few rows that costs more than the database does. These are its own statements all the same, in
the dialect of the engine; whoever runs them gives the values as the driver takes them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Self

from pydantic_core import to_json
from sqlalchemy import JSON, Connection, Engine, Insert, Table, bindparam, cast, column, func, select
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql import ClauseElement

from farol.store.engine import store_errors

MOST_ROWS = 128
"""Rows of one INSERT: with our columns, well within the 32,766 values that SQLite takes."""


MOST_EXACT = 32
"""Up to this number of rows are one statement. SQLite's driver remembers 128 of them, for two tables."""


@dataclass(frozen=True, slots=True)
class StatementStep:
    """A statement of a transaction with its values, and whether the rows that it gives are wanted."""

    sql: str
    values: tuple[object, ...]
    wants: bool = False


Steps = Generator[StatementStep, Sequence[Any]]
"""The steps of a transaction, one after the other; each is sent the rows that the one before gave, where it wants them.

So the same transaction is carried out by a thread that waits (`carry_out`) and by an event loop that does not.
"""


def carry_out(cursor: DBAPICursor, steps: Steps) -> None:
    """Runs the steps of a transaction, waiting for each."""
    with suppress(StopIteration):
        step = next(steps)
        while True:
            cursor.execute(step.sql, step.values)
            step = steps.send(cursor.fetchall() if step.wants else ())


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled statement, and the order of its values."""

    sql: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, statement: ClauseElement, engine: Engine) -> Self:
        """Compile for the engine, which takes values by position."""
        compiled: Any = statement.compile(dialect=engine.dialect)
        return cls(compiled.string, tuple(compiled.positiontup))

    def step(self, values: Mapping[str, object], *, wants: bool) -> StatementStep:
        """To run it once."""
        return StatementStep(self.sql, tuple(values[name] for name in self.names), wants)


class InsertRows:
    """An INSERT of any number of rows, as few statements as can be.

    SQLite's driver lets other threads run at every step of a statement and then has to wait for its turn again: a row
    a step would cost the journal more in waiting than in writing.
    """

    def __init__(self, insert: Insert, columns: Sequence[str], engine: Engine) -> None:
        """`columns` are those that each row gives, in their order."""
        self._insert, self._columns, self._engine = insert, tuple(columns), engine
        self._of = lru_cache(maxsize=None)(self._compiled)

    def steps(self, rows: Sequence[Sequence[object]]) -> Steps:
        """To insert rows of values."""
        start = 0
        while start < len(rows):
            # Of many rows powers of two: few different statements, so that the driver knows each already.
            rest = len(rows) - start
            size = rest if rest <= MOST_EXACT else min(MOST_ROWS, 1 << rest.bit_length() - 1)
            chunk = rows[start : start + size]
            yield StatementStep(self._of(size), tuple(chain.from_iterable(chunk)))
            start += size

    def _compiled(self, size: int) -> str:
        rows: list[dict[str, Any]] = [
            {name: bindparam(f"{name}_{row}") for name in self._columns} for row in range(size)
        ]
        statement = Statement.of(self._insert.values(rows), self._engine)
        if statement.names != tuple(f"{name}_{row}" for row in range(size) for name in self._columns):
            raise ValueError("the values of an INSERT stand in another order than its columns")
        return statement.sql


class InsertSet:
    """An INSERT of any number of rows into PostgreSQL, as one statement with one value.

    The driver turns each value into text, and the server each into a parameter: of a group of pupils that would be
    hundreds. One JSON array is made in a tenth of that time, and the statement is the same for any number of rows, so
    that the server plans it once.
    """

    def __init__(self, table: Table, columns: Sequence[str], engine: Engine) -> None:
        """`columns` are those that each row gives, in their order."""
        self._columns = tuple(map(str, columns))  # plain text: SQLAlchemy's own kind takes long to be made JSON of
        fields = [column(name, table.c[name].type) for name in columns]
        given = func.json_to_recordset(cast(bindparam("rows"), JSON)).table_valued(*fields, name="given")
        given = given.render_derived(with_types=True)
        rows = select(*(given.c[name] for name in columns))
        self._sql = Statement.of(table.insert().from_select(list(columns), rows), engine).sql

    def steps(self, rows: Sequence[Sequence[object]]) -> Steps:
        """To insert rows of values: text and numbers, and None."""
        text = to_json([dict(zip(self._columns, row, strict=True)) for row in rows]).decode()
        yield StatementStep(self._sql, (text,))


def copy_rows(cursor: DBAPICursor, table: Table, columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Rows into a table of PostgreSQL by COPY, which it takes without planning and answering each row."""
    names = ", ".join(f'"{name}"' for name in columns)
    driver: Any = cursor
    with driver.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(tuple(row.values()))


def cursor_of(connection: Connection) -> DBAPICursor:
    """The driver's own cursor, in the transaction of `connection`."""
    return connection.connection.cursor()


@contextmanager
def driver_transaction(engine: Engine, *, patient: bool = True) -> Iterator[DBAPICursor | None]:
    """A transaction that writes, on the driver's own connection. A connection that met an error is not used again.

    Without `patient`, None where SQLite has another writer just now; nothing is begun then. Raises StoreError.
    """
    dbapi: Any = engine.dialect.loaded_dbapi
    driver_error = dbapi.Error
    with driver_errors(engine), closing(engine.raw_connection()) as connection:
        try:
            with _pipeline(engine, connection):
                cursor = connection.cursor()
                begun = engine.dialect.name != "sqlite" or _begun(engine, cursor, patient=patient)
                yield cursor if begun else None
                connection.commit()
        except driver_error:
            connection.invalidate()
            engine.pool.dispose()  # an idle one may keep the fault: see `farol.store.engine`
            raise
        except BaseException:
            connection.rollback()
            raise


@contextmanager
def driver_errors(engine: Engine) -> Iterator[None]:
    """Turns what the driver raises without SQLAlchemy into StoreError."""
    dbapi: Any = engine.dialect.loaded_dbapi
    driver_error = dbapi.Error
    with store_errors(engine.url):
        try:
            yield
        except driver_error as error:
            raise DBAPIError.instance("", None, error, driver_error, hide_parameters=True) from None


def _pipeline(engine: Engine, connection: PoolProxiedConnection) -> AbstractContextManager[object]:
    """PostgreSQL: statements are sent without waiting for each one's answer, until one of them gives rows."""
    if engine.dialect.name == "sqlite":
        return nullcontext()
    driver: Any = connection.driver_connection
    pipeline: AbstractContextManager[object] = driver.pipeline()
    return pipeline


def _begun(engine: Engine, cursor: DBAPICursor, *, patient: bool) -> bool:
    """Whether a transaction of SQLite that writes was begun."""
    if patient:
        cursor.execute("BEGIN IMMEDIATE")
        return True
    dbapi: Any = engine.dialect.loaded_dbapi
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except dbapi.OperationalError as error:
        if not str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_BUSY"):
            raise
        return False
    finally:
        cursor.execute(patience_of(engine))
    return True


def patience_of(engine: Engine) -> str:
    """The statement by which a connection to SQLite waits for other writers again as its URL says."""
    return f"PRAGMA busy_timeout = {round(1000 * float(str(engine.url.query.get('timeout', 0))))}"
