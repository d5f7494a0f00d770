"""Answers: the same for one pupil as for many, as XGBoost gives them, and with their doubts said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.errors import BundleError, InputError
from farol.model.bundle import Bundle, read_bundle
from farol.model.counters import total
from farol.model.features import Floats
from farol.model.scoring import NO_ANSWER, Answer, Scorer, abstention, label_text, warnings_for
from farol.model.tabulated import TabulatedTrees
from tests.bundles import invented_columns, make_bundle, one_row, support_from, trained_model

NAN = float("nan")
ORIGINAL = {"IAA": 8.5, "IEG": 7.2, "IPS": 6.8, "IPP": 7.0, "IDA": 6.5, "IPV": 7.8, "IAN": 6.5, "PORTUGUES": 7.0,
            "MATEMATICA": 6.0, "INGLES": 8.0}  # fmt: skip


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    artifacts = tmp_path_factory.mktemp("artifacts")
    return {task: read_bundle(make_bundle(artifacts, task)) for task in ("current", "next-year")}


@pytest.fixture(scope="module", params=["current", "next-year"])
def bundle(bundles: dict[str, Bundle], request: pytest.FixtureRequest) -> Bundle:
    return bundles[request.param]


def columns_of(bundle: Bundle, *, n: int, seed: int) -> dict[str, Floats]:
    return invented_columns(bundle.profile, bundle.task_spec, n=n, seed=seed)


def codes(bundle: Bundle, values: Mapping[str, float | None]) -> list[tuple[str, str]]:
    return [(warning.code, warning.field) for warning in warnings_for(bundle, values)]


# ── Answers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_probabilities_are_those_of_xgboost(bundle: Bundle, scorer: Scorer) -> None:
    booster = xgboost.Booster(model_file=bytearray(bundle.files["model.json"]))
    scores = scorer.score(columns_of(bundle, n=500, seed=7), np.full(500, 2024.0))
    expected = booster.inplace_predict(bundle.preprocessing.transform(scores.features))
    np.testing.assert_allclose(scores.probability, expected, atol=1e-6)
    assert scores.probability.dtype == np.float64
    assert 0 < scores.prediction.mean() < 1
    np.testing.assert_array_equal(scores.prediction, scores.probability >= bundle.manifest.threshold)


def test_one_pupil_gets_the_answer_it_has_among_others(bundle: Bundle, scorer: Scorer) -> None:
    columns = columns_of(bundle, n=40, seed=3)
    scores = scorer.score(columns, np.full(40, 2024.0))
    for row in range(40):
        given_values = {name: None if np.isnan(column[row]) else float(column[row]) for name, column in columns.items()}
        answer = scorer.score_one(given_values, 2024)
        assert answer.probability == scores.probability[row]
        assert answer.prediction == scores.prediction[row]
        bins = scorer.layout.counts(total(scorer.layout, [answer.cells]))
        expected = bundle.reference.index(scores.features[row : row + 1])[0].tolist()
        assert [list(bins[name]) for name in bundle.task_spec.features] == [[bin_] for bin_ in expected]
        raw = [NAN if value is None else value for value in answer.features.values()]
        np.testing.assert_array_equal(raw, scores.features[row])
        assert tuple(answer.features) == bundle.task_spec.features


def test_a_probability_at_the_threshold_is_a_prediction_of_risk(bundle: Bundle, scorer: Scorer) -> None:
    probability = scorer.score_one(ORIGINAL, 2024).probability
    assert probability is not None
    for threshold, prediction in ((probability, 1), (float(np.nextafter(probability, 1)), 0)):
        thresholds = np.full(bundle.support.thresholds.shape, threshold)
        answer = Scorer(replace(bundle, support=replace(bundle.support, thresholds=thresholds))).score_one(
            ORIGINAL, 2024
        )
        assert (answer.prediction, answer.threshold) == (prediction, threshold)


def test_the_label_is_in_the_words_of_the_profile(bundles: dict[str, Bundle]) -> None:
    bundle = bundles["current"]
    assert label_text(bundle, 0, "pt_BR") == "Aluno não possui risco de defasagem"
    assert label_text(bundle, 1, "pt_BR") == "Aluno possui risco de defasagem"
    assert label_text(bundle, 1, "en") == "Student is at risk of falling behind"
    answer = Scorer(bundle).score_one(ORIGINAL, 2024)
    assert answer.label.pt == label_text(bundle, answer.prediction, "pt_BR")


def test_features_are_derived_from_context(bundles: dict[str, Bundle]) -> None:
    answer = Scorer(bundles["next-year"]).score_one({"phase": 3, "age": 14, "year_joined": 2020}, 2024)
    assert answer.features["ideal_phase"] == 4
    assert answer.features["lag"] == -1
    assert answer.features["years_in_programme"] == 4
    assert answer.features["IAN"] is None


def test_missing_and_unknown_columns_are_missing_values(bundle: Bundle, scorer: Scorer) -> None:
    nothing = scorer.score({"moon": np.zeros(2)}, np.full(2, 2024.0))
    assert np.isnan(nothing.features).all()


def test_of_pupils_unlike_any_in_training_there_is_no_answer(tmp_path: Path) -> None:
    bundle = read_bundle(make_bundle(tmp_path, "next-year", report={"support": support_from("next-year", 3)}))
    scorer = Scorer(bundle)
    scores = scorer.score({"IAA": np.array([5.0, 5.0]), "IDA": np.array([6.0, 6.0]), "IPS": np.array([NAN, 7.0])},
                          np.full(2, 2024.0))  # fmt: skip
    assert scores.prediction.tolist()[0] == NO_ANSWER
    assert np.isnan(scores.probability).tolist() == [True, False]
    assert scores.prediction[1] in (0, 1)
    scant, enough = (scorer.score_one({"IAA": 5.0, "IDA": 6.0, "IPS": ips}, 2024) for ips in (None, 7.0))
    assert (scant.abstained, scant.prediction, scant.probability) == (True, None, None)
    assert scant.label.pt == label_text(bundle, None, "pt_BR") == "Sem resposta: foi informado muito pouco"
    counted = [scorer.layout.counts(total(scorer.layout, [answer.cells])) for answer in (scant, enough)]
    assert counted[0]["IAA"] == counted[1]["IAA"], "what came is counted all the same"
    assert (counted[0]["=prediction"], counted[0]["=score"]) == ({2: 1}, {100: 1})
    assert counted[1]["=prediction"] == {enough.prediction: 1}
    assert not enough.abstained
    assert enough.probability == scores.probability[1]
    words = abstention(scant, bundle.profile.label.state)
    assert f"2 of {len(bundle.task_spec.features)} " in words.render("en")
    assert "71% to 89% were behind; of all of whom as much was known, 60%" in words.render("en")
    assert words.render("pt_BR").startswith("Não há resposta")
    unmeasured = abstention(scant._replace(band=None), bundle.profile.label.state)
    assert "was not measured" in unmeasured.render("en")


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), n=st.sampled_from([1, 40, 700, 40_000]))
def test_in_bulk_the_answers_are_the_same(bundles: dict[str, Bundle], seed: int, n: int) -> None:
    bundle = bundles["current" if seed % 2 else "next-year"]
    scorer, year = Scorer(bundle), np.full(n, 2024.0)
    columns = columns_of(bundle, n=n, seed=seed)
    columns["IDA"][:: 1 + seed % 7] = np.random.default_rng(seed).choice([-0.004, 10.004, -3, 77, np.inf, NAN])
    slow, fast = (scorer.score(columns, year, in_bulk=in_bulk) for in_bulk in (False, True))
    for name in ("prediction", "threshold", "band", "features"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name))
    np.testing.assert_allclose(fast.probability, slow.probability, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(scorer.counts(fast), scorer.counts(slow))
    assert scorer.counts(fast).tolist() == total(scorer.layout, [a.cells for a in scorer.answers(slow)]).tolist()


def test_in_bulk_nothing_is_on_the_wrong_side(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, n = Scorer(bundle), 20_000
    columns, year = columns_of(bundle, n=n, seed=1), np.full(n, 2024.0)
    exact = scorer.score(columns, year)
    off = np.random.default_rng(0).choice([-9e-7, 9e-7], n)
    monkeypatch.setattr(
        TabulatedTrees, "probability", lambda _trees, inputs: scorer._inferred(inputs) + off[: len(inputs)]
    )
    shaken = scorer.score(columns, year, in_bulk=True)
    np.testing.assert_array_equal(shaken.prediction, exact.prediction)
    np.testing.assert_array_equal(shaken.band, exact.band)
    np.testing.assert_array_equal(scorer.counts(shaken), scorer.counts(exact))


def test_no_rows_have_no_answers(scorer: Scorer) -> None:
    scores = scorer.score({}, np.empty(0))
    assert scores.probability.shape == (0,)
    assert scores.features.shape == (0, len(scorer.bundle.task_spec.features))
    assert not scorer.counts(scores).any()


def test_columns_of_another_length_are_refused(scorer: Scorer) -> None:
    with pytest.raises(ValueError, match="shape"):
        scorer.score({"IAA": np.zeros(2)}, np.full(3, 2024.0))


@pytest.mark.parametrize("values", [{}, {"IDA": None}, {"IAA": 0.0}, {"moon": 1.0}])
def test_nothing_given_is_no_answer(scorer: Scorer, values: dict[str, float | None]) -> None:
    with pytest.raises(InputError) as caught:
        scorer.score_one(values, 2024)
    assert str(caught.value.expected).startswith("at least one of IAA, IEG")


def test_values_are_taken_as_the_sheets_have_them(scorer: Scorer) -> None:
    columns = one_row(IAA=0.0, IEG=10.01, IPS=-0.011, IDA=10.02, IPV=float("inf"), IAN=5.0)
    row = dict(
        zip(scorer.bundle.task_spec.features, scorer.score(columns, np.array([2024.0])).features[0], strict=True)
    )
    assert (row["IEG"], row["IPS"], row["IAN"]) == (10.0, 0.0, 5.0)
    assert np.isnan([row["IAA"], row["IDA"], row["IPV"]]).all()


@pytest.mark.parametrize("wrong", [b"", b"not a model", "next-year"])
def test_a_model_of_other_features_is_refused(bundles: dict[str, Bundle], wrong: bytes | str) -> None:
    source = bundles[wrong].onnx if isinstance(wrong, str) else wrong
    bundle = bundles["current"]
    with pytest.raises(BundleError, match=r"model\.onnx is not a model"):
        Scorer(replace(bundle, files={**bundle.files, "model.onnx": source}))


def test_a_scorer_holds_the_bundle_it_answers_for(tmp_path: Path) -> None:
    path = make_bundle(tmp_path)
    assert Scorer(read_bundle(path)).bundle.manifest.threshold == trained_model().threshold


# ── Alone and among others ─────────────────────────────────────────────────────────────────────────────────────────

NUMBERS = (
    st.none()
    | st.floats(-2, 13)
    | st.integers(-2, 13).map(float)
    | st.sampled_from(
        [0.0, 10.0, 10.01, 10.5, -0.01, float("nan"), float("inf"), 1e308, 2010.0, 2012.0, 1979.0, 2101.0]
    )
)
YEARS = st.integers(1990, 2100) | st.integers(2021, 2026)


@pytest.fixture(scope="module", params=["current", "next-year", "next-year, all answered"])
def any_scorer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    task, _, free = request.param.partition(",")
    report = None if free else {"support": support_from(task, 3)}
    return Scorer(read_bundle(make_bundle(tmp_path_factory.mktemp("any"), task, report=report)))


def among_others(scorer: Scorer, values: Mapping[str, float | None], year: int) -> Answer:
    """The answer of the second of three rows."""
    columns = {
        name: np.array([np.nan, np.nan if (value := values.get(name)) is None else value, 5.0])
        for name in scorer.bundle.inputs.columns
    }
    return scorer.answers(scorer.score(columns, np.array([2023.0, year, 2024.0])))[1]


@settings(max_examples=300, deadline=None)
@given(data=st.data(), year=YEARS)
def test_a_pupil_is_answered_alike_alone_and_among_others(any_scorer: Scorer, data: st.DataObject, year: int) -> None:
    scorer = any_scorer
    names = list(scorer.bundle.inputs.columns)
    likely = {
        "birth_year": st.integers(2000, 2020).map(float),
        "birth_month": st.integers(1, 12).map(float),
        "age": st.floats(5, 25),
        "phase": st.integers(0, 9).map(float),
    }
    values = {name: data.draw(likely.get(name, NUMBERS) | NUMBERS, label=name) for name in names}
    for name in data.draw(st.lists(st.sampled_from(names), max_size=4), label="absent"):
        values.pop(name, None)
    expected = among_others(scorer, values, year)
    if all(value is None for value in expected.features.values()):
        with pytest.raises(InputError, match="no information"):
            scorer.score_one(values, year)
        return
    answer = scorer.score_one(values, year)
    for name in ("probability", "prediction", "label", "features", "cells"):
        assert getattr(answer, name) == getattr(expected, name)
