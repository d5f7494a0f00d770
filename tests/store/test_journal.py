from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import pytest

from farol.errors import InputError, StoreError
from farol.i18n import msg
from farol.store.database import Store
from farol.store.journal import BY_THREAD, QUICK_SECONDS, Journal, JournalFullError, Made
from farol.store.records import Prediction
from tests.store.rows import EVER, row

T = TypeVar("T")
Maker = Callable[[], Prediction]


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """A request that nobody answers fails the test instead of hanging it."""
    return asyncio.run(asyncio.wait_for(scenario, 20))


def called(makers: Sequence[Maker]) -> list[Made]:
    """What each maker of a group gives; what one raises is raised for all of them."""
    return [make() for make in makers]


class Gate(Store):
    """A store whose commits wait for a signal, and fail when told to."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.groups: list[int] = []
        self.failing = False

    def begin(self, rows: Sequence[Prediction]) -> None:
        """As a database that has another writer."""

    def write(self, rows: Sequence[Prediction]) -> list[Prediction]:
        assert self.gate.wait(10)
        self.groups.append(len(rows))
        if self.failing:
            raise StoreError(msg("The disk is full."))
        return list(rows)


def test_an_answer_comes_back_stored(store: Store) -> None:
    async def scenario() -> Prediction:
        journal = Journal(store, called, queue_size=10)
        answer = await journal.submit(row)
        assert await asyncio.to_thread(store.total) == 1
        await journal.close()
        return answer

    answer = run(scenario())
    assert [one.id for one in store.latest(5)] == [answer.id]


def test_many_at_once_are_all_stored_and_counted(store: Store) -> None:
    async def scenario() -> list[Prediction]:
        journal = Journal(store, called, queue_size=500)
        answers = await asyncio.gather(*(journal.submit(lambda: row({"IAA": 1.0})) for _ in range(300)))
        await journal.close()
        return answers

    answers = run(scenario())
    assert {one.id for one in store.stream()} == {one.id for one in answers}
    assert store.counts("current", "2024-abc", *EVER) == {"IAA": {1: 300}}


async def _held(journal: Journal[Maker], gate: Gate, make: Maker = row) -> asyncio.Task[Prediction]:
    """A request whose commit has begun and waits at the gate."""
    task = asyncio.create_task(journal.submit(make))
    await asyncio.sleep(0.02)
    return task


def test_what_comes_during_a_commit_goes_into_the_next_as_one_group() -> None:
    async def scenario() -> Gate:
        gate = Gate()
        journal = Journal(gate, called, queue_size=10, group_size=4)
        first = await _held(journal, gate)
        rest = [asyncio.create_task(journal.submit(row)) for _ in range(6)]
        await asyncio.sleep(0.02)
        assert not any(task.done() for task in (first, *rest))
        gate.gate.set()
        await asyncio.gather(first, *rest)
        await journal.close()
        return gate

    assert run(scenario()).groups == [1, 4, 2]


def test_a_full_journal_refuses_at_once_and_says_when_to_come_back() -> None:
    async def scenario() -> None:
        gate = Gate()
        journal = Journal(gate, called, queue_size=2)
        first = await _held(journal, gate)
        rest = [asyncio.create_task(journal.submit(row)) for _ in range(2)]
        await asyncio.sleep(0.02)
        with pytest.raises(JournalFullError) as caught:
            await journal.submit(row)
        assert isinstance(caught.value, StoreError)
        assert (caught.value.code, caught.value.retry_after) == ("store_busy", 1)
        gate.gate.set()
        await asyncio.gather(first, *rest)
        await journal.submit(row)
        await journal.close()

    run(scenario())


def test_when_the_commit_fails_everybody_in_it_is_told_and_the_next_group_is_tried() -> None:
    async def scenario() -> None:
        gate = Gate()
        gate.failing = True
        gate.gate.set()
        journal = Journal(gate, called, queue_size=10)
        outcomes = await asyncio.gather(*(journal.submit(row) for _ in range(3)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreError] * 3
        gate.failing = False
        assert isinstance(await journal.submit(row), Prediction)
        await journal.close()

    run(scenario())


def test_when_nothing_can_be_begun_everybody_in_the_group_is_told(sqlite_store: Store) -> None:
    first = row()
    sqlite_store.write([first])

    async def scenario() -> list[Prediction | BaseException]:
        journal = Journal(sqlite_store, called, queue_size=10)
        makers = (row, lambda: first)
        outcomes = await asyncio.gather(*map(journal.submit, makers), return_exceptions=True)
        assert isinstance(await journal.submit(row), Prediction)
        await journal.close()
        return outcomes

    assert [type(outcome) for outcome in run(scenario())] == [StoreError, StoreError]
    assert sqlite_store.total() == 2


def test_who_cannot_be_scored_harms_nobody_else(store: Store) -> None:
    def unusable() -> Prediction:
        raise InputError(msg("Nothing was given from which to answer."))

    def broken() -> Prediction:
        raise ZeroDivisionError

    async def scenario() -> list[Prediction | BaseException]:
        journal = Journal(store, called, queue_size=10)
        makers = (row, unusable, broken, row)
        outcomes = await asyncio.gather(*map(journal.submit, makers), return_exceptions=True)
        await journal.close()
        return outcomes

    outcomes = run(scenario())
    assert [type(outcome) for outcome in outcomes] == [Prediction, InputError, ZeroDivisionError, Prediction]
    assert store.total() == 2


def test_why_nothing_was_made_is_told_to_who_asked(store: Store) -> None:
    def refused(makers: Sequence[Maker]) -> list[Made]:
        return [InputError(msg("Nothing was given.")) if make is None else make() for make in makers]

    async def scenario() -> list[Prediction | BaseException]:
        journal = Journal(store, refused, queue_size=10)
        outcomes = await asyncio.gather(*(journal.submit(one) for one in (row, None)), return_exceptions=True)  # type: ignore[arg-type]
        await journal.close()
        return outcomes

    assert [type(outcome) for outcome in run(scenario())] == [Prediction, InputError]
    assert store.total() == 1


def test_who_leaves_before_the_commit_is_not_stored_and_harms_nobody() -> None:
    async def scenario() -> Gate:
        gate = Gate()
        journal = Journal(gate, called, queue_size=10)
        first = await _held(journal, gate)
        leaving, staying = (asyncio.create_task(journal.submit(row)) for _ in range(2))
        await asyncio.sleep(0.02)
        leaving.cancel()
        first.cancel()  # its commit has begun: it is stored, and nobody hears of it
        await asyncio.sleep(0)
        gate.gate.set()
        assert isinstance(await staying, Prediction)
        await journal.close()
        return gate

    assert run(scenario()).groups == [1, 1]


def test_closing_stores_what_waits_and_takes_no_more() -> None:
    async def scenario() -> Gate:
        gate = Gate()
        journal = Journal(gate, called, queue_size=10)
        waiting = [await _held(journal, gate), asyncio.create_task(journal.submit(row))]
        await asyncio.sleep(0.02)
        closing = asyncio.create_task(journal.close())
        await asyncio.sleep(0.02)
        with pytest.raises(StoreError, match="stopping"):
            await journal.submit(row)
        gate.gate.set()
        await closing
        assert all(task.done() and not task.exception() for task in waiting)
        return gate

    assert sum(run(scenario()).groups) == 2


def test_a_journal_nobody_used_closes() -> None:
    run(Journal(Gate(), called, queue_size=1).close())


class Disk(Store):
    """A store whose commits take as long as they are told; it keeps who made each, and for how many."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.here: list[bool] = []
        self.groups: list[int] = []
        self._loop = threading.current_thread()

    def begin(self, rows: Sequence[Prediction]) -> Callable[[], list[Prediction]]:
        def commit() -> list[Prediction]:
            self.here.append(threading.current_thread() is self._loop)
            self.groups.append(len(rows))
            time.sleep(self.seconds)
            return list(rows)

        return commit


def test_a_group_is_all_that_came_while_there_was_something_to_read() -> None:
    async def asked_after(turns: int, journal: Journal[Maker]) -> Prediction:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await journal.submit(row)

    async def scenario() -> Disk:
        disk = Disk()
        journal = Journal(disk, called, queue_size=50)
        await asyncio.gather(*(asked_after(turns, journal) for turns in range(8)))
        await journal.submit(row)
        await journal.close()
        return disk

    assert run(scenario()).groups == [8, 1]


def test_a_slow_disk_does_not_hold_up_the_loop_and_is_tried_again_later() -> None:
    async def scenario() -> Disk:
        disk = Disk()
        journal = Journal(disk, called, queue_size=10)
        await journal.submit(row)
        disk.seconds = 4 * QUICK_SECONDS
        await journal.submit(row)  # this one is noticed
        disk.seconds = 0
        for _ in range(BY_THREAD + 2):
            await journal.submit(row)
        await journal.close()
        return disk

    assert run(scenario()).here == [True, True] + [False] * BY_THREAD + [True, True]


@pytest.mark.parametrize("seconds", [0, 4 * QUICK_SECONDS], ids=["by the loop", "by the thread"])
def test_a_commit_that_fails_is_told_whoever_made_it(seconds: float) -> None:
    class Failing(Disk):
        def begin(self, rows: Sequence[Prediction]) -> Callable[[], list[Prediction]]:
            commit = super().begin(rows)

            def fail() -> list[Prediction]:
                commit()
                raise StoreError(msg("The disk is full."))

            return fail

    async def scenario() -> None:
        disk = Failing()
        disk.seconds = seconds
        journal = Journal(disk, called, queue_size=10)
        for _ in range(2):
            with pytest.raises(StoreError, match="full"):
                await journal.submit(row)
        assert disk.here == [True, seconds == 0]
        await journal.close()

    run(scenario())
