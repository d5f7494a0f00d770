from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from farol.store.database import Store
from farol.store.events import OUTCOMES, SERVED, Event, Events
from tests.store.rows import NOON


def test_events_come_newest_first_as_they_were_given(store: Store) -> None:
    events = Events(store)
    assert events.record(SERVED, NOON, "current", {"version": "v1", "previous": None})
    assert events.record(OUTCOMES, NOON + timedelta(days=1), "next-year", {"matched": 412, "note": "ção"})
    newest, oldest = events.latest(10)
    assert (newest.kind, newest.at, newest.task) == (OUTCOMES, NOON + timedelta(days=1), "next-year")
    assert newest.details == {"matched": 412, "note": "ção"}
    assert isinstance(oldest, Event)
    assert oldest.details == {"version": "v1", "previous": None}
    assert [one.kind for one in events.latest(1)] == [OUTCOMES]


def test_events_of_a_task_are_its_own_and_those_of_all_tasks(store: Store) -> None:
    events = Events(store)
    for task in ("current", "next-year", None):
        events.record(OUTCOMES, NOON, task, {})
    assert [one.task for one in events.latest(9, "current")] == [None, "current"]
    assert events.latest(9, "current", SERVED) == []


def test_an_event_recorded_late_stands_where_it_belongs(store: Store) -> None:
    events = Events(store)
    events.record(SERVED, NOON, "current", {"n": 2})
    events.record(SERVED, NOON - timedelta(hours=1), "current", {"n": 1})
    assert [one.details["n"] for one in events.latest(9)] == [2, 1]


def test_what_several_workers_notice_at_once_is_recorded_once(store: Store) -> None:
    events = Events(store)
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda n: events.record(SERVED, NOON, "current", {"by": n}, once="v1"), range(8)))
    assert sorted(told) == [False] * 7 + [True]
    assert len(events.latest(9)) == 1
    assert events.record(SERVED, NOON, "current", {}, once="v2")
