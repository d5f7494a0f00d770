"""The reference: training rows counted in bins, with their answers and levels, written and read again."""

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
from farol.model.bins import CACHED, FEW, FeatureBins
from farol.model.features import Floats
from farol.model.reference import Reference, Tally, score_index
from tests.model.conftest import columns

NAN = float("nan")
INF = float("inf")


def test_counting_goes_on_beyond_one_block() -> None:
    train = np.concatenate([np.arange(100.0), [NAN] * 7])
    many = np.resize(train, CACHED * 2 + 123)
    matrix = np.stack([many, np.where(many > 50, 1.0, 2.0)], axis=1)
    reference = Reference.fit(np.stack([train, np.where(train > 50, 1.0, 2.0)], axis=1), ["x", "y"])
    bins = reference.index(matrix)
    expected = [
        np.bincount(bins[:, i], minlength=feature.size).tolist() for i, feature in enumerate(reference.features)
    ]
    assert [list(counts) for counts in reference.count(matrix)] == expected


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 60), st.integers(1, 4)), elements=st.floats()))
def test_a_row_alone_is_binned_as_among_others(matrix: Floats) -> None:
    reference = Reference.fit(matrix, [f"f{position}" for position in range(matrix.shape[1])])
    index = reference.index(matrix)
    np.testing.assert_array_equal(index, np.concatenate([reference.index(row[np.newaxis]) for row in matrix]))
    by_feature = [bins.index(matrix[:, position]) for position, bins in enumerate(reference.features)]
    np.testing.assert_array_equal(index, np.stack(by_feature, axis=1))
    assert Reference.from_json(reference.to_json()) == reference
    many = np.concatenate([matrix, np.full((FEW, matrix.shape[1]), NAN)])  # more than FEW: by bisection
    np.testing.assert_array_equal(reference.index(many)[: matrix.shape[0]], index)


def test_a_reference_of_no_rows_has_only_empty_bins() -> None:
    reference = Reference.fit(np.empty((0, 1)), ["x"])
    assert reference.n == 0
    assert reference.features[0].counts == (0, 0)


Change = Callable[[dict[str, Any]], object]


def test_a_probability_is_in_one_of_a_hundred_bins() -> None:
    values = np.array([0.0, 0.00999, 0.01, 0.5, 0.999, 1.0, NAN, np.nextafter(0.01, 0)])
    assert score_index(values).tolist() == [0, 0, 1, 50, 99, 99, 100, 0]


@given(columns(st.one_of(st.floats(0, 1), st.just(NAN))))
def test_every_probability_is_in_exactly_one_bin(values: Floats) -> None:
    index = score_index(values)
    assert ((index >= 0) & (index <= 100)).all()
    np.testing.assert_array_equal(np.isnan(values), index == 100)
    assert (np.diff(index[np.argsort(values)]) >= 0).all()


def test_outside_is_beyond_the_values_of_training() -> None:
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
def test_an_invalid_reference_is_refused(change: Change) -> None:
    content = content_of(BINS)
    change(content)
    with pytest.raises(ValueError, match=r"."):
        Reference.from_json(canonical_json(content))
