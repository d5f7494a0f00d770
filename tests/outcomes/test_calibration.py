"""The worth of answers in training: shares that rise with the probability, by hand and as scikit-learn has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from farol.model.reference import Reference
from farol.outcomes.estimation import (
    FEWEST_CASES,
    FEWEST_ROWS,
    IsotonicCalibration,
    calibrated_shares,
    resampled_shares,
)


def learned(**bins: tuple[int, int]) -> IsotonicCalibration:
    """Rows and cases by bin, as `b7=(10, 3)`."""
    counts, at_risk = [0] * 100, [0] * 100
    for name, (rows, cases) in bins.items():
        counts[int(name[1:])], at_risk[int(name[1:])] = rows, cases
    return IsotonicCalibration(tuple(counts), tuple(at_risk))


def test_falling_shares_are_pooled_and_gaps_are_interpolated() -> None:
    # 4 of 20, then 9 of 30 and 1 of 10: together 10 of 40, which is above 4 of 20; then 9 of 10.
    shares = calibrated_shares(learned(b10=(20, 4), b20=(30, 9), b30=(10, 1), b40=(10, 9)))
    assert shares[[0, 10, 20, 25, 30, 40, 99]] == pytest.approx([0.2, 0.2, 0.25, 0.25, 0.25, 0.9, 0.9])
    assert shares[[15, 35]] == pytest.approx([0.225, 0.575])


def test_pools_grow_back_as_far_as_they_must() -> None:
    # 0.5, then 0.6, then 0: the last pulls down both before it, (5 + 6 + 0) of 30.
    assert set(calibrated_shares(learned(b1=(10, 5), b2=(10, 6), b3=(10, 0)))) == {11 / 30}


COUNTED = st.lists(
    st.integers(0, 30).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=2, max_size=30
)


@given(COUNTED.filter(lambda bins: any(rows for rows, _ in bins)))
def test_it_is_the_isotonic_regression_of_the_shares(bins: list[tuple[int, int]]) -> None:
    padded = np.array(bins + [(0, 0)] * (100 - len(bins)))
    known = np.flatnonzero(padded[:, 0])
    rows = padded[known].astype(np.float64)
    expected = IsotonicRegression(out_of_bounds="clip").fit(known, rows[:, 1] / rows[:, 0], rows[:, 0])
    shares = calibrated_shares(IsotonicCalibration(tuple(padded[:, 0].tolist()), tuple(padded[:, 1].tolist())))
    assert shares == pytest.approx(expected.predict(np.arange(100.0)), abs=1e-9)


def test_redrawn_training_pupils_vary_as_shares_of_their_number() -> None:
    # One bin is a plain share: of 400 pupils 100, whose standard error is sqrt(0.25 * 0.75 / 400).
    drawn = resampled_shares(learned(b50=(400, 100)), 2_000)
    assert drawn.shape == (2_000, 100)
    assert drawn[:, 50].mean() == pytest.approx(0.25, abs=0.002)
    assert drawn[:, 50].std() == pytest.approx(0.02165, rel=0.06)


def test_few_rows_or_few_cases_give_no_calibration() -> None:
    def known(rows: int, cases: int) -> IsotonicCalibration | None:
        score, at_risk = (rows, *(0,) * 99, 7), (cases, *(0,) * 99, 3)  # those without an answer teach nothing
        return IsotonicCalibration.of(Reference((), rows + 7, score, (rows, 0, 7), {}, None, at_risk))

    assert known(FEWEST_ROWS, FEWEST_CASES) == learned(b0=(FEWEST_ROWS, FEWEST_CASES))
    assert known(FEWEST_ROWS, FEWEST_ROWS - FEWEST_CASES) is not None
    assert known(FEWEST_ROWS - 1, FEWEST_CASES) is None
    assert known(FEWEST_ROWS, FEWEST_CASES - 1) is None
    assert known(FEWEST_ROWS, FEWEST_ROWS - FEWEST_CASES + 1) is None
