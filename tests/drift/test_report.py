from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from farol.drift.figures import FeatureDrift, feature_drift
from farol.drift.null_distribution import exact_critical_values, rounded
from farol.drift.psi import psi
from farol.drift.report import DriftReport, check, drift_of_panel, drift_report, take_snapshot
from farol.drift.windows import Window, parse_window
from farol.model.bins import FeatureBins
from farol.model.bundle import Bundle
from farol.model.counters import OUTSIDE, PREDICTION, SCORE, Counted
from farol.model.features import feature_matrix
from farol.model.reference import Reference
from farol.profile import Text
from farol.store.database import Store
from farol.store.records import Prediction, uuid7
from farol.workbook.panel import Panel

NOW = datetime(2024, 7, 1, 2, 30, tzinfo=UTC)  # still 30 June in São Paulo
ALL = Window("all", None, date(2024, 6, 30))

BinCounts = dict[str, dict[int, int]]


def like_training(bundle: Bundle, n: int) -> BinCounts:
    """About `n` predictions a feature, in the proportions of the reference."""
    return {
        bins.feature: {i: round(count * n / bundle.reference.n) for i, count in enumerate(bins.counts)}
        for bins in bundle.reference.features
    }


def of(report: DriftReport, feature: str) -> FeatureDrift:
    return next(each for each in report.features if each.feature == feature)


def test_the_proportions_of_training_are_no_drift(bundle: Bundle) -> None:
    report = check(bundle, like_training(bundle, 2000), window=ALL)
    assert {feature.verdict for feature in report.features} == {"none"}
    assert (report.verdict, report.alarm) == ("none", False)
    assert report.n == pytest.approx(2000, abs=10)


def test_every_figure_is_that_of_the_counts(bundle: Bundle) -> None:
    counts = like_training(bundle, 400)
    missing = bundle.reference.features[1].size - 1
    counts["IEG"] = {0: 300, missing: 100}
    ieg = of(check(bundle, counts, window=ALL), "IEG")
    was, seen = np.array(ieg.reference), np.array(ieg.current)
    assert ieg.psi == float(psi(was, seen))
    assert (ieg.n, ieg.missing.value) == (400, 0.25)
    assert ieg.missing.reference == was[-1] / was.sum()
    # Eleven figures share what a kind of test may spend.
    exact = exact_critical_values(ieg.reference, len(was) - 1, rounded(400), 0.002 / 11, 0.006 / 11)
    assert ieg.critical == exact.psi
    assert ieg.superiority is not None
    assert ieg.superiority.critical == exact.superiority
    assert (ieg.band, ieg.verdict, ieg.alarm) == ("severe", "severe", True)
    assert ieg.low < ieg.psi < ieg.high


def test_one_features_moderate_drift_is_the_reports_verdict(bundle: Bundle) -> None:
    counts = like_training(bundle, 5000)
    order = sorted(counts["IDA"], key=lambda i: counts["IDA"][i])
    moved = round(0.28 * counts["IDA"][order[-1]])
    for _ in range(3):
        for i, j in zip(order[:3], order[-3:], strict=True):
            counts["IDA"][i] += moved
            counts["IDA"][j] -= moved
        report = check(bundle, counts, window=ALL)
        if of(report, "IDA").band != "none":
            break
    assert of(report, "IDA").verdict == "moderate"
    assert (report.verdict, report.alarm) == ("moderate", True)


def test_fewer_than_thirty_predictions_say_nothing(bundle: Bundle) -> None:
    report = check(bundle, {"IAA": {0: 29}, "IEG": {0: 30}}, window=ALL)
    assert (of(report, "IAA").verdict, of(report, "IAA").alarm) == ("insufficient_data", False)
    ieg = of(report, "IEG")
    assert (ieg.verdict, ieg.alarm) == ("severe", True)
    assert ieg.critical == exact_critical_values(ieg.reference, len(ieg.current) - 1, 30, 0.002 / 11, 0.006 / 11).psi
    assert report.verdict == "severe"


def test_a_band_that_chance_may_reach_is_no_alarm(bundle: Bundle) -> None:
    rng = np.random.default_rng(3)
    counts = {
        bins.feature: dict(enumerate(rng.multinomial(40, np.array(bins.counts) / bundle.reference.n).tolist()))
        for bins in bundle.reference.features
    }
    report = check(bundle, counts, window=ALL)
    beyond = [feature for feature in report.features if feature.band != "none"]
    assert beyond
    assert {feature.verdict for feature in beyond} == {"insufficient_data"}
    assert (report.verdict, report.alarm) == ("insufficient_data", False)


def answers(*, at_risk: int, of: int, cell: int) -> BinCounts:
    """Answers of one probability, `at_risk` of them 1."""
    return {SCORE: {cell: of}, PREDICTION: {0: of - at_risk, 1: at_risk}}


def test_the_answers_and_their_rate_are_tested_too(bundle: Bundle) -> None:
    reference = bundle.reference
    like = {SCORE: dict(enumerate(reference.score)), PREDICTION: dict(enumerate(reference.predicted))}
    same = check(bundle, {**like_training(bundle, 2000), **like}, window=ALL)
    assert same.score is not None
    assert same.rate is not None
    assert (same.score.psi, same.score.verdict, same.rate.verdict, same.verdict) == (0.0, "none", "none", "none")
    other = check(bundle, {**like_training(bundle, 2000), **answers(at_risk=300, of=300, cell=99)}, window=ALL)
    assert other.score is not None
    assert other.rate is not None
    assert (other.score.feature, other.score.n, other.score.alarms) == (SCORE, 300, ("distribution", "superiority"))
    assert (other.rate.value, other.rate.verdict) == (1.0, "severe")
    assert other.rate.reference == reference.predicted[1] / sum(reference.predicted[:2])
    # The features alone are as they were: it is the answers that raise the alarm.
    assert ({feature.verdict for feature in other.features}, other.verdict) == ({"none"}, "severe")
    assert other.score.labels("en")[-1] == "no answer"


def test_no_answer_for_many_is_reported(bundle: Bundle) -> None:
    result = check(bundle, {SCORE: {50: 60, 100: 40}, PREDICTION: {0: 60, 2: 40}}, window=ALL)
    assert result.score is not None
    assert result.rate is not None
    assert (result.score.missing.value, result.score.missing.alarm, result.rate.n) == (0.4, True, 60)


def test_answers_that_were_not_counted_are_left_out(bundle: Bundle) -> None:
    report = check(bundle, like_training(bundle, 500), window=ALL)
    assert (report.score, report.rate) == (None, None)


def test_missing_values_are_tested_on_their_own(bundle: Bundle) -> None:
    counts = like_training(bundle, 400)
    ieg = bundle.reference.features[1]
    gone = {i: round(n * 0.7) for i, n in counts["IEG"].items()}
    counts["IEG"] = {**gone, ieg.size - 1: gone[ieg.size - 1] + 400 - sum(gone.values())}
    result = of(check(bundle, counts, window=ALL), "IEG")
    assert result.missing.alarm
    assert result.missing.value == pytest.approx(0.3, abs=0.06)
    assert (result.superiority and result.superiority.verdict) == "none"
    assert "missing" in result.alarms


def test_values_that_training_never_had_are_reported(bundle: Bundle) -> None:
    counts = like_training(bundle, 400)
    names = [bins.feature for bins in bundle.reference.features]
    counts[OUTSIDE] = {names.index("IDA"): 40}
    ian = bundle.reference.features[names.index("IAN")]
    counts["IAN"][ian.size - 2] += 40
    report = check(bundle, counts, window=ALL)
    unseen = {name: of(report, name).unseen for name in ("IDA", "IAN", "IEG")}
    assert {name: each and each.verdict for name, each in unseen.items()} == {
        "IDA": "moderate",
        "IAN": "moderate",
        "IEG": "none",
    }
    assert unseen["IDA"] is not None
    assert unseen["IDA"].value == pytest.approx(0.1, abs=0.005)
    assert of(report, "IDA").alarms == ("unseen",)


def test_a_rare_training_value_makes_new_values_expected(bundle: Bundle) -> None:
    bins = replace(of(check(bundle, {}, window=ALL), "IAN").bins, counts=(*(1, 1, bundle.reference.n - 2), 0, 0))
    result = feature_drift(
        bins,
        Text(pt="", en=""),
        bins.counts,
        (0, 0, 100, 0, 0),
        outside=0,
        trained=bundle.reference.n,
        family=11,
    )
    assert result.unseen is not None
    assert result.unseen.reference == 2 / bundle.reference.n


def test_a_feature_missing_from_training_alarms_when_it_comes(bundle: Bundle) -> None:
    never = FeatureBins("IPP", (), None, (0, 400), None, None)
    result = feature_drift(never, Text(pt="", en=""), never.counts, (60, 0), outside=0, trained=400, family=11)
    assert (result.superiority, result.unseen) == (None, None)
    assert (result.missing.verdict, result.verdict) == ("severe", "severe")


def test_a_derived_feature_has_its_meaning_too(bundle_of: Callable[[str], Bundle]) -> None:
    report = check(bundle_of("next-year"), {}, window=ALL)
    assert of(report, "years_in_programme").meaning.en == "Years in the programme"


def _stored(bundle: Bundle, at: datetime, n: int) -> list[Prediction]:
    """Predictions whose every feature is missing."""
    missing = Counted.of({each.feature: each.size - 1 for each in bundle.reference.features})
    return [
        Prediction(uuid7(at), at, bundle.task, bundle.version, "api", {}, 0, "x", 0.1, 0.5, 2024, (), missing)
        for _ in range(n)
    ]


def test_the_report_of_a_window_counts_what_was_stored_in_it(bundle: Bundle, store: Store) -> None:
    for days in (0, 6, 7, 400):
        store.write(_stored(bundle, NOW - timedelta(days=days), 10))
    store.write([replace(row, version="other") for row in _stored(bundle, NOW, 5)])
    result = {name: drift_report(store, bundle, parse_window(name, now=NOW)).n for name in ("7d", "30d", "all")}
    assert result == {"7d": 20, "30d": 30, "all": 40}


def test_a_snapshot_is_kept_as_it_was_and_survives_json(bundle: Bundle, store: Store) -> None:
    store.write(_stored(bundle, NOW, 40))
    window = parse_window("7d", now=NOW)
    taken = take_snapshot(store, bundle, window, at=NOW)
    later = take_snapshot(store, bundle, parse_window("all", now=NOW))
    assert store.snapshots("current", 5) == [later, taken]
    assert (taken.at, taken.first, taken.last, later.first) == (NOW, window.first, window.last, None)
    assert later.at > NOW
    report = drift_report(store, bundle, window)
    assert (taken.payload["n"], taken.payload["verdict"], taken.payload["alarm"]) == (40, "severe", True)
    features = taken.payload["features"]
    assert isinstance(features, list)
    assert [(each["feature"], each["psi"]) for each in features] == [(f.feature, f.psi) for f in report.features]
    assert features[0]["current"] == list(report.features[0].current)
    assert (taken.payload["score"], taken.payload["rate"]) == (None, None)


def test_a_snapshot_keeps_the_answers_too(bundle: Bundle, store: Store) -> None:
    sure = Counted.of({SCORE: 95, PREDICTION: 1})
    store.write([replace(row, counted=sure) for row in _stored(bundle, NOW, 100)])
    taken = take_snapshot(store, bundle, parse_window("7d", now=NOW), at=NOW)
    (kept,) = store.snapshots("current", 1)
    assert kept == taken
    score, rate = taken.payload["score"], taken.payload["rate"]
    assert isinstance(score, dict)
    assert isinstance(rate, dict)
    assert (score["feature"], score["n"], rate["value"]) == (SCORE, 100, 1.0)


def test_looking_changes_nothing(bundle: Bundle, store: Store) -> None:
    drift_report(store, bundle, ALL)
    assert (store.total(), store.snapshots("current", 5)) == (0, [])


def test_a_workbooks_last_year_is_compared_in_the_same_bins(bundle: Bundle, panel: Panel) -> None:
    report = drift_of_panel(bundle, panel)
    assert report.window == Window("2024", date(2024, 1, 1), date(2024, 12, 31))
    # The reference of this bundle is that very year.
    assert [feature.psi for feature in report.features] == pytest.approx([0] * 10, abs=1e-12)
    assert report.n == int((panel.year == 2024).sum())
    earlier = drift_of_panel(bundle, panel.select(panel.year == 2022))
    ipp = of(earlier, "IPP")
    assert (ipp.missing.value, ipp.verdict) == (1.0, "severe")


def test_an_imputed_reference_would_invent_drift(bundle: Bundle, panel: Panel) -> None:
    rows = panel.select(panel.year == 2024)
    matrix = feature_matrix(bundle.profile, bundle.task_spec, rows.numbers, rows.year.astype(np.float64))
    imputed = np.where(np.isnan(matrix), np.nanmedian(matrix, axis=0), matrix)
    names = bundle.task_spec.features
    raw = replace(bundle, reference=Reference.fit(matrix, names))
    piled = replace(bundle, reference=Reference.fit(imputed, names))
    honest, invented = of(drift_of_panel(raw, panel), "INGLES"), of(drift_of_panel(piled, panel), "INGLES")
    assert honest.missing.value is not None
    assert honest.missing.value > 0.3
    assert (honest.verdict, invented.verdict) == ("none", "severe")


def test_reference_years_are_those_the_model_learned_from(bundle: Bundle) -> None:
    window = Window("all", None, date(2024, 6, 30))
    served = replace(bundle, report={"served": {"years": [2022, 2023, 2024]}})
    assert check(served, {}, window=window).reference_years == (2022, 2023, 2024)
