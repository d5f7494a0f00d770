"""Keys in memory: read together, trusted for two seconds, older than that never."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from farol.api.keyring import MOST_AGE, Keyring
from farol.errors import StoreError
from farol.i18n import msg
from farol.store.database import Store
from farol.store.engine import location
from farol.store.identity import note_database
from farol.store.keys import Keys, Role, make_key


def test_keys_are_trusted_for_two_seconds_from_before_the_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as store:
        _, key = make_key(Role.read, "x", at=datetime.now(UTC))
        Keys(store).add(key)

        def slow() -> Store:
            nonlocal now
            now += 0.5
            return store

        ring = Keyring(slow, tmp_path, "sqlite:///x.db")
        assert (ring.fresh, dict(ring.last_known)) == (None, {})
        ring.read_now()
        for later, known in ((101.9, True), (102.0, False)):
            now = later
            assert (ring.fresh is not None) == known
        assert list(ring.last_known) == [key.prefix]
    assert MOST_AGE == 2.0


def test_waiters_share_a_reading_and_leaving_ends_it_for_nobody(tmp_path: Path) -> None:
    began, go_on, reads = threading.Event(), threading.Event(), 0
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as store:

        def slow() -> Store:
            nonlocal reads
            reads += 1
            began.set()
            assert go_on.wait(30)
            return store

        ring = Keyring(slow, tmp_path, "sqlite:///x.db")

        async def ask() -> None:
            waiting = [asyncio.create_task(ring.read()) for _ in range(5)]
            await asyncio.to_thread(began.wait, 30)
            waiting[0].cancel()
            await asyncio.wait(waiting[:1])
            go_on.set()
            answers = await asyncio.gather(*waiting, return_exceptions=True)
            assert isinstance(answers[0], asyncio.CancelledError)
            assert answers[1:] == [{}] * 4

        asyncio.run(ask())
    assert reads == 1


def test_a_failed_reading_is_reported_to_all_and_tried_again(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as store:
        away = True

        def sometimes() -> Store:
            if away:
                raise StoreError(msg("Away."))
            return store

        async def ask() -> None:
            nonlocal away
            ring = Keyring(sometimes, tmp_path, "sqlite:///x.db")
            failed = await asyncio.gather(ring.read(), ring.read(), return_exceptions=True)
            assert [str(error) for error in failed] == ["Away.", "Away."]
            assert ring.fresh is None
            away = False
            assert await ring.read() == {}
            assert ring.fresh == {}

        asyncio.run(ask())


def test_that_there_were_keys_is_looked_up_with_the_keys(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'farol.db'}"
    with Store.open(url) as store:
        ring = Keyring(lambda: store, tmp_path, url)
        said = [ring.never_had_keys]  # nothing opens before it was looked at
        ring.read_now()
        said.append(ring.never_had_keys)
        note_database(tmp_path, location(store.engine.url), has_keys=True)
        said.append(ring.never_had_keys)  # a request reads no file
        ring.read_now()
        said.append(ring.never_had_keys)
    assert said == [False, True, True, False]
