"""Lists are as long as a team can attend to, say what to expect of them, and hide no tie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.errors import InputError
from farol.evaluation.capacity import (
    USUAL,
    Capacity,
    check_capacity,
    expected_counts,
    lists_of,
    parse_capacity,
    top_list,
)
from farol.evaluation.metrics import Estimate, Undefined, evaluate


@pytest.mark.parametrize(
    ("text", "places"),
    [("60", 60), (" 20% ", 75), ("12,5%", 47), ("0.1%", 1), ("999", 378), ("90%", 340)],
)
def test_a_capacity_is_a_number_or_a_share(text: str, places: int) -> None:
    assert parse_capacity(text).places(378) == places


@pytest.mark.parametrize("text", ["0", "-5", "0%", "95%", "100%", "sixty", "", "%", "1.5", "nan%", "inf"])
def test_a_silly_capacity_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_capacity(text)
    assert "60" in str(caught.value.expected)


def test_a_list_of_nearly_everyone_is_refused() -> None:
    check_capacity(Capacity(90, None), 100)
    check_capacity(USUAL, 1)
    with pytest.raises(InputError, match="nearly everyone") as caught:
        check_capacity(Capacity(91, None), 100)
    assert str(caught.value.expected) == "at most 90 of the 100 pupils of the test year"


def test_a_capacity_says_itself() -> None:
    assert (str(Capacity(60, None)), str(USUAL), str(Capacity(None, 0.125))) == ("60", "20%", "12.5%")


LABEL = np.array([1.0, 1, 0, 1, 0, 0, 0, 0])
SAID = np.array([0.9, 0.8, 0.8, 0.8, 0.3, 0.2, 0.1, 0.1])


def test_a_list_by_hand_with_its_tie() -> None:
    top = top_list(LABEL, SAID, 2, seed=0, resamples=50)
    assert top is not None
    # One is certain, the other place is for one of three, two of whom were at risk.
    assert top.realised == pytest.approx(1 + 2 / 3)
    assert (top.cut, top.tied, top.placed) == (0.8, 3, 1)
    assert top.expected.value == pytest.approx(1.7)
    assert isinstance(top.precision, Estimate)
    assert isinstance(top.recall, Estimate)
    assert top.precision.value == pytest.approx((1 + 2 / 3) / 2)
    assert top.recall.value == pytest.approx((1 + 2 / 3) / 3)


def test_a_list_of_nobody_at_risk_has_no_recall() -> None:
    top = top_list(np.zeros(8), SAID, 3, seed=0, resamples=20)
    assert top is not None
    assert isinstance(top.recall, Undefined)
    assert (top.realised, top.positives) == (0, 0)
    assert top_list(np.zeros(0), np.zeros(0), 0, seed=0) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=30), st.data())
def test_ties_are_worth_their_average_over_all_orders(rows: list[tuple[bool, int]], data: st.DataObject) -> None:
    label = np.array([float(positive) for positive, _ in rows])
    said = np.array([tenth / 10 for _, tenth in rows])
    k = data.draw(st.integers(1, len(rows)))
    top = top_list(label, said, k, seed=0, resamples=1)
    assert top is not None
    best = label[np.lexsort((-label, -said))][:k].sum()
    worst = label[np.lexsort((label, -said))][:k].sum()
    assert worst - 1e-9 <= top.realised <= best + 1e-9
    assert isinstance(top.precision, Estimate)
    assert top.precision.value == pytest.approx(top.realised / k)


def test_each_group_has_a_list_and_an_absent_one_none() -> None:
    onset = np.array([True, False, True, False, True, False, True, False])
    nobody = np.zeros(8, dtype=np.bool_)
    groups = {"onset": onset, "recovery": ~onset, "unknown": nobody}
    lists = lists_of(Capacity(2, None), LABEL, SAID, groups, seed=0, resamples=20)
    assert {name: (top.k, top.n) for name, top in lists.lists.items()} == {
        "all": (2, 8),
        "onset": (2, 4),
        "recovery": (2, 4),
    }
    assert lists.lists["recovery"].realised == 2
    assert [top.k for top in lists.table] == [1, 2, 4]
    counts = expected_counts(LABEL, SAID, groups)
    assert set(counts) == {"all", "onset", "recovery"}
    assert (counts["all"].n, counts["all"].realised) == (8, 3)
    assert counts["all"].expected.value == pytest.approx(4.0)


def test_the_top_fifth_is_the_list_of_the_usual_capacity() -> None:
    generator = np.random.default_rng(1)
    said = np.round(generator.random(57), 1)
    label = (generator.random(57) < said).astype(np.float64)
    top = top_list(label, said, USUAL.places(57), seed=0, resamples=5)
    assert top is not None
    assert evaluate(label, said, 0.5, seed=0, resamples=5).values()["precision_top"] == pytest.approx(top.realised / 11)
