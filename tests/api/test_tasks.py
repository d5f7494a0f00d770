"""Every task of a profile is answered under its own name, whatever it is called and however many there are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from farol.api.answers.tasks import TasksAnswer
from farol.app import create_app
from farol.model.registry import Registry
from farol.profile import load_profile
from farol.settings import Settings
from tests.api.client import Client, running
from tests.api.shape import PUPIL, error_of
from tests.bundles import make_bundle
from tests.schools import PROFILE
from tests.waiting import eventually

TASKS = ("absent", "absent-next", "absent-next-briefly")
ABSENT = {"reading": 55.0, "arithmetic": 60.0, "homework": 70.0}


@pytest.fixture(scope="module")
def aurora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts with a promoted model of each task of another school; not to be changed."""
    artifacts = tmp_path_factory.mktemp("aurora") / "artifacts"
    for task in TASKS:
        Registry(artifacts).promote(task, make_bundle(artifacts, task, profile=str(PROFILE)).name)
    return artifacts


@pytest.fixture
def school(aurora: Path, tmp_path: Path) -> Iterator[Client]:
    """A service of that school, started without naming its profile."""
    with running(create_app(Settings(artifacts=aurora, data=tmp_path))) as client:
        yield client


def test_each_task_answers_under_its_own_name(school: Client) -> None:
    for task in TASKS:
        given = {name: ABSENT[name] for name in ("reading", "arithmetic")}
        answer = school.post(f"/tasks/{task}/predict?lang=en", json=given)
        assert answer.status_code == 200, answer.text
        assert answer.json()["task"] == task
        (row,) = school.post(f"/tasks/{task}/predict/batch", json=[given]).json()
        assert (row["status"], row["answer"]["task"]) == (200, task)
        tensors = [{"name": name, "shape": [1], "datatype": "FP64", "data": [value]} for name, value in given.items()]
        assert school.post(f"/v2/models/{task}/infer", json={"inputs": tensors}).json()["model_name"] == task
        assert school.get(f"/monitoring/predictions?task={task}").json()["predictions"][0]["task"] == task
    assert school.get("/ready").status_code == 200
    assert list(school.get("/health").json()["tasks"]) == list(TASKS)


def test_the_list_says_what_each_task_asks_and_where(school: Client) -> None:
    body = school.get("/tasks?lang=en").json()
    TasksAnswer.model_validate(body, strict=True)
    assert (body["profile"], [task["task"] for task in body["tasks"]]) == ("aurora", list(TASKS))
    now, later, briefly = body["tasks"]
    assert now["question"] == "Is the pupil absent too often this year?"
    assert now["routes"][:2] == ["/tasks/absent/predict", "/predict"]
    assert later["routes"][:2] == ["/tasks/absent-next/predict", "/forecast"]
    assert briefly["routes"][:2] == ["/tasks/absent-next-briefly/predict", "/tasks/absent-next-briefly/predict/batch"]
    assert briefly["features"][0] == {"name": "reading", "meaning": "Grade in reading", "changeable": False}
    assert briefly["serving"] == school.get("/models/absent-next-briefly").json()["version"]


def test_the_short_routes_ask_the_first_task_of_their_year(school: Client) -> None:
    assert school.post("/predict", json=ABSENT).json()["task"] == "absent"
    assert school.post("/forecast", json=ABSENT).json()["task"] == "absent-next"
    assert school.get("/monitoring/drift").json()["task"] == "absent"
    assert school.get("/monitoring/report").json()["task"] == "absent-next"


def test_a_short_route_without_a_task_says_what_there_is(tmp_path: Path) -> None:
    profile = tmp_path / "only-next.toml"
    profile.write_text(PROFILE.read_text(encoding="utf-8").replace("horizon = 0", "horizon = 1"), encoding="utf-8")
    with running(create_app(Settings(artifacts=tmp_path, data=tmp_path, profile=str(profile)))) as client:
        for route, body in (("/predict", ABSENT), ("/predict/batch", [ABSENT])):
            error = error_of(client.post(f"{route}?lang=en", json=body), 404, "not_found")
            assert error["message"] == "No task asks about this year."
            assert "/tasks/absent/predict, /tasks/absent-next/predict" in error["fix"]
        assert "/predict" not in client.get("/openapi.json").json()["paths"]
        error_of(client.post("/forecast", json=ABSENT), 503, "bundle")


def test_an_unknown_task_is_not_answered(school: Client) -> None:
    for method, route, body in (
        ("POST", "/tasks/current/predict", ABSENT),
        ("POST", "/tasks/current/predict/batch", [ABSENT]),
        ("POST", "/tasks/..%2F..%2Fetc/predict", ABSENT),
    ):
        response = school.request(method, f"{route}?lang=en", json=body)
        assert response.status_code == 404, route
        if "current" in route:
            assert "absent, absent-next, absent-next-briefly" in error_of(response, 404, "not_found")["fix"]


def test_one_key_gives_one_answer_on_both_names_of_a_task(client: Client) -> None:
    headers = {"Idempotency-Key": "one-question"}
    first = client.post("/predict", json=PUPIL, headers=headers)
    again = client.post("/tasks/current/predict", json=PUPIL, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["prediction_id"] == first.json()["prediction_id"]


def test_a_model_of_another_profile_is_not_used_and_says_why(settings: Settings, aurora: Path) -> None:
    shutil.copytree(aurora / "absent", settings.artifacts / "absent")
    named = settings.model_copy(update={"profile": "pede"})
    assert named.is_profile_chosen
    with running(create_app(named)) as client:
        assert client.get("/ready").status_code == 200
        assert list(client.get("/health").json()["tasks"]) == ["current", "next-year"]
        error_of(client.post("/tasks/absent/predict", json=ABSENT), 404, "not_found")
        listed = {task["task"]: task for task in client.get("/models?lang=en").json()["tasks"]}
    assert "trained under the profile aurora" in listed["absent"]["problem"]
    assert listed["absent"]["routes"] == []


def test_a_task_of_the_same_name_of_another_profile_is_refused(tmp_path: Path, aurora: Path) -> None:
    profile = tmp_path / "other.toml"
    source = load_profile(str(PROFILE)).source.decode()
    profile.write_text(source.replace('name = "aurora"', 'name = "other"'), encoding="utf-8")
    with running(create_app(Settings(artifacts=aurora, data=tmp_path, profile=str(profile)))) as client:
        error = error_of(client.post("/predict?lang=en", json=ABSENT), 503, "bundle")
        assert "trained under the profile aurora; the profile in force is other" in error["message"]
        assert client.get("/ready").status_code == 503
        assert "trained under the profile aurora" in client.get("/?lang=en").text


def test_another_schools_model_takes_over_when_it_is_promoted(settings: Settings, aurora: Path) -> None:
    """Where no profile is named; and back again."""
    with running(create_app(settings)) as client:
        assert client.get("/tasks").json()["profile"] == "pede"
        shutil.copytree(aurora / "absent", settings.artifacts / "absent")
        later = settings.artifacts / "absent" / "promoted.json"
        os.utime(later, (4e9, 4e9))
        eventually(lambda: client.get("/tasks").json()["profile"] == "aurora")
        assert client.post("/tasks/absent/predict", json=ABSENT).status_code == 200
        assert client.post("/predict", json=ABSENT).json()["task"] == "absent"
        error_of(client.post("/tasks/current/predict", json=PUPIL), 404, "not_found")
        os.utime(later, (1e9, 1e9))
        eventually(lambda: client.get("/tasks").json()["profile"] == "pede")
        assert client.post("/predict", json=PUPIL).json()["task"] == "current"


def test_a_copy_of_a_folder_of_models_makes_nothing_unready(settings: Settings) -> None:
    shutil.copytree(settings.artifacts / "current", settings.artifacts / "current-copy")
    with running(create_app(settings)) as client:
        assert client.get("/ready").status_code == 200
        assert client.get("/health").json()["tasks"].keys() == {"current", "next-year"}


def test_the_description_has_each_task_with_its_own_inputs(school: Client) -> None:
    document = school.get("/openapi.json?lang=en").json()
    for task, name, last in (
        ("absent", "AbsentInputs", "homework"),
        ("absent-next", "AbsentNextInputs", "joined"),
        ("absent-next-briefly", "AbsentNextBrieflyInputs", "arithmetic"),
    ):
        operation = document["paths"][f"/tasks/{task}/predict"]["post"]
        assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith(f"/{name}")
        assert last in document["components"]["schemas"][name]["properties"]
        assert operation["operationId"] == f"predict_task_{task.replace('-', '_')}"
    assert document["paths"]["/predict"]["post"]["summary"] == "Is the pupil absent too often this year?"
    (task,) = (
        given for given in document["paths"]["/monitoring/drift"]["get"]["parameters"] if given["name"] == "task"
    )
    assert task["schema"]["enum"] == list(TASKS)
