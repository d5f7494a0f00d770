"""Bins: what falls where, by hand and for any float."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.model.bins import FeatureBins
from farol.model.features import Floats
from tests.model.conftest import columns

NAN = float("nan")
INF = float("inf")


ANY_COLUMN = columns(st.floats())
FEW_VALUES = columns(st.sampled_from([2.5, 5.0, 10.0, NAN]))


def test_many_values_are_binned_at_tenths_of_the_training_rows() -> None:
    bins = FeatureBins.fit(np.arange(1.0, 101.0), "IDA")
    assert list(bins.edges or ()) == list(range(10, 100, 10))
    assert bins.values is None
    assert bins.counts == (9, 10, 10, 10, 10, 10, 10, 10, 10, 11, 0)


def test_a_value_on_an_edge_is_in_the_bin_above_it() -> None:
    bins = FeatureBins("IDA", (2.0, 4.0), None, (0, 0, 0, 0), None, None)
    values = np.array([-INF, np.nextafter(2.0, 0), 2.0, np.nextafter(4.0, 0), 4.0, INF, NAN])
    assert bins.index(values).tolist() == [0, 0, 1, 1, 2, 2, 3]


def test_few_values_have_a_bin_each_then_others_then_missing() -> None:
    bins = FeatureBins.fit(np.array([10.0] * 12 + [2.5] * 3 + [5.0] * 5 + [NAN] * 4), "IAN")
    assert bins.values == (2.5, 5.0, 10.0)
    assert bins.edges is None
    assert bins.counts == (3, 5, 12, 0, 4)
    assert bins.index(np.array([6.5, 10.0, INF, -INF, NAN, 2.5])).tolist() == [3, 2, 3, 3, 4, 0]


def test_few_rows_do_not_make_a_feature_discrete() -> None:
    bins = FeatureBins.fit(np.array([1.3, 2.7, 3.1]), "IDA")
    assert bins.edges == (2.7, 3.1)


def test_a_constant_feature_tells_any_other_value_apart() -> None:
    bins = FeatureBins.fit(np.full(20, 3.0), "phase")
    assert bins.counts == (20, 0, 0)
    assert bins.index(np.array([3.0, 4.0])).tolist() == [0, 1]


def test_a_wholly_missing_feature_has_one_open_bin_and_missing() -> None:
    bins = FeatureBins.fit(np.full(30, NAN), "IPP")
    assert bins.edges == ()
    assert bins.counts == (0, 30)
    assert bins.index(np.array([-INF, 0.0, INF, NAN])).tolist() == [0, 0, 0, 1]


def test_a_heap_at_the_top_keeps_a_bin_of_its_own() -> None:
    bins = FeatureBins.fit(np.concatenate([np.linspace(0, 9.9, 70), np.full(30, 10.0)]), "IEG")
    assert bins.edges is not None
    assert bins.edges[-1] == 10.0
    assert bins.counts[-2] == 30


@settings(max_examples=150, deadline=None)
@given(st.one_of(ANY_COLUMN, FEW_VALUES), ANY_COLUMN)
def test_every_float_is_in_exactly_one_bin_and_counts_sum_to_n(train: Floats, later: Floats) -> None:
    bins = FeatureBins.fit(train, "x")
    assert sum(bins.counts) == train.size
    assert len(bins.counts) == bins.size <= 12
    index = bins.index(later)
    assert ((index >= 0) & (index < bins.size)).all()
    np.testing.assert_array_equal(np.isnan(later), index == bins.size - 1)
    # By hand: a bin of quantiles is [edge, next edge), a bin by value that value.
    if bins.edges is not None:
        bounds = [-INF, *bins.edges, INF]
        present = ~np.isnan(later)
        for value, place in zip(later[present].tolist(), index[present].tolist(), strict=True):
            assert bounds[place] <= value
            assert value < bounds[place + 1] or bounds[place + 1] == INF
    else:
        known = list(bins.values or ())
        expected = [known.index(value) if value in known else len(known) for value in later[~np.isnan(later)].tolist()]
        assert index[~np.isnan(later)].tolist() == expected


@settings(max_examples=150, deadline=None)
@given(st.one_of(ANY_COLUMN, FEW_VALUES), ANY_COLUMN)
def test_counting_is_binning_and_counting_the_bins(train: Floats, later: Floats) -> None:
    bins = FeatureBins.fit(train, "x")
    assert bins.count(later).tolist() == np.bincount(bins.index(later), minlength=bins.size).tolist()


@settings(max_examples=100, deadline=None)
@given(columns(st.floats(-10, 10), least=1))
def test_no_bin_is_empty_in_training(train: Floats) -> None:
    bins = FeatureBins.fit(train, "x")
    present = bins.counts[:-2] if bins.values is not None else bins.counts[:-1]
    assert min(present) > 0


def test_a_reader_sees_bins_in_the_readers_language() -> None:
    quantiles = FeatureBins("IDA", (2.0, 4.125, 7.5), None, (0,) * 5, None, None)
    assert quantiles.labels("en") == ("below 2", "2 to 4.12", "4.12 to 7.5", "7.5 or more", "missing")
    assert quantiles.labels("pt_BR") == ("menos de 2", "2 a 4,12", "4,12 a 7,5", "7,5 ou mais", "sem informação")
    by_value = FeatureBins("IAN", None, (2.5, 10.0), (0,) * 4, None, None)
    assert by_value.labels("pt_BR") == ("2,5", "10", "outro valor", "sem informação")
    assert FeatureBins("IPP", (), None, (0, 0), None, None).labels("en") == ("any value", "missing")


def test_bins_that_differ_look_different() -> None:
    assert FeatureBins("x", (1.001, 1.002), None, (0,) * 4, None, None).labels("en")[0] == "below 1.001"
    assert len(FeatureBins("x", (1e-300, 2e-300), None, (0,) * 4, None, None).labels("en")) == 4
