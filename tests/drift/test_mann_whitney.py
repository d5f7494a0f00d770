"""Whether values moved: superiority against every pair, its bands, its interval."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from farol.drift.mann_whitney import MODERATE, SEVERE, band, interval, probability_of_superiority, standard_error

counts = st.integers(2, 6).flatmap(
    lambda bins: st.tuples(*[st.lists(st.integers(0, 30), min_size=bins, max_size=bins).filter(any)] * 2)
)


@given(counts)
def test_superiority_is_the_share_of_pairs_that_are_higher(given_: tuple[list[int], list[int]]) -> None:
    was, seen = given_
    pairs = above = 0.0
    for i, then in enumerate(was):
        for j, now in enumerate(seen):
            pairs += then * now
            above += then * now * (1.0 if j > i else 0.5 if j == i else 0.0)
    assert float(probability_of_superiority(np.array(was), np.array(seen))) == pytest.approx(above / pairs)


def test_an_empty_side_gives_one_half_and_no_certainty() -> None:
    none, some = np.zeros(3), np.array([1.0, 2.0, 3.0])
    assert float(probability_of_superiority(some, none)) == float(probability_of_superiority(none, some)) == 0.5
    assert standard_error(some, none) == standard_error(none, some) == inf
    assert interval(some, none) == interval(none, some) == (0.0, 1.0)


def test_many_tables_at_once_are_as_one_at_a_time() -> None:
    rng = np.random.default_rng(0)
    was, seen = rng.integers(0, 9, 4), rng.integers(0, 9, (5, 4))
    assert probability_of_superiority(was, seen).tolist() == [
        float(probability_of_superiority(was, each)) for each in seen
    ]


def test_the_standard_error_is_the_rank_sum_tests_with_ties() -> None:
    was, seen = np.array([30, 50, 20]), np.array([10, 10, 20])
    values = [np.repeat(np.arange(3), counted) for counted in (seen, was)]
    known = stats.mannwhitneyu(*values, use_continuity=False, method="asymptotic")
    z = (float(probability_of_superiority(was, seen)) - 0.5) / standard_error(was, seen)
    assert 2 * float(stats.norm.sf(abs(z))) == pytest.approx(float(known.pvalue))


def test_the_bands_are_the_psis_for_normal_distributions() -> None:
    # PSI of normals d standard deviations apart is d²: 0.1 and 0.25.
    assert pytest.approx(float(stats.norm.cdf(0.1**0.5 / 2**0.5)) - 0.5, abs=5e-4) == MODERATE
    assert pytest.approx(float(stats.norm.cdf(0.5 / 2**0.5)) - 0.5, abs=5e-4) == SEVERE
    assert [band(value) for value in (0.5, 0.587, 0.589, 0.411, 0.639, 0.36)] == [
        "none",
        "none",
        "moderate",
        "moderate",
        "severe",
        "severe",
    ]


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_interval_holds_the_truth_in_95_percent(shift: float) -> None:
    edges = [-np.inf, *stats.norm.ppf(np.arange(1, 10) / 10), np.inf]
    shares, shifted = np.diff(stats.norm.cdf(edges)), np.diff(stats.norm.cdf(edges, loc=shift))
    truth = float(probability_of_superiority(shares, shifted))
    rng = np.random.default_rng(4)
    ends = [interval(rng.multinomial(900, shares), rng.multinomial(150, shifted)) for _ in range(600)]
    assert np.mean([low <= truth <= high for low, high in ends]) == pytest.approx(0.95, abs=0.025)
