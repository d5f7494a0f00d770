"""The journal: an answer is a promise that its row is stored, kept at the price of one commit for many answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from farol.errors import StoreError
from farol.i18n import msg
from farol.store.records import Prediction

A = TypeVar("A")
"""What is asked of the journal: whatever `make` makes a prediction of."""

Made = Prediction | Exception
"""What was made of something asked, or why nothing was."""


Begun = Callable[[], Sequence[Prediction]] | Coroutine[Any, Any, Sequence[Prediction]] | None
"""A group that is being stored: see `Writer.begin`."""


class Writer(Protocol):
    """What stores the rows of a group as one transaction: a `farol.store.database.Store`, or what stands around it."""

    def begin(self, rows: Sequence[Prediction]) -> Begun:
        """Writes all but the commit, which the function given does; or gives what stores them when it is awaited.

        None where `write` is to do all of it, in a thread.
        """

    def write(self, rows: Sequence[Prediction]) -> Sequence[Prediction]:
        """What is stored, row for row. StoreError."""


class JournalFullError(StoreError):
    """More predictions are waiting than the journal takes. Trying again after `retry_after` seconds may succeed."""

    code = "store_busy"
    retry_after: ClassVar[int] = 1


QUICK_SECONDS = 0.005
"""A commit that took no longer is followed by another in the loop's own thread."""

BY_THREAD = 32
"""So many commits are left to the worker thread after one that took longer, then one is tried again."""

QUIET_TURNS = 2
"""Turns of the loop without another request until a group is taken: one to read a request, one to ask for it."""


class Journal(Generic[A]):
    """Gathers the predictions in flight and commits them as one transaction, then answers all of them.

    A group is all that has come when the loop has nothing else to read: as large as the load makes it, and a lone
    request waits for nobody. On a disk that flushes in a few milliseconds the loop's own thread commits it: to hand
    it to another thread and to get back its turn would take longer than that, and while one group is being committed
    nobody in it can ask anything new. Elsewhere a worker thread does, or what waits for a server without one, and the
    loop goes on meanwhile. For use from one event loop.
    """

    def __init__(
        self,
        store: Writer,
        make: Callable[[Sequence[A]], Sequence[Made]],
        *,
        queue_size: int,
        group_size: int = 256,
        committed: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """`make` makes the predictions of a group, or says why not, one for each.

        `committed` is told how many seconds each transaction took.
        """
        self._store = store
        self._make = make
        self._committed = committed
        self._queue_size = queue_size
        self._group_size = group_size
        self._waiting: list[tuple[A, asyncio.Future[Prediction]]] = []
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="farol-journal")
        self._by_thread = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many predictions wait for a group."""
        return len(self._waiting)

    async def submit(self, asked: A) -> Prediction:
        """What is made of `asked`, once it is stored.

        Where that has a `key_hash` that is stored already, the prediction that was stored first.

        Raises the reason why nothing was made; StoreError when the row could not be stored; JournalFullError at once
        when `queue_size` predictions are waiting already. Whoever is cancelled while waiting is left out of the group
        if it has not been taken yet, and changes nothing for the others.
        """
        if self._closed:
            raise StoreError(msg("The service is stopping and takes no more predictions."))
        if len(self._waiting) >= self._queue_size:
            raise JournalFullError(
                msg("Too many predictions are waiting to be stored."), fix=msg("Try again in a moment.")
            )
        future: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="farol-journal")
        return await future

    async def close(self) -> None:
        """Takes no more, stores and answers what is waiting, and ends the worker thread."""
        self._closed = True
        if self._worker is not None:
            await self._worker
        self._thread.shutdown()

    async def _work(self) -> None:
        while self._waiting:
            await self._gathered()
            group = [one for one in self._waiting[: self._group_size] if not one[1].done()]
            del self._waiting[: self._group_size]
            outcomes = await self._outcomes([one for one, _ in group])
            for (_, future), outcome in zip(group, outcomes, strict=True):
                if future.done():  # cancelled while its group was being committed
                    continue
                if isinstance(outcome, Prediction):
                    future.set_result(outcome)
                else:
                    future.set_exception(outcome)

    async def _gathered(self) -> None:
        """Returns when a group is full, or nobody else comes."""
        quiet = 0
        while quiet < QUIET_TURNS and (seen := len(self._waiting)) < self._group_size:
            await asyncio.sleep(0)
            quiet = 0 if len(self._waiting) > seen else quiet + 1

    async def _outcomes(self, asked: Sequence[A]) -> Sequence[Prediction | BaseException]:
        """What was made of each, all predictions being stored, or why not."""
        made = self._made(asked)
        rows = [one for one in made if isinstance(one, Prediction)]
        began = time.perf_counter()
        try:
            pending = self._store.begin(rows)
            if isinstance(pending, Coroutine):
                stored = await pending
            elif callable(pending) and not self._by_thread:
                stored = self._committed_here(pending)
            else:
                stored = await self._committed_there(partial(self._store.write, rows) if pending is None else pending)
        except Exception as error:  # noqa: BLE001  it is not swallowed: `submit` raises it to whoever asked
            return [error] * len(asked)
        self._committed(time.perf_counter() - began)
        rest = iter(stored)
        return [next(rest) if isinstance(one, Prediction) else one for one in made]

    def _committed_here(self, commit: Callable[[], Sequence[Prediction]]) -> Sequence[Prediction]:
        began = time.perf_counter()
        try:
            return commit()
        finally:
            if time.perf_counter() - began > QUICK_SECONDS:
                self._by_thread = BY_THREAD

    async def _committed_there(self, commit: Callable[[], Sequence[Prediction]]) -> Sequence[Prediction]:
        self._by_thread = max(0, self._by_thread - 1)
        return await asyncio.get_running_loop().run_in_executor(self._thread, commit)

    def _made(self, asked: Sequence[A]) -> Sequence[Made]:
        """What `make` gives; where it fails for the group, what it gives for each alone: one must not harm others."""
        try:
            return self._make(asked)
        except Exception as error:  # noqa: BLE001  it is not swallowed: `submit` raises it to whoever asked
            if len(asked) == 1:
                return [error]
            return [made for one in asked for made in self._made([one])]
