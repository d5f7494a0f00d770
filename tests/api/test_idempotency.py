"""Under one `Idempotency-Key` a question is answered once, however often it is sent; and a pupil's code is kept."""

from __future__ import annotations

import json
import logging
import shutil
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from farol.app import create_app
from farol.model.registry import Registry
from farol.settings import Settings
from farol.store.database import Store
from farol.store.records import day_of
from tests.api.client import Client, running
from tests.api.shape import PUPIL, error_of, fields_of
from tests.bundles import make_bundle
from tests.store.rows import total_of

CONTEXT = PUPIL | {"phase": 3, "ideal_phase": 4, "age": 14, "lag": -1, "year_joined": 2021}


def key(text: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": text or str(uuid4())}


@pytest.mark.parametrize(("route", "body"), [("/predict", PUPIL), ("/forecast", CONTEXT | {"year": 2022})])
def test_a_retry_gets_the_first_answer_and_stores_nothing(
    client: Client, settings: Settings, route: str, body: dict[str, object]
) -> None:
    headers = key()
    first = client.post(f"{route}?reasons=3", json=body, headers=headers)
    again = client.post(f"{route}?reasons=3", json=dict(reversed(body.items())), headers=headers)
    assert again.status_code == 200
    assert again.json() == first.json()
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert total_of(settings) == 1


def test_requests_without_a_key_are_each_stored(client: Client, settings: Settings) -> None:
    client.post("/predict", json=PUPIL)
    client.post("/predict", json=PUPIL)
    assert total_of(settings) == 2


def test_the_same_key_is_another_one_on_another_route(client: Client, settings: Settings) -> None:
    headers = key()
    assert client.post("/predict", json=PUPIL, headers=headers).json()["task"] == "current"
    assert client.post("/forecast", json=PUPIL, headers=headers).json()["task"] == "next-year"
    assert total_of(settings) == 2


@pytest.mark.parametrize(
    "other", [PUPIL | {"IAA": 8.4}, PUPIL | {"student": "RA-1"}, {**PUPIL, "IAA": None}, CONTEXT | {"year": 2022}]
)
def test_a_key_under_which_something_else_was_asked_is_refused(
    client: Client, settings: Settings, other: dict[str, object]
) -> None:
    headers = key("segredo-1")
    client.post("/forecast", json=PUPIL, headers=headers)
    response = client.post("/forecast?lang=en", json=other, headers=headers)
    error = error_of(response, 422, "idempotency_key_reused")
    assert fields_of(error) == {"Idempotency-Key": "Idempotency-Key cannot be used."}
    assert "segredo" not in response.text
    assert total_of(settings) == 1


@pytest.mark.parametrize("wrong", ["", " ", "two words", "x" * 256, "ação".encode().decode("latin-1")])
def test_an_invalid_key_is_refused_and_not_repeated(client: Client, settings: Settings, wrong: str) -> None:
    headers = {b"idempotency-key": wrong.encode("latin-1")}
    error = error_of(client.post("/predict", json=PUPIL, headers=headers), 422, "invalid_parameter")
    assert list(fields_of(error)) == ["Idempotency-Key"]
    assert error["fields"][0]["expected"] == "um só texto de 1 a 255 caracteres ASCII visíveis"
    assert total_of(settings) == 0


def test_two_keys_are_none(client: Client) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    error_of(client.post("/predict", json=PUPIL, headers=headers), 422, "invalid_parameter")


def test_a_key_outlives_a_restart_of_the_service(settings: Settings) -> None:
    headers = key()
    with running(create_app(settings)) as client:
        first = client.post("/predict", json=PUPIL, headers=headers).json()
    with running(create_app(settings)) as client:
        assert client.post("/predict", json=PUPIL, headers=headers).json() == first
    assert total_of(settings) == 1


def test_requests_that_race_under_one_key_all_get_one_answer(client: Client, settings: Settings) -> None:
    answers = client.together(30, "POST", "/predict", json=PUPIL, headers=key())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["prediction_id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 29
    assert total_of(settings) == 1


def test_a_retry_after_a_promotion_gets_the_first_models_answer(settings: Settings) -> None:
    headers, registry = key(), Registry(settings.artifacts)
    with running(create_app(settings)) as client:
        first = client.post("/predict?reasons=10", json=PUPIL, headers=headers).json()
    registry.promote("current", make_bundle(settings.artifacts, seed=5).name)
    with running(create_app(settings)) as client:
        assert client.post("/predict?reasons=10", json=PUPIL, headers=headers).json() == first
        assert client.post("/predict", json=PUPIL).json()["model_version"] != first["model_version"]
        shutil.rmtree(settings.artifacts / "current" / first["model_version"])
        error_of(client.post("/predict", json=PUPIL, headers=headers), 503, "bundle")


def test_a_retry_is_answered_in_its_own_language(client: Client) -> None:
    headers = key()
    client.post("/predict", json=PUPIL, headers=headers)
    assert client.post("/predict?lang=en", json=PUPIL, headers=headers).json()["prediction_label"].startswith("Student")


def test_a_pupils_code_is_stored_and_changes_no_answer(
    client: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for route, body in (("/predict", PUPIL), ("/forecast", CONTEXT)):
        with_code = client.post(route, json=body | {"student": "  RA-SEGREDO "})
        without = client.post(route, json=body | {"student": None})
        assert with_code.json()["probability"] == without.json()["probability"]
        assert with_code.json()["warnings"] == without.json()["warnings"]
        assert "SEGREDO" not in with_code.text
    with Store.open(settings.store_url) as store:
        rows = list(store.stream())
        assert [row.student for row in rows] == ["RA-SEGREDO", None] * 2
        assert all("student" not in row.features for row in rows)
        days = {day_of(row.at) for row in rows}
        counts = store.counts("current", rows[0].version, min(days), max(days))
    assert counts.keys() - {"=score", "=prediction", "=outside"} == PUPIL.keys()
    line = client.get("/monitoring/predictions.csv").text.splitlines()[1]
    assert ",RA-SEGREDO," in line
    assert "SEGREDO" not in client.get("/monitoring/predictions").text
    assert "SEGREDO" not in caplog.text


@pytest.mark.parametrize("wrong", ["", "   ", "x" * 65, "a\0b", "\ud800", 7, True, ["RA-1"], {"a": 1}])
def test_an_invalid_code_is_refused_and_not_repeated(shared: Client, wrong: object) -> None:
    content = json.dumps(PUPIL | {"student": wrong})
    response = shared.post("/predict?lang=en", content=content, headers={"Content-Type": "application/json"})
    error = error_of(response, 422, "invalid_fields")
    assert fields_of(error) == {"student": "student is not the code of a pupil."}
    assert error["fields"][0]["expected"] == "a text of 1 to 64 characters"


def test_a_code_alone_is_nothing_to_answer_from(shared: Client) -> None:
    error_of(shared.post("/predict", json={"student": "RA-1"}), 422, "nothing_given")


def test_the_year_an_answer_is_of_is_stored(client: Client, settings: Settings) -> None:
    client.post("/forecast", json=CONTEXT | {"year": 2022})
    client.post("/forecast", json=CONTEXT)
    with Store.open(settings.store_url) as store:
        given, present = store.stream()
    assert (given.year, present.year) == (2022, present.at.astimezone(ZoneInfo("America/Sao_Paulo")).year)
