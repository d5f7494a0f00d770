"""Tallies in the database: what several writers, days, slices and layouts count adds up."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date, timedelta

from farol.model.counters import Counted, CounterLayout
from farol.store.database import Store
from tests.store.rows import EVER, NOON, row

ANSWERED = CounterLayout((("IAA", 3), ("=prediction", 3)))


def counted(*cells: int, slices: tuple[str, ...] = ()) -> Counted:
    return Counted(ANSWERED, cells, slices)


def test_an_answer_counts_in_the_whole_and_in_each_of_its_slices(store: Store) -> None:
    in_phases = [("source=api", "phase=3"), ("source=api", "phase=4"), ("source=batch",)]
    store.write([replace(row(), counted=counted(1, 3, slices=slices)) for slices in in_phases])
    store.write([replace(row(at=NOON + timedelta(days=1)), counted=counted(2, 4, slices=("phase=4",)))])
    assert store.counts("current", "2024-abc", *EVER) == {"IAA": {1: 3, 2: 1}, "=prediction": {0: 3, 1: 1}}
    assert store.counts("current", "2024-abc", *EVER, "phase=4") == {"IAA": {1: 1, 2: 1}, "=prediction": {0: 1, 1: 1}}
    assert store.counts("current", "2024-abc", *EVER, "phase=9") == {}
    slices = {"": 4, "phase=3": 1, "phase=4": 2, "source=api": 2, "source=batch": 1}
    assert store.slices("current", "2024-abc", *EVER) == slices
    day = date(2024, 5, 11)
    assert store.slices("current", "2024-abc", day, day) == {"": 1, "phase=4": 1}


def test_rows_of_two_layouts_on_one_day_add_up(store: Store) -> None:
    """A model that is served by two versions of Farol may count more in one of them."""
    store.write([replace(row(), counted=Counted.of({"IAA": 0, "IPP": 7}))])
    store.write([replace(row(), counted=counted(1, 3)), replace(row(), counted=Counted.of({"IPP": 9}))])
    counts = {"IAA": {0: 1, 1: 1}, "IPP": {7: 1, 9: 1}, "=prediction": {0: 1}}
    assert store.counts("current", "2024-abc", *EVER) == counts
    assert store.slices("current", "2024-abc", *EVER) == {"": 1}  # the answers of the others are not known
    assert store.answered("current") == 1
    assert store.answered("next-year") == 0
    store.write([replace(row(at=NOON + timedelta(days=1)), counted=Counted.of({"IAA": 1}))])
    assert store.counts("current", "2024-abc", *EVER)["IAA"] == {0: 1, 1: 2}


def test_what_was_counted_without_an_answer_is_no_prediction(store: Store) -> None:
    store.write([replace(row(), counted=Counted.of({"IAA": 1}))])
    assert store.slices("current", "2024-abc", *EVER) == {"": 0}


def test_rows_that_count_nowhere_are_still_stored(store: Store) -> None:
    store.write([replace(row(), counted=None)])
    assert (store.total(), store.slices("current", "2024-abc", *EVER)) == (1, {})


def test_several_writers_lose_no_count(store: Store) -> None:
    def write() -> None:
        for _ in range(20):
            store.write([replace(row(), counted=counted(0, 3, slices=("source=api",))) for _ in range(3)])

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for slice_ in ("", "source=api"):
        assert store.counts("current", "2024-abc", *EVER, slice_) == {"IAA": {0: 240}, "=prediction": {0: 240}}
