"""A year later: counts and metrics by hand, from rows in a real database."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from farol.api.answers.outcomes import OutcomeReportAnswer, PartAnswer
from farol.errors import InputError
from farol.evaluation.metrics import Estimate
from farol.model.registry import Registry
from farol.outcomes.matching import record_panel, sheet_outcomes
from farol.outcomes.report import OutcomeReport, outcome_report
from farol.profile import Profile, load_profile
from farol.store.database import Store
from farol.store.outcomes import Outcome, record
from farol.store.records import Prediction
from farol.workbook.panel import Panel, read_panel
from tests.bundles import make_bundle
from tests.played import CARD, THEN, section
from tests.store.rows import row

YEAR = 2024
LATER = THEN + timedelta(days=365)
PEDE = load_profile("pede")


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def version(artifacts: Path) -> str:
    return make_bundle(artifacts, "next-year", last_year=2022, report=CARD).name


def forecast(
    student: str, probability: float | None, *, version: str, lag: float | None = None, **features: float | None
) -> Prediction:
    """A forecast made in 2023, at risk from one half on."""
    made = row({}, at=THEN, task="next-year", version=version)
    answer = None if probability is None else int(probability >= 0.5)
    given = {"lag": lag, "phase": 3.0} | features
    return replace(made, features=given, student=student, year=2023, probability=probability, prediction=answer)


def year_of(store: Store, version: str) -> list[Outcome]:
    """Forty pupils who can be measured; twelve who left; three new; two without an answer of either kind.

    Twenty were pointed out with 0.8, and fifteen of them are behind; twenty were not, with 0.2, and four are.
    """
    rows, said = [], []
    for i in range(40):
        high = i < 20
        label = int(i < 15 or 20 <= i < 24)
        rows.append(forecast(f"RA-{i:02}", 0.8 if high else 0.2, version=version, lag=-1 if high else 0))
        said.append(Outcome(f"RA-{i:02}", label, {"sex": "F" if i % 2 else "M", "phase": "4"}))
    rows += [forecast(f"RA-left-{i}", 0.9, version=version, lag=-1) for i in range(12)]
    rows += [forecast("RA-silent", None, version=version), forecast("RA-blank", 0.7, version=version)]
    said += [Outcome("RA-silent", 1, {}), Outcome("RA-blank", None, {})]
    said += [Outcome(f"RA-new-{i}", 1, {}) for i in range(3)]
    # A later forecast replaces an earlier one: of the first five only the 0.8 counts.
    store.write([forecast(f"RA-{i:02}", 0.1, version=version, lag=0) for i in range(5)])
    store.write(rows)
    return said


def played(store: Store, artifacts: Path, said: list[Outcome], *, profile: Profile = PEDE) -> OutcomeReport:
    """The year recorded, and what came true."""
    record(store, YEAR, said, {"next-year": 1, "current": 0}, lambda _task, _version: False, at=LATER)
    report = outcome_report(store, Registry(artifacts), profile, "next-year", YEAR)
    assert report is not None
    return report


@pytest.fixture
def report(store: Store, artifacts: Path, version: str) -> OutcomeReport:
    return played(store, artifacts, year_of(store, version))


def test_every_pupil_is_counted_once(report: OutcomeReport) -> None:
    assert asdict(report.counts) == {
        "forecast": 54,
        "pupils": 45,
        "matched": 42,
        "left": 12,
        "new": 3,
        "without_label": 1,
        "unanswered": 1,
        "measured": 40,
        "replaced": 5,
    }


def test_metrics_are_those_of_the_hand(report: OutcomeReport) -> None:
    values = report.together.evaluation.values()
    assert (report.together.evaluation.n, report.together.evaluation.positives) == (40, 19)
    assert dict(report.together.evaluation.confusion) == {
        "true_positive": 15,
        "false_positive": 5,
        "false_negative": 4,
        "true_negative": 16,
    }
    expected = {
        "precision": 15 / 20,
        "recall": 15 / 19,
        "f1": 30 / 39,
        "roc_auc": (15 * 16 + (15 * 5 + 4 * 16) / 2) / (19 * 21),
        "average_precision": 15 / 19 * 15 / 20 + 4 / 19 * 19 / 40,
        "brier": (15 * 0.04 + 5 * 0.64 + 4 * 0.64 + 16 * 0.04) / 40,
        "ece": 1 / 40,
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)
    for comparison in report.together.comparisons:
        assert comparison.realised is not None
        assert comparison.realised.low <= comparison.realised.value <= comparison.realised.high


def test_new_cases_and_old_ones_are_apart(report: OutcomeReport) -> None:
    parts = {part.name: part for part in report.groups}
    assert {name: (part.evaluation.n, part.evaluation.positives) for name, part in parts.items()} == {
        "onset": (20, 4),
        "recovery": (20, 15),
        "onset_below_top": (20, 4),
    }
    assert parts["onset"].card is not None
    assert (parts["onset"].card.n, parts["onset_below_top"].card) == (150, None)


def test_promised_stands_beside_realised_with_a_verdict(report: OutcomeReport) -> None:
    compared = {comparison.metric: comparison for comparison in report.together.comparisons}
    recall = compared["recall"]
    assert (recall.promised, recall.difference is not None) == (Estimate(0.5, 0.45, 0.55), True)
    # Forty pupils are too few to conclude anything.
    assert {comparison.verdict for comparison in compared.values()} == {"unknown"}
    assert "too few pupils: 40 (at risk: 19)" in str(recall.reason)
    before, came = report.together.prevalence
    assert before is not None
    assert (before.value, came.value) == (0.5, 19 / 40)


def test_a_card_of_answered_pupils_is_compared_with_those(store: Store, artifacts: Path) -> None:
    card = {**CARD, "answered": {"test": section(200, 100, roc_auc=0.7), "onset": section(100, 30)}}
    version = make_bundle(artifacts, "next-year", last_year=2022, report=card).name
    report = played(store, artifacts, year_of(store, version))
    assert report.together.card is not None
    assert (report.together.card.n, report.together.card.metrics["roc_auc"].value) == (200, 0.7)
    assert [part.card is None for part in report.groups] == [False, True, True]


def test_groups_are_of_the_new_sheet_levels_of_the_forecast(report: OutcomeReport) -> None:
    divisions = {division.column: division for division in report.divisions}
    assert [(group.name, group.n, group.positives) for group in divisions["sex"].groups] == [
        ("F", 20, 9),
        ("M", 20, 10),
    ]
    (level,) = divisions["phase"].groups
    assert (level.name, level.n, level.flagged) == ("3", 40, 20)
    assert level.figures["precision"] is not None
    assert level.figures["precision"].value == 0.75
    assert divisions["sex"].groups[0].figures["recall"] is None, "too few pupils"
    assert divisions["school_type"].groups == ()


def test_leavers_had_other_forecasts_and_the_report_says_so(report: OutcomeReport) -> None:
    leavers = report.leavers
    assert (leavers.left_n, leavers.stayed_n) == (12, 41)
    assert leavers.left is not None
    assert leavers.stayed is not None
    assert (leavers.left.value, leavers.stayed.value) == pytest.approx((0.9, (20 * 0.8 + 20 * 0.2 + 0.7) / 41))
    assert (leavers.left.low, leavers.left.high) == pytest.approx((0.9, 0.9))
    assert leavers.difference is not None
    assert leavers.difference.low > 0
    notes = " ".join(str(note) for note in report.notes)
    assert "may have been helped" in notes
    assert "left are in no figure" in notes
    assert "very years" not in notes


def test_probabilities_and_thresholds_are_there_for_an_estimate(report: OutcomeReport) -> None:
    matched = report.matched
    assert matched.probability.shape == matched.threshold.shape == matched.label.shape == (40,)
    assert set(matched.threshold.tolist()) == {0.5}
    assert matched.student[0] == "RA-00"
    assert matched.select(matched.now == 1).student == matched.student[:20]


def test_the_whole_is_reported_without_any_pupil(report: OutcomeReport) -> None:
    body = OutcomeReportAnswer.of(report, "en").model_dump(mode="json")
    assert (body["task"], body["year"], body["forecast_year"]) == ("next-year", 2024, 2023)
    assert "RA-" not in str(body)
    assert body["versions"] == []
    bands = body["calibration"]
    assert isinstance(bands, list)
    assert [band["n"] for band in bands] == [0, 20, 0, 0, 20, 0]


def test_several_versions_are_reported_apart_and_together(store: Store, artifacts: Path, version: str) -> None:
    said = year_of(store, version)
    second = make_bundle(artifacts, "next-year", seed=1, last_year=2022, report={**CARD, "test": section(90, 45)}).name
    # The second version answered later, and otherwise, for ten pupils who had been pointed out.
    later = [forecast(f"RA-{i:02}", 0.3, version=second, lag=-1) for i in range(10)]
    store.write([replace(prediction, threshold=0.25, prediction=1) for prediction in later])
    report = played(store, artifacts, said)
    assert report.counts.replaced == 15
    assert report.version == version
    parts = {part.name: part for part in report.versions}
    assert {name: part.evaluation.n for name, part in parts.items()} == {version: 40, second: 10}
    assert [part.card.n for part in (parts[version], parts[second]) if part.card] == [300, 90]
    # Each is judged by the threshold it had: the ten are still pointed out.
    assert report.together.evaluation.confusion["true_positive"] == 15
    assert report.matched.probability[:10].tolist() == [0.3] * 10
    assert any("Several versions" in str(note) for note in report.notes)


def test_a_model_that_is_gone_promises_nothing_that_can_be_read(store: Store, artifacts: Path) -> None:
    report = played(store, artifacts, year_of(store, "2022-gone"))
    assert (report.version, report.together.card) == ("2022-gone", None)
    assert {comparison.verdict for comparison in report.together.comparisons} == {"unknown"}
    assert any("no longer here" in str(note) for note in report.notes)
    assert PartAnswer.of(report.together, "en").promised_n is None


def test_a_sheet_without_forecasts_has_nothing_to_measure(store: Store, artifacts: Path) -> None:
    report = played(store, artifacts, [Outcome("RA-1", 1, {})])
    assert (report.counts.new, report.counts.measured, report.version) == (1, 0, None)
    assert (report.leavers.left, report.leavers.difference) == (None, None)
    assert {comparison.verdict for comparison in report.together.comparisons} == {"unknown"}
    assert outcome_report(store, Registry(artifacts), PEDE, "next-year", 1999) is None


@pytest.mark.parametrize(
    ("features", "now"),
    [
        ({"lag": -1.0}, 1.0),
        ({"lag": 0.0}, 0.0),
        ({"lag": None, "phase": 2.0, "ideal_phase": 3.0}, 1.0),
        ({"lag": None, "phase": 3.0, "ideal_phase": None}, np.nan),
    ],
)
def test_who_was_behind_is_known_by_what_was_given(
    store: Store, artifacts: Path, features: dict[str, float | None], now: float
) -> None:
    store.write([forecast("RA-1", 0.5, version="2022-v", **features)])
    report = played(store, artifacts, [Outcome("RA-1", 1, {})])
    assert report.matched.now.tolist() == pytest.approx([now], nan_ok=True)


def test_a_profile_without_levels_or_rule_is_measured_too(store: Store, artifacts: Path) -> None:
    plain = replace(PEDE, level=None, rule=None, label=replace(PEDE.label, minuend=None, subtrahend=None))
    store.write([forecast("RA-1", 0.5, version="2022-v")])
    report = played(store, artifacts, [Outcome("RA-1", 1, {"sex": "F"})], profile=plain)
    assert [division.column for division in report.divisions] == ["sex", "school_type"]
    assert [part.name for part in report.groups] == ["onset", "recovery"]
    assert np.isnan(report.matched.now).all()


def test_this_years_question_is_measured_with_the_sheets_level(store: Store, artifacts: Path) -> None:
    version = make_bundle(artifacts, "current", last_year=YEAR, report={**CARD, "groups": None}).name
    made = [
        row({"IAA": 5.0}, at=THEN, version=version, probability=0.9),
        row(at=THEN, version=version, probability=0.1),
    ]
    store.write([replace(prediction, student=f"RA-{i}", year=YEAR) for i, prediction in enumerate(made)])
    said = [Outcome("RA-0", 1, {"phase": "7"}), Outcome("RA-1", 0, {})]
    record(store, YEAR, said, {"current": 0}, lambda _task, _version: False, at=LATER)
    report = outcome_report(store, Registry(artifacts), PEDE, "current", YEAR)
    assert report is not None
    assert report.groups == ()
    assert report.matched.columns["phase"].tolist() == pytest.approx([7.0, np.nan], nan_ok=True)
    # The card of such a model was tested on that very year.
    assert any("these same years" in str(note) for note in report.notes)
    assert not any("left are in no figure" in str(note) for note in report.notes)


@pytest.fixture(scope="module")
def panel(sample_workbook: Path) -> Panel:
    return read_panel(sample_workbook, PEDE)


def test_a_sheet_says_label_level_and_audit_groups(panel: Panel) -> None:
    year, said = sheet_outcomes(panel)
    rows = panel.select(panel.year == 2024)
    assert (year, len(said)) == (2024, rows.student.size)
    assert [outcome.label for outcome in said] == [None if np.isnan(label) else int(label) for label in rows.label]
    assert said[0].groups == {
        "sex": rows.categories["sex"][0],
        "school_type": rows.categories["school_type"][0],
        "phase": f"{rows.numbers['phase'][0]:g}",
    }
    students = rows.student.copy()
    students[3] = "x" * 65
    labels = rows.label.copy()
    labels[0] = np.nan
    levels = np.full(labels.size, np.nan)
    odd = replace(rows, student=students, label=labels, numbers={**rows.numbers, "phase": levels})
    _, fewer = sheet_outcomes(odd)
    assert (len(fewer), fewer[0].label, "phase" in fewer[0].groups) == (len(said) - 1, None, False)
    plain = replace(rows, profile=replace(PEDE, level=None))
    assert "phase" not in sheet_outcomes(plain)[1][0].groups
    with pytest.raises(InputError, match="2031"):
        sheet_outcomes(panel, 2031)


def test_models_that_had_learned_from_the_year_do_not_count(store: Store, panel: Panel, artifacts: Path) -> None:
    honest = make_bundle(artifacts, "next-year", last_year=2022, report=CARD).name
    learned = make_bundle(artifacts, "next-year", seed=1, report={**CARD, "served": {"years": [2022, 2023]}}).name
    old = make_bundle(artifacts, "next-year", seed=2).name  # its report does not say; its manifest has 2022 and 2023
    gone = ("2023-gone", "2024-gone", "nameless")
    student = str(panel.student[-1])
    store.write([forecast(student, 0.5, version=version) for version in (honest, learned, old, *gone)])
    recorded = record_panel(store, Registry(artifacts), panel, at=LATER)
    assert recorded.tasks["next-year"].learned == 4
    report = outcome_report(store, Registry(artifacts), PEDE, "next-year", 2024)
    assert report is not None
    assert {part.name for part in report.versions} == {honest, "2023-gone"}
