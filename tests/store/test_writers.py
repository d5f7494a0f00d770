"""However a group is committed, by the loop, a thread or a pipeline: each writer promises what `Store.write` does."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from farol.errors import StoreError
from farol.i18n import msg
from farol.store.database import Store
from farol.store.journal import BY_THREAD, Journal, LoopWriter, PipelineWriter, writer_for
from farol.store.records import Prediction
from tests.postgresql import Cluster, running_cluster
from tests.store.rows import EVER, row
from tests.waiting import eventually

T = TypeVar("T")


def run(scenario: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(scenario, 30))


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[Store]:
    with Store.open(postgresql_url) as opened:
        yield opened


class Disk(Store):
    """A store that says which thread writes, and fails on demand."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.failing = False

    def write(self, rows: Sequence[Prediction]) -> list[Prediction]:
        self.threads.append(threading.current_thread().name)
        if self.failing:
            raise StoreError(msg("The disk is full."))
        return list(rows)

    write_now = write


def is_loop(names: Sequence[str]) -> list[bool]:
    return [name == threading.main_thread().name for name in names]


def test_a_slow_disk_is_left_to_a_thread_and_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> Disk:
        disk = Disk()
        writer = LoopWriter(disk)
        await writer.write([row()])
        monkeypatch.setattr("farol.store.journal.QUICK_SECONDS", -1)
        await writer.write([row()])  # too slow
        monkeypatch.setattr("farol.store.journal.QUICK_SECONDS", 60)
        for _ in range(BY_THREAD + 2):
            await writer.write([row()])
        await writer.close()
        return disk

    assert is_loop(run(scenario()).threads) == [True, True] + [False] * BY_THREAD + [True, True]


@pytest.mark.parametrize("quick", [60, -1], ids=["by the loop", "by the thread"])
def test_a_commit_that_fails_is_raised_whoever_made_it(quick: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farol.store.journal.QUICK_SECONDS", quick)

    async def scenario() -> Disk:
        disk = Disk()
        disk.failing = True
        writer = LoopWriter(disk)
        for _ in range(2):
            with pytest.raises(StoreError, match="full"):
                await writer.write([row()])
        await writer.close()
        return disk

    assert is_loop(run(scenario()).threads) == [True, quick == 60]


def test_beside_another_writer_a_thread_waits_not_the_loop(sqlite_store: Store) -> None:
    async def scenario() -> None:
        writer = LoopWriter(sqlite_store)
        with sqlite_store.exclusive():
            waiting = asyncio.create_task(writer.write([row()]))
            await asyncio.sleep(0)  # the loop has seen that somebody is writing, and continues
            assert not waiting.done()
        assert len(await waiting) == 1
        await writer.close()

    run(scenario())
    assert sqlite_store.total() == 1


@pytest.mark.postgresql
def test_rows_are_stored_and_counted_as_by_the_store_itself(postgresql: Store) -> None:
    groups = [[row({"IAA": float(i % 10)}) for i in range(n)] for n in (1, 5, 200)]

    async def scenario() -> None:
        writer = PipelineWriter(postgresql)
        for group in groups:
            assert await writer.write(group) == group
        await writer.close()

    run(scenario())
    awaited = postgresql.counts("current", "2024-abc", *EVER)
    everyone = [prediction for group in groups for prediction in group]
    assert [prediction.id for prediction in postgresql.stream()] == [prediction.id for prediction in everyone]
    postgresql.write([replace(prediction, id=row().id, version="v2") for prediction in everyone])
    assert postgresql.counts("current", "v2", *EVER) == awaited


@pytest.mark.postgresql
def test_rows_with_a_key_are_stored_once(postgresql: Store) -> None:
    keyed = replace(row(), key_hash="0" * 64, body_hash="1" * 64)

    async def scenario() -> list[str]:
        writer = PipelineWriter(postgresql)
        stored = [*await writer.write([row(), keyed]), *await writer.write([replace(keyed, id=row().id)])]
        await writer.close()
        return [each.id for each in stored[1:]]

    assert run(scenario()) == [keyed.id, keyed.id]
    assert postgresql.total() == 2


@pytest.mark.postgresql
def test_a_refused_group_leaves_nothing_and_the_next_is_stored(postgresql: Store) -> None:
    first = row({"IAA": 1.0})

    async def scenario() -> None:
        writer = PipelineWriter(postgresql)
        await writer.write([first])
        with pytest.raises(StoreError, match="refused"):
            await writer.write([row({"IAA": 2.0}), first])
        await writer.write([row({"IAA": 3.0})])
        await writer.close()

    run(scenario())
    assert postgresql.counts("current", "2024-abc", *EVER) == {"IAA": {1: 1, 3: 1}}


@pytest.mark.postgresql
def test_a_group_that_cannot_be_written_harms_no_other(postgresql: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def unwritable(rows: Sequence[Prediction]) -> Iterator[None]:
        if rows:
            raise ValueError("no JSON")
        yield

    async def scenario() -> None:
        writer = PipelineWriter(postgresql)
        await writer.write([row({"IAA": 1.0})])
        with monkeypatch.context() as patched:
            patched.setattr(postgresql, "writing", unwritable)
            with pytest.raises(ValueError, match="no JSON"):
                await writer.write([row({"IAA": 2.0})])
        await writer.write([row({"IAA": 3.0})])
        await writer.close()

    run(scenario())
    assert postgresql.total() == 2


def ended(store: Store) -> None:
    """Ends all connections to the database but our own, and waits until the server's processes are gone."""
    with store.engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


@pytest.mark.parametrize("seconds", [0.0, 60.0], ids=["asked since it was idle", "seen at once"])
@pytest.mark.postgresql
def test_a_connection_that_the_server_ended_is_made_anew(
    postgresql: Store, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr("farol.store.journal.IDLE_SECONDS", seconds)

    async def scenario() -> None:
        writer = PipelineWriter(postgresql)
        await writer.write([row()])
        await writer.write([row()])
        ended(postgresql)
        await writer.write([row()])
        await writer.close()

    run(scenario())
    assert postgresql.total() == 3


def is_waited_for(store: Store) -> bool:
    """Whether somebody waits for a lock of the database."""
    with store.engine.connect() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())


@pytest.mark.postgresql
def test_a_caller_that_gives_up_cancels_no_other(postgresql: Store) -> None:
    async def scenario() -> None:
        writer = PipelineWriter(postgresql)
        with postgresql.exclusive() as held:
            held.execute(text("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE"))
            waiting = asyncio.create_task(writer.write([row()]))
            await asyncio.to_thread(eventually, lambda: is_waited_for(postgresql))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await writer.write([row()])
        await writer.close()

    run(scenario())
    assert postgresql.total() == 1


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@pytest.mark.postgresql
def test_a_server_that_goes_away_and_comes_back_loses_nothing(cluster: Cluster) -> None:
    url = cluster.new_database()
    with Store.open(url) as store:

        async def scenario() -> list[str]:
            writer = writer_for(store)
            assert isinstance(writer, PipelineWriter)
            journal = Journal(writer, queue_size=200)
            answers = await asyncio.gather(*(journal.submit(row()) for _ in range(100)))
            await asyncio.to_thread(cluster.stop)
            for _ in range(2):
                with pytest.raises(StoreError, match="cannot be reached"):
                    await journal.submit(row())
            await asyncio.to_thread(cluster.start)
            answers += await asyncio.gather(*(journal.submit(row()) for _ in range(100)))
            await journal.close()
            return [answer.id for answer in answers]

        answered = run(scenario())
        assert len(answered) == 200
        assert {prediction.id for prediction in store.stream()} == set(answered)


@pytest.mark.postgresql
def test_only_postgresql_is_written_by_pipeline_save_on_windows(
    postgresql: Store, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(writer_for(sqlite_store), LoopWriter)
    assert isinstance(writer_for(postgresql), PipelineWriter)
    monkeypatch.setattr(sys, "platform", "win32")
    assert isinstance(writer_for(postgresql), LoopWriter)
