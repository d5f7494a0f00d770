from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from farol.store.alert_states import AlertState, Change, Judged, States
from farol.store.database import Store
from farol.store.events import ALERT, Events
from farol.store.outbox import Letter, Outbox
from farol.store.records import uuid7
from tests.store.rows import NOON

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
    return States(store).advance("current", "v1", at, "none", judged(verdict, at, channels))  # type: ignore[arg-type]


def test_a_first_check_without_change_is_kept_quietly(store: Store) -> None:
    assert advance(store, "none", NOON) is None
    assert States(store).all() == [AlertState("current", "v1", "none", NOON, NOON, {"n": 1})]
    assert Events(store).latest(9) == []
    assert Outbox(store).latest(9) == []


def test_a_change_keeps_state_event_and_letters_together(store: Store) -> None:
    change = advance(store, "severe", NOON, ("webhook", "email"))
    assert change is not None
    (state,) = States(store).all()
    assert (state.verdict, state.since, state.figures) == ("severe", NOON, {"n": 2})
    (event,) = Events(store).latest(9)
    assert (event.kind, event.task, event.details) == (ALERT, "current", {"from": "none", "to": "severe"})
    assert {one.channel for one in Outbox(store).latest(9)} == {"webhook", "email"}
    assert len({one.message for one in Outbox(store).latest(9)}) == 1


def test_what_did_not_change_keeps_since_when_it_holds(store: Store) -> None:
    advance(store, "severe", NOON)
    assert advance(store, "severe", NOON + DAY) is None
    (state,) = States(store).all()
    assert (state.since, state.checked) == (NOON, NOON + DAY)
    assert advance(store, "none", NOON + 2 * DAY) is not None
    assert States(store).all()[0].since == NOON + 2 * DAY


def test_a_check_older_than_the_last_one_changes_nothing(store: Store) -> None:
    advance(store, "severe", NOON)
    assert advance(store, "none", NOON - DAY) is None
    assert States(store).all()[0].verdict == "severe"


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
        States(store).advance("current", "v1", NOON, "none", judge)
    assert States(store).all() == []
    assert Events(store).latest(9) == []
    assert Outbox(store).latest(9) == []
