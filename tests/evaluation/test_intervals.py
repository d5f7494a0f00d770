"""Intervals against published and independent figures, and what must hold of any of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from farol.evaluation.intervals import difference_of, share_of, true_cases, true_cases_of_each
from farol.evaluation.metrics import Estimate


def test_the_interval_of_a_share_is_wilsons() -> None:
    expected = stats.binomtest(7, 25).proportion_ci(method="wilson")
    share = share_of(7, 25)
    assert (share.value, share.low, share.high) == pytest.approx((0.28, expected.low, expected.high))
    narrow = share_of(7, 25, coverage=0.8)
    assert share.low < narrow.low < narrow.value < narrow.high < share.high


def test_of_nobody_every_share_is_possible() -> None:
    assert share_of(0, 0) == Estimate(0.0, 0.0, 1.0)


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # Newcombe (1998), Statistics in Medicine 17: 56/70 − 48/80 = 0.2, method 10: 0.0524 to 0.3339.
    difference = difference_of(share_of(56, 70), share_of(48, 80))
    assert (difference.value, difference.low, difference.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_true_cases_of_equal_chances_are_binomial() -> None:
    cases = true_cases(np.full(40, 0.3))
    expected = stats.binom(40, 0.3).ppf([0.025, 0.975])
    assert (cases.value, cases.low, cases.high) == pytest.approx((12.0, *expected))
    assert true_cases(np.zeros(0)) == Estimate(0.0, 0.0, 0.0)
    certain = true_cases(np.array([1.0, 1.0, 0.0]))
    assert (certain.value, certain.low, certain.high) == (2.0, 2.0, 2.0)


def test_true_cases_of_unequal_chances_are_as_simulated() -> None:
    generator = np.random.default_rng(0)
    chances = generator.random(30)
    drawn = (generator.random((50_000, 30)) < chances).sum(axis=1)
    cases = true_cases(chances)
    assert [cases.low, cases.high] == np.quantile(drawn, [0.025, 0.975]).tolist()
    assert cases.value == pytest.approx(drawn.mean(), abs=0.05)


@given(st.lists(st.lists(st.floats(0, 1), max_size=25), max_size=300))
def test_groups_together_have_the_cases_of_each_alone(groups: list[list[float]]) -> None:
    arrays = [np.array(chances, dtype=np.float64) for chances in groups]
    for together, chances in zip(true_cases_of_each(arrays), arrays, strict=True):
        drawn = np.ones(1)
        for chance in chances:  # Poisson's binomial, one pupil after the other
            drawn = np.convolve(drawn, (1 - chance, chance))
        reached, mean = np.cumsum(drawn), float(chances.sum())
        low, high = (int((reached < level - 1e-12).sum()) for level in (0.025, 0.975))
        most = int((reached < 0.975 + 1e-12).sum())
        assert together.value == mean
        assert together.low in (min(low, mean), min(int((reached < 0.025 + 1e-12).sum()), mean))
        assert together.high in (max(min(high, chances.size), mean), max(min(most, chances.size), mean))


@given(st.lists(st.floats(0, 1), max_size=25))
def test_the_interval_of_true_cases_holds_its_mean(chances: list[float]) -> None:
    cases = true_cases(np.array(chances))
    assert 0 <= cases.low <= cases.value <= cases.high <= len(chances) + 1e-9
