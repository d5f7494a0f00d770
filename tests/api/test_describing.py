"""`GET /models/{task}` says of the model that answers what one must know before asking it."""

from __future__ import annotations

from pathlib import Path

import pytest

from farol.api.answers.model import ModelAnswer
from farol.app import create_app
from farol.model.registry import Registry
from farol.settings import Settings
from tests.api.client import Client, running
from tests.api.shape import PUPIL, error_of
from tests.bundles import make_bundle


@pytest.mark.parametrize("task", ["current", "next-year"])
def test_it_is_the_served_versions_own(shared: Client, trained: Path, task: str) -> None:
    body = shared.get(f"/models/{task}?lang=en").json()
    ModelAnswer.model_validate(body, strict=True)
    bundle = Registry(trained).load(task)
    assert body["version"] == bundle.version
    assert [feature["name"] for feature in body["features"]] == list(bundle.manifest.features)
    assert (body["threshold"], body["train_years"], body["test_years"]) == (0.5, [2022, 2023], [2024])
    assert body["reference"] == {"n": bundle.reference.n, "years": [2022, 2023]}
    assert body["made_with"]["data_fingerprint"] == bundle.manifest.data_fingerprint
    assert body["metrics"] == [], "the small bundles of the tests have none"


def test_the_signature_has_ranges_and_meanings(shared: Client) -> None:
    inputs = {
        tensor["name"]: tensor for tensor in shared.get("/models/next-year?lang=en").json()["signature"]["inputs"]
    }
    assert list(inputs)[:10] == list(PUPIL)
    assert inputs["IAN"] == {
        "name": "IAN",
        "type": "number",
        "minimum": 0.0,
        "maximum": 10.0,
        "usual": [2.5, 5.0, 10.0],
        "meaning": "Adequacy to the level",
    }
    assert inputs["phase"]["type"] == "integer"
    assert (inputs["year"]["minimum"], inputs["year"]["maximum"]) == (1990, 2100)
    assert inputs["student"]["type"] == "string"
    assert "year" not in [tensor["name"] for tensor in shared.get("/models/current").json()["signature"]["inputs"]]


def test_the_example_and_the_routes_work_as_they_stand(shared: Client) -> None:
    body = shared.get("/models/current").json()
    single, short, batch, infer = (body["routes"][place] for place in (0, 1, 2, -1))
    assert (single, short, batch) == ("/tasks/current/predict", "/predict", "/tasks/current/predict/batch")
    assert shared.post(single, json=body["example"]).status_code == 200
    assert shared.post(batch, json=[body["example"]]).json()[0]["status"] == 200
    tensors = [{"name": k, "shape": [1], "datatype": "FP64", "data": [v]} for k, v in body["example"].items()]
    assert shared.post(infer, json={"inputs": tensors}).status_code == 200


def test_metrics_have_intervals_and_words_in_either_language(settings: Settings) -> None:
    both = {"pt": "Área", "en": "Area"}
    report = {
        "measures": {
            "roc_auc": {"title": both, "meaning": both, "greater_is_better": True},
            "brier": {"title": both, "meaning": both, "greater_is_better": False},
        },
        "test": {"n": 30, "roc_auc": {"value": 0.75, "low": 0.7, "high": 0.8}},
    }
    made = make_bundle(settings.artifacts, "current", seed=9, report=report)
    Registry(settings.artifacts).promote("current", made.name)
    with running(create_app(settings)) as client:
        (metric,) = client.get("/models/current").json()["metrics"]
        assert client.get("/models/current?lang=en").json()["metrics"][0]["title"] == "Area"
    figures = {"greater_is_better": True, "value": 0.75, "low": 0.7, "high": 0.8}
    assert metric == {"name": "roc_auc", "title": "Área", "meaning": "Área", **figures}


def test_an_unknown_task_or_one_without_a_model_is_not_described(shared: Client, tmp_path: Path) -> None:
    error = error_of(shared.get("/models/last-year?lang=en"), 404, "not_found")
    assert error["fix"] == "Use one of current, next-year."
    with running(create_app(Settings(artifacts=tmp_path, data=tmp_path))) as client:
        error_of(client.get("/models/current"), 503, "bundle")
