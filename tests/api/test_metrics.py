"""The text of /metrics, as Prometheus reads it."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from farol.app import create_app
from farol.metrics import CONTENT_TYPE, Metrics
from farol.settings import Settings
from tests.api.client import Client, running
from tests.api.shape import PUPIL


def figures(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Series → value, as Prometheus's own reader has them."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float | None:
    return figures(text).get((name, tuple(sorted(labels.items()))))


def test_requests_predictions_commits_and_versions_are_metrics(client: Client) -> None:
    answers = [client.post("/predict", json=body).json() for body in (PUPIL, PUPIL)]
    client.post("/predict", content=b"{", headers={"Content-Type": "application/json"})
    client.get("/monitoring/predictions?limit=3")
    client.get("/Maria")
    response = client.get("/metrics")
    assert response.headers["content-type"] == CONTENT_TYPE
    text = response.text
    assert value(text, "farol_requests_total", method="POST", route="/predict", status="200") == 2
    assert value(text, "farol_requests_total", method="POST", route="/predict", status="400") == 1
    assert value(text, "farol_requests_total", method="GET", route="/monitoring/predictions", status="200") == 1
    assert value(text, "farol_requests_total", method="GET", route="-", status="404") == 1
    assert value(text, "farol_request_seconds_count", route="/predict") == 3
    label = {0: "not_at_risk", 1: "at_risk"}[answers[0]["prediction"]]
    assert value(text, "farol_predictions_total", task="current", label=label) == 2
    assert value(text, "farol_commit_seconds_count") == 2
    assert value(text, "farol_journal_waiting") == 0
    assert value(text, "farol_bundle_info", task="current", version=answers[0]["model_version"]) == 1
    assert "Maria" not in text
    assert "_created" not in text


def test_an_abstention_is_counted_as_no_answer(client: Client) -> None:
    answer = client.post("/forecast", json={"year": 2024, "IAA": 5}).json()
    label = {None: "no_answer", 0: "not_at_risk", 1: "at_risk"}[answer["prediction"]]
    assert value(client.get("/metrics").text, "farol_predictions_total", task="next-year", label=label) == 1


def test_each_app_counts_for_itself(settings: Settings, client: Client) -> None:
    client.get("/health")
    with running(create_app(settings)) as other:
        text = other.get("/metrics").text
    assert value(text, "farol_requests_total", method="GET", route="/health", status="200") is None


def test_invented_methods_and_addresses_make_no_new_series(client: Client) -> None:
    for number in range(20):
        client.request(f"M{number}", f"/nowhere/{number}")
        client.request("GET", f"/models/{number}/card")
    text = client.get("/metrics").text
    assert set(re.findall(r'method="([^"]+)"', text)) == {"other", "GET"}
    assert set(re.findall(r'route="([^"]+)"', text)) == {"-", "/models/{task}/card"}


@pytest.mark.parametrize(("prediction", "label"), [(None, "no_answer"), (0, "not_at_risk"), (1, "at_risk")])
def test_a_prediction_is_counted_by_task_and_label(prediction: int | None, label: str) -> None:
    metrics = Metrics(waiting=lambda: 7, serving=dict)
    metrics.predicted("current", prediction)
    text = metrics.text().decode()
    assert value(text, "farol_predictions_total", task="current", label=label) == 1
    assert value(text, "farol_journal_waiting") == 7


def test_a_caller_who_had_gone_has_a_status_of_its_own() -> None:
    metrics = Metrics(waiting=int, serving=dict)
    metrics.answered("GET", "/", 0, 0.1)
    assert value(metrics.text().decode(), "farol_requests_total", method="GET", route="/", status="499") == 1


def test_before_the_store_is_open_nothing_waits(tmp_path_factory: pytest.TempPathFactory) -> None:
    service = create_app(Settings(data=tmp_path_factory.mktemp("none"))).state.service
    assert value(service.metrics.text().decode(), "farol_journal_waiting") == 0
