"""Rows of a window: those of its days and of one slice, all of them or some drawn by chance."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from scipy import stats

from farol.store.database import Store
from farol.store.sampling import sample
from tests.store.rows import NOON, row

DAY = date(2024, 5, 10)
WHAT = ("current", "2024-abc")


def test_the_rows_of_the_days_are_read_the_oldest_first(store: Store) -> None:
    days = [row(at=NOON + timedelta(days=days, hours=10), probability=days / 10) for days in (3, 0, 1, 2)]
    store.write([*days, row(task="next-year"), row(version="2023-abc")])
    drawn = sample(store, *WHAT, DAY + timedelta(days=1), DAY + timedelta(days=2))
    # Ten in the evening of São Paulo is one in the morning of the next day in UTC.
    assert [prediction.probability for prediction in drawn.rows] == [0.1, 0.2]
    assert drawn.whole
    assert [prediction.probability for prediction in sample(store, *WHAT, None, DAY).rows] == [0.0]
    assert len(sample(store, *WHAT, None, date.max).rows) == 4
    assert sample(store, *WHAT, date(2025, 1, 1), date(2025, 1, 2)).rows == ()


@pytest.mark.parametrize(("part", "expected"), [("", 3), ("source=batch", 1), ("class=8B", 1), ("phase=3", 2)])
def test_a_slice_has_the_rows_that_were_counted_in_it(store: Store, part: str, expected: int) -> None:
    store.write(
        [
            row({"phase": 3.0}),
            replace(row({"phase": 3.0}), source="batch"),
            replace(row({"phase": 4.0}), group="8B"),
        ]
    )
    assert len(sample(store, *WHAT, None, DAY, part=part, level="phase").rows) == expected


def test_the_same_rows_are_drawn_each_time_more_with_more_share(store: Store) -> None:
    store.write([row() for _ in range(600)])
    third = sample(store, *WHAT, None, DAY, share=1 / 3)
    assert not third.whole
    assert stats.binom.ppf(1e-6, 600, 1 / 3) <= len(third.rows) <= stats.binom.isf(1e-6, 600, 1 / 3)
    assert sample(store, *WHAT, None, DAY, share=1 / 3) == third
    half = sample(store, *WHAT, None, DAY, share=0.5)
    assert {prediction.id for prediction in third.rows} < {prediction.id for prediction in half.rows}
    assert sample(store, *WHAT, None, DAY, share=0.0).rows == ()
    assert len(sample(store, *WHAT, None, DAY).rows) == 600
