"""Shares beside those of training: exact chance, bands, intervals."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from farol.drift.proportions import proportion_band, proportion_drift, tails, wilson

few = st.integers(0, 40)


@given(few, few, few, few)
def test_the_tails_are_those_of_a_draw_without_replacement(part: int, rest: int, was: int, others: int) -> None:
    n, m = part + rest, was + others
    if n == 0 or m == 0:
        return
    total, rows = part + was, n + m
    chance = [comb(total, k) * comb(rows - total, n - k) / comb(rows, n) if n >= k else 0 for k in range(total + 1)]
    at_most, at_least = tails(part, n, was, m)
    assert at_most == pytest.approx(sum(chance[: part + 1]), rel=1e-9)
    assert at_least == pytest.approx(sum(chance[part:]), rel=1e-9)


def test_millions_of_predictions_are_as_exact_as_scipy() -> None:
    at_most, at_least = tails(301_000, 10_000_000, 40, 1_874)
    exact = stats.hypergeom(10_001_874, 301_040, 10_000_000)
    assert at_most == pytest.approx(float(exact.cdf(301_000)), rel=1e-5)
    assert at_least == pytest.approx(float(exact.sf(300_999)), rel=1e-5)


def test_missing_from_none_to_fifteen_percent_is_severe() -> None:
    result = proportion_drift(15, 100, 0, 1_874, alpha=1e-4)
    # All fifteen of 1,974 rows are among the hundred: (100 choose 15) / (1974 choose 15), twice.
    assert result.p_value == pytest.approx(2 * comb(100, 15) / comb(1_974, 15), rel=1e-6)
    assert (result.value, result.reference, result.verdict, result.alarm) == (0.15, 0.0, "severe", True)


def test_a_fall_is_a_drift_unless_only_a_rise_counts() -> None:
    assert proportion_drift(0, 500, 900, 1_874, alpha=1e-4).verdict == "severe"
    assert proportion_drift(0, 500, 900, 1_874, alpha=1e-4, rising=True).verdict == "none"


def test_a_difference_needs_more_than_chance_and_five_points() -> None:
    assert proportion_drift(4, 40, 20, 1_000, alpha=1e-4).verdict == "insufficient_data"
    # Far beyond chance, but a difference of four points is no drift.
    small = proportion_drift(6_000, 100_000, 200, 10_000, alpha=1e-4)
    assert (small.p_value < 1e-20, small.verdict) == (True, "none")


def test_nothing_counted_says_nothing() -> None:
    for result in (proportion_drift(0, 0, 5, 10, alpha=0.1), proportion_drift(3, 40, 0, 0, alpha=0.1)):
        assert (result.value, result.low, result.high, result.verdict) == (None, 0.0, 1.0, "insufficient_data")
        assert result.p_value == 1.0


@given(few, few, few, few, st.booleans())
def test_a_p_value_is_a_probability(part: int, rest: int, was: int, others: int, rising: bool) -> None:
    p_value = proportion_drift(part, part + rest, was, was + others, alpha=0.1, rising=rising).p_value
    assert 0 < p_value <= 1


def test_a_proportion_of_exactly_30_predictions_can_alarm() -> None:
    assert proportion_drift(30, 30, 0, 1_000, alpha=1e-4).verdict == "severe"
    assert proportion_drift(29, 29, 0, 1_000, alpha=1e-4).verdict == "insufficient_data"


@pytest.mark.parametrize(
    ("difference", "band"), [(-0.5, "none"), (0.049, "none"), (0.05, "moderate"), (0.149, "moderate"), (0.15, "severe")]
)
def test_the_bands_of_shares(difference: float, band: str) -> None:
    assert proportion_band(difference) == band


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_interval_is_wilsons(part: int, rest: int) -> None:
    n = part + rest
    low, high = wilson(part, n)
    if n == 0:
        assert (low, high) == (0.0, 1.0)
        return
    known = stats.binomtest(part, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((known.low, known.high), abs=1e-9)
