"""The journal: an answer is a promise that its row is stored, kept at the price of one commit for many answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from farol.errors import StoreError
from farol.i18n import msg
from farol.store.database import Store
from farol.store.records import Prediction

_Waiting = tuple[Callable[[], Prediction], asyncio.Future[Prediction]]


class JournalFullError(StoreError):
    """More predictions are waiting than the journal takes. Trying again after `retry_after` seconds may succeed."""

    code = "store_busy"
    retry_after: ClassVar[int] = 1


class Journal:
    """Gathers the predictions in flight and commits them as one transaction, then answers all of them.

    While one group is being committed in a worker thread the next one gathers, so a group is as large as the load
    makes it and a lone request waits for nobody. For use from one event loop.
    """

    def __init__(
        self,
        store: Store,
        *,
        queue_size: int,
        group_size: int = 256,
        committed: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """`committed` is told, in the worker thread, how many seconds each transaction took."""
        self._store = store
        self._committed = committed
        self._queue_size = queue_size
        self._group_size = group_size
        self._waiting: list[_Waiting] = []
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="farol-journal")
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many predictions wait for a group."""
        return len(self._waiting)

    async def submit(self, make: Callable[[], Prediction]) -> Prediction:
        """What `make` returns, once it is stored. `make` runs in the worker thread, with the others of its group.

        Where what it returns has a `key_hash` that is stored already, the prediction that was stored first.

        Raises what `make` raises; StoreError when the row could not be stored; JournalFullError at once when
        `queue_size` predictions are waiting already. Whoever is cancelled while waiting is left out of the group if it
        has not been taken yet, and changes nothing for the others.
        """
        if self._closed:
            raise StoreError(msg("The service is stopping and takes no more predictions."))
        if len(self._waiting) >= self._queue_size:
            raise JournalFullError(
                msg("Too many predictions are waiting to be stored."), fix=msg("Try again in a moment.")
            )
        future: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        self._waiting.append((make, future))
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
            group = [one for one in self._waiting[: self._group_size] if not one[1].done()]
            del self._waiting[: self._group_size]
            makers = [make for make, _ in group]
            commit = asyncio.get_running_loop().run_in_executor(self._thread, self._commit, makers)
            # wait() does not raise what the commit raised: it belongs to the requesters, and this task must go on.
            await asyncio.wait([commit])
            failure = commit.exception()
            outcomes = [failure] * len(group) if failure is not None else commit.result()
            for (_, future), outcome in zip(group, outcomes, strict=True):
                if future.done():  # cancelled while its group was being committed
                    continue
                if isinstance(outcome, Prediction):
                    future.set_result(outcome)
                else:
                    future.set_exception(outcome)

    def _commit(self, makers: Sequence[Callable[[], Prediction]]) -> Sequence[Prediction | BaseException]:
        """What each maker gave or raised, all that was given being stored."""
        outcomes = [_attempt(make) for make in makers]
        began = time.perf_counter()
        stored = iter(self._store.write([outcome for outcome in outcomes if isinstance(outcome, Prediction)]))
        self._committed(time.perf_counter() - began)
        return [next(stored) if isinstance(outcome, Prediction) else outcome for outcome in outcomes]


def _attempt(make: Callable[[], Prediction]) -> Prediction | Exception:
    try:
        return make()
    except Exception as error:  # noqa: BLE001  it is not swallowed: `submit` raises it to whoever asked
        return error
