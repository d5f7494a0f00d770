"""The journal: an answer is a promise that its row is stored, kept at the price of one commit for many answers.

Groups of rows are committed by the event loop itself, and by a thread only where that would wait: to hand a group to a
thread and to get back its turn beside a busy event loop takes longer than a quick commit. Two detours around a plain
`run_in_executor(store.write)`; docs/serving.md says how they were measured.

- SQLite, `LoopWriter`: without it 0.79 of the throughput at 16 connections, 0.90 at 64.
- PostgreSQL, `PipelineWriter`: without it 0.76 of the throughput at 16 connections, 0.97 at 64.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from sqlalchemy.exc import DBAPIError

from farol.errors import StoreError
from farol.i18n import msg
from farol.store.database import Store
from farol.store.engine import IDLE_SECONDS, is_readable, store_errors
from farol.store.records import Prediction

if TYPE_CHECKING:
    from psycopg import AsyncConnection

QUICK_SECONDS = 0.01
"""A transaction that took no longer is followed by another in the loop's own thread."""

BY_THREAD = 32
"""Transactions that are left to the thread after one that took longer; then the loop tries one again."""


class Writer(Protocol):
    """What commits the groups of a journal, one after the other: see `writer_for`."""

    async def write(self, rows: Sequence[Prediction]) -> Sequence[Prediction]:
        """Stores the rows in one transaction and returns what is stored, row for row. StoreError: nothing is."""

    async def close(self) -> None:
        """Lets go of what it writes with."""


class JournalFullError(StoreError):
    """More predictions are waiting than the journal takes. Trying again after `retry_after` seconds may succeed."""

    code = "store_busy"
    retry_after: ClassVar[int] = 1


class Journal:
    """Gathers the rows in flight and commits them as one transaction; then each caller that waits gets its row.

    A group is all that has come when the loop has nothing else to read: as large as the load makes it, and a lone
    request waits for nobody. For use from one event loop.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        queue_size: int,
        group_size: int = 256,
        committed: Callable[[float], None] = lambda _seconds: None,
        failed: Callable[[Exception], None] = lambda _error: None,
    ) -> None:
        """`committed` is called with the seconds that each transaction took, `failed` with what stopped one."""
        self._writer = writer
        self._committed = committed
        self._failed = failed
        self._queue_size = queue_size
        self._group_size = group_size
        self._waiting: list[tuple[Prediction, asyncio.Future[Prediction]]] = []
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many rows wait for a group."""
        return len(self._waiting)

    async def submit(self, row: Prediction) -> Prediction:
        """The row, once it is stored; where its `key_hash` was stored before, the row that was stored first.

        JournalFullError when too many wait; StoreError when the row cannot be stored. A caller cancelled before its
        group begins withdraws the row; after that it is stored.
        """
        if self._closed:
            raise StoreError(
                msg("The service is stopping and takes no more predictions."),
                fix=msg("Send it again when the service runs again."),
            )
        if len(self._waiting) >= self._queue_size:
            raise JournalFullError(
                msg("Too many predictions are waiting to be stored."), fix=msg("Try again in a moment.")
            )
        future: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="farol-journal")
        return await future

    async def close(self) -> None:
        """Takes no more rows, stores those that wait, and closes the writer."""
        self._closed = True
        if self._worker is not None:
            await self._worker
        await self._writer.close()

    async def _work(self) -> None:
        while self._waiting:
            await self._gathered()
            group = [waiting for waiting in self._waiting[: self._group_size] if not waiting[1].done()]
            del self._waiting[: self._group_size]
            if group:
                await self._store(group)

    async def _gathered(self) -> None:
        """Returns when a group is full, or a turn of the loop has brought no other row."""
        before = 0
        while before < (now := len(self._waiting)) < self._group_size:
            before = now
            await asyncio.sleep(0)

    async def _store(self, group: Sequence[tuple[Prediction, asyncio.Future[Prediction]]]) -> None:
        began = time.perf_counter()
        try:
            stored = await self._writer.write([row for row, _ in group])
        except Exception as error:  # noqa: BLE001  it is not swallowed: `submit` raises it to everybody in the group
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            self._failed(error)
            return
        seconds = time.perf_counter() - began
        for (_, future), row in zip(group, stored, strict=True):
            if not future.done():  # else whoever waited was cancelled while the group was being committed
                future.set_result(row)
        self._committed(seconds)


def writer_for(store: Store) -> Writer:
    """What commits the groups of a journal into a store."""
    # Windows' event loop cannot say when a socket has something to read.
    is_awaited = store.engine.dialect.name == "postgresql" and sys.platform != "win32"
    return PipelineWriter(store) if is_awaited else LoopWriter(store)


class ThreadWriter:
    """Writes into any store from a thread of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="farol-journal")

    async def write(self, rows: Sequence[Prediction]) -> Sequence[Prediction]:
        """As `Store.write`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._store.write, rows)

    async def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown()


class LoopWriter:
    """Writes in the loop's own thread while commits are quick and nobody else is writing; otherwise a thread does.

    While one group is being committed nobody in it can ask anything new, so little waits for the loop meanwhile.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadWriter(store)
        self._by_thread = 0

    async def write(self, rows: Sequence[Prediction]) -> Sequence[Prediction]:
        """As `Store.write`."""
        if self._by_thread:
            self._by_thread -= 1
            return await self._thread.write(rows)
        began = time.perf_counter()
        try:
            stored = self._store.write_now(rows)
        finally:
            if time.perf_counter() - began > QUICK_SECONDS:
                self._by_thread = BY_THREAD
        return await self._thread.write(rows) if stored is None else stored

    async def close(self) -> None:
        """Ends the thread."""
        await self._thread.close()


class PipelineWriter:
    """Writes into a store on PostgreSQL over psycopg's connection for asyncio: the loop sends, and waits for nothing.

    The transaction is that of `Store.write`, step by step, in psycopg's pipeline. For one event loop; one group at a
    time. Rows with a key are left to a thread.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadWriter(store)
        self._error: Any = store.engine.dialect.loaded_dbapi.Error
        self._connection: AsyncConnection[Any] | None = None
        self._used = 0.0

    async def write(self, rows: Sequence[Prediction]) -> Sequence[Prediction]:
        """As `Store.write`, in two round trips; the loop goes on while the server works."""
        if any(row.key_hash is not None for row in rows):
            return await self._thread.write(rows)
        if months := self._store.months.missing(rows):
            await asyncio.to_thread(self._store.months.make, months)
        return await self._stored(rows)

    async def close(self) -> None:
        """Gives the connection back, and ends the thread."""
        await self._thread.close()
        await self._disconnect()

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(self._error):
                await connection.close()

    async def _stored(self, rows: Sequence[Prediction]) -> Sequence[Prediction]:
        with store_errors(self._store.engine.url):
            try:
                await self._commit(rows)
            except self._error as error:
                self._store.months.forget()
                await self._disconnect()
                raise DBAPIError.instance("", None, error, self._error, hide_parameters=True) from None
            except BaseException:
                await self._disconnect()
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
            await self._disconnect()
        if self._connection is None:
            from farol.store.postgresql import PatientAsyncConnection  # noqa: PLC0415  psycopg is an extra

            engine = self._store.engine
            args, options = engine.dialect.create_connect_args(engine.url)
            self._connection = await PatientAsyncConnection.waiting(self._store.patience, *args, **options)
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
