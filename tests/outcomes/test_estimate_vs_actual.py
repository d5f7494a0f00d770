"""The estimate made before a sheet was there stands beside the outcomes of the very same pupils."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.api.answers.outcomes import ExpectedBefore
from farol.evaluation.metrics import Estimate, evaluate
from farol.model.registry import Registry
from farol.outcomes.estimate_vs_actual import EstimateVsActual, MeasurePair, estimate_vs_actual
from farol.outcomes.estimation import (
    MEASURES,
    ExpectedMeasure,
    IsotonicCalibration,
    assumptions_of,
    estimate_each,
    estimate_rows,
)
from farol.outcomes.report import OutcomeReport, outcome_report
from farol.profile import load_profile
from farol.settings import Settings
from farol.store.database import Store
from tests.played import play

THRESHOLD = 0.5


def evaluated(label: object, probability: object, threshold: float = THRESHOLD) -> EstimateVsActual:
    labels, said = (np.asarray(side, dtype=np.float64) for side in (label, probability))
    return estimate_vs_actual(said, threshold, evaluate(labels, said, threshold, seed=0, resamples=20))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, sample_workbook: Path) -> OutcomeReport:
    folder = tmp_path_factory.mktemp("before")
    played_settings = Settings(artifacts=folder / "artifacts", data=folder / "data")
    play(played_settings, sample_workbook)
    with Store.open(played_settings.store_url) as store:
        report = outcome_report(store, Registry(played_settings.artifacts), load_profile("pede"), "next-year", 2024)
    assert report is not None
    return report


def test_the_expected_share_is_the_mean_probability() -> None:
    estimates = estimate_each(np.full(100, 0.25), THRESHOLD)
    # Binomial(100, 0.25): its central 95% is 17 to 34.
    assert estimates["at_risk"].value == 0.25
    assert estimates["at_risk"].low == pytest.approx(0.17, abs=0.011)
    assert estimates["at_risk"].high == pytest.approx(0.34, abs=0.011)
    assert estimates["accuracy"].value == pytest.approx(0.75)
    assert estimates["precision"] == ExpectedMeasure(None, None, None), "nobody is pointed out"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0, 1))
def test_values_are_those_of_the_rows_and_inside_their_intervals(said: list[float], threshold: float) -> None:
    probability = np.array(said)
    estimates, rows = estimate_each(probability, threshold), estimate_rows(probability, threshold)
    assert set(estimates) == {"at_risk", *MEASURES}
    for name, expected in estimates.items():
        if expected.value is None:
            continue
        assert expected.value == pytest.approx(rows.get(name, probability.mean()), nan_ok=True)
        assert expected.low is not None
        assert expected.high is not None
        assert expected.low <= expected.value <= expected.high


def test_many_pupils_drawn_in_pieces_give_the_same_interval() -> None:
    probability = np.random.default_rng(3).beta(1, 2, 3_000)
    share = estimate_each(probability, THRESHOLD)["at_risk"]
    spread = 1.96 * float(np.sqrt((probability * (1 - probability)).sum())) / 3_000
    assert share.low == pytest.approx(probability.mean() - spread, abs=0.003)
    assert share.high == pytest.approx(probability.mean() + spread, abs=0.003)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0, 1))
def test_calibrated_measures_agree_with_those_of_the_rows(said: list[float], threshold: float) -> None:
    learned = IsotonicCalibration((30,) * 100, tuple(range(0, 30, 3)) + (29,) * 90)
    probability = np.array(said)
    estimates, rows = estimate_each(probability, threshold, learned), estimate_rows(probability, threshold, learned)
    for name, expected in estimates.items():
        if expected.value is not None and name != "at_risk":
            assert expected.value == pytest.approx(rows[name])


def test_the_interval_has_the_chance_of_training_pupils_in_it() -> None:
    probability = np.full(4_000, 0.505)
    plain = estimate_each(probability, THRESHOLD)["at_risk"]
    taught = estimate_each(
        probability, THRESHOLD, IsotonicCalibration((0,) * 50 + (100,) + (0,) * 49, (0,) * 50 + (50,) + (0,) * 49)
    )
    # Half of a hundred training pupils: one standard error of 0.05, beside which that of 4,000 pupils is nothing.
    assert plain.low == pytest.approx(0.505 - 1.96 * 0.0079, abs=0.003)
    assert taught["at_risk"].low == pytest.approx(0.5 - 1.96 * 0.0506, abs=0.012)
    assert taught["at_risk"].high == pytest.approx(0.5 + 1.96 * 0.0506, abs=0.012)


def test_what_came_true_stands_beside_it_inside_or_outside() -> None:
    rng = np.random.default_rng(5)
    probability = rng.beta(0.8, 1.2, 400)
    as_said = evaluated(rng.random(400) < probability, probability)
    assert as_said.is_enough
    assert as_said.at_risk.is_inside
    assert [pair.measure for pair in as_said.pairs] == ["at_risk", *MEASURES]
    assert [str(pair.title) for pair in as_said.pairs] == [
        "Share at risk",
        "ROC AUC",
        "Precision",
        "Recall",
        "F1",
        "Accuracy",
        "Brier score",
    ]
    by_name = {pair.measure: pair for pair in as_said.measures}
    assert by_name["accuracy"].realised is not None
    assert by_name["brier_score"].realised is not None
    nobody = evaluated(np.zeros(400), probability)
    assert nobody.at_risk.is_inside is False
    assert nobody.at_risk.realised is not None
    assert nobody.at_risk.realised.value == 0
    auc = next(pair for pair in nobody.measures if pair.measure == "roc_auc")
    assert (auc.realised, auc.is_inside) == (None, None), "there is no ranking of one kind of pupils"


def test_accuracy_is_the_share_answered_right() -> None:
    label, probability = np.array([1, 1, 0, 0] * 10), np.array([0.9, 0.2, 0.1, 0.3] * 10)
    accuracy = {pair.measure: pair for pair in evaluated(label, probability).measures}["accuracy"].realised
    assert accuracy is not None
    assert accuracy.value == 0.75


def test_of_few_pupils_nothing_is_expected() -> None:
    few = evaluated([1, 0] * 14, [0.5] * 28)
    assert not few.is_enough
    assert {pair.expected for pair in few.pairs} == {ExpectedMeasure(None, None, None)}
    assert few.at_risk.is_inside is None


def test_the_interval_decides_what_is_inside() -> None:
    def inside(value: float) -> bool | None:
        return MeasurePair("recall", ExpectedMeasure(0.5, 0.4, 0.6), Estimate(value, 0.0, 1.0)).is_inside

    assert [inside(value) for value in (0.39, 0.4, 0.6, 0.61)] == [False, True, True, False]


def test_a_played_year_compares_pupils_of_the_version_in_use(played: OutcomeReport) -> None:
    before = played.expected_before
    matched = played.matched
    assert before.n == matched.label.size
    brier = {pair.measure: pair for pair in before.measures}["brier_score"]
    assert brier.expected.value == pytest.approx(float((matched.probability * (1 - matched.probability)).mean()))
    assert brier.realised == played.together.evaluation.estimates["brier"]
    body = ExpectedBefore.of(before, "en").model_dump(mode="json")
    assert body["assumptions"] == [str(words) for words in assumptions_of(calibrated=False)]
    measures = body["measures"]
    assert isinstance(measures, dict)
    assert set(measures) == set(MEASURES)
    # Of training pupils a quarter was at risk, whatever the answer.
    known = replace(played, calibration=IsotonicCalibration((4,) * 100, (1,) * 100)).expected_before
    brier = {pair.measure: pair for pair in known.measures}["brier_score"]
    said = matched.probability
    assert brier.expected.value == pytest.approx(float((0.25 * (1 - said) ** 2 + 0.75 * said**2).mean()))
    assert known.at_risk.expected.value == pytest.approx(0.25)
    assert known.assumptions == assumptions_of(calibrated=True)
    assert played.calibration is None, "invented bundles do not have the counts"
    none = replace(played, version="another").expected_before
    assert (none.n, none.at_risk.realised) == (0, None)
    half = matched.version.copy()
    half[::2] = "another"
    own = replace(played, matched=replace(matched, version=half)).expected_before
    assert own.n == matched.label.size // 2
    assert own.at_risk.realised is not None
    assert own.at_risk.realised.value == pytest.approx(float(matched.label[1::2].mean()))
