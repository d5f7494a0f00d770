"""`GET /monitoring/status`: what to do, over the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from farol.api.answers.status import StatusAnswer
from farol.app import create_app
from tests.api.client import Client, running
from tests.api.shape import error_of, fields_of
from tests.web.site import build_site


@pytest.fixture(scope="module")
def drifting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running(create_app(build_site(tmp_path_factory.mktemp("status")))) as client:
        yield client


def test_each_model_is_reported_with_reason_and_steps(drifting: Client) -> None:
    body = drifting.get("/monitoring/status?lang=en").json()
    StatusAnswer.model_validate(body, strict=True)
    assert body["to_do"]
    first = next(task for task in body["tasks"] if task["task"] == "next-year")["advice"][0]
    assert (first["kind"], first["label"]) == ("look", "Look at the data")
    assert sum(first["current"]) == 600
    assert len(first["bins"]) == len(first["reference"]) == len(first["current"])


def test_words_come_in_the_readers_language(drifting: Client) -> None:
    body = drifting.get("/monitoring/status?lang=pt-BR&window=7d").json()
    assert any("Veja os dados" in advice["label"] for task in body["tasks"] for advice in task["advice"])


def test_an_invalid_window_is_refused_by_name(drifting: Client) -> None:
    error = error_of(drifting.get("/monitoring/status?window=soon"), 422, "invalid_parameter")
    assert list(fields_of(error)) == ["window"]
