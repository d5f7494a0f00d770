"""Counts stand where their layout says, and counts of different layouts add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.model.bundle import read_bundle
from farol.model.counters import (
    WITHOUT,
    Counted,
    CounterLayout,
    moved,
    read_layout,
    slices_of,
    total,
    union,
    with_whole,
)
from farol.model.scoring import Scorer
from tests.bundles import make_bundle

NAMES = st.sampled_from(["IAA", "IEG", "ação", "=score"])
LAYOUTS = st.dictionaries(NAMES, st.integers(1, 5), max_size=4).map(lambda sizes: CounterLayout(tuple(sizes.items())))


def test_a_layout_has_the_features_then_the_answers() -> None:
    layout = CounterLayout.of(("IAA", "IPP"), (4, 3))
    assert layout.sizes == (("IAA", 4), ("IPP", 3), ("=score", 101), ("=prediction", 3), ("=outside", 2))
    assert dict(layout.starts) == {"IAA": 0, "IPP": 4, "=score": 7, "=prediction": 108, "=outside": 111}
    assert layout.width == 113
    assert CounterLayout((("IAA", 4), ("ação", 3))).text == '[["IAA",4],["ação",3]]'


def test_answers_add_up_cell_by_cell() -> None:
    layout = CounterLayout((("IAA", 3), ("IPP", 2)))
    cells = total(layout, [(0, 3), (0, 4), (2, 3)])
    assert cells.tolist() == [2, 0, 1, 2, 1]
    assert layout.counts(cells) == {"IAA": {0: 2, 2: 1}, "IPP": {0: 2, 1: 1}}
    assert layout.vector(layout.counts(cells)).tolist() == cells.tolist()
    assert total(layout, []).tolist() == [0] * 5


def test_what_has_no_cell_cannot_be_written() -> None:
    with pytest.raises(KeyError):
        CounterLayout((("IAA", 3),)).vector({"IPP": {0: 1}})
    with pytest.raises(IndexError):
        CounterLayout((("IAA", 3),)).vector({"IAA": {3: 1}})


def test_one_bin_of_each_name_has_the_least_layout() -> None:
    counted = Counted.of({"IAA": 2, "IPP": 0})
    assert (counted.layout.sizes, counted.cells, counted.slices) == ((("IAA", 3), ("IPP", 1)), (2, 3), ())


@given(LAYOUTS)
def test_a_layout_is_read_as_it_was_written(layout: CounterLayout) -> None:
    assert read_layout(layout.text) == layout


@pytest.mark.parametrize("text", ["{}", "[1]", '[["IAA"]]', '[[1,"IAA"]]', "[", "null"])
def test_an_invalid_layout_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"layout|JSON|Expecting"):
        read_layout(text)


@given(LAYOUTS, LAYOUTS, st.data())
def test_counts_of_two_layouts_add_up_in_their_union(
    first: CounterLayout, second: CounterLayout, data: st.DataObject
) -> None:
    cells = [
        np.array(data.draw(st.lists(st.integers(0, 9), min_size=layout.width, max_size=layout.width)), dtype=np.int64)
        for layout in (first, second)
    ]
    whole = union(first, second)
    both = moved(cells[0], first, whole) + moved(cells[1], second, whole)
    expected: dict[str, dict[int, int]] = {}
    for layout, counted in zip((first, second), cells, strict=True):
        for name, bins in layout.counts(counted).items():
            for bin_, count in bins.items():
                expected.setdefault(name, {})[bin_] = expected.get(name, {}).get(bin_, 0) + count
    assert whole.counts(both) == expected
    assert union(whole, second) is whole


def test_an_answer_counts_in_its_source_level_and_class() -> None:
    assert slices_of("api", "phase", {"phase": 3.0}, "8B") == ("source=api", "phase=3", "class=8B")
    assert slices_of("training-sheet", "phase", {"phase": 3.0}, "8B") == ("source=training-sheet",)
    assert with_whole(("source=training-sheet",)) == ("source=training-sheet",)
    assert with_whole(("source=api", "phase=3")) == ("", "source=api", "phase=3")
    assert slices_of("batch", "phase", {"phase": None}, None) == ("source=batch",)
    assert slices_of("batch", "phase", {}, None) == slices_of("batch", None, {"phase": 3.0}, None) == ("source=batch",)


def test_answers_without_a_hidden_feature_are_counted_apart(tmp_path: Path) -> None:
    scorer = Scorer(read_bundle(make_bundle(tmp_path, "current")))
    without, given = (scorer.score_one({"IDA": 2.0, "IAN": ian}, 2024) for ian in (None, 5.0))
    counted = [scorer.layout.counts(total(scorer.layout, [answer.cells])) for answer in (without, given)]
    assert counted[0][WITHOUT] == counted[0]["=score"]
    assert WITHOUT not in counted[1]
    assert WITHOUT not in Scorer(read_bundle(make_bundle(tmp_path, "next-year"))).layout.starts


@pytest.mark.parametrize("task", ["current", "next-year"])
def test_rows_count_together_as_one_by_one(tmp_path: Path, task: str) -> None:
    scorer = Scorer(read_bundle(make_bundle(tmp_path, task)))
    scores = scorer.score_rows([{"IDA": 2.0, "IAN": ian, "IAA": 5.0} for ian in (None, 5.0, 10.0, None)], [2024] * 4)
    one_by_one = total(scorer.layout, [answer.cells for answer in scorer.answers(scores)])
    assert scorer.counts(scores).tolist() == one_by_one.tolist()
