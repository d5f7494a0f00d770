"""Contributions: those of XGBoost, adding up to the answer that is served."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from farol.errors import BundleError
from farol.model.bundle import Bundle, read_bundle
from farol.model.features import Floats, Preprocessing
from farol.model.scoring import NO_ANSWER, Scorer
from farol.model.tree_shap import BLOCK, Contributions
from tests.bundles import invented_columns, make_bundle, trained_model


def rows(n: int, k: int, seed: int) -> Floats:
    """Invented features (n, k), a fifth missing, some of few values so that splits repeat a feature."""
    rng = np.random.default_rng(seed)
    values = np.where(np.arange(k) % 2, rng.integers(0, 4, (n, k)).astype(float), rng.normal(5, 3, (n, k)))
    values[rng.random((n, k)) < 0.2] = np.nan
    return values


def booster_of(matrix: Floats, preprocessing: Preprocessing, seed: int, **settings_: Any) -> xgboost.Booster:
    noise = np.random.default_rng(seed).normal(0, 2, len(matrix))
    label = (np.nansum(matrix[:, :3], axis=1) + noise > 10).astype(float)
    chosen = {"objective": "binary:logistic", "max_leaves": 6, "max_depth": 0, "grow_policy": "lossguide", "nthread": 1}
    data = xgboost.DMatrix(preprocessing.transform(matrix), label=label)
    return xgboost.train({**chosen, "seed": seed, **settings_}, data, 30)


def json_of(booster: xgboost.Booster) -> bytes:
    return bytes(booster.save_raw("json"))


@pytest.mark.parametrize("impute", [False, True])
@pytest.mark.parametrize(
    "settings_",
    [
        {},
        {"max_leaves": 13, "learning_rate": 0.05},
        {"max_depth": 2, "tree_method": "exact", "grow_policy": "depthwise"},
        {"monotone_constraints": "(1,-1,0)"},
        {"subsample": 0.5, "reg_alpha": 1.0},
    ],
    ids=["served", "large", "exact", "monotone", "sampled"],
)
def test_contributions_are_those_of_xgboost(impute: bool, settings_: dict[str, Any]) -> None:
    k = 6
    matrix = rows(400, k, seed=1)
    preprocessing = Preprocessing.fit(matrix, [f"f{i}" for i in range(k)], impute=impute)
    booster = booster_of(matrix, preprocessing, 2, **settings_)
    asked = np.concatenate((rows(BLOCK + 3, k, seed=3), np.full((1, k), np.nan)))
    expected = booster.predict(xgboost.DMatrix(preprocessing.transform(asked)), pred_contribs=True)
    by_feature = expected[:, :-1].reshape(len(asked), -1, k).sum(axis=1)  # a value and its missing flag are one feature
    explain = Contributions.of(json_of(booster), preprocessing)
    np.testing.assert_allclose(explain(asked), by_feature, atol=1e-5)
    np.testing.assert_allclose(explain.bias, expected[0, -1], atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), leaves=st.integers(2, 9), k=st.integers(3, 7))
def test_contributions_are_those_of_xgboost_on_random_models(seed: int, leaves: int, k: int) -> None:
    matrix = rows(120, k, seed)
    preprocessing = Preprocessing.fit(matrix, [f"f{i}" for i in range(k)], impute=False)
    booster = booster_of(matrix, preprocessing, seed, max_leaves=leaves)
    expected = booster.predict(xgboost.DMatrix(preprocessing.transform(matrix)), pred_contribs=True)
    np.testing.assert_allclose(Contributions.of(json_of(booster), preprocessing)(matrix), expected[:, :-1], atol=1e-5)


@pytest.fixture(scope="module", params=["current", "next-year"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return read_bundle(make_bundle(tmp_path_factory.mktemp("artifacts"), request.param))


@pytest.fixture(scope="module")
def explain(bundle: Bundle) -> Contributions:
    return Contributions.of(bundle.files["model.json"], bundle.preprocessing)


def assert_adds_up(explain: Contributions, features: Floats, probability: Floats) -> None:
    """To 1e-5 in log-odds, as far as a probability of single precision can tell them."""
    sums = explain.bias + explain(features).sum(axis=1)
    odds = np.log(probability / (1 - probability))
    precision = 1.2e-7 / (probability * (1 - probability))
    assert (np.abs(sums - odds) <= 1e-5 + precision).all()


def test_bias_and_contributions_add_up_to_the_log_odds(bundle: Bundle, scorer: Scorer, explain: Contributions) -> None:
    columns = invented_columns(bundle.profile, bundle.task_spec, n=300, seed=11)
    scores = scorer.score(columns, np.full(300, 2024.0))
    assert_adds_up(explain, scores.features, scores.probability)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_contributions_add_up_whatever_is_given(
    bundle: Bundle, scorer: Scorer, explain: Contributions, data: st.DataObject
) -> None:
    names = list(bundle.inputs.columns)
    values = data.draw(st.lists(st.none() | st.floats(-1, 2100), min_size=len(names), max_size=len(names)))
    columns = {name: np.array([np.nan if v is None else v]) for name, v in zip(names, values, strict=True)}
    scores = scorer.score(columns, np.array([2024.0]))
    assume(scores.prediction[0] != NO_ANSWER)
    assert_adds_up(explain, scores.features, scores.probability)


def test_no_rows_have_no_contributions(bundle: Bundle) -> None:
    k = len(bundle.task_spec.features)
    assert Contributions.of(bundle.files["model.json"], bundle.preprocessing)(np.empty((0, k))).shape == (0, k)


def test_trees_without_a_split_contribute_nothing() -> None:
    matrix = rows(50, 3, seed=5)
    preprocessing = Preprocessing.fit(matrix, ["a", "b", "c"], impute=False)
    booster = booster_of(matrix, preprocessing, 5, gamma=1e9)
    explain = Contributions.of(json_of(booster), preprocessing)
    assert (explain(matrix) == 0).all()
    margin = booster.predict(xgboost.DMatrix(preprocessing.transform(matrix)), output_margin=True)
    np.testing.assert_allclose(explain.bias, margin, atol=1e-5)


# ── What is refused ────────────────────────────────────────────────────────────────────────────────────────────────


def model() -> Any:
    return json.loads(trained_model("next-year").files["model.json"])


def changed(change: Callable[[Any], None]) -> bytes:
    whole = model()
    change(whole["learner"])
    return json.dumps(whole).encode()


def looped(learner: Any) -> None:
    learner["gradient_booster"]["model"]["trees"][0]["left_children"][1] = 0


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"[]",
        b"{}",
        changed(lambda m: m["objective"].update(name="reg:squarederror")),
        changed(lambda m: m["gradient_booster"].update(name="dart")),
        changed(lambda m: m["learner_model_param"].update(base_score="1")),
        changed(lambda m: m["learner_model_param"].update(base_score=0.5)),
        changed(lambda m: m["gradient_booster"]["model"].update(trees=[])),
        changed(lambda m: m["gradient_booster"]["model"]["trees"][0]["split_indices"].__setitem__(0, 99)),
        changed(lambda m: m["gradient_booster"]["model"]["trees"][0]["split_type"].__setitem__(0, 1)),
        changed(lambda m: m["gradient_booster"]["model"]["trees"][0]["sum_hessian"].clear()),
        changed(looped),
    ],
    ids=range(12),
)
def test_what_cannot_be_explained_is_refused(bundle: Bundle, source: bytes) -> None:
    with pytest.raises(BundleError, match="not a model whose answers"):
        Contributions.of(source, bundle.preprocessing)


def test_trees_that_are_too_large_are_refused_with_their_size() -> None:
    matrix = rows(600, 4, seed=1)
    preprocessing = Preprocessing.fit(matrix, ["a", "b", "c", "d"], impute=False)
    booster = booster_of(matrix, preprocessing, 1, max_leaves=14, min_child_weight=0)
    with pytest.raises(BundleError, match="13 splits"):
        Contributions.of(json_of(booster), preprocessing)


def test_xgboost_is_not_needed(tmp_path: Path) -> None:
    path = make_bundle(tmp_path, "next-year")
    code = (
        "import sys; from pathlib import Path; from farol.model.bundle import read_bundle; "
        "from farol.model.tree_shap import Contributions; bundle = read_bundle(Path(sys.argv[1])); "
        "Contributions.of(bundle.files['model.json'], bundle.preprocessing); "
        "sys.exit('xgboost' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == 0
