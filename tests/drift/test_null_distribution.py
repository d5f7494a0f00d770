"""The figures that chance alone gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from farol.drift.mann_whitney import probability_of_superiority, standard_error
from farol.drift.null_distribution import exact_critical_values, further_rows, rounded
from farol.drift.psi import critical_value, psi

DECILES = (187.0,) * 10 + (30.0,)


def test_further_rows_vary_like_reference_and_sample_together() -> None:
    drawn = further_rows(DECILES, 100)
    assert drawn.shape == (9_999, 11)
    assert (drawn.sum(axis=1) == 100).all()
    share, total = 187.5 / 1905.5, 1905.5
    # Of the Dirichlet-multinomial: n p (1 − p) (n + A) / (1 + A).
    assert drawn[:, 0].mean() == pytest.approx(100 * share, rel=0.01)
    assert drawn[:, 0].var() == pytest.approx(100 * share * (1 - share) * (100 + total) / (1 + total), rel=0.05)


def test_where_no_bin_is_rare_the_criticals_are_those_of_theory() -> None:
    result = exact_critical_values(DECILES, 10, 1_000, 0.05, 0.05)
    m = sum(DECILES)
    assert result.psi == pytest.approx(critical_value(1_000, m, 11, 0.05), rel=0.04)
    was, seen = np.array(DECILES[:10]), np.array(DECILES[:10]) * 1_000 / m
    assert result.superiority == pytest.approx(1.96 * standard_error(was, seen), rel=0.04)


def test_where_bins_are_rare_theory_is_off_either_way() -> None:
    rare, halving = (1_000.0,) * 10 + (20.0,), tuple(float(2**i) for i in range(11, 0, -1))
    result = {
        (shape[-1], n): exact_critical_values(shape, 10, n, 0.0003, 0.0003).psi
        / critical_value(n, sum(shape), 11, 0.0003)
        for shape in (rare, halving)
        for n in (30, 100)
    }
    assert result[20, 100] > 1.1
    assert 0.5 < result[2, 30] < 0.65
    assert 0.5 < min(result.values()) < max(result.values()) < 1.3  # as `figures` relies on


def test_quantile_bins_keep_the_stated_level() -> None:
    """The whole way: fresh training values, bins frozen on them, fresh rows; whatever the feature's distribution."""
    rng = np.random.default_rng(1)
    exceeded, times, m, n = 0, 1_500, 400, 60
    was = np.full(10, 40.0)
    limit = exact_critical_values((*was.tolist(), 0.0), 10, n, 0.05, 0.05)
    for _ in range(times):
        train, now = rng.lognormal(size=m), rng.lognormal(size=n)
        bins = np.searchsorted(np.sort(train)[40::40], now, side="right")
        seen = np.bincount(bins, minlength=11).astype(np.float64)
        exceeded += float(psi(np.array([*was, 0.0]), seen)) > limit.psi
        exceeded += abs(float(probability_of_superiority(was, seen[:10])) - 0.5) > limit.superiority
    low, high = stats.binomtest(exceeded, 2 * times).proportion_ci(0.999)
    assert low <= 0.05 <= high


def test_large_n_is_rounded_down_by_two_percent_at_most() -> None:
    assert [rounded(n) for n in (0, 30, 200)] == [0, 30, 200]
    for n in (201, 250, 9_999, 10_000_000):
        assert n / 1.021 - 1 <= rounded(n) <= n
    assert len({rounded(n) for n in range(10_000, 10_100)}) <= 2
