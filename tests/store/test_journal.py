from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from farol.errors import StoreError
from farol.i18n import msg
from farol.store.database import Store
from farol.store.journal import Journal, JournalFullError, writer_for
from farol.store.records import Prediction
from tests.store.rows import EVER, row

T = TypeVar("T")


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """A request that nobody answers fails the test instead of hanging it."""
    return asyncio.run(asyncio.wait_for(scenario, 20))


class Gate:
    """A writer whose commits wait for a signal, and fail on demand."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.groups: list[list[Prediction]] = []
        self.failing = False
        self.is_closed = False

    async def write(self, rows: Sequence[Prediction]) -> Sequence[Prediction]:
        self.entered.set()
        await self.gate.wait()
        self.groups.append(list(rows))
        if self.failing:
            raise StoreError(msg("The disk is full."))
        return rows

    async def close(self) -> None:
        self.is_closed = True

    @property
    def sizes(self) -> list[int]:
        return [len(group) for group in self.groups]


async def held(journal: Journal, gate: Gate) -> asyncio.Task[Prediction]:
    """A row whose commit has begun and waits at the gate."""
    task = asyncio.create_task(journal.submit(row()))
    await gate.entered.wait()
    return task


async def waiting(journal: Journal, n: int) -> list[asyncio.Task[Prediction]]:
    """Rows that wait for the next group."""
    tasks = [asyncio.create_task(journal.submit(row())) for _ in range(n)]
    await asyncio.sleep(0)
    return tasks


def test_a_row_comes_back_stored(store: Store) -> None:
    async def scenario() -> Prediction:
        journal = Journal(writer_for(store), queue_size=10)
        answer = await journal.submit(row())
        assert await asyncio.to_thread(store.total) == 1
        await journal.close()
        return answer

    answer = run(scenario())
    assert [stored.id for stored in store.latest(5)] == [answer.id]


def test_many_at_once_are_all_stored_and_counted(store: Store) -> None:
    async def scenario() -> list[Prediction]:
        journal = Journal(writer_for(store), queue_size=500)
        answers = await asyncio.gather(*(journal.submit(row({"IAA": 1.0})) for _ in range(300)))
        await journal.close()
        return answers

    answers = run(scenario())
    assert {stored.id for stored in store.stream()} == {answer.id for answer in answers}
    assert store.counts("current", "2024-abc", *EVER) == {"IAA": {1: 300}}


def test_a_key_that_was_stored_before_gives_the_first_row(store: Store) -> None:
    first = replace(row(), key_hash="a" * 64, body_hash="b" * 64)

    async def scenario() -> list[Prediction]:
        journal = Journal(writer_for(store), queue_size=10)
        answers = [await journal.submit(first), await journal.submit(replace(first, id=row().id))]
        await journal.close()
        return answers

    assert [answer.id for answer in run(scenario())] == [first.id, first.id]
    assert store.total() == 1


def test_what_comes_during_a_commit_is_the_next_group() -> None:
    async def scenario() -> Gate:
        gate = Gate()
        journal = Journal(gate, queue_size=10, group_size=4)
        first = await held(journal, gate)
        rest = await waiting(journal, 6)
        assert not any(task.done() for task in (first, *rest))
        gate.gate.set()
        await asyncio.gather(first, *rest)
        await journal.close()
        return gate

    assert run(scenario()).sizes == [1, 4, 2]


def test_a_full_journal_refuses_and_says_when_to_come_back() -> None:
    async def scenario() -> None:
        gate = Gate()
        journal = Journal(gate, queue_size=2)
        first = await held(journal, gate)
        rest = await waiting(journal, 2)
        with pytest.raises(JournalFullError) as caught:
            await journal.submit(row())
        assert isinstance(caught.value, StoreError)
        assert (caught.value.code, caught.value.retry_after) == ("store_busy", 1)
        gate.gate.set()
        await asyncio.gather(first, *rest)
        await journal.submit(row())
        await journal.close()

    run(scenario())


def test_a_commit_that_fails_is_raised_to_its_whole_group() -> None:
    async def scenario() -> None:
        gate = Gate()
        gate.failing = True
        gate.gate.set()
        journal = Journal(gate, queue_size=10)
        outcomes = await asyncio.gather(*(journal.submit(row()) for _ in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreError] * 3
        gate.failing = False
        assert isinstance(await journal.submit(row()), Prediction)
        await journal.close()

    run(scenario())


def test_a_row_the_store_refuses_stores_nothing_of_its_group(sqlite_store: Store) -> None:
    first = row()
    sqlite_store.write([first])

    async def scenario() -> list[Prediction | BaseException]:
        journal = Journal(writer_for(sqlite_store), queue_size=10)
        outcomes = await asyncio.gather(*map(journal.submit, (row(), first)), return_exceptions=True)
        assert isinstance(await journal.submit(row()), Prediction)
        await journal.close()
        return outcomes

    assert [type(outcome) for outcome in run(scenario())] == [StoreError, StoreError]
    assert sqlite_store.total() == 2


def test_who_leaves_before_the_commit_is_not_stored() -> None:
    async def scenario() -> Gate:
        gate = Gate()
        journal = Journal(gate, queue_size=10)
        first = await held(journal, gate)
        leaving, staying = await waiting(journal, 2)
        leaving.cancel()
        first.cancel()  # its commit has begun: it is stored, and nobody hears of it
        await asyncio.sleep(0)
        gate.gate.set()
        assert isinstance(await staying, Prediction)
        await journal.close()
        return gate

    assert run(scenario()).sizes == [1, 1]


def test_who_leaves_during_a_failing_commit_harms_nobody() -> None:
    async def scenario() -> asyncio.Task[Prediction]:
        gate = Gate()
        gate.failing = True
        journal = Journal(gate, queue_size=10)
        gone = await held(journal, gate)
        gone.cancel()
        await asyncio.wait([gone])
        gate.gate.set()
        await journal.close()
        assert gate.sizes == [1]
        return gone

    assert run(scenario()).cancelled()


def test_a_group_that_everybody_left_is_not_written() -> None:
    async def scenario() -> Gate:
        gate = Gate()
        journal = Journal(gate, queue_size=10)
        first = await held(journal, gate)
        for task in await waiting(journal, 2):
            task.cancel()
        await asyncio.sleep(0)
        gate.gate.set()
        await first
        await journal.close()
        return gate

    assert run(scenario()).sizes == [1]


def test_closing_stores_what_waits_and_takes_no_more() -> None:
    async def scenario() -> Gate:
        gate = Gate()
        journal = Journal(gate, queue_size=10)
        tasks = [await held(journal, gate), *await waiting(journal, 1)]
        closing = asyncio.create_task(journal.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreError, match="stopping"):
            await journal.submit(row())
        assert not gate.is_closed
        gate.gate.set()
        await closing
        assert all(task.done() and not task.exception() for task in tasks)
        return gate

    gate = run(scenario())
    assert (sum(gate.sizes), gate.is_closed) == (2, True)


def test_a_journal_nobody_used_closes() -> None:
    async def scenario() -> None:
        await Journal(Gate(), queue_size=1).close()

    run(scenario())


def test_a_group_is_every_row_that_came_while_the_loop_was_busy() -> None:
    async def submitted_after(turns: int, journal: Journal) -> Prediction:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await journal.submit(row())

    async def scenario() -> Gate:
        gate = Gate()
        gate.gate.set()
        journal = Journal(gate, queue_size=50)
        await asyncio.gather(*(submitted_after(turns, journal) for turns in range(8)))
        await journal.submit(row())
        await journal.close()
        return gate

    assert run(scenario()).sizes == [8, 1]
