"""The journal: an answer is a promise that its row is stored, kept at the price of one commit for many answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

from farol.errors import StoreError
from farol.i18n import msg
from farol.store.records import Prediction


class Writer(Protocol):
    """What commits the groups of a journal, one after the other: see `farol.store.writers`."""

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
            raise StoreError(msg("The service is stopping and takes no more predictions."))
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
