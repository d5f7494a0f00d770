"""The keys as a running service knows them, how often each may ask, and which addresses need one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from farol.accounts.users import has_active_user, has_users
from farol.errors import InputError, Place
from farol.i18n import msg
from farol.settings import Settings
from farol.store.database import Store
from farol.store.engine import location, parse_url
from farol.store.identity import keys_were_made, note_database
from farol.store.keys import ApiKey, Keys

MOST_AGE = 2.0
"""Seconds after which what was read no longer counts: so long may a revoked key still be taken."""


class Keyring:
    """All keys of the store by their prefixes, and whether there are users. For use from one event loop.

    `store` may raise StoreError.

    `read` is called every second by the application, so requests seldom wait for it; when that is late, the first
    request that finds the keys too old reads them, and those that come meanwhile wait for the same reading.
    """

    def __init__(self, store: Callable[[], Store], artifacts: Path, database: str) -> None:
        """`database` is the URL of the store; that it has keys is noted in `artifacts`."""
        self._store = store
        self._artifacts = artifacts
        self._database = location(parse_url(database))
        self._has_noted = False
        self._had_keys = True  # until the note was looked at
        self._has_users = False
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
            self._reading = asyncio.create_task(asyncio.to_thread(self.read_now), name="farol-keys")
        reading = self._reading
        # wait() does not cancel the reading with whoever waits for it: others may be waiting too.
        await asyncio.wait([reading])
        reading.result()
        return self._keys

    def read_now(self) -> None:
        """As `read`, for a thread: it blocks."""
        self._had_keys = keys_were_made(self._artifacts, self._database)
        began = time.monotonic()  # before the query: a key that is revoked while it runs must not count longer
        store = self._store()
        self._has_users = self._has_users or has_users(store)  # they are never removed
        self._keys, self._as_of = {key.prefix: key for key in Keys(store).all()}, began
        if (self._keys or self._has_users) and not self._has_noted:
            note_database(self._artifacts, self._database, has_keys=True)
            self._has_noted = True

    @property
    def store(self) -> Store:
        """The store that the keys are in. StoreError while it cannot be opened."""
        return self._store()

    @property
    def has_users(self) -> bool:
        """Whether the pages have users, as of the last reading."""
        return self._has_users

    @property
    def never_had_keys(self) -> bool:
        """Whether no key and no user is known, nor ever was: an empty database in place of one that had some opens
        nothing.

        As of the last reading, whether that reached the database or not.
        """
        return not self._keys and not self._has_users and not self._had_keys


class RateLimit:
    """`rate` requests a second for each name, and up to `burst` at once after a pause; a rate of 0 limits nothing.

    The bucket of a name fills steadily and holds `burst`; a request takes one (Turner 1986, the leaky bucket as a
    meter). Names are those of keys that exist, so there are never more buckets than keys.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, name: str) -> float:
        """Take one token from the bucket of `name`: 0 seconds, or the wait until the bucket has one."""
        if not self._rate:
            return 0.0
        now = self._clock()
        held, since = self._buckets.get(name, (self._burst, now))
        held = min(self._burst, held + (now - since) * self._rate)
        if held < 1:
            self._buckets[name] = held, now
            return (1 - held) / self._rate
        self._buckets[name] = held - 1, now
        return 0.0


def check_binding(settings: Settings) -> None:
    """Raises InputError when `settings.host` is reachable from others, but nobody has a key or an account.

    A loopback address and `open_network` need no look into the database; otherwise StoreError when it cannot be read.
    `uvicorn farol.app:app --host …` chooses its address without us and cannot be refused; `farol.api.auth` then
    answers nobody who comes in by such an address without a key.
    """
    if settings.open_network or is_loopback(settings.host):
        return
    if _asks_anybody(settings):
        return
    raise InputError(
        msg(
            "Farol does not listen on an address that other machines reach while there is no user and no key: it would "
            "not ask anybody who they are."
        ),
        expected=msg("an address of this machine only, such as 127.0.0.1, or a user or a key"),
        where=Place(field="FAROL_HOST"),
        fix=msg(
            "Make a user with {user} or a key with {command}, or listen on 127.0.0.1. If something in front asks who "
            "is calling, or the port is published to this machine only, allow it with FAROL_OPEN_NETWORK=true.",
            user="farol users create --role administrator",
            command="farol keys create --role manage --name …",
        ),
    )


@lru_cache(maxsize=256)  # asked of every request, and of few names
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`; a name other than localhost could be anything."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _asks_anybody(settings: Settings) -> bool:
    now = datetime.now(UTC)
    with Store.of(settings) as store:
        return has_active_user(store) or any(key.is_active(now) for key in Keys(store).all())
