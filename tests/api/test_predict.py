from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farol.api.answers.prediction import PredictionAnswer, ReasonAnswer
from farol.api.schemas import InputForm
from farol.app import create_app
from farol.model.bundle import read_bundle, write_bundle
from farol.model.reasons import reasons_for
from farol.model.registry import Registry
from farol.model.scoring import Scorer, Scores
from farol.profile import load_profile
from farol.settings import Settings
from farol.store.database import Store
from tests.api.client import Client, running
from tests.api.shape import PUPIL, error_of, fields_of
from tests.bundles import make_bundle, support_from, trained_model

JSON = {"Content-Type": "application/json"}


def test_the_original_three_fields_are_answered(shared: Client) -> None:
    answer = shared.post("/predict", json=PUPIL).json()
    assert answer["prediction"] in (0, 1)
    assert answer["prediction_label"] == (
        "Aluno possui risco de defasagem" if answer["prediction"] else "Aluno não possui risco de defasagem"
    )
    assert 0 <= answer["probability"] <= 1
    PredictionAnswer.model_validate(answer, strict=True)


@pytest.mark.parametrize(("route", "task"), [("/predict", "current"), ("/forecast", "next-year")])
def test_the_answer_is_the_promoted_models_own(shared: Client, trained: Path, route: str, task: str) -> None:
    answer = shared.post(route, json=PUPIL).json()
    bundle = Registry(trained).load(task)
    expected = Scorer(bundle).score_one(PUPIL, datetime.now(ZoneInfo("America/Sao_Paulo")).year)
    assert answer["probability"] == expected.probability
    assert answer["prediction"] == expected.prediction
    assert (answer["task"], answer["model_version"], answer["threshold"]) == (task, bundle.version, 0.5)


@pytest.mark.parametrize(
    ("query", "header", "words"),
    [
        ("", None, "Aluno"),
        ("?lang=en", None, "Student"),
        ("", "en-US,en;q=0.9", "Student"),
        ("?lang=pt-BR", "en", "Aluno"),
        ("?lang=xx", "en", "Student"),
        ("", "fr", "Aluno"),
    ],
)
def test_the_label_is_in_the_language_asked_for(shared: Client, query: str, header: str | None, words: str) -> None:
    response = shared.post(f"/predict{query}", json=PUPIL, headers={"Accept-Language": header} if header else {})
    assert response.json()["prediction_label"].startswith(words)
    assert response.headers["content-language"] == ("pt-BR" if words == "Aluno" else "en")


def test_a_prediction_is_stored_before_it_is_answered(client: Client, settings: Settings) -> None:
    given = {"IAA": 10.005, "IEG": None, "IAN": 6.5}
    answer = client.post("/predict?lang=en", json=given).json()
    with Store.open(settings.store_url) as store:
        (row,) = store.latest(10)
    assert row.id == answer["prediction_id"]
    assert dict(row.features) == given
    assert (row.prediction, row.probability) == (answer["prediction"], answer["probability"])
    assert row.label.startswith("Aluno")
    assert list(row.warnings) == [warning["code"] for warning in answer["warnings"]]
    assert (row.source, row.version, row.threshold) == ("api", answer["model_version"], answer["threshold"])
    assert abs((datetime.now(UTC) - row.at).total_seconds()) < 10


def test_what_was_predicted_is_counted_for_drift(client: Client, settings: Settings) -> None:
    answer = client.post("/predict", json=PUPIL).json()
    today = datetime.now(ZoneInfo("America/Sao_Paulo")).date()
    with Store.open(settings.store_url) as store:
        counts = store.counts("current", answer["model_version"], today, today)
        slices = store.slices("current", answer["model_version"], today, today)
    counted = {name: sum(bins.values()) for name, bins in counts.items()}
    assert counted.pop("=outside", 0) < len(PUPIL)
    assert counted == dict.fromkeys([*PUPIL, "=score", "=prediction"], 1)
    assert counts["=prediction"] == {answer["prediction"]: 1}
    assert counts["=score"] == {int(answer["probability"] * 100): 1}
    assert slices == {"": 1, "source=api": 1}


def test_an_answer_counts_in_its_level_and_class_too(client: Client, settings: Settings) -> None:
    body = PUPIL | {"phase": 3, "class": " 8B ", "student": "RA-1"}
    answer = client.post("/forecast", json=body).json()
    today = datetime.now(ZoneInfo("America/Sao_Paulo")).date()
    with Store.open(settings.store_url) as store:
        slices = store.slices("next-year", answer["model_version"], today, today)
        (row,) = store.latest(1)
    assert slices == {"": 1, "source=api": 1, "phase=3": 1, "class=8B": 1}
    assert (row.group, row.student) == ("8B", "RA-1")
    assert "class" not in row.features
    refused = error_of(client.post("/forecast", json=PUPIL | {"class": 8}), 422, "invalid_fields")
    assert list(fields_of(refused)) == ["class"]


def test_a_hundredth_above_ten_is_clipped_with_a_warning(shared: Client) -> None:
    above = shared.post("/predict", json=PUPIL | {"IAA": 10.01}).json()
    at = shared.post("/predict", json=PUPIL | {"IAA": 10}).json()
    assert above["probability"] == at["probability"]
    assert [(warning["code"], warning["field"]) for warning in above["warnings"]] == [("clipped", "IAA")]
    assert fields_of(error_of(shared.post("/predict", json=PUPIL | {"IAA": 10.02}), 422, "invalid_fields"))


def test_an_ian_the_programme_never_gives_brings_a_warning(shared: Client) -> None:
    answer = shared.post("/predict?lang=en", json=PUPIL | {"IAN": 6.5}).json()
    (warning,) = answer["warnings"]
    assert (warning["code"], warning["field"]) == ("unusual_value", "IAN")
    assert "2.5; 5; 10" in warning["message"]


def test_null_and_absent_are_the_same_and_both_are_warned_of(shared: Client) -> None:
    absent = shared.post("/predict", json={"IAA": 5}).json()
    null = shared.post("/predict", json=dict.fromkeys(PUPIL) | {"IAA": 5}).json()
    assert absent["probability"] == null["probability"]
    assert absent["warnings"] == null["warnings"]
    missing = {warning["field"] for warning in absent["warnings"] if warning["code"] == "missing_feature"}
    assert missing == set(PUPIL) - {"IAA"}


@pytest.mark.parametrize("body", [{}, dict.fromkeys(PUPIL), {"IAA": 0}, {"year": 2024}])
def test_nothing_given_is_no_prediction(shared: Client, body: dict[str, object]) -> None:
    route = "/forecast" if "year" in body else "/predict"
    error = error_of(shared.post(route, json=body), 422, "nothing_given")
    assert "IAA, IEG" in error["fix"]


def test_a_forecast_takes_the_context_and_the_year_it_is_of(shared: Client) -> None:
    body = PUPIL | {"phase": 3, "ideal_phase": 4, "age": 14, "lag": -1, "year_joined": 2021}
    assert shared.post("/forecast", json=body | {"year": 2023}).json()["warnings"] == []
    now = datetime.now(ZoneInfo("America/Sao_Paulo")).year
    default = shared.post("/forecast", json=body).json()
    assert default["probability"] == shared.post("/forecast", json=body | {"year": now}).json()["probability"]
    assert default["probability"] == shared.post("/forecast", json=body | {"year": None}).json()["probability"]


def test_years_in_the_programme_are_counted_to_the_year_given(client: Client, settings: Settings) -> None:
    for year in (2021, 2024, 2024):
        answer = client.post("/forecast", json=PUPIL | {"year_joined": 2021, "year": year}).json()
    today = datetime.now(ZoneInfo("America/Sao_Paulo")).date()
    with Store.open(settings.store_url) as store:
        counts = store.counts("next-year", answer["model_version"], today, today)["years_in_programme"]
    bins = next(
        bins
        for bins in Registry(settings.artifacts).load("next-year").reference.features
        if bins.feature == "years_in_programme"
    )
    at_once, three_years = bins.index(np.array([0.0, 3.0])).tolist()
    assert counts == {at_once: 1, three_years: 2}


@pytest.mark.parametrize("year", [1989, 2101, 2023.5, "2023", True, [2023], "NaN"])
def test_an_invalid_year_is_refused(shared: Client, year: object) -> None:
    content = json.dumps(PUPIL | {"year": math.nan if year == "NaN" else year})
    error = error_of(shared.post("/forecast", content=content, headers=JSON), 422, "invalid_fields")
    assert list(fields_of(error)) == ["year"]
    assert error["fields"][0]["expected"] == "um ano de 1990 a 2100"


def test_the_present_year_needs_no_year_field_in_predict(shared: Client) -> None:
    error = error_of(shared.post("/predict", json=PUPIL | {"year": 2024}), 422, "invalid_fields")
    assert list(fields_of(error)) == ["year"]


@pytest.mark.parametrize(
    "value",
    ['"8.5"', "true", "[8.5]", '{"a": 1}', "NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "-0.5", "11", "-1e300"],
)
def test_a_value_that_is_no_number_in_range_is_refused_by_field(shared: Client, value: str) -> None:
    response = shared.post("/predict?lang=en", content=f'{{"IEG": {value}, "IAA": 5}}', headers=JSON)
    error = error_of(response, 422, "invalid_fields")
    assert list(fields_of(error)) == ["IEG"]
    assert error["fields"][0]["expected"] == "a number from 0 to 10, or nothing"


def test_a_phase_is_a_whole_number(shared: Client) -> None:
    error = error_of(shared.post("/forecast", json=PUPIL | {"phase": 2.5}), 422, "invalid_fields")
    assert list(fields_of(error)) == ["phase"]


def test_every_wrong_field_is_named_at_once(shared: Client) -> None:
    error = error_of(shared.post("/predict", json={"IAA": 99, "IEG": "x", "IPS": 5}), 422, "invalid_fields")
    assert set(fields_of(error)) == {"IAA", "IEG"}


@pytest.mark.parametrize(("name", "guess"), [("iaa", "perhaps IAA"), ("Portugues", "perhaps PORTUGUES")])
def test_an_unknown_field_is_refused_with_a_guess(shared: Client, name: str, guess: str) -> None:
    error = error_of(shared.post("/predict?lang=en", json={name: 5}), 422, "invalid_fields")
    assert error["fields"][0]["field"] == name
    assert error["fields"][0]["expected"] == guess


@pytest.mark.parametrize("name", ["Maria da Silva", "", "1a", "x" * 41, "<script>", "\ud800"])
def test_an_invalid_name_is_not_repeated(shared: Client, name: str) -> None:
    error = error_of(
        shared.post("/predict?lang=en", content=json.dumps({name: 5}), headers=JSON), 422, "invalid_fields"
    )
    assert error["fields"][0]["field"] == "?"
    assert "IAA, IEG, IPS" in error["fields"][0]["expected"]


def test_a_field_given_twice_is_refused(shared: Client) -> None:
    response = shared.post("/predict", content='{"IAA": 1, "IEG": 2, "IAA": 1}', headers=JSON)
    assert list(fields_of(error_of(response, 422, "invalid_fields"))) == ["IAA"]
    many = "{" + ",".join(f'"a{number}": 1' for number in range(200)) + ', "a199": 1}'
    response = shared.post("/predict", content=many, headers=JSON)
    assert list(fields_of(error_of(response, 422, "invalid_fields"))) == ["a199"]


def test_too_many_fields_are_refused_as_a_whole(shared: Client) -> None:
    body = {f"field_{number}": 1 for number in range(101)}
    assert error_of(shared.post("/predict", json=body), 422, "too_many_fields")["fields"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"5",
        b"[]",
        b'"IAA"',
        b"\xff",
        b"{'IAA': 5}",
        b'{"IAA": 5,}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
)
def test_a_body_that_is_no_json_object_is_refused(shared: Client, body: bytes) -> None:
    error_of(shared.post("/predict", content=body, headers=JSON), 400, "invalid_json")


def test_a_byte_order_mark_does_no_harm(shared: Client) -> None:
    assert shared.post("/predict", content=b'\xef\xbb\xbf{"IAA": 5}', headers=JSON).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_another_media_type_is_refused(shared: Client, kind: str) -> None:
    error = error_of(
        shared.post("/predict", content=b"{}", headers={"Content-Type": kind}), 415, "unsupported_media_type"
    )
    assert "application/json" in error["fix"]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/v2/models/current/infer"])
def test_a_packed_body_is_refused_as_that(shared: Client, path: str) -> None:
    packed = gzip.compress(b'{"IAA": 5}')
    answer = shared.post(path, content=packed, headers={**JSON, "Content-Encoding": "gzip"})
    assert "Content-Encoding" in error_of(answer, 415, "unsupported_media_type")["fix"]
    plain = shared.post("/predict", content=b'{"IAA": 5}', headers={**JSON, "Content-Encoding": "identity"})
    assert plain.status_code == 200


def test_a_charset_beside_the_media_type_is_accepted(shared: Client) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert shared.post("/predict", content=json.dumps(PUPIL), headers=headers).status_code == 200


MARK = "segredo-"
TEXTS = st.text(max_size=8).map(lambda text: MARK + text)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([*PUPIL, "phase", "year", "lag", "year_joined"]) | st.text(max_size=10)
BODIES = st.dictionaries(NAMES, VALUES, max_size=8) | VALUES


@given(body=BODIES, route=st.sampled_from(["/predict", "/forecast"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_answered_or_refused_without_an_echo(shared: Client, body: object, route: str) -> None:
    response = shared.post(route, content=json.dumps(body), headers=JSON)
    assert MARK not in response.text
    if response.status_code == 200:
        PredictionAnswer.model_validate(response.json(), strict=True)
    else:
        assert response.status_code in (400, 422)
        error_of(response, response.status_code, response.json()["error"]["code"])


@given(
    body=st.binary(max_size=60) | st.text(alphabet='{}[]":,0123456789eE.-+ IAAnulltrue\\u', max_size=60).map(str.encode)
)
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_answered_or_refused(shared: Client, body: bytes) -> None:
    assert shared.post("/predict", content=body, headers=JSON).status_code in (200, 400, 422)


SECOND_SCHOOL = """
[columns.copy]
kind = "number"
aliases = ["Copy"]
meaning = { pt = "Cópia", en = "Copy" }
"""


def test_a_form_shows_what_a_profile_leaves_open(tmp_path: Path) -> None:
    """A column without a range has none in the schema, and its example is still usable."""
    toml = (
        load_profile("pede").source.decode().replace('"PORTUGUES", "MATEMATICA"', '"PORTUGUES", "copy", "MATEMATICA"')
    )
    (tmp_path / "school.toml").write_text(toml.replace("[columns.other]", f"{SECOND_SCHOOL}\n[columns.other]"))
    profile = load_profile(tmp_path / "school.toml")
    form = InputForm.of(profile, profile.tasks["current"])
    assert form.json_schema("PredictInputs", "pt_BR")["properties"]["copy"] == {
        "type": ["number", "null"],
        "description": "Cópia.",
    }
    assert form.read(form.example()).values == form.example()
    assert form.read({"copy": -1e9}).values == {"copy": -1e9}


def test_a_bundle_of_another_profile_brings_its_own_fields(trained: Path) -> None:
    bundle = read_bundle(next((trained / "next-year").glob("2*")))
    form = InputForm.of(bundle.profile, bundle.task_spec)
    assert form.takes_year
    assert list(form.inputs.columns) == [
        *PUPIL,
        "phase",
        "ideal_phase",
        "lag",
        "age",
        "birth_year",
        "birth_month",
        "year_joined",
    ]
    assert form.read({"year": 2024.0, "IAA": 5.0}).year == 2024


# ── Reasons, bands, no answer ──────────────────────────────────────────────────────────────────────────────────────

FORECAST = PUPIL | {"IDA": 4.5, "IPS": None, "phase": 3, "age": 14, "lag": -1, "year_joined": 2021, "year": 2024}


@pytest.mark.parametrize("route", ["/predict", "/forecast"])
def test_reasons_are_given_when_asked_for_and_only_then(shared: Client, route: str) -> None:
    assert shared.post(route, json=PUPIL).json()["reasons"] == []
    answer = shared.post(f"{route}?reasons=3&lang=en", json=PUPIL).json()
    PredictionAnswer.model_validate(answer, strict=True)
    assert 1 <= len(answer["reasons"]) <= 3
    sizes = [abs(reason["contribution"]) for reason in answer["reasons"]]
    assert sizes == sorted(sizes, reverse=True)
    assert all("associated with" in reason["text"] for reason in answer["reasons"])
    assert "costuma" in shared.post(f"{route}?reasons=1", json=PUPIL).json()["reasons"][0]["text"]


def test_the_reasons_are_those_of_the_promoted_model(shared: Client, trained: Path) -> None:
    answer = shared.post("/forecast?reasons=10&lang=en", json=FORECAST).json()
    scorer = Scorer(Registry(trained).load("next-year"))
    values = {name: value for name, value in FORECAST.items() if name != "year"}
    expected = reasons_for(scorer, scorer.score_one(values, 2024), 10)
    assert answer["reasons"] == [ReasonAnswer.of(reason, "en").model_dump() for reason in expected]
    assert "IPS" in {reason["feature"] for reason in answer["reasons"] if reason["value"] is None} or len(expected) < 10


@pytest.mark.parametrize("wrong", ["-1", "11", "three", "1.5"])
def test_the_number_of_reasons_has_a_limit(shared: Client, wrong: str) -> None:
    error = error_of(shared.post(f"/predict?reasons={wrong}", json=PUPIL), 422, "invalid_parameter")
    assert list(fields_of(error)) == ["reasons"]


def test_the_answer_has_the_band_of_its_probability(shared: Client) -> None:
    answer = shared.post("/forecast", json=FORECAST).json()
    assert answer["band"]["low"] <= answer["probability"] <= answer["band"]["high"]
    assert answer["band"]["expected"].keys() == {"low", "high"}
    assert (answer["abstained"], answer["abstention"]) == (False, None)


def test_too_little_known_of_a_pupil_gives_and_stores_no_answer(
    settings: Settings,
) -> None:
    path = make_bundle(settings.artifacts, "next-year", report={"support": support_from("next-year", 8)})
    Registry(settings.artifacts).promote("next-year", path.name)
    with running(create_app(settings)) as client:
        answer = client.post("/forecast?reasons=3&lang=en", json={"phase": 3, "lag": -1}).json()
        PredictionAnswer.model_validate(answer, strict=True)
        assert (answer["prediction"], answer["probability"], answer["band"], answer["reasons"]) == (
            None,
            None,
            None,
            [],
        )
        assert answer["abstained"] is True
        assert answer["prediction_label"] == "No answer: too little was given"
        assert "of all of whom as much was known, 60%" in answer["abstention"]
        assert {warning["code"] for warning in answer["warnings"]} == {"missing_feature"}
        (listed,) = client.get("/monitoring/predictions").json()["predictions"]
        assert (listed["prediction"], listed["probability"]) == (None, None)
        assert listed["prediction_label"].startswith("Sem resposta")
        line = client.get("/monitoring/predictions.csv").text.splitlines()[1]
        assert ",,Sem resposta: foi informado muito pouco,," in line
        drift = client.get("/monitoring/drift?task=next-year").json()
        assert drift["n"] == 1, "what came is counted, whether it was answered or not"
        for page in ("/", "/monitoring/dashboard?task=next-year"):
            assert client.get(page).status_code == 200
        enough = client.post("/forecast", json=FORECAST).json()
        assert enough["prediction"] in (0, 1)


def test_a_model_that_cannot_give_reasons_is_not_served(settings: Settings) -> None:
    trained = trained_model("current")
    broken = replace(trained, files={**trained.files, "model.json": b"{}"})
    Registry(settings.artifacts).promote("current", write_bundle(settings.artifacts, broken).name)
    with running(create_app(settings)) as client:
        error = error_of(client.post("/predict", json=PUPIL), 503, "bundle")
        assert "model.json" in error["message"]


def test_a_pupil_that_cannot_be_scored_harms_no_other(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    score_rows = Scorer.score_rows
    sizes = []

    def fail_for_zero(scorer: Scorer, rows: Sequence[Mapping[str, float | None]], years: Sequence[int]) -> Scores:
        sizes.append(len(rows))
        if any(row.get("IAA") == 0 for row in rows):
            raise ZeroDivisionError
        return score_rows(scorer, rows, years)

    monkeypatch.setattr(Scorer, "score_rows", fail_for_zero)
    bodies = [PUPIL, {**PUPIL, "IAA": 0.0}, {}, PUPIL]
    answers = client.each("POST", "/predict", bodies)
    assert [answer.status_code for answer in answers] == [200, 500, 422, 200]
    assert max(sizes) == 4, "they were one group"
    assert len(client.get("/monitoring/predictions").json()["predictions"]) == 2


def test_more_than_one_turn_takes_are_all_scored(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farol.api.predict.MOST_AT_ONCE", 3)
    answers = client.together(10, "POST", "/predict", json=PUPIL)
    assert [answer.status_code for answer in answers] == [200] * 10
