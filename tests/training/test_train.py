"""From a workbook to a trained model: what is in it, what it says of itself, and that it is the same each time."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from farol.errors import InputError, PlanError
from farol.evaluation.capacity import Capacity
from farol.evaluation.metrics import MEASURES
from farol.i18n import Message
from farol.model.bundle import read_bundle, write_bundle
from farol.model.features import Preprocessing, feature_matrix
from farol.model.reference import Reference
from farol.model.risk_bands import Support
from farol.model.trained import TrainedModel
from farol.profile import load_profile
from farol.training.augmentation import repetitions_of
from farol.training.models import fit_served, folded
from farol.training.plan import make_plan, plan_of
from farol.training.rows import rows_of, split_rows
from farol.training.train import train
from farol.workbook.panel import Panel, read_panel

Reports = Mapping[str, dict[str, Any]]
Trained = Mapping[str, TrainedModel]
TASKS = ("current", "next-year")


def every_number(value: object) -> list[float]:
    """All floats of a report, however deep."""
    if isinstance(value, dict):
        return [number for item in value.values() for number in every_number(item)]
    if isinstance(value, list):
        return [number for item in value for number in every_number(item)]
    return [value] if isinstance(value, float) else []


@pytest.mark.parametrize("task", TASKS)
def test_a_trained_model_has_every_file_of_a_bundle(trained: Trained, task: str) -> None:
    assert set(trained[task].files) == {
        "profile.toml",
        "model.json",
        "model.onnx",
        "preprocessing.json",
        "reference.json",
        "report.json",
        "card.html",
    }
    assert trained[task].last_year == 2024
    assert set(trained[task].headline) == set(MEASURES)


def test_years_and_rows_are_those_of_the_plan(reports: Reports, panel: Panel) -> None:
    current, following = reports["current"], reports["next-year"]
    assert (current["train_years"], current["test_years"]) == ([2022, 2023], [2024])
    assert (following["train_years"], following["test_years"]) == ([2022], [2023])
    assert following["plan"]["test"] == [{"features": [2023], "label": 2024}]
    assert current["n_train"] + current["n_test"] == panel.year.size
    linked = ~np.isnan(panel.next_label)
    assert following["n_train"] == int((linked & (panel.year == 2022)).sum())
    assert following["n_test"] == int((linked & (panel.year == 2023)).sum())


@pytest.mark.parametrize("task", TASKS)
def test_every_metric_has_its_interval(reports: Reports, task: str) -> None:
    report = reports[task]
    sets = [report["test"], *report["baselines"].values(), *report.get("groups", {}).values()]
    for figures in sets:
        for name in MEASURES:
            figure = figures[name]
            assert figure["low"] <= figure["value"] <= figure["high"], name
        assert sum(figures["confusion"].values()) == figures["n"]
    assert all(round(number, 6) == number for number in every_number(report))


def test_the_current_task_says_first_that_ian_is_the_answer(reports: Reports, trained: Trained) -> None:
    report = reports["current"]
    (leak,) = report["leakage"]["columns"]
    assert (leak["column"], leak["feature"], leak["share"]) == ("IAN", True, 1.0)
    assert leak["rule"] == {
        "pt": "sem risco quando Indicador de adequação ao nível = 10",
        "en": "not at risk where Adequacy to the level = 10",
    }
    assert report["notice"]["en"].startswith(f"IAN already holds the answer: {leak['rule']['en']}, in")
    assert report["test"]["roc_auc"]["value"] == 1.0
    assert 0.5 < report["without_ian"]["roc_auc"]["value"] < 0.85
    assert report["baselines"]["single_rule"]["roc_auc"]["value"] == 1.0
    card = trained["current"].files["card.html"].decode()
    assert card.index("IAN já contém a resposta") < card.index("<table>")


def test_onset_and_recovery_stand_apart_in_the_report(reports: Reports) -> None:
    report = reports["next-year"]
    groups = report["groups"]
    assert groups["onset"]["n"] + groups["recovery"]["n"] == report["n_test"]
    # Nobody in the highest level falls behind, so leaving it out leaves out no case, and makes the question harder.
    assert groups["onset_below_top"]["positives"] == groups["onset"]["positives"]
    assert groups["onset_below_top"]["n"] < groups["onset"]["n"]
    assert groups["onset_below_top"]["roc_auc"]["value"] < groups["onset"]["roc_auc"]["value"]
    rules = {"stays_as_it_is", "rate_table", "best_single", "whole_level"}
    learned = {"logistic_regression", "random_forest", "boosting_machine"}
    left_out = {reference["name"] for reference in report["left_out"]}
    assert set(report["baselines"]) == (rules | learned) - left_out
    assert (
        {name for name, reference in report["baselines"].items() if reference["simple"]}
        == rules
        == set(report["beats"])
    )
    assert report["test"]["roc_auc"]["value"] > report["baselines"]["stays_as_it_is"]["roc_auc"]["value"]
    assert (report["notice"], report["leakage"]["columns"]) == (None, [])
    assert "groups" not in reports["current"]
    assert "without_ian" not in report


def test_the_service_answers_as_its_description_asks(reports: Reports) -> None:
    for report in reports.values():
        assert report["served"]["n"] == report["n_train"] + report["n_test"]
        assert report["plan"]["untested"] == []
    current = reports["current"]
    assert current["served"]["years"] == [2022, 2023, 2024]
    assert current["notes"][-1]["en"] == (
        "The tested model knew only 2022, 2023. The model in use was made after the test, from all rows with a known "
        f"answer: 2022, 2023, 2024 ({current['served']['n']:,} rows)."
    )


def test_a_column_empty_in_training_is_reported_and_survived(reports: Reports, panel: Panel) -> None:
    assert reports["next-year"]["empty_columns"] == ["IPP"]  # 2022 has none
    (ipp,) = [feature for feature in reports["next-year"]["features"] if feature["name"] == "IPP"]
    assert (ipp["missing_train"], ipp["missing_test"] < 1) == (1.0, True)
    early = replace(panel, numbers={**panel.numbers, "IPP": np.full(panel.year.size, np.nan)})
    report = json.loads(train(early, "current").files["report.json"])
    assert report["empty_columns"] == ["IPP"]


def test_the_reference_is_raw_training_values_not_imputed_ones(trained: Trained, panel: Panel) -> None:
    profile = panel.profile
    task = profile.tasks["current"]
    matrix = feature_matrix(profile, task, panel.numbers, panel.year.astype(np.float64))
    reference = Reference.from_json(trained["current"].files["reference.json"])
    assert reference.features == Reference.fit(matrix, task.features).features
    missing = {feature.feature: feature.counts[-1] for feature in reference.features}
    assert missing["IPP"] == int(np.isnan(matrix[:, task.features.index("IPP")]).sum()) > 0


@pytest.mark.parametrize("name", ["current", "next-year"])
def test_reference_answers_are_of_pupils_not_seen(trained: Trained, panel: Panel, name: str) -> None:
    model = trained[name]
    task = panel.profile.tasks[name]
    plan = make_plan(task, panel.years)
    matrix = feature_matrix(panel.profile, task, panel.numbers, panel.year.astype(np.float64), plan.last_year)
    rows = rows_of(panel, plan, matrix, plan.serve, repetitions_of(panel, task, plan.last_year))
    unseen = folded(task, rows, seed=0).by_pupil(rows.matrix)
    support = Support.of(json.loads(model.files["report.json"])["support"], task.features, task.hidden)
    answered = support.judge(rows.matrix, unseen).answered
    reference = Reference.from_json(model.files["reference.json"])
    at_risk = int((unseen[answered] >= model.threshold).sum())
    assert reference.predicted == (int(answered.sum()) - at_risk, at_risk, int((~answered).sum()))
    whole = np.floor(unseen[answered] * 100).astype(np.int64)
    assert reference.score == (*np.bincount(np.minimum(whole, 99), minlength=100).tolist(), int((~answered).sum()))
    whole = whole[rows.label[answered] == 1]
    silent = int(rows.label[~answered].sum())
    assert reference.at_risk == (*np.bincount(np.minimum(whole, 99), minlength=100).tolist(), silent)
    # The model that serves knows its own rows better than it will know anybody else.
    session = onnxruntime.InferenceSession(model.files["model.onnx"], providers=["CPUExecutionProvider"])
    inputs = Preprocessing.from_json(model.files["preprocessing.json"]).transform(rows.matrix)
    own = session.run(["probabilities"], {"x": inputs})[0][:, 1]
    assert np.abs(own - rows.label).mean() < np.abs(unseen - rows.label).mean()


def test_the_reference_has_the_counts_of_every_level_too(trained: Trained, panel: Panel) -> None:
    reference = Reference.from_json(trained["next-year"].files["reference.json"])
    phase = panel.numbers["phase"][(panel.year < 2024) & ~np.isnan(panel.next_label)]
    counted = {level: tally.predicted for level, tally in reference.by_level.items()}
    assert {level: sum(counts or ()) for level, counts in counted.items()} == {
        f"{value:g}": int((phase == value).sum()) for value in np.unique(phase[~np.isnan(phase)])
    }
    together = np.sum([tally.features[0] for tally in reference.by_level.values()], axis=0)
    assert together.tolist() == list(reference.features[0].counts)


def test_the_files_alone_give_the_models_answers(trained: Trained, panel: Panel) -> None:
    model = trained["current"]
    task = panel.profile.tasks["current"]
    matrix = feature_matrix(panel.profile, task, panel.numbers, panel.year.astype(np.float64))
    rows = rows_of(panel, make_plan(task, panel.years), matrix, make_plan(task, panel.years).serve)
    inputs = Preprocessing.from_json(model.files["preprocessing.json"]).transform(rows.matrix)
    session = onnxruntime.InferenceSession(model.files["model.onnx"], providers=["CPUExecutionProvider"])
    (answers,) = session.run(["probabilities"], {"x": inputs})
    again = fit_served(task, rows, seed=0).probability(rows.matrix)
    np.testing.assert_allclose(answers[:, 1], again, atol=1e-6)


_DIGESTS = """
import hashlib, json, sys
from pathlib import Path
from farol.profile import load_profile
from farol.training.train import train
from farol.workbook.panel import read_panel
panel = read_panel(Path(sys.argv[1]), load_profile("pede"))
print(json.dumps({
    name: {file: hashlib.sha256(data).hexdigest() for file, data in train(panel, name).files.items()}
    for name in panel.profile.tasks
}))
"""


def test_training_again_in_another_process_gives_the_same_bytes(trained: Trained, sample_workbook: Path) -> None:
    other = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    again = subprocess.run(
        [sys.executable, "-c", _DIGESTS, str(sample_workbook)],
        env={**os.environ, "PYTHONHASHSEED": other},
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert json.loads(again.stdout) == {
        name: {file: hashlib.sha256(data).hexdigest() for file, data in model.files.items()}
        for name, model in trained.items()
    }
    assert set(trained) == set(TASKS)


def test_another_seed_is_reported_and_changes_the_intervals(panel: Panel, reports: Reports) -> None:
    other = train(panel, "current", seed=1)
    report = json.loads(other.files["report.json"])
    assert (other.seed, report["seed"]) == (1, 1)
    assert report["without_ian"]["roc_auc"]["low"] != reports["current"]["without_ian"]["roc_auc"]["low"]


def test_a_quick_training_says_what_it_left_out(panel: Panel) -> None:
    hasty = {name: json.loads(train(panel, name, quick=True).files["report.json"]) for name in TASKS}
    assert all(report["quick"] for report in hasty.values())
    left_out = {reference["name"]: reference["reason"]["en"] for reference in hasty["next-year"]["left_out"]}
    assert left_out == dict.fromkeys(("random_forest", "boosting_machine"), "left out by --quick")
    assert hasty["next-year"]["intervals"]["resamples"] == 200
    assert not {"random_forest", "boosting_machine"} & set(hasty["next-year"]["baselines"])


def test_both_tasks_may_be_served_and_say_why(reports: Reports) -> None:
    assert [reports[name]["promotable"] for name in TASKS] == [True, True]
    assert all(rule["beats"] for rule in reports["next-year"]["beats"].values())
    assert not reports["current"]["beats"]["single_rule"]["beats"]
    assert "definition of the answer" in reports["current"]["promotion"]["reasons"][0]["en"]


def test_the_report_has_lists_for_onset_and_recovery(panel: Panel) -> None:
    report = json.loads(train(panel, "next-year", quick=True, capacity=Capacity(40, None)).files["report.json"])
    lists = report["capacity"]["lists"]
    assert {name: top["k"] for name, top in lists.items()} == {"all": 40, "onset": 40, "recovery": 40}
    for top in lists.values():
        assert top["expected"]["low"] <= top["expected"]["value"] <= top["expected"]["high"] <= 40
        assert top["precision"]["value"] == pytest.approx(top["realised"] / 40, abs=1e-6)
    with pytest.raises(InputError, match="nearly everyone"):
        train(panel, "next-year", capacity=Capacity(report["n_test"], None))


def test_the_threshold_ignores_the_test_years_answers(panel: Panel) -> None:
    task = panel.profile.tasks["next-year"]
    asked = panel.year == make_plan(task, panel.years).known
    turned = replace(panel, next_label=np.where(asked, 1 - panel.next_label, panel.next_label))
    honest, swapped = (
        json.loads(train(each, "next-year", quick=True).files["report.json"]) for each in (panel, turned)
    )
    assert honest["threshold"] == swapped["threshold"]
    assert honest["test"]["roc_auc"]["value"] == pytest.approx(1 - swapped["test"]["roc_auc"]["value"], abs=1e-5)
    assert (honest["promotable"], swapped["promotable"]) == (True, False)


def test_bands_support_and_standing_are_there_for_who_answers(reports: Reports) -> None:
    report = reports["next-year"]
    bands = report["bands"]["bands"]
    assert [band["low"] for band in bands[1:]] == [band["high"] for band in bands[:-1]]
    assert (bands[0]["low"], bands[-1]["high"]) == (0.0, 1.0)
    assert sum(band["n_train"] for band in bands) == report["n_train"]
    assert sum(band["n_test"] for band in bands) == report["n_test"]
    assert report["bands"]["coverage"] >= 0.8
    first = report["support"]["groups"][0]
    assert (first["without"], first["known"]) == ([], None)
    assert all(band["answered"] for band in first["bands"])
    assert report["standing"]["level"] == "phase"
    assert set(report["standing"]["medians"]["2"]) <= {feature["name"] for feature in report["features"]}
    low, high = report["calibration"]["prevalence"].values()
    assert sorted(report["prevalence"].values()) == sorted((low, high))


def test_the_card_tells_apart_the_pupils_who_get_an_answer(panel: Panel, reports: Reports) -> None:
    """The service gives no answer for pupils with too few values, so the promise of its answers leaves them out."""
    asked = np.flatnonzero((panel.year == 2023) & ~np.isnan(panel.next_label))[:3]  # fewer than half a percent
    numbers = {name: values.copy() for name, values in panel.numbers.items()}
    for values in numbers.values():
        values[asked] = np.nan
    numbers["lag"][asked] = panel.numbers["lag"][asked]
    report = json.loads(train(replace(panel, numbers=numbers), "next-year", quick=True).files["report.json"])
    whole, answered = report["test"], report["answered"]
    assert set(answered) == {"test", *report["groups"]}
    assert answered["test"]["n"] == whole["n"] - 3
    assert sum(answered[name]["n"] for name in ("onset", "recovery")) == answered["test"]["n"]


def test_progress_is_reported_from_nothing_to_all(panel: Panel) -> None:
    told: list[tuple[Message, float]] = []
    train(panel, "current", progress=lambda message, fraction: told.append((message, fraction)))
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert all(message.render("pt_BR") != str(message) for message, _ in told)


def test_what_cannot_be_trained_is_refused_before_training(panel: Panel) -> None:
    with pytest.raises(PlanError, match="no task nonsense") as caught:
        train(panel, "nonsense")
    assert "current, next-year" in str(caught.value)
    with pytest.raises(PlanError, match="two consecutive years"):
        train(panel.select(panel.year == 2024), "next-year")
    with pytest.raises(PlanError, match="rows: 16"):
        train(panel.select(np.cumsum(panel.year == 2022) <= 20).known_in(2022), "current")
    with pytest.raises(PlanError, match="same answer"):
        train(panel.select(panel.label == 1), "current")
    with pytest.raises(PlanError, match="no sheet is known in 2021"):
        train(panel, "current", as_of=2021)


def test_constant_features_do_not_stop_a_training(panel: Panel) -> None:
    constant = replace(panel, numbers={**panel.numbers, "IEG": np.full(panel.year.size, 7.0)})
    report = json.loads(train(constant, "current", quick=True).files["report.json"])
    assert report["promotable"]


def test_a_test_of_one_answer_has_no_auc_and_no_use(panel: Panel) -> None:
    task = replace(panel.profile.tasks["current"], split="sex")
    school = replace(panel, profile=replace(panel.profile, tasks={"current": task}))
    drawn = split_rows(school, task, plan_of(school, task), seed=0).test.unit[0]
    model = train(school.select((panel.label == 1) | (panel.categories["sex"] != drawn)), "current", quick=True)
    assert "roc_auc" not in model.headline
    report = json.loads(model.files["report.json"])
    assert '<small class="reason">todos estes alunos têm a mesma resposta' in model.files["card.html"].decode()
    assert report["test"]["roc_auc"]["value"] is None
    assert report["test"]["roc_auc"]["reason"]["pt"] == "todos estes alunos têm a mesma resposta"
    assert report["test"]["recall"]["value"] == 1.0
    assert not report["promotable"]
    assert "Nobody can say whether it learned" in report["promotion"]["reasons"][0]["en"]


def test_a_model_that_knows_nothing_is_reported_and_not_used(panel: Panel, tmp_path: Path) -> None:
    task = panel.profile.tasks["current"]
    empty = {name: np.full(panel.year.size, np.nan) for name in task.features}
    school = replace(panel, numbers={**panel.numbers, **empty})
    model = train(school, "current", quick=True)
    report = json.loads(model.files["report.json"])
    assert set(report["baselines"]) == {"logistic_regression"}
    assert report["empty_columns"] == list(task.features)
    assert report["test"]["roc_auc"]["value"] == 0.5
    assert not report["promotable"]
    reasons = " ".join(reason["en"] for reason in report["promotion"]["reasons"])
    assert "It does not show that it learned anything" in reasons
    assert "No simple answer could be compared" in reasons
    assert "has a value for Self-evaluation, Engagement, " in report["notes"][0]["en"]
    read_bundle(write_bundle(tmp_path, model))


@pytest.mark.real
def test_the_real_workbook_forecasts_as_well_as_promised(real_workbook: Path) -> None:
    real = read_panel(real_workbook, load_profile("pede"))
    reports = {name: json.loads(train(real, name).files["report.json"]) for name in TASKS}
    following = reports["next-year"]
    assert following["test"]["roc_auc"]["value"] >= 0.87
    for name, baseline in following["baselines"].items():
        assert following["test"]["roc_auc"]["value"] > baseline["roc_auc"]["value"], name
        assert following["test"]["brier"]["value"] < baseline["brier"]["value"], name
    assert [leak["column"] for leak in reports["current"]["leakage"]["columns"]] == ["IAN"]
    assert reports["current"]["leakage"]["columns"][0]["share"] == 1.0
    assert reports["current"]["n_train"] == 860 + 1014


def test_the_report_audits_every_column_and_the_level(reports: Mapping[str, dict[str, Any]]) -> None:
    for report in reports.values():
        divisions = {division["column"]: division for division in report["fairness"]["divisions"]}
        assert set(divisions) == {"sex", "school_type", "phase"}
        for division in divisions.values():
            for group in division["groups"]:
                for name in report["fairness"]["measures"]:
                    told = group[name]["evidence"] == "sufficient"
                    assert told == (group[name]["value"] is not None)
                    assert not told or group["n"] >= report["fairness"]["fewest_rows"]
        words = {key for division in divisions.values() for group in division["groups"] for key in group}
        assert "threshold" not in words
