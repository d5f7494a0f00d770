"""Events are kept as they happened; snapshots are thinned out by age."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farol.store import history
from farol.store.database import Store
from farol.store.history import OUTCOMES, SERVED, Event, Events, compact
from farol.store.records import Snapshot, day_of, uuid7
from tests.store.rows import NOON

HOUR = timedelta(hours=1)


def keep(
    store: Store, at: datetime, *, task: str = "current", version: str = "v", first: date | None = None
) -> Snapshot:
    snapshot = Snapshot(uuid7(at), at, task, version, first, day_of(at), {"features": []})
    store.write_snapshot(snapshot)
    return snapshot


def left(store: Store) -> list[datetime]:
    return sorted(snapshot.at for snapshot in store.snapshots("current", 9_999))


def test_every_snapshot_of_a_month_is_kept_and_then_one_a_day(store: Store) -> None:
    recent = [NOON - 29 * timedelta(days=1) + hour * HOUR for hour in range(5)]
    older = [NOON - timedelta(days=31) + hour * HOUR for hour in range(5)]
    for at in recent + older:
        keep(store, at)
    assert compact(store, NOON) == 4
    assert left(store) == [older[-1], *recent]
    assert compact(store, NOON) == 0


def test_after_400_days_one_a_week_is_kept(store: Store) -> None:
    days = [NOON - timedelta(days=408 + number) for number in range(14)]
    for at in days:
        keep(store, at)
    compact(store, NOON)
    # 14 days in a row touch two or three weeks that begin on a Monday.
    weeks = {day_of(at).isocalendar()[:2] for at in days}
    assert left(store) == sorted(max(at for at in days if day_of(at).isocalendar()[:2] == week) for week in weeks)


def test_each_task_version_and_length_of_window_keeps_its_own(store: Store) -> None:
    at = NOON - timedelta(days=60)
    for hour in range(2):
        for version in ("v1", "v2"):
            for first in (None, day_of(at) - timedelta(days=6), day_of(at) - timedelta(days=29)):
                keep(store, at + hour * HOUR, version=version, first=first)
    keep(store, at, task="next-year")
    assert compact(store, NOON) == 6
    assert left(store) == [at + HOUR] * 6
    assert len(store.snapshots("next-year", 9)) == 1


def test_more_are_removed_than_fit_into_one_statement(sqlite_store: Store) -> None:
    history._AT_ONCE, usual = 3, history._AT_ONCE
    try:
        for minute in range(10):
            keep(sqlite_store, NOON - timedelta(days=50, minutes=minute))
        assert compact(sqlite_store, NOON) == 9
    finally:
        history._AT_ONCE = usual
    assert left(sqlite_store) == [NOON - timedelta(days=50)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ages=st.lists(st.integers(0, 900 * 24), min_size=1, max_size=40))
def test_compacting_day_by_day_ends_where_compacting_once_does(sqlite_store: Store, ages: list[int]) -> None:
    with sqlite_store.exclusive() as connection:
        connection.exec_driver_sql("DELETE FROM drift_snapshots")
    ats = {NOON - age * HOUR for age in ages}
    for at in ats:
        keep(sqlite_store, at)
    compact(sqlite_store, NOON)
    once = left(sqlite_store)
    assert max(ats) in once
    assert {day_of(at).isocalendar()[:2] for at in ats} == {day_of(at).isocalendar()[:2] for at in once}
    with sqlite_store.exclusive() as connection:
        connection.exec_driver_sql("DELETE FROM drift_snapshots")
    for at in ats:
        keep(sqlite_store, at)
    for back in (300, 31, 0):
        compact(sqlite_store, NOON - timedelta(days=back))
    assert left(sqlite_store) == once


def test_events_come_newest_first_as_they_were_given(store: Store) -> None:
    events = Events(store)
    assert events.record(SERVED, NOON, "current", {"version": "v1", "previous": None})
    assert events.record(OUTCOMES, NOON + timedelta(days=1), "next-year", {"year": 2024, "note": "ção"})
    newest, oldest = events.latest(10)
    assert (newest.kind, newest.at, newest.task) == (OUTCOMES, NOON + timedelta(days=1), "next-year")
    assert newest.details == {"year": 2024, "note": "ção"}
    assert isinstance(oldest, Event)
    assert oldest.details == {"version": "v1", "previous": None}
    assert [event.kind for event in events.latest(1)] == [OUTCOMES]


def test_events_of_a_task_are_its_own_and_those_of_all_tasks(store: Store) -> None:
    events = Events(store)
    for task in ("current", "next-year", None):
        events.record(OUTCOMES, NOON, task, {})
    assert [event.task for event in events.latest(9, "current")] == [None, "current"]
    assert events.latest(9, "current", SERVED) == []


def test_an_event_recorded_late_stands_where_it_belongs(store: Store) -> None:
    events = Events(store)
    events.record(SERVED, NOON, "current", {"n": 2})
    events.record(SERVED, NOON - timedelta(hours=1), "current", {"n": 1})
    assert [event.details["n"] for event in events.latest(9)] == [2, 1]


def test_what_several_workers_notice_at_once_is_recorded_once(store: Store) -> None:
    events = Events(store)
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda n: events.record(SERVED, NOON, "current", {"by": n}, once="v1"), range(8)))
    assert sorted(told) == [False] * 7 + [True]
    assert len(events.latest(9)) == 1
    assert events.record(SERVED, NOON, "current", {}, once="v2")
