"""A band says what a probability was worth, and whether the test year agreed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from farol.evaluation.bands import EDGES, FEWEST, calibration_bands, least_given, medians


def test_bands_by_hand() -> None:
    said = np.repeat([0.05, 0.2, 0.4, 0.6, 0.8, 1.0], 40)
    label = np.concatenate([np.repeat([1.0, 0.0], [share, 40 - share]) for share in (2, 8, 16, 24, 32, 40)])
    measured = calibration_bands(label, said, label[:80], said[:80])
    assert measured.edges == EDGES
    assert [band.n_train for band in measured.bands] == [40] * 6
    assert [band.covered for band in measured.bands] == [True, True, None, None, None, None]
    assert measured.coverage == 1.0
    assert measured.bands[1].observed.value == 0.2
    assert measured.bands[1].expected.low < 0.2 < measured.bands[1].expected.high


def test_a_test_year_that_turned_out_otherwise_is_not_covered() -> None:
    said = np.repeat([0.05, 0.95], 100)
    label = np.repeat([0.0, 1.0], 100)
    measured = calibration_bands(
        label, said, np.r_[np.ones(30), np.ones(10)], np.r_[np.full(30, 0.05), np.full(10, 0.95)]
    )
    assert [(band.low, band.high, band.covered) for band in measured.bands] == [(0.0, 0.1, False), (0.1, 1.0, True)]
    assert measured.coverage == 0.25


@given(st.lists(st.floats(0, 1), min_size=1, max_size=120))
def test_every_probability_is_in_one_band_and_no_band_is_scanty(said: list[float]) -> None:
    probability = np.array(said)
    measured = calibration_bands(np.zeros(probability.size), probability, np.zeros(probability.size), probability)
    assert (measured.edges[0], measured.edges[-1]) == (0.0, 1.0)
    assert (
        sum(band.n_train for band in measured.bands) == probability.size == sum(band.n_test for band in measured.bands)
    )
    assert len(measured.bands) == 1 or min(band.n_train for band in measured.bands) >= FEWEST


def test_support_leaves_out_the_scantiest_rows() -> None:
    matrix = np.zeros((1_000, 4))
    matrix[:3, :] = np.nan
    matrix[3:20, :2] = np.nan
    assert least_given(matrix) == 2


def test_medians_are_of_levels_and_features_with_enough_pupils() -> None:
    level = np.repeat([0.0, 1.5, 2.0, np.nan], [12, 10, 9, 20])
    matrix = np.column_stack((np.arange(51.0), np.where(np.arange(51) < 5, np.nan, 3.0)))
    assert medians(matrix, ("a", "b"), level) == {"0": {"a": 5.5}, "1.5": {"a": 16.5, "b": 3.0}}
