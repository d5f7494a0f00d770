"""A band says what a probability was worth, and whether the test year agreed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from farol.evaluation.bands import EDGES, FEWEST, CalibrationBands, Floats, Unseen, calibration_bands, medians


def measured_bands(label: Floats, said: Floats, test: Floats, asked: Floats) -> CalibrationBands:
    return calibration_bands(Unseen(label, said, np.full(label.size, 2022)), test, asked)


def test_bands_by_hand() -> None:
    said = np.repeat([0.05, 0.2, 0.4, 0.6, 0.8, 1.0], 40)
    label = np.concatenate([np.repeat([1.0, 0.0], [share, 40 - share]) for share in (2, 8, 16, 24, 32, 40)])
    measured = measured_bands(label, said, label[:80], said[:80])
    assert measured.edges == EDGES
    assert [band.n_train for band in measured.bands] == [40] * 6
    assert [band.covered for band in measured.bands] == [True, True, None, None, None, None]
    assert measured.coverage == 1.0
    assert measured.bands[1].observed.value == 0.2
    assert measured.bands[1].expected.low < 0.2 < measured.bands[1].expected.high


def test_a_test_year_that_turned_out_otherwise_is_not_covered() -> None:
    said = np.repeat([0.05, 0.95], 100)
    label = np.repeat([0.0, 1.0], 100)
    measured = measured_bands(label, said, np.r_[np.ones(30), np.ones(10)], np.r_[np.full(30, 0.05), np.full(10, 0.95)])
    assert [(band.low, band.high, band.covered) for band in measured.bands] == [(0.0, 0.1, False), (0.1, 1.0, True)]
    assert measured.coverage == 0.25


@given(st.lists(st.floats(0, 1), min_size=1, max_size=120))
def test_every_probability_is_in_one_band_and_no_band_is_scanty(said: list[float]) -> None:
    probability = np.array(said)
    measured = measured_bands(np.zeros(probability.size), probability, np.zeros(probability.size), probability)
    assert (measured.edges[0], measured.edges[-1]) == (0.0, 1.0)
    assert (
        sum(band.n_train for band in measured.bands) == probability.size == sum(band.n_test for band in measured.bands)
    )
    assert len(measured.bands) == 1 or min(band.n_train for band in measured.bands) >= FEWEST


def test_a_band_reaches_to_the_share_of_every_unseen_year() -> None:
    year = np.repeat([2021, 2022, 2023], [200, 200, 10])
    label = np.concatenate([np.repeat([1.0, 0.0], [share, n - share]) for share, n in ((180, 200), (60, 200), (0, 10))])
    said, unseen = np.full(410, 0.6), np.full(410, 0.95)
    known = Unseen(label, said, year, unseen)
    (band,) = calibration_bands(known, np.empty(0), np.empty(0)).bands
    assert (band.expected.low, band.expected.high) == (0.3, 0.9)  # 60 and 180 of 200; ten pupils of 2023 are too few
    assert 0.53 < band.trained.low < 240 / 410 < band.trained.high < 0.64
    elsewhere = Unseen(label, np.repeat([0.05, 0.95], 205), year, unseen)
    low, high = calibration_bands(elsewhere, np.empty(0), np.empty(0)).bands
    assert low.expected == low.trained, "no unseen year had such a probability"
    assert (high.expected.low, high.expected.high) == (high.trained.low, 0.9)


def test_medians_are_of_levels_and_features_with_enough_pupils() -> None:
    level = np.repeat([0.0, 1.5, 2.0, np.nan], [12, 10, 9, 20])
    matrix = np.column_stack((np.arange(51.0), np.where(np.arange(51) < 5, np.nan, 3.0)))
    assert medians(matrix, ("a", "b"), level) == {"0": {"a": 5.5}, "1.5": {"a": 16.5, "b": 3.0}}
