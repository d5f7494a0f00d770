from __future__ import annotations

from bisect import bisect_right
from math import inf, isnan, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from farol.drift.psi import (
    MODERATE,
    band,
    chi_square_quantile,
    critical_value,
    interval,
    psi,
    used_bins,
)
from farol.model.bins import FeatureBins

FAMILY = 10
DECILES = [97] * 10 + [30]
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
    each, other = map(np.array, counts)
    value = float(psi(each, other))
    assert 0 <= value < inf
    assert value == pytest.approx(float(psi(other, each)), rel=1e-12, abs=1e-15)


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


def test_the_bands_alone_would_cry_wolf() -> None:
    shares = np.array(DECILES) / sum(DECILES)
    rng = np.random.default_rng(0)
    figures = psi(rng.multinomial(1600, shares, 4000), rng.multinomial(30, shares, 4000)).reshape(400, FAMILY)
    assert (figures >= MODERATE).any(axis=1).mean() > 0.95


@pytest.mark.parametrize("n", [100, 500, 5000])
@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_the_interval_holds_the_populations_psi_in_95_percent(n: int, shift: float) -> None:
    edges = [-np.inf, *stats.norm.ppf(np.arange(1, 10) / 10), np.inf]
    shares, shifted = np.diff(stats.norm.cdf(edges)), np.diff(stats.norm.cdf(edges, loc=shift))
    truth = float(np.sum((shifted - shares) * np.log(shifted / shares)))
    rng = np.random.default_rng(n)
    ends = [interval(rng.multinomial(1600, shares), rng.multinomial(n, shifted)) for _ in range(400)]
    covered = np.mean([low <= truth <= high for low, high in ends])
    assert covered >= 0.93
    # Without drift the truth is at the edge of what a PSI can be, where the interval is conservative; elsewhere a
    # coverage far above 95% would mean that it is too wide.
    assert shift == 0 or covered <= 0.99


@pytest.mark.parametrize("shift", [0.5, 1.0])
def test_the_interval_is_no_wider_than_95_percent_needs(shift: float) -> None:
    edges = [-np.inf, *stats.norm.ppf(np.arange(1, 10) / 10), np.inf]
    shares, shifted = np.diff(stats.norm.cdf(edges)), np.diff(stats.norm.cdf(edges, loc=shift))
    truth = float(np.sum((shifted - shares) * np.log(shifted / shares)))
    rng = np.random.default_rng(11)
    samples = [(rng.multinomial(1600, shares), rng.multinomial(1000, shifted)) for _ in range(1000)]
    ends = np.array([interval(*sample) for sample in samples])
    assert np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])) <= 0.975
    spread = np.quantile([float(psi(*sample)) for sample in samples], [0.025, 0.975])
    assert np.mean(ends[:, 1] - ends[:, 0]) == pytest.approx(np.diff(spread)[0], rel=0.15)


@given(pairs)
def test_the_interval_is_ordered_and_reaches_the_estimate(counts: tuple[list[int], list[int]]) -> None:
    was, seen = map(np.array, counts)
    low, high = interval(was, seen)
    assert 0 <= low <= float(psi(was, seen)) <= high < inf


def test_nothing_counted_says_nothing() -> None:
    assert interval(counted(10, 20), counted(0, 0)) == (0.0, inf)


def plainly(edges: list[float], train: list[float], now: list[float]) -> float:
    """PSI from rows without an array: each value's bin by bisection, missing in a bin of its own, then the sum."""
    sides = []
    for values in (train, now):
        counts = [0] * (len(edges) + 2)
        for value in values:
            counts[-1 if isnan(value) else bisect_right(edges, value)] += 1
        sides.append(counts)
    was, seen = sides
    used = sum(a + b > 0 for a, b in zip(was, seen, strict=True))
    total = sum(was) + sum(seen)
    figure = 0.0
    for a, b in zip(was, seen, strict=True):
        if a + b:
            pooled = used / 2 * (a + b) / total
            p, q = (b + pooled) / (sum(seen) + used / 2), (a + pooled) / (sum(was) + used / 2)
            figure += (p - q) * log(p / q)
    return figure


@pytest.mark.parametrize("seed", range(5))
def test_psi_from_rows_equals_a_plain_implementation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    train, now = rng.gamma(2, 2, 1_500), rng.gamma(2.2, 2, 40_000).round(rng.integers(1, 4))
    train[rng.random(1_500) < 0.1] = now[rng.random(40_000) < 0.2] = np.nan
    bins = FeatureBins.fit(train, "x")
    assert bins.edges is not None
    result = float(psi(np.array(bins.counts), bins.count(now)))
    assert result == pytest.approx(plainly(list(bins.edges), train.tolist(), now.tolist()), rel=1e-9, abs=1e-12)
