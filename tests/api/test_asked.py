"""A question that is asked of some pupils alone: every route refuses the others, and stores nothing of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from farol.app import create_app
from farol.model.bundle import write_bundle
from farol.model.registry import Registry
from farol.profile import parse_profile
from farol.settings import Settings
from farol.training.train import train
from farol.workbook.panel import read_panel
from tests.api.client import Client, running
from tests.api.shape import error_of
from tests.schools import TERMS, terms_asked_of_some, write_terms

ASKED = {"sex": "F", "score": 40.0, "region": "1", "attempts": 1.0}
OTHERS = (
    {**ASKED, "region": "South"},
    {**ASKED, "region": "2"},  # as the sheets write it
    {**ASKED, "attempts": 2.0},
    {**ASKED, "attempts": None},
    {"sex": "F", "score": 40.0, "attempts": 1.0},
    {"sex": "F", "score": 40.0},
)


@pytest.fixture(scope="module")
def college(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service whose question is not asked of pupils of the south, nor of a third attempt."""
    folder = tmp_path_factory.mktemp("asked")
    panel = read_panel(write_terms(folder, students=300), terms_asked_of_some())
    path = write_bundle(folder / "artifacts", train(panel, "result", quick=True))
    Registry(folder / "artifacts").promote("result", path.name)
    with running(create_app(Settings(artifacts=folder / "artifacts", data=folder))) as client:
        yield client


def stored(college: Client) -> int:
    return len(college.get("/monitoring/predictions?task=result").json()["predictions"])


@pytest.mark.parametrize("given", OTHERS)
@pytest.mark.parametrize("route", ["/predict", "/tasks/result/predict"])
def test_others_get_no_probability(college: Client, route: str, given: dict[str, object]) -> None:
    before = stored(college)
    error = error_of(college.post(f"{route}?lang=en", json=given), 422, "not_asked")
    assert error["message"] == "This question is not asked of this pupil."
    assert [(field["field"], field["expected"]) for field in error["fields"]] == [
        ("region", "other than South"),
        ("attempts", "less than 2"),
    ]
    assert stored(college) == before


def test_who_is_asked_about_is_answered(college: Client) -> None:
    before = stored(college)
    assert college.post("/predict", json=ASKED).json()["probability"] > 0
    assert college.post("/predict", json={**ASKED, "region": "a new region"}).status_code == 200
    assert stored(college) == before + 2


def test_a_batch_refuses_each_row_alone(college: Client) -> None:
    rows = college.post("/tasks/result/predict/batch", json=[ASKED, *OTHERS]).json()
    assert [row["status"] for row in rows] == [200, *[422] * len(OTHERS)]
    assert {row["error"]["code"] for row in rows[1:]} == {"not_asked"}


def test_tensors_of_others_are_refused(college: Client) -> None:
    def tensors(attempts: float) -> dict[str, object]:
        numbers = [("score", 40.0), ("attempts", attempts)]
        inputs: list[dict[str, object]] = [
            {"name": name, "shape": [1], "datatype": "FP64", "data": [value]} for name, value in numbers
        ]
        words = {"name": "region", "shape": [1], "datatype": "BYTES", "data": ["North"]}
        return {"inputs": [*inputs, words]}

    assert college.post("/v2/models/result/infer", json=tensors(1)).status_code == 200
    refused = college.post("/v2/models/result/infer?lang=en", json=tensors(2))
    assert refused.status_code == 422
    assert "not asked of this pupil" in refused.json()["error"]
    described = college.get("/v2/models/result").json()["inputs"]
    assert {"region", "attempts"} <= {tensor["name"] for tensor in described}


def test_the_description_says_of_whom_and_shows_such_a_pupil(college: Client) -> None:
    schemas = college.get("/openapi.json?lang=en").json()["components"]["schemas"]
    (body,) = (
        schema for schema in schemas.values() if {"region", "attempts", "score"} <= schema.get("properties", {}).keys()
    )
    assert "asked where it is: less than 2" in body["properties"]["attempts"]["description"]
    assert "asked where it is: other than South" in body["properties"]["region"]["description"]
    (example,) = body["examples"]
    assert example["attempts"] < 2
    assert college.post("/predict", json={**example, "region": "North"}).status_code == 200


@pytest.fixture(scope="module")
def terms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service whose features and conditions depend on the term, which stands in a column."""
    folder = tmp_path_factory.mktemp("terms")
    source = TERMS.read_text(encoding="utf-8")
    source = source.replace('[derived.band]\nsource = "score"', '[derived.band]\nsource = "year"')
    source = source.replace("table = [[50, 0], [inf, 1]]", "table = [[2, 0], [inf, 1]]")
    early = '{ column = "year", operator = "<", value = 4 }'
    source = source.replace('value = "enrolled" }]', f'value = "enrolled" }}, {early}]')
    profile = parse_profile(source.encode(), "terms.toml")
    panel = read_panel(write_terms(folder, students=300), profile)
    path = write_bundle(folder / "artifacts", train(panel, "result", quick=True))
    Registry(folder / "artifacts").promote("result", path.name)
    with running(create_app(Settings(artifacts=folder / "artifacts", data=folder))) as client:
        yield client


GIVEN = {"sex": "F", "score": 40.0, "region": "1", "attempts": 1.0}


@pytest.mark.parametrize("year", [None, 2026.0, "2015B", True, 3.0])
def test_an_unknown_term_gets_no_answer_for_a_year(terms: Client, year: object) -> None:
    body = {**GIVEN, "year": year} if year is not None else GIVEN
    error = error_of(terms.post("/predict?lang=en", json=body), 422, "invalid_fields")
    problem = "year is not given." if year is None else "year is not a year."
    assert error["fields"] == [{"field": "year", "problem": problem, "expected": "one of 2013B, 2013 J, 2014B"}]


def test_a_term_is_given_as_the_file_has_it(terms: Client) -> None:
    by_text = terms.post("/predict", json={**GIVEN, "year": "2013b"}).json()
    by_number = terms.post("/predict", json={**GIVEN, "year": 1}).json()
    assert by_text["probability"] == by_number["probability"] > 0
    error_of(terms.post("/predict", json={**GIVEN, "year": "2014B"}), 422, "not_asked")
    schemas = terms.get("/openapi.json?lang=en").json()["components"]["schemas"]
    (body,) = (schema for schema in schemas.values() if {"year", "score"} <= schema.get("properties", {}).keys())
    assert body["required"] == ["year"]
    assert terms.post("/predict", json=body["examples"][0]).status_code == 200
    assert body["examples"][0]["year"] == "2013 J"
    inputs = {field["name"]: field for field in terms.get("/models/result?lang=en").json()["signature"]["inputs"]}
    assert "one of 2013B, 2013 J, 2014B" in inputs["year"]["meaning"]
