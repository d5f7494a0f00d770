"""The model's answers as one more feature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.drift.report import merged, score_bins, score_meaning


def cells(counts: dict[int, int]) -> tuple[int, ...]:
    return tuple(counts.get(i, 0) for i in range(101))


def test_bins_are_tenths_of_the_answers_and_one_for_none() -> None:
    bins = score_bins(cells(dict.fromkeys(range(100), 3) | {100: 7}))
    assert bins.edges == pytest.approx([i / 10 for i in range(1, 10)])
    assert bins.counts == (30,) * 10 + (7,)
    assert bins.labels("en")[0] == "below 0.1"


def test_a_heap_of_like_answers_makes_fewer_bins() -> None:
    bins = score_bins(cells({5: 80, 6: 10, 90: 10}))
    assert bins.edges == pytest.approx([0.06, 0.07])
    assert bins.counts == (80, 10, 10, 0)
    assert score_bins(cells({5: 80})).edges == ()


def test_no_answers_at_all_have_one_open_bin() -> None:
    bins = score_bins(cells({100: 9}))
    assert (bins.edges, bins.counts) == ((), (0, 9))


@given(st.lists(st.integers(0, 50), min_size=101, max_size=101))
def test_merging_keeps_every_row_and_leaves_no_bin_empty(counts: list[int]) -> None:
    bins = score_bins(counts)
    assert sum(bins.counts) == sum(counts)
    assert bins.counts[-1] == counts[100]
    assert len(bins.counts) == bins.size <= 11
    assert all(bins.counts[:-1]) or not any(counts[:100])
    other = np.arange(101)
    assert sum(merged(bins, other.tolist())) == other.sum()
    edges = [0.0, *(bins.edges or ()), 1.0]
    assert merged(bins, counts)[0] == sum(counts[: round(edges[1] * 100)])


def test_the_score_has_a_meaning_in_both_languages() -> None:
    assert score_meaning().pt == "Risco nas respostas do modelo"
    assert score_meaning().en == "Risk in the model's answers"
