"""The served model keeps its promises."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxmltools import convert_xgboost

from farol.model.tree_shap import Contributions
from farol.training import models, references

from .making import noisy, rows, task


def test_a_model_learns_and_the_same_rows_give_the_same_model() -> None:
    matrix, label = noisy(400)
    fitted = models.fit_served(task(), rows(matrix, label), seed=0)
    other, truth = noisy(400, seed=1)
    assert ((fitted.probability(other) > 0.5) == truth).mean() > 0.75
    again = models.fit_served(task(), rows(matrix, label), seed=0)
    assert models.model_json(fitted) == models.model_json(again)
    assert models.onnx_bytes(fitted, matrix) == models.onnx_bytes(again, matrix)


def test_model_json_is_xgboosts_own() -> None:
    matrix, label = noisy(100)
    fitted = models.fit_served(task(impute=True), rows(matrix, label), seed=0)
    read = xgboost.Booster()
    read.load_model(bytearray(models.model_json(fitted)))
    inputs = fitted.preprocessing.transform(matrix)
    np.testing.assert_array_equal(read.inplace_predict(inputs), fitted.booster.inplace_predict(inputs))


@pytest.mark.parametrize("impute", [True, False])
def test_onnx_answers_as_xgboost_does_gaps_included(impute: bool) -> None:
    matrix, label = noisy(300, k=4)
    matrix[::7, 1] = np.nan
    matrix[:, 3] = np.nan
    fitted = models.fit_served(task(("a", "b", "c", "d"), impute=impute), rows(matrix, label), seed=0)
    session = onnxruntime.InferenceSession(models.onnx_bytes(fitted, matrix), providers=["CPUExecutionProvider"])
    assert [(node.name, node.type) for node in session.get_inputs()] == [("x", "tensor(float)")]
    asked = noisy(500, k=4, seed=2)[0]
    asked[::3, 0] = np.nan
    (answers,) = session.run(["probabilities"], {"x": fitted.preprocessing.transform(asked)})
    np.testing.assert_allclose(answers[:, 1], fitted.probability(asked), atol=1e-6)


@pytest.mark.parametrize("impute", [True, False])
@pytest.mark.parametrize("at_risk", [50, 30, 1])
def test_a_model_that_learned_nothing_still_answers(impute: bool, at_risk: int) -> None:
    label = (np.arange(100) < at_risk).astype(np.float64)
    nothing = np.full((100, 2), np.nan)
    fitted = models.fit_served(task(impute=impute), rows(nothing, label), seed=0)
    assert fitted.is_constant
    source = models.onnx_bytes(fitted, nothing)
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    assert [(node.name, node.type) for node in session.get_inputs()] == [("x", "tensor(float)")]
    asked = noisy(7)[0]
    (answers,) = session.run(["probabilities"], {"x": fitted.preprocessing.transform(asked)})
    assert answers.shape == (7, 2)
    np.testing.assert_allclose(answers[:, 1], at_risk / 100, atol=1e-4)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
    given = Contributions.of(models.model_json(fitted), fitted.preprocessing)(asked)
    np.testing.assert_array_equal(given, np.zeros((7, 2)))


def test_a_model_that_learned_a_little_is_converted() -> None:
    matrix, label = noisy(60)
    few = rows(matrix, label)
    for rounds in (1, 3, 100):
        fitted = models.fit_served(task(), few, seed=0, rounds=rounds, settings={**models.SETTINGS, "gamma": 3.0})
        assert not fitted.is_constant
        models.onnx_bytes(fitted, matrix)


def test_onnx_that_differs_from_xgboost_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, label = noisy(100)
    fitted = models.fit_served(task(), rows(matrix, label), seed=0)
    other = models.fit_served(task(), rows(matrix, 1 - label), seed=0)
    monkeypatch.setattr(models, "convert_xgboost", lambda _, **options: convert_xgboost(other.booster, **options))
    with pytest.raises(ArithmeticError, match="ONNX differs from XGBoost"):
        models.onnx_bytes(fitted, matrix)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 10))
def test_higher_monotone_values_never_raise_the_risk(low: float, more: float, other: float) -> None:
    matrix, label = noisy(300, seed=5)
    spec = task(monotone={"a": -1}, impute=True)
    fitted = models.fit_served(spec, rows(matrix, label), seed=0)
    below, above = fitted.probability(np.array([[low, other], [min(low + more, 10), other]]))
    assert above <= below


def test_the_answer_without_the_hidden_feature_is_learned() -> None:
    generator = np.random.default_rng(0)
    label = (generator.random(600) < 0.4).astype(np.float64)
    matrix = np.column_stack((np.where(label == 1, 5.0, 10.0), generator.normal(5 - label, 1)))
    spec = task(impute=True, hidden=("a",))
    honest = models.fit_served(spec, rows(matrix, label), seed=0)
    assert np.abs(honest.probability(matrix) - label).max() < 0.05
    nothing = np.array([[np.nan, np.nan]])
    assert honest.probability(nothing)[0] == pytest.approx(0.4, abs=0.1)
    careless = models.fit_served(task(impute=True), rows(matrix, label), seed=0)
    assert careless.probability(nothing)[0] < 0.05  # an imputed IAN says "no risk" of somebody unknown
    withheld = references.without_hidden(spec, honest, rows(matrix, label)).probability
    assert 0.1 < withheld.mean() < 0.7
    assert not np.isnan(matrix).any()


def test_out_of_fold_models_never_saw_the_pupil() -> None:
    matrix, _ = noisy(200)
    label = (np.random.default_rng(3).random(200) < 0.5).astype(np.float64)
    twice = rows(
        np.tile(matrix, (2, 1)),
        np.tile(label, 2),
        student=np.array([f"s{i % 200}" for i in range(400)], dtype=np.object_),
    )
    unseen = models.folded(task(), twice, seed=0).by_pupil(twice.matrix)
    assert not np.isnan(unseen).any()
    # The labels are noise: whoever sees a pupil's other row knows his answer, whoever does not is guessing.
    assert abs(((unseen > 0.5) == twice.label).mean() - 0.5) < 0.08
    assert ((models.fit_served(task(), twice, seed=0).probability(twice.matrix) > 0.5) == twice.label).mean() > 0.7
