"""Training on a panel that is dealt out to shards: from all rows, as good as in memory, and the card says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from farol.errors import PlanError
from farol.model.features import feature_matrix
from farol.profile import Profile, load_profile
from farol.training import models
from farol.training.augmentation import repetitions_of
from farol.training.large import TEST, TESTED, LargePanel, drawn_rows
from farol.training.plan import plan_of
from farol.training.rows import LabelledRows, rows_of
from farol.training.train import train
from farol.workbook import shards as module
from farol.workbook.panel import Panel, read_panel
from farol.workbook.sample_network import Network
from farol.workbook.sample_panels import PROFILE, write_panels
from farol.workbook.shards import deal_out

FEW = Network(pupils=1500, years=3, schools=40, seed=1)


class Place:
    """A panel on the disk, whole and in shards."""

    def __init__(self, folder: Path, network: Network) -> None:
        write_panels(folder / "panel", network)
        self.profile: Profile = load_profile(str(folder / "panel" / PROFILE))
        self.task = self.profile.tasks["next-year"]
        self.whole: Panel = read_panel(folder / "panel" / "part-00000.parquet", self.profile)
        shards = deal_out(folder / "panel", self.profile, folder / "shards")
        self.large = LargePanel(shards, folder / "arrays", processes=1, by=("school",))

    def rows(self, part: str) -> LabelledRows:
        plan = plan_of(self.whole, self.task)
        year = self.whole.year.astype(np.float64)
        matrix = feature_matrix(self.profile, self.task, self.whole.columns, year, plan.known)
        repetitions = repetitions_of(self.whole, self.task, plan.known)
        return rows_of(self.whole, plan, matrix, plan.train if part == TESTED else plan.test, repetitions)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SHARD_ROWS", 1500)
        return Place(tmp_path_factory.mktemp("large"), FEW)


def test_the_models_learn_from_all_rows_and_the_card_says_so(place: Place) -> None:
    sample = place.large.shards.panel(0, place.profile)
    trained = train(sample, "next-year", quick=True, large=place.large)
    report = json.loads(trained.files["report.json"])
    population = report["population"]
    assert population["taught"] == place.rows(TESTED).label.size
    assert population["whole"]["n"] == place.rows(TEST).label.size
    assert population["served"] == population["taught"] + population["whole"]["n"]
    assert population["sample"] == report["n_test"] < population["whole"]["n"]
    for division in population["by"]:
        assert sum(group["n"] for group in division["groups"]) == population["whole"]["n"]
    assert [division["column"] for division in population["by"]] == ["sex", "school_type", "state", "school"]
    assert "state-01" in trained.files["card.html"].decode()
    test = report["test"]["roc_auc"]
    assert test["low"] - 0.01 < population["whole"]["roc_auc"] < test["high"] + 0.01
    note = next(note["en"] for note in report["notes"] if "sample" in note["en"])
    served = f"{population['served']:,}"
    assert served in note
    assert any(served in note["en"] and "all rows" in note["en"] for note in report["notes"])


def test_processes_do_not_change_the_arrays(place: Place, tmp_path: Path) -> None:
    plan = plan_of(place.whole, place.task)
    made = []
    for processes in (1, 2):
        large = replace(place.large, work=tmp_path / str(processes), processes=processes)
        prepared = large.prepared(place.profile, place.task, plan, seed=0, share=lambda _: None)
        made.append((prepared.rows, {path.name: path.read_bytes() for path in large.work.iterdir()}))
    assert made[0] == made[1]


def test_the_model_of_shards_is_as_good_as_in_memory(place: Place, tmp_path: Path) -> None:
    plan = plan_of(place.whole, place.task)
    large = replace(place.large, work=tmp_path)
    prepared = large.prepared(place.profile, place.task, plan, seed=0, share=lambda _: None)
    test = place.rows(TEST)
    of_shards = prepared.fitted(TESTED)
    in_memory = models.fit_served(place.task, place.rows(TESTED), seed=0)
    areas = [roc_auc_score(test.label, model.probability(test.matrix)) for model in (of_shards, in_memory)]
    assert areas[0] == pytest.approx(areas[1], abs=0.01)
    population = prepared.population(of_shards, 0.5)
    assert abs(population.whole.roc_auc - areas[0]) <= population.whole.roc_auc_error + 1e-9


def test_a_drawn_repetition_is_the_average_one(place: Place) -> None:
    rows = place.rows(TESTED)
    assert rows.repetitions is not None
    taught = rows.taught()
    assert taught.weight is not None
    drawn = [rows.repetitions.drawn(rows.matrix, rows.label, np.random.default_rng(seed)) for seed in range(30)]
    label = np.mean([each.label.mean() for each in drawn])
    assert label == pytest.approx(np.average(taught.label, weights=taught.weight), abs=0.003)
    at = rows.repetitions.varying[0]
    unknown = np.mean([np.isnan(each.matrix[:, at]).mean() for each in drawn])
    assert unknown == pytest.approx(1 / 13, abs=0.01)
    chance = np.nanmean([each.matrix[:, at] for each in drawn])
    known = ~np.isnan(taught.matrix[:, at])
    assert chance == pytest.approx(np.average(taught.matrix[known, at], weights=taught.weight[known]), abs=0.005)


def test_hidden_features_are_learned_without_too(place: Place) -> None:
    task = place.profile.tasks["current"]
    rows = replace(place.rows(TESTED), repetitions=None)
    matrix = rows.matrix[:, : len(task.features)]
    taught = drawn_rows(task, replace(rows, matrix=matrix), np.random.default_rng(0))
    assert taught.label.size == 2 * rows.label.size
    hidden = task.features.index("IAN")
    assert np.isnan(taught.matrix[rows.label.size :, hidden]).all()
    assert drawn_rows(place.task, rows, np.random.default_rng(0)).label.size == rows.label.size


def test_without_a_later_year_large_data_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARD_ROWS", 400)
    two_years = Place(tmp_path, Network(pupils=500, years=2, schools=5, seed=1))
    with pytest.raises(PlanError, match="no later year"):
        train(two_years.large.shards.panel(0, two_years.profile), "next-year", quick=True, large=two_years.large)
