"""Groups of the journal on PostgreSQL, without a thread: the event loop sends them, and goes on while the server works.

A thread that talks to the server waits for its turn in Python after each answer, beside a busy event loop. The loop
itself has nothing to wait for: psycopg's own connection for asyncio tells it when an answer has come. The transaction
is that of `Store.write`, step by step, in psycopg's pipeline: two round trips.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from farol.store.database import Store
from farol.store.engine import IDLE_SECONDS, is_readable, store_errors
from farol.store.journal import Writer
from farol.store.records import Prediction

if TYPE_CHECKING:
    from psycopg import AsyncConnection


def writer_for(store: Store) -> Writer:
    """What writes the groups of a journal into a store: the store itself, or what does it without a thread."""
    # Windows' event loop cannot say when a socket has something to read.
    is_awaited = store.engine.dialect.name == "postgresql" and sys.platform != "win32"
    return Awaiting(store) if is_awaited else store


class Awaiting:
    """Writes into a store on PostgreSQL over a connection of its own. For one event loop; one group at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._error: Any = store.engine.dialect.loaded_dbapi.Error
        self._connection: AsyncConnection[Any] | None = None
        self._used = 0.0

    def begin(self, rows: Sequence[Prediction]) -> Coroutine[Any, Any, Sequence[Prediction]] | None:
        """What stores the rows when it is awaited; None for rows with a key, which `write` stores."""
        if not rows or any(row.key_hash is not None for row in rows):
            return None
        return self._stored(rows)

    def write(self, rows: Sequence[Prediction]) -> Sequence[Prediction]:
        """As `Store.write`, which it is."""
        return self._store.write(rows)

    async def close(self) -> None:
        """Gives the connection back. What was closed connects anew when it is used again."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(self._error):
                await connection.close()

    async def _stored(self, rows: Sequence[Prediction]) -> Sequence[Prediction]:
        with store_errors(self._store.engine.url):
            try:
                await self._commit(rows)
            except self._error as error:
                await self.close()
                raise DBAPIError.instance("", None, error, self._error, hide_parameters=True) from None
            except BaseException:
                await self.close()
                raise
        self._used = time.monotonic()
        return list(rows)

    async def _commit(self, rows: Sequence[Prediction]) -> None:
        connection = await self._connected()
        async with connection.pipeline():
            cursor = connection.cursor()
            steps = self._store.writing(rows)
            with suppress(StopIteration):
                step = next(steps)
                while True:
                    await cursor.execute(step.sql.encode(), step.values)
                    step = steps.send(await cursor.fetchall() if step.wants else ())
            await connection.commit()

    async def _connected(self) -> AsyncConnection[Any]:
        """The connection of the last group where it is still one, else a new one."""
        if self._connection is not None and not await self._is_there(self._connection):
            await self.close()
        if self._connection is None:
            from psycopg import AsyncConnection  # noqa: PLC0415  an extra: it is there where the store is on PostgreSQL

            engine = self._store.engine
            args, options = engine.dialect.create_connect_args(engine.url)
            self._connection = await AsyncConnection.connect(*args, **options)
        return self._connection

    async def _is_there(self, connection: AsyncConnection[Any]) -> bool:
        """As `farol.store.engine` asks connections of a pool: those that are idle, or on which something came."""
        try:
            if time.monotonic() - self._used >= IDLE_SECONDS or is_readable(connection):
                await connection.execute("SELECT 1")
                await connection.rollback()
        except self._error:
            return False
        return True
