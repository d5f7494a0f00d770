"""Bins: what falls where, by hand and for any float."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from farol.files import canonical_json
from farol.model.bins import BLOCK, CACHED, FeatureBins
from farol.model.features import Floats
from farol.model.reference import Reference, Tally, score_index

NAN = float("nan")
INF = float("inf")


def columns(elements: st.SearchStrategy[float], *, least: int = 0) -> st.SearchStrategy[Floats]:
    return st.lists(elements, min_size=least, max_size=120).map(lambda values: np.array(values, dtype=np.float64))


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


def test_few_rows_of_a_continuous_feature_are_not_taken_for_a_discrete_one() -> None:
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
    found = bins.index(later)
    assert ((found >= 0) & (found < bins.size)).all()
    np.testing.assert_array_equal(np.isnan(later), found == bins.size - 1)
    # By hand: a bin of quantiles is [edge, next edge), a bin by value that value.
    if bins.edges is not None:
        bounds = [-INF, *bins.edges, INF]
        present = ~np.isnan(later)
        for value, place in zip(later[present].tolist(), found[present].tolist(), strict=True):
            assert bounds[place] <= value
            assert value < bounds[place + 1] or bounds[place + 1] == INF
    else:
        known = list(bins.values or ())
        expected = [known.index(value) if value in known else len(known) for value in later[~np.isnan(later)].tolist()]
        assert found[~np.isnan(later)].tolist() == expected


@settings(max_examples=150, deadline=None)
@given(st.one_of(ANY_COLUMN, FEW_VALUES), ANY_COLUMN)
def test_counting_is_binning_and_counting_the_bins(train: Floats, later: Floats) -> None:
    bins = FeatureBins.fit(train, "x")
    assert bins.count(later).tolist() == np.bincount(bins.index(later), minlength=bins.size).tolist()


def test_counting_goes_on_beyond_one_block() -> None:
    train = np.concatenate([np.arange(100.0), [NAN] * 7])
    many = np.resize(train, CACHED * 2 + 123)
    matrix = np.stack([many, np.where(many > 50, 1.0, 2.0)], axis=1)
    reference = Reference.fit(np.stack([train, np.where(train > 50, 1.0, 2.0)], axis=1), ["x", "y"])
    bins = reference.index(matrix)
    expected = [np.bincount(bins[:, i], minlength=one.size).tolist() for i, one in enumerate(reference.features)]
    assert [list(counts) for counts in reference.count(matrix)] == expected


@settings(max_examples=100, deadline=None)
@given(columns(st.floats(-10, 10), least=1))
def test_no_bin_is_empty_in_training(train: Floats) -> None:
    bins = FeatureBins.fit(train, "x")
    present = bins.counts[:-2] if bins.values is not None else bins.counts[:-1]
    assert min(present) > 0


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 60), st.integers(1, 4)), elements=st.floats()))
def test_a_row_alone_is_binned_as_among_others_and_as_each_feature_alone(matrix: Floats) -> None:
    reference = Reference.fit(matrix, [f"f{position}" for position in range(matrix.shape[1])])
    found = reference.index(matrix)
    np.testing.assert_array_equal(found, np.concatenate([reference.index(row[np.newaxis]) for row in matrix]))
    by_feature = [bins.index(matrix[:, position]) for position, bins in enumerate(reference.features)]
    np.testing.assert_array_equal(found, np.stack(by_feature, axis=1))
    assert Reference.from_json(reference.to_json()) == reference


def test_rows_beyond_one_block_are_binned_too() -> None:
    train = np.arange(100.0)[:, np.newaxis]
    reference = Reference.fit(train, ["x"])
    rows = np.resize(train, (BLOCK + 150, 1))
    np.testing.assert_array_equal(reference.index(rows)[-150:], reference.index(rows[-150:]))


def test_a_reference_of_no_rows_has_only_empty_bins() -> None:
    reference = Reference.fit(np.empty((0, 1)), ["x"])
    assert reference.n == 0
    assert reference.features[0].counts == (0, 0)


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


Change = Callable[[dict[str, Any]], object]


def test_a_probability_is_in_one_of_a_hundred_equal_bins_or_is_no_answer() -> None:
    values = np.array([0.0, 0.00999, 0.01, 0.5, 0.999, 1.0, NAN, np.nextafter(0.01, 0)])
    assert score_index(values).tolist() == [0, 0, 1, 50, 99, 99, 100, 0]


@given(columns(st.one_of(st.floats(0, 1), st.just(NAN))))
def test_every_probability_is_in_exactly_one_bin(values: Floats) -> None:
    found = score_index(values)
    assert ((found >= 0) & (found <= 100)).all()
    np.testing.assert_array_equal(np.isnan(values), found == 100)
    assert (np.diff(found[np.argsort(values)]) >= 0).all()


def test_outside_is_below_the_least_or_above_the_greatest_training_value() -> None:
    train = np.array([[2.0, NAN], [5.0, NAN], [3.0, NAN]])
    reference = Reference.fit(train, ["x", "never"])
    assert [(bins.lowest, bins.highest) for bins in reference.features] == [(2.0, 5.0), (None, None)]
    asked = np.array([[1.9, 7.0], [2.0, NAN], [5.0, 0.0], [5.1, 0.0], [NAN, 1.0], [INF, 1.0]])
    assert reference.outside(asked)[:, 0].tolist() == [True, False, False, True, False, True]
    # Of a feature that no training row had there is no range to be outside of.
    assert not reference.outside(asked)[:, 1].any()


def test_answers_and_levels_are_counted_beside_the_features() -> None:
    matrix = np.array([[1.0], [2.0], [NAN], [4.0]])
    reference = Reference.fit(
        matrix,
        ["x"],
        probability=np.array([0.105, 0.6, NAN, 1.0]),
        threshold=0.6,
        level=np.array([3.0, 3.0, 4.0, NAN]),
        label=np.array([0.0, 1.0, 1.0, 1.0]),
    )
    assert reference.at_risk == tuple({60: 1, 99: 1, 100: 1}.get(i, 0) for i in range(101))
    assert reference.score == tuple({10: 1, 60: 1, 99: 1, 100: 1}.get(i, 0) for i in range(101))
    assert reference.predicted == (1, 2, 1)
    assert reference.features[0].edges == (2.0, 4.0)
    assert set(reference.by_level) == {"3", "4"}
    third = reference.by_level["3"]
    assert (third.features, third.predicted) == (((1, 1, 0, 0),), (1, 1, 0))
    assert reference.by_level["4"].predicted == (0, 0, 1)
    assert Reference.from_json(reference.to_json()) == reference
    without = Reference.fit(matrix, ["x"], level=np.array([3.0, 3.0, 4.0, 4.0]))
    unanswered = (0,) * 100
    assert (without.score, without.at_risk) == ((*unanswered, 4), (0,) * 101)
    assert without.by_level["4"] == Tally(((0, 0, 1, 1),), (*unanswered, 2), (0, 0, 2))
    assert Reference.from_json(without.to_json()) == without


def content_of(bins: FeatureBins) -> dict[str, Any]:
    """reference.json of twenty rows, five of them of level 3."""
    level = Tally(((5, 0, 0, 0),), (5, *(0,) * 100), (5, 0, 0))
    score, at_risk = (20, *(0,) * 100), (7, *(0,) * 100)
    content: dict[str, Any] = json.loads(
        Reference((bins,), 20, score, (13, 7, 0), {"3": level}, None, at_risk).to_json()
    )
    return content


BINS = FeatureBins("x", (2.0, 3.0), None, (5, 10, 5, 0), 1.0, 4.0)


@pytest.mark.parametrize("key", ["n", "features", "score", "predicted", "at_risk", "by_level", "joint"])
def test_every_part_of_a_reference_is_required(key: str) -> None:
    content = content_of(BINS)
    assert Reference.from_json(canonical_json(content)).features == (BINS,)
    del content[key]
    with pytest.raises(ValueError, match=key):
        Reference.from_json(canonical_json(content))


@pytest.mark.parametrize("key", ["feature", "edges", "values", "counts", "lowest", "highest"])
def test_every_part_of_a_feature_is_required(key: str) -> None:
    content = content_of(BINS)
    del content["features"][0][key]
    with pytest.raises(ValueError, match=key):
        Reference.from_json(canonical_json(content))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(joint=[]),
        lambda content: content.update(joint={"groups": ["0 1 2"], "tables": [], "by_level": {}}),
        lambda content: content.update(by_level=[]),
        lambda content: content.update(by_level={"3": 7}),
        lambda content: content["by_level"]["3"].update(features=[]),
        lambda content: content["by_level"]["3"].update(features=[[5]]),
        lambda content: content["by_level"]["3"].update(score=None),
        lambda content: content["by_level"]["3"].update(predicted=[4, 0, 0]),
        lambda content: content["by_level"]["3"].pop("predicted"),
        lambda content: content.update(score=None),
        lambda content: content.update(another=1),
        lambda content: content.update(predicted=[20, 0]),
        lambda content: content.update(predicted=[20, 1, 0]),
        lambda content: content.update(predicted=[21, -1, 0]),
        lambda content: content.update(predicted="many"),
        lambda content: content.update(score=[20]),
        lambda content: content.update(at_risk=[20]),
        lambda content: content.update(at_risk=[21] + [0] * 100),
        lambda content: content.update(at_risk=[-1] + [0] * 100),
        lambda content: content.update(at_risk="many"),
        lambda content: content["features"][0].update(lowest=None, highest=3.0),
        lambda content: content["features"][0].update(lowest="two"),
        lambda content: content.update(n=7),
        lambda content: content.update(features=[3]),
        lambda content: content["features"][0].update(edges=None),
        lambda content: content["features"][0].update(values=[1.0]),
        lambda content: content["features"][0].update(edges=None, values=[]),
        lambda content: content["features"][0].update(edges=[3.0, 2.0]),
        lambda content: content["features"][0].update(counts=[20, 0]),
        lambda content: content["features"][0].update(counts=[21, -1, 0, 0]),
        lambda content: content["features"][0].update(edges=["two", "three"]),
    ],
)
def test_what_is_no_reference_is_refused(change: Change) -> None:
    content = content_of(BINS)
    change(content)
    with pytest.raises(ValueError, match=r"."):
        Reference.from_json(canonical_json(content))
