from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from farol.api.answers.health import HealthAnswer, ModelsAnswer, ReadyAnswer
from farol.app import create_app
from farol.model.registry import Registry
from farol.service import Service
from farol.settings import Settings
from farol.store.sqlite import sqlite3
from tests.api.client import Client, running
from tests.api.shape import PUPIL, error_of, fields_of
from tests.bundles import make_bundle, put_into_use
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farol.app.REFRESH_SECONDS", 0.02)


def problem_of(client: Client, task: str = "current") -> str | None:
    problem: str | None = client.get("/health?lang=en").json()["tasks"][task]["problem"]
    return problem


def test_health_says_what_runs_and_since_when(shared: Client) -> None:
    body = shared.get("/health").json()
    HealthAnswer.model_validate(body, strict=True)
    assert body["uptime_seconds"] >= 0
    assert body["started_at"].endswith("-03:00")
    assert {"farol", "python", "fastapi", "onnxruntime"} <= body["versions"].keys()


def test_ready_when_both_models_and_the_store_can_be_used(shared: Client) -> None:
    body = shared.get("/ready").json()
    ReadyAnswer.model_validate(body, strict=True)
    assert all(task["serving"] and task["problem"] is None for task in body["tasks"].values())


def test_without_models_it_is_alive_not_ready_and_says_the_fix(tmp_path: Path) -> None:
    with running(create_app(Settings(artifacts=tmp_path / "none", data=tmp_path))) as client:
        assert client.get("/health").status_code == 200
        response = client.get("/ready?lang=en")
        error = error_of(response, 503, "not_ready")
        assert list(fields_of(error)) == ["tasks.current", "tasks.next-year"]
        assert "farol train" in error["fields"][0]["expected"]
        assert response.headers["retry-after"]
        for route in ("/predict", "/forecast"):
            error = error_of(client.post(f"{route}?lang=en", json=PUPIL), 503, "bundle")
            assert "farol train" in error["fix"]
            assert str(tmp_path) not in json.dumps(error)
        error_of(client.get("/monitoring/drift"), 503, "bundle")
        assert client.get("/models").json()["tasks"][0]["promoted"] is None


@pytest.mark.parametrize("address", ["/ready", "/v2/health/ready"])
def test_a_school_that_uses_one_question_alone_is_ready(tmp_path: Path, address: str) -> None:
    artifacts = tmp_path / "artifacts"
    put_into_use(artifacts, "next-year")
    make_bundle(artifacts, "current")  # trained, and never promoted
    with running(create_app(Settings(artifacts=artifacts, data=tmp_path))) as client:
        assert client.get(address).status_code == 200
        assert client.post("/forecast", json=PUPIL).status_code == 200
        error_of(client.post("/predict", json=PUPIL), 503, "bundle")
        tasks = client.get("/ready").json()["tasks"]
    assert tasks["current"]["serving"] is None
    assert tasks["current"]["problem"]
    assert tasks["next-year"]["problem"] is None


@pytest.mark.parametrize("choice", ['{"version": "2024-0000000000", "history": []}', "{"])
def test_a_model_that_was_chosen_and_cannot_answer_is_missed(artifacts: Path, tmp_path: Path, choice: str) -> None:
    (artifacts / "current" / "promoted.json").write_text(choice)
    with running(create_app(Settings(artifacts=artifacts, data=tmp_path / "data"))) as client:
        assert list(fields_of(error_of(client.get("/ready"), 503, "not_ready"))) == ["tasks.current"]
        assert client.get("/v2/health/ready").status_code == 503
        assert client.post("/forecast", json=PUPIL).status_code == 200


def test_a_model_promoted_while_it_runs_is_served(artifacts: Path, settings: Settings, client: Client) -> None:
    before = client.post("/predict", json=PUPIL).json()["model_version"]
    after = next(entry.version for entry in Registry(artifacts).versions("current") if not entry.promoted)
    Registry(artifacts).promote("current", after)
    eventually(lambda: client.get("/ready").json()["tasks"]["current"]["serving"] == after)
    assert client.post("/predict", json=PUPIL).json()["model_version"] == after != before
    Registry(artifacts).rollback("current")
    eventually(lambda: bool(client.post("/predict", json=PUPIL).json()["model_version"] == before))


def test_the_first_model_of_all_is_served_without_a_restart(tmp_path: Path) -> None:
    with running(create_app(Settings(artifacts=tmp_path / "artifacts", data=tmp_path))) as client:
        put_into_use(tmp_path / "artifacts")
        eventually(lambda: client.get("/ready").status_code == 200)
        assert client.post("/predict", json=PUPIL).status_code == 200


def test_a_damaged_model_is_refused_and_the_last_good_answers(artifacts: Path, client: Client) -> None:
    good = client.post("/predict", json=PUPIL).json()
    other = next(entry for entry in Registry(artifacts).versions("current") if not entry.promoted)
    model = other.path / "model.onnx"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    (artifacts / "current" / "promoted.json").write_text(json.dumps({"version": other.version, "history": []}))
    eventually(lambda: problem_of(client) is not None)

    assert "model.onnx was changed" in str(problem_of(client))
    ready = client.get("/ready?lang=en").json()
    assert ready["ready"]
    assert "model.onnx was changed" in ready["tasks"]["current"]["problem"]
    answer = client.post("/predict", json=PUPIL).json()
    assert (answer["model_version"], answer["probability"]) == (good["model_version"], good["probability"])
    listed = client.get("/models?lang=en").json()["tasks"][0]
    assert (listed["promoted"], listed["serving"]) == (other.version, good["model_version"])
    damaged = next(version for version in listed["versions"] if version["version"] == other.version)
    assert "model.onnx was changed" in damaged["problem"]
    assert damaged["features"] == []
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    eventually(lambda: problem_of(client) is None)
    assert client.get("/health").json()["tasks"]["current"]["serving"] == other.version


def test_a_model_that_is_not_served_is_logged_once(
    artifacts: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    (artifacts / "current" / "promoted.json").write_text("{")
    service = Service(settings)
    for _ in range(3):
        service.refresh()
    assert len([line for line in caplog.messages if "is not served" in line]) == 1


def test_a_damaged_choice_does_not_take_the_service_down(artifacts: Path, client: Client) -> None:
    (artifacts / "current" / "promoted.json").write_text("{")
    eventually(lambda: problem_of(client) is not None)
    assert client.post("/predict", json=PUPIL).status_code == 200
    listed = client.get("/models?lang=en").json()["tasks"][0]
    assert "promoted.json" in listed["problem"]
    assert [version["promoted"] for version in listed["versions"]] == [False, False]


def test_a_removed_choice_leaves_the_last_model_answering(artifacts: Path, client: Client) -> None:
    (artifacts / "current" / "promoted.json").unlink()
    eventually(lambda: problem_of(client) is not None)
    assert client.post("/predict", json=PUPIL).status_code == 200


def test_models_lists_tasks_versions_and_what_is_known_of_them(shared: Client) -> None:
    body = shared.get("/models?lang=en").json()
    ModelsAnswer.model_validate(body, strict=True)
    current, forecast = body["tasks"]
    assert [task["routes"][:2] for task in (current, forecast)] == [
        ["/tasks/current/predict", "/predict"],
        ["/tasks/next-year/predict", "/forecast"],
    ]
    assert current["limits"].startswith("IAN already holds the answer")
    assert len(current["versions"]) == 2
    served = next(version for version in current["versions"] if version["promoted"])
    assert served["version"] == current["serving"] == current["promoted"]
    assert served["headline"] == {"roc_auc": 0.75}
    assert (served["train_years"], served["test_years"]) == ([2022, 2023], [2024])
    assert served["features"] == list(PUPIL)


def test_a_task_nobody_asks_for_is_still_listed(artifacts: Path, settings: Settings) -> None:
    (artifacts / "current").rename(artifacts / "elsewhere")
    with running(create_app(settings)) as client:
        tasks = {task["task"]: task for task in client.get("/models").json()["tasks"]}
    assert tasks["elsewhere"]["routes"] == []
    assert tasks["elsewhere"]["title"] == "elsewhere"
    assert all(version["problem"] for version in tasks["elsewhere"]["versions"])


def test_an_unusable_database_answers_nothing_and_is_tried_again(settings: Settings, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("not a folder")
    with running(create_app(settings)) as client:
        assert client.get("/health").json()["store"]["problem"]
        error = error_of(client.get("/ready"), 503, "not_ready")
        assert list(fields_of(error)) == ["store"]
        for response in (
            client.post("/predict", json=PUPIL),
            client.get("/monitoring/predictions"),
            client.get("/monitoring/predictions.csv"),
            client.get("/monitoring/drift"),
            client.get("/monitoring/drift/history"),
            client.post("/monitoring/drift/snapshots"),
        ):
            assert error_of(response, 503, "store")["fix"]
            assert str(tmp_path) not in response.text
        data.unlink()
        eventually(lambda: client.get("/ready").status_code == 200)
        assert client.post("/predict", json=PUPIL).status_code == 200
        assert client.get("/health").json()["store"]["problem"] is None


@contextmanager
def locked(database: Path) -> Iterator[sqlite3.Connection]:
    """Another program holds the database."""
    with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def impatient_of_locks(settings: Settings) -> Settings:
    """The same, waiting for a locked database only a second."""
    return settings.model_copy(update={"database_url": f"{settings.store_url}?timeout=1"})


def test_what_cannot_be_stored_is_not_answered(settings: Settings) -> None:
    with running(create_app(impatient_of_locks(settings))) as client:
        assert client.post("/predict", json=PUPIL).status_code == 200
        with locked(settings.data / "farol.db"):
            response = client.post("/predict", json=PUPIL)
            error_of(response, 503, "store")
            assert "probability" not in response.text
            assert response.headers["retry-after"]
            assert client.get("/monitoring/predictions").status_code == 200, "reading does not wait for a writer"
        assert client.post("/predict", json=PUPIL).status_code == 200
        assert len(client.get("/monitoring/predictions").json()["predictions"]) == 2


def test_when_too_many_wait_the_rest_are_refused_at_once(settings: Settings) -> None:
    settings = settings.model_copy(update={"journal_queue": 2})
    with running(create_app(settings)) as client:
        client.post("/predict", json=PUPIL)
        with locked(settings.data / "farol.db") as connection:

            def unlock(answers: int) -> None:
                if answers == 5:
                    connection.rollback()

            responses = client.together(8, "POST", "/predict", then=unlock, json=PUPIL)
        busy = [response for response in responses if response.status_code != 200]
        assert 5 <= len(busy) <= 6, "one group being stored, two waiting"
        for response in busy:
            error_of(response, 503, "store_busy")
            assert response.headers["retry-after"] == "1"
        stored = client.get("/monitoring/predictions").json()["predictions"]
        assert len(stored) == 1 + len(responses) - len(busy)
