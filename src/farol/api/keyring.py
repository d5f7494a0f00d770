"""The keys as a running service knows them: in memory, never older than two seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from farol.store.database import Store
from farol.store.keys import ApiKey, Keys

MOST_AGE = 2.0
"""Seconds after which what was read no longer counts: so long may a revoked key still be taken."""


class Keyring:
    """All keys of the store by their prefixes. For use from one event loop; `store` may raise StoreError.

    `read` is called every second by the application, so requests seldom wait for it; when that is late, the first
    request that finds the keys too old reads them, and those that come meanwhile wait for the same reading.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._keys: Mapping[str, ApiKey] = {}
        self._as_of = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    @property
    def last_known(self) -> Mapping[str, ApiKey]:
        """The keys as they were last read, however long ago; empty before."""
        return self._keys

    @property
    def fresh(self) -> Mapping[str, ApiKey] | None:
        """The keys, if they were read lately enough to be trusted."""
        return self._keys if time.monotonic() - self._as_of < MOST_AGE else None

    async def read(self) -> Mapping[str, ApiKey]:
        """The keys, read now. StoreError when they cannot be, and then those known before grow old."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(asyncio.to_thread(self._read), name="farol-keys")
        reading = self._reading
        # wait() does not cancel the reading with whoever waits for it: others may be waiting too.
        await asyncio.wait([reading])
        reading.result()
        return self._keys

    def _read(self) -> None:
        began = time.monotonic()  # before the query: a key that is revoked while it runs must not count longer
        self._keys, self._as_of = {key.prefix: key for key in Keys(self._store()).all()}, began
