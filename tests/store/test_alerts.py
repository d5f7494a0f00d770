"""The state of an alert, its event and its messages are kept together; each message is sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from farol.store.alerts import KEPT, AlertState, AlertStates, Change, Judged, Letter, Outbox, add_letter
from farol.store.database import Store
from farol.store.history import ALERT, Events
from farol.store.records import uuid7
from tests.store.rows import NOON

MINUTE = timedelta(minutes=1)


def put(store: Store, channel: str = "webhook", at: datetime = NOON) -> Letter:
    letter = Letter(uuid7(at), channel, at, {"type": "farol.test", "data": {"text": "olá"}})
    with store.exclusive() as connection:
        add_letter(connection, letter)
    return Outbox(store).due(channel, at, 99)[-1]


def test_a_new_letter_is_due_at_once_on_its_channel(store: Store) -> None:
    letter = put(store)
    put(store, "email")
    outbox = Outbox(store)
    assert outbox.due("webhook", NOON - MINUTE, 9) == []
    (read,) = outbox.due("webhook", NOON, 9)
    assert read == letter
    assert (read.attempts, read.due, read.delivered, read.problem) == (0, NOON, None, None)
    assert read.body == {"type": "farol.test", "data": {"text": "olá"}}


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


def test_a_delivered_letter_is_forgotten_after_ninety_days(store: Store) -> None:
    outbox = Outbox(store)
    letter = put(store)
    outbox.take(letter, NOON + MINUTE)
    outbox.delivered(letter, NOON)
    assert outbox.due("webhook", NOON + timedelta(days=999), 9) == []
    (read,) = outbox.latest(9)
    assert (read.delivered, read.due, read.is_set_aside) == (NOON, None, False)
    assert outbox.depth() == ({}, {})
    assert outbox.forget(NOON + KEPT) == 0
    assert outbox.forget(NOON + KEPT + MINUTE) == 1
    assert outbox.latest(9) == []


def test_a_failed_letter_is_due_later_or_set_aside(store: Store) -> None:
    outbox = Outbox(store)
    first, second = put(store), put(store)
    outbox.failed(first, "503", NOON + MINUTE)
    outbox.failed(second, "503", None)
    put(store, "email")
    assert [letter.is_set_aside for letter in outbox.latest(9)] == [False, True, False]
    assert outbox.depth() == ({"webhook": 1, "email": 1}, {"webhook": 1})
    assert outbox.forget(NOON + timedelta(days=999)) == 0, "only what arrived is forgotten"
    assert outbox.release(NOON + 2 * MINUTE) == 3
    assert len(outbox.due("webhook", NOON + 2 * MINUTE, 9)) == 2
    assert len(outbox.due("webhook", NOON + 2 * MINUTE, 1)) == 1


def test_a_slow_failure_does_not_undo_anothers_delivery(store: Store) -> None:
    outbox = Outbox(store)
    letter = put(store)
    outbox.delivered(letter, NOON)
    outbox.failed(letter, "timed out", NOON + MINUTE)
    assert outbox.due("webhook", NOON + MINUTE, 9) == []
    assert outbox.latest(1)[0].problem is None


def test_a_letter_is_not_taken_by_its_old_due_time(store: Store) -> None:
    outbox = Outbox(store)
    letter = put(store)
    outbox.failed(letter, "503", NOON + MINUTE)
    assert not outbox.take(letter, NOON + 2 * MINUTE)
    assert outbox.take(replace(letter, due=NOON + MINUTE), NOON + 2 * MINUTE)


DAY = timedelta(days=1)


def judged(verdict: str, at: datetime, channels: tuple[str, ...] = ("webhook",)) -> object:
    def judge(before: AlertState) -> Judged:
        if before.verdict == verdict:
            return Judged({"n": 1}, None)
        message = uuid7(at)
        letters = tuple(Letter(message, channel, at, {"to": verdict}) for channel in channels)
        return Judged({"n": 2}, Change(verdict, {"from": before.verdict, "to": verdict}, letters))

    return judge


def advance(store: Store, verdict: str, at: datetime, channels: tuple[str, ...] = ("webhook",)) -> Change | None:
    return AlertStates(store).advance("current", "v1", at, "none", judged(verdict, at, channels))  # type: ignore[arg-type]


def test_a_first_check_without_change_is_kept_quietly(store: Store) -> None:
    assert advance(store, "none", NOON) is None
    assert AlertStates(store).all() == [AlertState("current", "v1", "none", NOON, NOON, {"n": 1})]
    assert Events(store).latest(9) == []
    assert Outbox(store).latest(9) == []


def test_a_change_keeps_state_event_and_letters_together(store: Store) -> None:
    change = advance(store, "severe", NOON, ("webhook", "email"))
    assert change is not None
    (state,) = AlertStates(store).all()
    assert (state.verdict, state.since, state.figures) == ("severe", NOON, {"n": 2})
    (event,) = Events(store).latest(9)
    assert (event.kind, event.task, event.details) == (ALERT, "current", {"from": "none", "to": "severe"})
    assert {letter.channel for letter in Outbox(store).latest(9)} == {"webhook", "email"}
    assert len({letter.message for letter in Outbox(store).latest(9)}) == 1


def test_what_did_not_change_keeps_since_when_it_holds(store: Store) -> None:
    advance(store, "severe", NOON)
    assert advance(store, "severe", NOON + DAY) is None
    (state,) = AlertStates(store).all()
    assert (state.since, state.checked) == (NOON, NOON + DAY)
    assert advance(store, "none", NOON + 2 * DAY) is not None
    assert AlertStates(store).all()[0].since == NOON + 2 * DAY


def test_a_check_older_than_the_last_one_changes_nothing(store: Store) -> None:
    advance(store, "severe", NOON)
    assert advance(store, "none", NOON - DAY) is None
    assert AlertStates(store).all()[0].verdict == "severe"


def test_of_workers_that_find_the_same_at_once_one_tells_it(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: advance(store, "severe", NOON), range(8)))
    assert sum(change is not None for change in told) == 1
    assert len(Outbox(store).latest(99)) == 1
    assert len(Events(store).latest(99)) == 1


def test_what_fails_half_way_leaves_nothing(store: Store) -> None:
    def judge(_: AlertState) -> Judged:
        letter = Letter("m", "webhook", NOON, {})
        return Judged({}, Change("severe", {}, (letter, Letter("m2", "webhook", NOON, {"x": float("nan")}))))

    with pytest.raises(ValueError, match="JSON"):
        AlertStates(store).advance("current", "v1", NOON, "none", judge)
    assert AlertStates(store).all() == []
    assert Events(store).latest(9) == []
    assert Outbox(store).latest(9) == []
