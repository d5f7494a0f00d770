"""Groups on PostgreSQL that the event loop stores without a thread: what `Store.write` promises, they promise."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from farol.errors import StoreError
from farol.store.awaiting import Awaiting, writer_for
from farol.store.database import Store
from farol.store.journal import Journal, Made
from farol.store.records import Prediction
from tests.postgresql import Cluster, running_cluster
from tests.store.rows import EVER, row

T = TypeVar("T")
pytestmark = pytest.mark.postgresql


def run(scenario: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(scenario, 30))


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[Store]:
    with Store.open(postgresql_url) as opened:
        yield opened


def stored(writer: Awaiting, rows: Sequence[Prediction]) -> Coroutine[Any, Any, Sequence[Prediction]]:
    found = writer.begin(rows)
    assert found is not None
    return found


def test_rows_are_stored_and_counted_as_by_the_store_itself(postgresql: Store) -> None:
    groups = [[row({"IAA": float(i % 10)}) for i in range(n)] for n in (1, 5, 200)]

    async def scenario() -> None:
        writer = Awaiting(postgresql)
        for group in groups:
            assert await stored(writer, group) == group
        await writer.close()

    run(scenario())
    awaited = postgresql.counts("current", "2024-abc", *EVER)
    everyone = [one for group in groups for one in group]
    assert [one.id for one in postgresql.stream()] == [one.id for one in everyone]
    postgresql.write([replace(one, id=row().id, version="v2") for one in everyone])
    assert postgresql.counts("current", "v2", *EVER) == awaited


def test_rows_with_a_key_and_no_rows_are_left_to_the_store(postgresql: Store) -> None:
    writer = Awaiting(postgresql)
    keyed = replace(row(), key_hash="0" * 64, body_hash="1" * 64)
    assert writer.begin([row(), keyed]) is None
    assert writer.begin([]) is None
    assert writer.write([keyed]) == [keyed]
    assert postgresql.total() == 1


def test_what_the_database_refuses_leaves_nothing_behind_and_the_next_group_is_stored(postgresql: Store) -> None:
    first = row({"IAA": 1.0})

    async def scenario() -> None:
        writer = Awaiting(postgresql)
        await stored(writer, [first])
        with pytest.raises(StoreError, match="refused"):
            await stored(writer, [row({"IAA": 2.0}), first])
        await stored(writer, [row({"IAA": 3.0})])
        await writer.close()

    run(scenario())
    assert postgresql.counts("current", "2024-abc", *EVER) == {"IAA": {1: 1, 3: 1}}


def ended(store: Store) -> None:
    """Ends all connections to the database but our own."""
    with store.engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


@pytest.mark.parametrize("seconds", [0.0, 60.0], ids=["asked since it was idle", "seen at once"])
def test_a_connection_that_the_server_ended_is_made_anew(
    postgresql: Store, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr("farol.store.awaiting.IDLE_SECONDS", seconds)

    async def scenario() -> None:
        writer = Awaiting(postgresql)
        await stored(writer, [row()])
        await stored(writer, [row()])
        ended(postgresql)
        await asyncio.sleep(0.05)
        await stored(writer, [row()])
        await writer.close()
        await stored(writer, [row()])
        await writer.close()

    run(scenario())
    assert postgresql.total() == 4


def test_who_gives_up_waiting_takes_nobody_with_him(postgresql: Store) -> None:
    async def scenario() -> None:
        writer = Awaiting(postgresql)
        with postgresql.exclusive() as held:
            held.execute(text("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE"))
            waiting = asyncio.create_task(stored(writer, [row()]))
            await asyncio.sleep(0.2)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await stored(writer, [row()])
        await writer.close()

    run(scenario())
    assert postgresql.total() == 1


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as found:
        yield found


def called(makers: Sequence[Callable[[], Prediction]]) -> list[Made]:
    return [make() for make in makers]


def test_a_server_that_goes_away_and_comes_back_loses_nothing(cluster: Cluster) -> None:
    url = cluster.new_database()
    with Store.open(url) as store:

        async def scenario() -> list[str]:
            writer = writer_for(store)
            assert isinstance(writer, Awaiting)
            journal = Journal(writer, called, queue_size=200)
            answers = await asyncio.gather(*(journal.submit(row) for _ in range(100)))
            await asyncio.to_thread(cluster.stop)
            for _ in range(2):
                with pytest.raises(StoreError, match="cannot be reached"):
                    await journal.submit(row)
            await asyncio.to_thread(cluster.start)
            answers += await asyncio.gather(*(journal.submit(row) for _ in range(100)))
            await journal.close()
            await writer.close()
            return [one.id for one in answers]

        answered = run(scenario())
        assert len(answered) == 200
        assert {one.id for one in store.stream()} == set(answered)


def test_only_postgresql_is_written_so_and_not_where_the_loop_cannot(
    postgresql: Store, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert writer_for(sqlite_store) is sqlite_store
    assert isinstance(writer_for(postgresql), Awaiting)
    monkeypatch.setattr(sys, "platform", "win32")
    assert writer_for(postgresql) is postgresql
