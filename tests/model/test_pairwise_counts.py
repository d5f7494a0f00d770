"""How features go together: which bins are one group, what is counted, what is kept of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.model.pairwise_counts import LEAST_ROWS, MOST_GROUPS, PairwiseCounts, PairwiseLines, groups_of
from farol.model.reference import Reference

NAN = float("nan")


def test_ten_equal_bins_are_five_groups_of_two() -> None:
    assert groups_of((10,) * 10 + (7,), 10) == (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, -1)


def test_few_values_are_a_group_each() -> None:
    assert groups_of((44, 1379, 1013, 0, 9), 3) == (0, 1, 2, -1, -1)


def test_a_heap_keeps_a_group_of_its_own() -> None:
    # Two rows, then a heap of 90 at the second bin, then eight rows: the heap covers all fifths but the last.
    assert groups_of((1, 90, 2, 2, 2, 3, 5), 6) == (0, 1, 2, 2, 2, 2, -1)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12))
def test_groups_are_in_the_order_of_the_bins_and_five_at_most(counts: list[int]) -> None:
    groups = groups_of((*counts, 3), len(counts))
    assert groups[-1] == -1
    assert groups[0] == 0
    steps = np.diff(groups[:-1])
    assert ((steps == 0) | (steps == 1)).all()
    assert max(groups) < MOST_GROUPS


def rows(n: int, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Three features: the second like the first, the third of three values and mostly missing."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=n)
    third = np.where(rng.random(n) < 0.7, NAN, rng.integers(0, 3, n).astype(np.float64))
    return np.stack([first, first + rng.normal(size=n), third], axis=1)


def test_a_row_counts_for_two_features_where_both_are_known() -> None:
    groups = ((0, 1, -1), (0, 1, 2, -1))
    joint = PairwiseCounts(groups, ((),), {})
    bins = np.array([[0, 0], [0, 2], [1, 1], [1, 1], [2, 0], [1, 3]])
    (table,) = joint.count(bins)
    assert table.tolist() == [[1, 0, 1], [0, 2, 0]]


def test_tables_of_a_hundred_rows_are_kept_for_levels_too() -> None:
    matrix = rows(450)
    level = np.array([1.0] * 300 + [2.0] * 99 + [NAN] * 51)
    reference = Reference.fit(matrix, ["a", "b", "c"], level=level)
    joint = reference.joint
    assert joint is not None
    assert joint.pairs == ((0, 1), (0, 2), (1, 2))
    tables = joint.of()
    assert [None if table is None else table.shape for table in tables] == [(5, 5), (5, 3), (5, 3)]
    known = ~np.isnan(matrix)
    assert tables[0] is not None
    assert tables[1] is not None
    assert tables[0].sum() == 450
    assert tables[1].sum() == (known[:, 0] & known[:, 2]).sum()
    assert set(joint.by_level) == {"1"}, "of 99 rows nothing is kept"
    first = joint.of("1")
    assert first[0] is not None
    assert first[0].sum() == 300
    assert first[1] is None, "of the third feature 300 rows know less than a hundred values"
    assert joint.of("2") == (None, None, None)


def test_fewer_than_a_hundred_rows_keep_nothing() -> None:
    assert Reference.fit(rows(LEAST_ROWS - 1), ["a", "b", "c"]).joint is None
    assert Reference.fit(rows(LEAST_ROWS)[:, :2], ["a", "b"]).joint is not None
    assert Reference.fit(rows(300)[:, :1], ["a"]).joint is None, "one feature has nothing to go with"


def test_what_was_written_is_read_again_the_same() -> None:
    reference = Reference.fit(rows(450), ["a", "b", "c"], level=np.repeat([1.0, 2.0, 3.0], 150))
    assert reference.joint is not None
    assert Reference.from_json(reference.to_json()) == reference
    assert Reference.fit(rows(450), ["a", "b", "c"], level=np.repeat([1.0, 2.0, 3.0], 150)).to_json() == (
        reference.to_json()
    ), "the same rows give the same bytes"


COUNTS = PairwiseCounts(((0, 1, -1), (0, 1, -1)), ((1, 2, 3, 4),), {"3": ((),)})
LINES = COUNTS.to_lines()


@pytest.mark.parametrize(
    "lines",
    [
        replace(LINES, groups=("0 1",)),
        replace(LINES, groups=("0 1 -1", "0 1 -2")),
        replace(LINES, groups=("0 1 -1", "0 one -1")),
        replace(LINES, tables=()),
        replace(LINES, tables=("1 2 3",)),
        replace(LINES, tables=("1 2 3 -4",)),
        replace(LINES, by_level={"3": ("1",)}),
    ],
)
def test_lines_that_do_not_fit_are_refused(lines: PairwiseLines) -> None:
    assert PairwiseCounts.of_lines(LINES, (3, 3)) == COUNTS
    with pytest.raises(ValueError, match=r"."):
        PairwiseCounts.of_lines(lines, (3, 3))
