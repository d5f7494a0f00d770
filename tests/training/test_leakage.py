"""A weighted sum of columns that gives the answer away is found, with its weights; honest columns are not accused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from farol.training.leakage import sum_rules

Floats = NDArray[np.float64]


@pytest.fixture
def columns() -> dict[str, Floats]:
    """Five indicators of 400 pupils; nothing in them says anything of the answer."""
    generator = np.random.default_rng(0)
    return {name: generator.uniform(0, 10, 400).round(1) for name in "abcde"}


def test_an_index_with_its_parts_gives_the_hidden_part_back(columns: dict[str, Floats]) -> None:
    hidden = np.random.default_rng(1).choice([2.5, 5.0, 10.0], 400)
    label = (hidden < 10).astype(np.float64)
    index = (0.2 * columns["a"] + 0.3 * columns["b"] + 0.1 * columns["c"] + 0.4 * hidden).round(3)
    (found,) = sum_rules({**columns, "index": index}, {"hidden": hidden}, label)
    assert found.target == "hidden"
    assert dict(found.weights) == pytest.approx({"a": -0.5, "b": -0.75, "c": -0.25, "index": 2.5}, abs=0.01)
    assert found.rule.share == 1.0
    assert str(found.words).startswith("hidden ≈ −0.5·a −0.75·b −0.25·c +2.5·index")


def test_a_difference_of_two_columns_is_found_with_one_row_in_a_hundred_wrong(columns: dict[str, Floats]) -> None:
    lag = columns["a"] - columns["b"]
    label = (lag < 0).astype(np.float64)
    wrong = lag.copy()
    wrong[:2] += 20
    (found,) = sum_rules(columns, {"lag": wrong}, label)
    assert set(found.weights) == {"a", "b"}
    assert 0.99 <= found.rule.share <= 1
    shifted = sum_rules(columns, {"lag": lag + 3}, label)
    assert str(shifted[0].words) == "lag ≈ 1·a −1·b +3"


def test_honest_columns_are_not_accused(columns: dict[str, Floats]) -> None:
    generator = np.random.default_rng(2)
    target = columns["a"] + generator.normal(0, 3, 400)
    assert sum_rules(columns, {"target": target}, (target < 5).astype(np.float64)) == ()


def test_few_rows_fit_anything_and_so_prove_nothing(columns: dict[str, Floats]) -> None:
    lag = columns["a"] + columns["b"] + columns["c"]
    label = (lag < 15).astype(np.float64)
    few = {name: values[:40] for name, values in columns.items()}
    assert sum_rules(few, {"lag": lag[:40]}, label[:40]) == ()


def test_columns_that_are_mostly_missing_or_never_vary_take_no_part(columns: dict[str, Floats]) -> None:
    lag = columns["a"] + columns["b"] + columns["c"]
    label = (lag < 15).astype(np.float64)
    rare = np.where(np.arange(400) % 3 == 0, columns["e"], np.nan)
    (found,) = sum_rules(
        {**columns, "e": rare, "same": np.ones(400), "empty": np.full(400, np.nan)}, {"lag": lag}, label
    )
    assert set(found.weights) == {"a", "b", "c"}


def test_the_sheet_gives_ian_back_by_sums_and_the_next_year_by_none(reports: Mapping[str, dict[str, Any]]) -> None:
    sums = reports["current"]["leakage"]["sums"]
    assert all(one["share"] >= 0.99 and not one["features"] for one in sums)
    lag = next(one for one in sums if set(one["weights"]) == {"phase", "ideal_phase"} and one["target"] == "lag")
    assert lag["weights"] == pytest.approx({"phase": 1, "ideal_phase": -1}, abs=0.01)
    index = next(one for one in sums if "inde" in one["weights"] and one["target"] == "IAN")
    assert index["weights"]["inde"] == pytest.approx(10, abs=0.5)
    assert reports["next-year"]["leakage"]["sums"] == []
