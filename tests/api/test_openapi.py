from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from playwright.sync_api import Page

from farol.api.openapi import describe
from farol.app import create_app
from farol.settings import Settings
from tests.api.client import Client, running
from tests.api.server import serving
from tests.api.shape import PUPIL
from tests.browser import chromium_browser


@pytest.fixture(scope="module")
def document(shared: Client) -> dict[str, Any]:
    document: dict[str, Any] = shared.get("/openapi.json?lang=en").json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def example_of(document: dict[str, Any], content: dict[str, Any]) -> Any:
    """The example that is shown of a body or an answer: its own, else that of its shape."""
    schema = content["schema"]
    if "example" in content:
        return content["example"]
    if schema.get("type") == "array":
        return [example_of(document, {"schema": schema["items"]})]
    return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["examples"][0]


def test_every_route_has_words_an_answer_and_its_errors(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    for path, _, operation in operations(document):
        assert operation["summary"], path
        assert operation["description"], path
        assert operation["tags"], path
        responses = operation["responses"]
        assert {"200", "201"} & responses.keys(), path
        for status in responses.keys() - {"200", "201"}:
            schema = responses[status]["content"]["application/json"]["schema"]
            name = "V2Error" if path.startswith("/v2") else "ErrorAnswer"
            assert schema == {"$ref": f"#/components/schemas/{name}"}, (path, status)
        assert "500" in responses
    for route in ("/predict", "/forecast"):
        assert {"400", "413", "415", "422", "503"} <= document["paths"][route]["post"]["responses"].keys()


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_every_body_and_answer_has_an_example_of_its_schema(shared: Client, lang: str) -> None:
    document = shared.get(f"/openapi.json?lang={lang}").json()
    bodies = 0
    for path, method, operation in operations(document):
        assert (method == "post" and "snapshots" not in path) == ("requestBody" in operation), path
        bodies += "requestBody" in operation
        for status, response in [("body", operation.get("requestBody")), *operation["responses"].items()]:
            if response is None:
                continue
            assert status == "body" or response["description"], (path, status)
            for kind, content in response["content"].items():
                validator = Draft202012Validator({**content["schema"], "components": document["components"]})
                example = example_of(document, content)
                validator.validate(example)
                assert example, (path, status, kind)
    assert bodies == 10


def test_the_examples_of_a_window_have_something_to_say(document: dict[str, Any]) -> None:
    def of(path: str) -> dict[str, Any]:
        answered = document["paths"][f"/monitoring/{path}"]["get"]["responses"]["200"]["content"]["application/json"]
        example: dict[str, Any] = answered["example"]
        return example

    assert of("history")["events"][0]["text"] == "A versão 2024-0123456789 está em uso agora."
    assert of("report")["history"]["snapshots"][0]["n"] == of("report")["summary"]["n"] == of("drift")["n"] == 640
    figures = of("performance")
    assert figures["n"] == 640
    assert all(measure["low"] <= measure["value"] <= measure["high"] for measure in figures["measures"].values())
    outcomes = of("outcomes")["outcomes"]
    counts = outcomes["counts"]
    assert counts["matched"] + counts["left"] == counts["forecast"]
    assert counts["matched"] + counts["new"] == counts["pupils"]
    for part in (outcomes["together"], *outcomes["groups"]):
        assert sum(part["confusion"].values()) == part["n"]
        assert part["metrics"][0]["verdict_label"] == "como prometido"


def test_the_examples_of_bodies_are_answered(client: Client, document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        for kind, content in operation.get("requestBody", {"content": {}})["content"].items():
            version = client.get("/models/current").json()["version"]
            body = json.dumps(example_of(document, content))
            address = path.replace("{name}", "current").replace("{version}", version)
            response = client.post(address, content=body, headers={"Content-Type": kind})
            assert response.status_code == 200, (path, response.text)
            assert '"error":{' not in response.text


def test_nothing_refers_to_a_schema_that_is_not_there(shared: Client) -> None:
    text = shared.get("/openapi.json").text
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert named <= shared.get("/openapi.json").json()["components"]["schemas"].keys()
    assert "HTTPValidationError" not in text


def test_inputs_are_shown_with_ranges_and_meanings(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    predict, forecast = schemas["CurrentInputs"], schemas["NextYearInputs"]
    assert list(predict["properties"]) == [*PUPIL, "student", "class"]
    assert predict["properties"]["student"] == forecast["properties"]["student"]
    assert predict["properties"]["student"] == {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": 64,
        "description": "The school's own code of the pupil, to find, export and erase what is stored. "
        "The model does not use it.",
    }
    for described in (predict["properties"][name] for name in PUPIL):
        assert (described["minimum"], described["maximum"]) == (0, 10)
        assert described["type"] == ["number", "null"]
    assert predict["properties"]["IAN"]["description"] == (
        "Adequacy to the level. Up to 0.011 beyond the range counts as rounding. Usual values: 2.5; 5; 10."
    )
    assert predict["additionalProperties"] is False
    context = {"phase", "ideal_phase", "age", "birth_year", "birth_month", "lag", "year_joined", "year"}
    assert forecast["properties"].keys() - predict["properties"].keys() == context
    assert forecast["properties"]["phase"]["type"] == ["integer", "null"]


def test_the_example_is_the_originals_and_is_answered(document: dict[str, Any], shared: Client) -> None:
    for route in ("/predict", "/forecast"):
        body = document["paths"][route]["post"]["requestBody"]
        assert body["required"]
        example = body["content"]["application/json"]["example"]
        assert {name: example[name] for name in PUPIL} == PUPIL
        assert shared.post(route, json=example).status_code == 200


def test_the_description_speaks_both_languages(shared: Client) -> None:
    portuguese = shared.get("/openapi.json").json()
    english = shared.get("/openapi.json?lang=en").json()
    assert portuguese["paths"]["/models"]["get"]["summary"] == "Os modelos e suas versões"
    assert english["paths"]["/models"]["get"]["summary"] == "The models and their versions"
    assert portuguese["components"]["schemas"]["CurrentInputs"]["properties"]["IAA"]["description"].startswith(
        "Indicador de autoavaliação."
    )
    assert portuguese.keys() == english.keys()


def test_without_models_the_default_profile_describes_the_inputs(tmp_path: Path) -> None:
    with running(create_app(Settings(artifacts=tmp_path, data=tmp_path))) as client:
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert list(schemas["CurrentInputs"]["properties"]) == [*PUPIL, "student", "class"]


def test_programs_that_ask_the_app_itself_get_the_same(tmp_path: Path) -> None:
    app = create_app(Settings(artifacts=tmp_path, data=tmp_path))
    assert app.openapi() == describe(app, app.state.service, "en")


def test_the_docs_page_names_nothing_outside(shared: Client) -> None:
    page = shared.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "://" not in page.text
    assert "<script>" not in page.text
    for source in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert source == "data:," or shared.get(f"/{source}").status_code == 200, source
    assert '<html lang="en">' in shared.get("/docs?lang=en").text


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium_browser() as browser:
        yield browser.new_page(locale="en-US")


@pytest.mark.browser
def test_the_docs_work_in_a_browser_with_nothing_from_elsewhere(
    page: Page, free_port: int, trained: Path, tmp_path: Path
) -> None:
    console: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))
    with serving(free_port, trained, tmp_path) as server:
        page.goto(f"{server.base}/docs")
        predict = page.locator("#operations-predictions-predict")
        predict.locator(".opblock-summary-control").click()
        predict.get_by_role("button", name="Try it out").click()
        predict.get_by_role("button", name="Execute").click()
        answered = predict.locator(".live-responses-table .response").first
        answered.wait_for()
        assert "200" in answered.inner_text()
        assert "Student is" in answered.inner_text(), "the page's language is the answer's"
        assert (
            httpx.get(f"{server.base}/monitoring/predictions", timeout=30).json()["predictions"][0]["features"] == PUPIL
        )
    assert console == []
    assert all(url.startswith((server.base, "data:")) for url in requested)


def test_shapes_have_the_same_names_and_titles_in_each_language(shared: Client) -> None:
    """Programs that are generated from the description name their classes by them."""
    shapes = [shared.get(f"/openapi.json?lang={lang}").json()["components"]["schemas"] for lang in ("pt", "en")]
    titles = [[(name, shape.get("title")) for name, shape in schemas.items()] for schemas in shapes]
    assert titles[0] == titles[1]
    named = [title for _, title in titles[0] if title]
    assert len(set(named)) == len(named)
    assert [name for name, title in titles[0] if title not in (None, name)] == []


def test_another_schools_columns_are_described(tmp_path: Path) -> None:
    profile = str(Path(__file__).resolve().parents[1] / "schools" / "aurora.toml")
    app = create_app(Settings(artifacts=tmp_path, data=tmp_path, profile=profile))
    form = describe(app, app.state.service, "en")["components"]["schemas"]["AbsentNextInputs"]
    assert list(form["properties"])[:3] == ["reading", "arithmetic", "homework"]
