from __future__ import annotations

from functools import cache
from math import inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from farol.monitoring.psi import (
    ALPHA,
    MODERATE,
    band,
    chi_square_quantile,
    critical_value,
    exact_critical_value,
    interval,
    psi,
    used_bins,
)

FAMILY = 10
SHAPES = {
    "deciles": [97] * 10 + [30],
    "a rare bin": [1000] * 10 + [20],
    "few values": [100, 400, 460, 35, 5],
    "half missing": [50] * 10 + [500],
    "ever rarer": [2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2],
}
pairs = st.integers(2, 8).flatmap(
    lambda bins: st.tuples(*[st.lists(st.integers(0, 500), min_size=bins, max_size=bins).filter(any)] * 2)
)


def counted(*counts: int) -> NDArray[np.int64]:
    return np.array(counts, dtype=np.int64)


def test_psi_of_two_bins_by_hand() -> None:
    # 50:50 became 80:20, 100 rows each. Two bins are used, so one row's weight is added in the pooled shares 65:35.
    p, q = (80.65 / 101, 20.35 / 101), (50.65 / 101, 50.35 / 101)
    expected = (p[0] - q[0]) * log(p[0] / q[0]) + (p[1] - q[1]) * log(p[1] / q[1])
    assert float(psi(counted(50, 50), counted(80, 20))) == pytest.approx(expected, rel=1e-12)


def test_psi_of_many_rows_is_the_textbooks() -> None:
    # Jeffreys' divergence of (.2, .3, .5) and (.3, .3, .4): .1 ln 1.5 + .1 ln 1.25.
    value = float(psi(counted(20_000_000, 30_000_000, 50_000_000), counted(30_000_000, 30_000_000, 40_000_000)))
    assert value == pytest.approx(0.1 * log(1.5) + 0.1 * log(1.25), rel=1e-6)


@given(pairs)
def test_psi_is_finite_not_negative_and_the_same_either_way(counts: tuple[list[int], list[int]]) -> None:
    one, other = map(np.array, counts)
    value = float(psi(one, other))
    assert 0 <= value < inf
    assert value == pytest.approx(float(psi(other, one)), rel=1e-12, abs=1e-15)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(any), st.integers(1, 100))
def test_equal_proportions_give_zero_whatever_the_sizes(counts: list[int], times: int) -> None:
    assert float(psi(np.array(counts), np.array(counts) * times)) == pytest.approx(0, abs=1e-12)


def test_many_tables_at_once_are_as_one_at_a_time() -> None:
    rng = np.random.default_rng(0)
    was, seen = rng.integers(0, 50, (20, 5)), rng.integers(0, 50, (20, 5))
    assert psi(was, seen).tolist() == [float(psi(a, b)) for a, b in zip(was, seen, strict=True)]


def test_a_bin_that_is_empty_on_both_sides_does_not_count() -> None:
    assert float(psi(counted(30, 0, 70), counted(10, 0, 20))) == float(psi(counted(30, 70), counted(10, 20)))
    assert used_bins(counted(30, 0, 70), counted(0, 0, 20)).tolist() == 2


@pytest.mark.parametrize(
    ("value", "name"), [(0.0999, "none"), (0.1, "moderate"), (0.2499, "moderate"), (0.25, "severe")]
)
def test_the_bands_are_the_originals(value: float, name: str) -> None:
    assert band(value) == name


@pytest.mark.parametrize("freedom", [1, 2, 3, 7, 10, 11, 60])
@pytest.mark.parametrize("alpha", [0.5, 0.05, 0.001, 1e-5])
def test_the_chi_square_quantile_is_scipys(freedom: int, alpha: float) -> None:
    assert chi_square_quantile(freedom, alpha) == pytest.approx(float(stats.chi2.isf(alpha, freedom)), rel=1e-9)


def test_the_critical_value_follows_from_sizes_and_bins() -> None:
    # χ²(10) at 0.1% is 29.588 in every table.
    assert critical_value(500, 1600, 11, 0.001) == pytest.approx((1 / 500 + 1 / 1600) * 29.588, rel=1e-4)
    assert critical_value(0, 1600, 11, 0.001) == critical_value(500, 0, 11, 0.001) == inf
    assert critical_value(500, 1600, 1, 0.001) == 0


def test_the_exact_critical_value_agrees_with_chi_square_where_that_holds() -> None:
    was, seen = (2000,) * 8, (1000,) * 8
    exact = exact_critical_value(was, seen, 0.05)
    assert exact == pytest.approx(critical_value(8000, 16000, 8, 0.05), rel=0.03)


def test_more_rows_than_can_be_split_fall_back_to_chi_square() -> None:
    was, seen = (1000, 1000), (600_000_000, 500_000_000)
    assert exact_critical_value(was, seen, 0.01) == critical_value(1_100_000_000, 2000, 2, 0.01)


@cache
def critical(n: int, m: int) -> NDArray[np.float64]:
    return np.array([0.0, *(critical_value(n, m, bins, ALPHA / FAMILY) for bins in range(1, 12))])


def alarms(shares: NDArray[np.float64], shifted: NDArray[np.float64], n: int, m: int, trials: int) -> NDArray[np.bool_]:
    """Whether each of `trials` features raises an alarm, decided as `farol.monitoring.drift` does."""
    rng = np.random.default_rng(n * 7919 + m)
    was, seen = rng.multinomial(m, shares, trials), rng.multinomial(n, shifted, trials)
    figures = psi(was, seen)
    raised: NDArray[np.bool_] = (figures >= MODERATE) & (figures > critical(n, m)[used_bins(was, seen)])
    for i in np.flatnonzero(raised):
        raised[i] = figures[i] > exact_critical_value(tuple(was[i]), tuple(seen[i]), ALPHA / FAMILY)
    return raised


@pytest.mark.parametrize("m", [300, 1600])
@pytest.mark.parametrize("n", [30, 100, 500])
def test_without_drift_at_most_one_family_of_ten_in_a_hundred_raises_an_alarm(n: int, m: int) -> None:
    families = 400
    raised = 0
    for counts in SHAPES.values():
        shares = np.array(counts) / sum(counts)
        raised += int(alarms(shares, shares, n, m, families * FAMILY).reshape(families, FAMILY).any(axis=1).sum())
    assert raised <= 0.01 * families * len(SHAPES)


def test_the_bands_alone_would_cry_wolf() -> None:
    shares = np.array(SHAPES["deciles"]) / sum(SHAPES["deciles"])
    rng = np.random.default_rng(0)
    figures = psi(rng.multinomial(1600, shares, 4000), rng.multinomial(30, shares, 4000)).reshape(400, FAMILY)
    assert (figures >= MODERATE).any(axis=1).mean() > 0.95


def test_a_shift_of_half_a_standard_deviation_is_noticed_at_200_rows() -> None:
    edges = [-np.inf, *stats.norm.ppf(np.arange(1, 10) / 10), np.inf]
    shares, shifted = np.diff(stats.norm.cdf(edges)), np.diff(stats.norm.cdf(edges, loc=-0.5))
    assert alarms(shares, shifted, 200, 1600, 150).mean() >= 0.9


@pytest.mark.parametrize("n", [100, 500, 5000])
@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_the_interval_holds_the_populations_psi_in_95_percent(n: int, shift: float) -> None:
    edges = [-np.inf, *stats.norm.ppf(np.arange(1, 10) / 10), np.inf]
    shares, shifted = np.diff(stats.norm.cdf(edges)), np.diff(stats.norm.cdf(edges, loc=shift))
    truth = float(np.sum((shifted - shares) * np.log(shifted / shares)))
    rng = np.random.default_rng(n)
    ends = [interval(rng.multinomial(1600, shares), rng.multinomial(n, shifted)) for _ in range(400)]
    assert np.mean([low <= truth <= high for low, high in ends]) >= 0.93


@given(pairs)
def test_the_interval_is_ordered_and_reaches_the_estimate(counts: tuple[list[int], list[int]]) -> None:
    was, seen = map(np.array, counts)
    low, high = interval(was, seen)
    assert 0 <= low <= float(psi(was, seen)) <= high < inf


def test_nothing_counted_says_nothing() -> None:
    assert interval(counted(10, 20), counted(0, 0)) == (0.0, inf)
