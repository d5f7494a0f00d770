"""Rank correlations of counted rows, and what chance gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import stats

from farol.drift.rank_correlation import band, change, interval, p_value, spearman

Counts = NDArray[np.int64]


def rows_of(table: Counts) -> tuple[Counts, Counts]:
    """The rows that a table counts, one by one."""
    first, second = np.nonzero(np.ones_like(table))
    times = table.ravel()
    return np.repeat(first, times), np.repeat(second, times)


TABLES = hnp.arrays(np.int64, st.tuples(st.integers(2, 5), st.integers(2, 5)), elements=st.integers(0, 12))


@settings(max_examples=200, deadline=None)
@given(TABLES)
def test_it_is_spearmans_correlation_of_the_rows(table: Counts) -> None:
    result = float(spearman(table))
    first, second = rows_of(table)
    if np.unique(first).size < 2 or np.unique(second).size < 2:
        assert np.isnan(result)
    else:
        assert result == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(TABLES)
def test_turning_one_feature_round_turns_the_correlation_round(table: Counts) -> None:
    np.testing.assert_allclose(spearman(table[::-1]), -spearman(table), atol=1e-12)
    np.testing.assert_allclose(spearman(table.T), spearman(table), atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(TABLES, st.integers(2, 9))
def test_empty_groups_and_repeated_rows_change_nothing(table: Counts, times: int) -> None:
    np.testing.assert_allclose(spearman(np.insert(table, 1, 0, axis=0) * times), spearman(table), atol=1e-12)


def test_change_is_cohens_q_and_bounded() -> None:
    assert change(0.0, 0.5) == pytest.approx(0.549306, abs=1e-6)
    assert change(0.5, -0.5) == pytest.approx(-1.098612, abs=1e-6)
    assert change(0.96, 1.0) == 0.0
    assert (band(0.29), band(-0.3), band(0.49), band(-0.5)) == ("none", "moderate", "moderate", "severe")


def test_the_interval_is_bonetts_and_wrights() -> None:
    # By hand: atanh 0.5 = 0.549306, and 1.959964 · √(1.125 / 100) = 0.207886.
    low, high = interval(0.5, 103)
    assert low == pytest.approx(0.328745, abs=1e-5)
    assert high == pytest.approx(0.63942, abs=1e-5)
    assert interval(0.5, 3) == (-1.0, 1.0)


def table_of(correlation: float, n: int, seed: int = 0) -> Counts:
    """Rows of two normal features, in fifths; `n` large: what the population has."""
    rng = np.random.default_rng(seed)
    drawn = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], n)
    groups = np.searchsorted(stats.norm.ppf([0.2, 0.4, 0.6, 0.8]), drawn)
    table = np.zeros((5, 5), dtype=np.int64)
    np.add.at(table, (groups[:, 0], groups[:, 1]), 1)
    return table


def test_what_chance_gives_is_as_frequent_as_it_says() -> None:
    result = [
        p_value(table_of(0.5, 600, seed), float(spearman(table_of(0.5, 60, seed + 10_000))), 60, 0.05)
        for seed in range(150)
    ]
    for level in (0.05, 0.2, 0.5):
        low, high = stats.binom.interval(0.999, 150, level)
        assert low <= sum(each <= level for each in result) <= high


def test_of_a_smaller_reference_chance_gives_more() -> None:
    small, large = table_of(0.5, 150), table_of(0.5, 150) * 20
    assert p_value(small, 0.3, 5_000, 0.01) > 10 * p_value(large, 0.3, 5_000, 0.01)


def test_both_directions_are_as_far_out() -> None:
    table = np.array([[30, 20, 10], [20, 30, 20], [10, 20, 30]], dtype=np.int64)
    turned = table[::-1]
    now = float(spearman(table)) - 0.25
    assert p_value(turned.copy(), -now, 80, 0.01) == pytest.approx(p_value(table, now, 80, 0.01), rel=0.3)


def test_a_far_change_is_drawn_often_enough_for_a_small_level() -> None:
    table = table_of(0.5, 1_000)
    level = 0.005 / 120
    assert p_value(table, -0.5, 200, level) <= level
    assert p_value(table, float(spearman(table)), 200, level) > 0.5


def test_heaps_and_rare_cells_count_as_they_are() -> None:
    # Nearly everybody in one cell: most samples of 30 rows have no correlation at all, and one in thirty has 1.
    heap = np.array([[995, 2], [2, 1]], dtype=np.int64)
    assert 0.01 < p_value(heap, 1.0, 30, 0.005) < 0.2
