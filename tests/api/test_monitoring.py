from __future__ import annotations

import csv
import io
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from farol.api.answers.drift import DriftAnswer
from farol.api.answers.history import HistoryAnswer, SnapshotAnswer
from farol.api.answers.prediction import PredictionsAnswer
from farol.app import create_app
from farol.settings import Settings
from farol.store.sqlite import sqlite3
from tests.api.client import Client, running
from tests.api.shape import PUPIL, error_of


@pytest.fixture
def asked(client: Client) -> Client:
    """A service that has answered three times."""
    client.post("/predict", json=PUPIL)
    client.post("/forecast", json=PUPIL | {"lag": -1})
    client.post("/predict", json=PUPIL | {"IAA": None})
    return client


def rows_of(database: Path) -> dict[str, int]:
    """Table → number of rows."""
    with closing(sqlite3.connect(database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}


def test_predictions_come_latest_first(asked: Client) -> None:
    body = asked.get("/monitoring/predictions").json()
    PredictionsAnswer.model_validate(body, strict=True)
    assert [row["task"] for row in body["predictions"]] == ["current", "next-year", "current"]
    assert body["predictions"][0]["features"] == PUPIL | {"IAA": None}
    assert body["predictions"][1]["features"] == PUPIL | {"lag": -1}
    assert body["predictions"][0]["warnings"] == ["missing_feature"]


def test_predictions_are_bounded_and_chosen_by_task(asked: Client) -> None:
    assert len(asked.get("/monitoring/predictions?limit=2").json()["predictions"]) == 2
    only = asked.get("/monitoring/predictions?task=next-year").json()["predictions"]
    assert [row["task"] for row in only] == ["next-year"]


def test_times_are_shown_in_sao_paulo_with_offset_and_in_utc(asked: Client) -> None:
    body = asked.get("/monitoring/predictions?limit=1").json()
    row = body["predictions"][0]
    assert body["timezone"] == "America/Sao_Paulo"
    assert row["timestamp"].endswith("-03:00")
    assert row["timestamp_utc"].endswith("+00:00")
    assert datetime.fromisoformat(row["timestamp"]) == datetime.fromisoformat(row["timestamp_utc"])
    assert datetime.now().astimezone() - datetime.fromisoformat(row["timestamp"]) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("query", "parameter", "expected"),
    [
        ("predictions?limit=0", "limit", "a whole number of at least 1"),
        ("predictions?limit=1001", "limit", "a whole number of at most 1000"),
        ("predictions?limit=segredo", "limit", "a whole number"),
        ("predictions?limit=" + "9" * 5000, "limit", "a whole number"),
        ("predictions?task=segredo", "task", "one of current, next-year"),
        ("predictions.csv?task=segredo", "task", "one of current, next-year"),
        ("drift?task=segredo", "task", "one of current, next-year"),
        ("drift?task=", "task", "one of current, next-year"),
        ("drift?window=segredo", "window", "7d, 30d"),
        ("drift?window=0d", "window", "7d, 30d"),
        ("drift?window=since:segredo", "window", "a version of task current"),
        ("drift?slice=segredo", "slice", "one of source, class, phase, then ="),
        ("drift?same_levels=true", "same_levels", "predictions with a level"),
        ("drift/history?limit=1001", "limit", "a whole number of at most 1000"),
        ("drift/history?task=segredo", "task", "one of current, next-year"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(shared: Client, query: str, parameter: str, expected: str) -> None:
    response = shared.get(f"/monitoring/{query}", headers={"Accept-Language": "en"})
    error = error_of(response, 422, "invalid_parameter")
    assert [field["field"] for field in error["fields"]] == [parameter]
    assert error["fields"][0]["expected"].startswith(expected)
    assert "segredo" not in response.text


def test_the_log_is_streamed_as_csv_original_columns_first(asked: Client) -> None:
    response = asked.get("/monitoring/predictions.csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="predictions_log.csv"'
    assert "content-length" not in response.headers
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert list(rows[0])[:14] == [*PUPIL, "prediction", "prediction_label", "probability", "timestamp"]
    assert [row["task"] for row in rows] == ["current", "next-year", "current"], "the oldest first"
    assert rows[2]["IAA"] == ""
    only = csv.DictReader(io.StringIO(asked.get("/monitoring/predictions.csv?task=next-year").text))
    assert [row["task"] for row in only] == ["next-year"]


def test_a_log_that_cannot_be_read_is_reported_before_it_begins(settings: Settings, asked: Client) -> None:
    with closing(sqlite3.connect(settings.data / "farol.db")) as connection:
        connection.execute("DROP TABLE predictions")
    error_of(asked.get("/monitoring/predictions.csv"), 503, "store")


def test_an_empty_log_is_a_header(client: Client) -> None:
    assert client.get("/monitoring/predictions.csv").text.splitlines()[1:] == []


def test_without_a_model_the_log_has_the_default_columns(tmp_path: Path) -> None:
    with running(create_app(Settings(artifacts=tmp_path, data=tmp_path))) as client:
        assert client.get("/monitoring/predictions.csv").text.startswith("IAA,IEG,")


def test_drift_names_every_feature_with_the_originals_words(asked: Client) -> None:
    body = asked.get("/monitoring/drift").json()
    DriftAnswer.model_validate(body, strict=True)
    assert [feature["feature"] for feature in body["features"]] == list(PUPIL)
    assert {feature["n"] for feature in body["features"]} == {2}
    assert {feature["verdict_label"] for feature in body["features"]} == {"Dados insuficientes"}
    assert not any(feature["alarm"] for feature in body["features"])
    english = asked.get("/monitoring/drift?task=next-year&window=all&lang=en").json()
    assert (english["task"], english["n"], english["verdict_label"]) == ("next-year", 1, "Insufficient data")


def test_drift_that_is_there_raises_the_alarm_in_the_bands_words(client: Client) -> None:
    for _ in range(8):
        client.together(10, "POST", "/predict", json=PUPIL | {"IAA": 0.5})
    body = client.get("/monitoring/drift").json()
    iaa = body["features"][0]
    assert (iaa["verdict"], iaa["verdict_label"], iaa["alarm"], iaa["n"]) == ("severe", "Drift severo", True, 80)
    assert iaa["psi"] >= 0.25
    assert "distribution" in iaa["alarms"]
    # The answers were counted too, and by source.
    assert (body["score"]["feature"], body["score"]["n"], body["rate"]["alarm"]) == ("=score", 80, True)
    by_source = client.get("/monitoring/drift?slice=source%3Dapi").json()
    assert (by_source["slice"], by_source["n"]) == ("source=api", 80)
    assert client.get("/monitoring/drift?slice=source%3Dcommand").json()["n"] == 0
    assert body["alarm"]


def test_a_snapshot_is_kept_and_found_in_the_history(asked: Client) -> None:
    assert asked.get("/monitoring/drift/history").json()["snapshots"] == []
    taken = asked.post("/monitoring/drift/snapshots?task=current&window=7d")
    assert taken.status_code == 201
    SnapshotAnswer.model_validate(taken.json(), strict=True)
    asked.post("/monitoring/drift/snapshots?task=current&window=all")
    body = asked.get("/monitoring/drift/history?task=current&limit=5").json()
    HistoryAnswer.model_validate(body, strict=True)
    assert body["snapshots"][1] == taken.json()
    assert body["snapshots"][0]["window"]["from"] is None
    assert taken.json()["n"] == 2
    assert taken.json()["features"][0]["verdict_label"] == "Dados insuficientes"
    assert asked.get("/monitoring/drift/history?limit=1").json()["snapshots"] == body["snapshots"][:1]
    assert asked.get("/monitoring/drift/history?task=next-year").json()["snapshots"] == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_cannot_take_a_snapshot(client: Client, site: str) -> None:
    error_of(client.post("/monitoring/drift/snapshots", headers={"Sec-Fetch-Site": site}), 403, "cross_site")
    assert client.get("/monitoring/drift/history").json()["snapshots"] == []
    own = client.post("/monitoring/drift/snapshots", headers={"Sec-Fetch-Site": "same-origin"})
    assert own.status_code == 201


def test_get_changes_nothing(settings: Settings, asked: Client) -> None:
    database = settings.data / "farol.db"
    asked.post("/monitoring/drift/snapshots")
    before = rows_of(database)
    assert before["predictions"] == 3
    paths = asked.get("/openapi.json").json()["paths"]
    pages = ["/", "/monitoring/dashboard", "/models/current/card", "/docs", "/openapi.json"]
    for path in [*(path for path, methods in paths.items() if "get" in methods), *pages]:
        version = asked.get("/models/current").json()["version"]
        address = path.replace("{task}", "current").replace("{name}", "current").replace("{version}", version)
        assert asked.get(address).status_code == 200, path
    assert rows_of(database) == before
