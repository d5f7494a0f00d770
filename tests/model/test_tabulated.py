"""Tabulated trees: the probabilities of ONNX Runtime and XGBoost, for any model that can be served."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.errors import BundleError
from farol.model.features import Preprocessing
from farol.model.tabulated import CACHED_ROWS, TabulatedTrees
from tests.bundles import trained_model
from tests.model.test_tree_shap import booster_of, json_of, rows


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), leaves=st.integers(2, 13), k=st.integers(3, 7), impute=st.booleans())
def test_the_probabilities_are_those_of_xgboost(seed: int, leaves: int, k: int, impute: bool) -> None:
    matrix = rows(150, k, seed)
    matrix[:3] = np.nan
    preprocessing = Preprocessing.fit(matrix, [f"f{i}" for i in range(k)], impute=impute)
    booster = booster_of(matrix, preprocessing, seed, max_leaves=leaves)
    inputs = preprocessing.transform(matrix)
    probability = TabulatedTrees.of(json_of(booster), preprocessing.width).probability(inputs)
    np.testing.assert_allclose(probability, booster.inplace_predict(inputs), rtol=0, atol=1e-6)
    assert probability.dtype == np.float32


def test_blocks_and_order_make_no_difference() -> None:
    files = trained_model("next-year").files
    width = Preprocessing.from_json(files["preprocessing.json"]).width
    trees = TabulatedTrees.of(files["model.json"], width)
    inputs = rows(CACHED_ROWS + 5, width, seed=4).astype(np.float32)
    whole = trees.probability(inputs)
    np.testing.assert_array_equal(whole, trees.probability(np.asfortranarray(inputs)))
    np.testing.assert_array_equal(whole[-9:], trees.probability(inputs[-9:]))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # of several, each adds some of the trees
    (both,) = onnxruntime.InferenceSession(files["model.onnx"], options).run(["probabilities"], {"x": inputs})
    assert (whole == both[:, 1]).mean() > 0.99, "the order and the precision of the sum are ONNX Runtime's"
    np.testing.assert_allclose(whole, both[:, 1], rtol=0, atol=2e-7)


def test_infinity_and_thresholds_themselves_take_their_side() -> None:
    matrix = rows(200, 3, seed=5)
    preprocessing = Preprocessing.fit(matrix, ["a", "b", "c"], impute=False)
    booster = booster_of(matrix, preprocessing, 5)
    trees = TabulatedTrees.of(json_of(booster), 3)
    thresholds = {threshold for tree in trees.trees for _, threshold, _ in tree.splits}
    values = np.array([*thresholds, np.inf, -np.inf, np.nan], dtype=np.float32)
    inputs = np.stack(np.meshgrid(values[:12], values, values[-8:]), axis=-1).reshape(-1, 3)
    expected = xgboost.Booster(model_file=bytearray(json_of(booster))).inplace_predict(inputs)
    np.testing.assert_allclose(trees.probability(inputs), expected, rtol=0, atol=1e-6)


def test_another_model_is_refused() -> None:
    with pytest.raises(BundleError):
        TabulatedTrees.of(b"{}", 3)
