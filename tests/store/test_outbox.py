from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

from farol.store.database import Store
from farol.store.outbox import KEPT, Letter, Outbox, add_letter
from farol.store.records import uuid7
from tests.store.rows import NOON

MINUTE = timedelta(minutes=1)


def put(store: Store, channel: str = "webhook", at: datetime = NOON) -> Letter:
    letter = Letter(uuid7(at), channel, at, {"type": "farol.test", "data": {"text": "olá"}})
    with store.exclusive() as connection:
        add_letter(connection, letter)
    return Outbox(store).due(channel, at, 99)[-1]


def test_a_letter_is_due_at_once_on_its_channel_and_comes_back_as_it_was_given(store: Store) -> None:
    letter = put(store)
    put(store, "email")
    outbox = Outbox(store)
    assert outbox.due("webhook", NOON - MINUTE, 9) == []
    (found,) = outbox.due("webhook", NOON, 9)
    assert found == letter
    assert (found.attempts, found.due, found.delivered, found.problem) == (0, NOON, None, None)
    assert found.body == {"type": "farol.test", "data": {"text": "olá"}}


def test_of_several_workers_one_takes_a_letter(store: Store) -> None:
    letter = put(store)
    outbox = Outbox(store)
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: outbox.take(letter, NOON + MINUTE), range(8)))
    assert taken.count(True) == 1
    assert outbox.due("webhook", NOON, 9) == []


def test_a_letter_whose_sender_died_is_due_again(store: Store) -> None:
    outbox = Outbox(store)
    outbox.take(put(store), NOON + MINUTE)
    (again,) = outbox.due("webhook", NOON + MINUTE, 9)
    assert again.attempts == 1
    assert outbox.take(again, NOON + 2 * MINUTE)


def test_what_arrived_is_due_no_more_and_is_forgotten_after_ninety_days(store: Store) -> None:
    outbox = Outbox(store)
    letter = put(store)
    outbox.take(letter, NOON + MINUTE)
    outbox.delivered(letter, NOON)
    assert outbox.due("webhook", NOON + timedelta(days=999), 9) == []
    (found,) = outbox.latest(9)
    assert (found.delivered, found.due, found.is_set_aside) == (NOON, None, False)
    assert outbox.depth() == ({}, {})
    assert outbox.forget(NOON + KEPT) == 0
    assert outbox.forget(NOON + KEPT + MINUTE) == 1
    assert outbox.latest(9) == []


def test_what_failed_is_due_later_or_set_aside_and_can_be_released(store: Store) -> None:
    outbox = Outbox(store)
    first, second = put(store), put(store)
    outbox.failed(first, "503", NOON + MINUTE)
    outbox.failed(second, "503", None)
    put(store, "email")
    assert [one.is_set_aside for one in outbox.latest(9)] == [False, True, False]
    assert outbox.depth() == ({"webhook": 1, "email": 1}, {"webhook": 1})
    assert outbox.forget(NOON + timedelta(days=999)) == 0, "only what arrived is forgotten"
    assert outbox.release(NOON + 2 * MINUTE) == 3
    assert len(outbox.due("webhook", NOON + 2 * MINUTE, 9)) == 2
    assert len(outbox.due("webhook", NOON + 2 * MINUTE, 1)) == 1


def test_a_slow_failure_does_not_undo_the_delivery_of_another_worker(store: Store) -> None:
    outbox = Outbox(store)
    letter = put(store)
    outbox.delivered(letter, NOON)
    outbox.failed(letter, "timed out", NOON + MINUTE)
    assert outbox.due("webhook", NOON + MINUTE, 9) == []
    assert outbox.latest(1)[0].problem is None


def test_a_letter_that_was_taken_by_its_old_due_time_is_not_taken_again(store: Store) -> None:
    outbox = Outbox(store)
    letter = put(store)
    outbox.failed(letter, "503", NOON + MINUTE)
    assert not outbox.take(letter, NOON + 2 * MINUTE)
    assert outbox.take(replace(letter, due=NOON + MINUTE), NOON + 2 * MINUTE)
