"""`GET /monitoring/outcomes`: what came true, over the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from farol.api.answers.outcomes import OutcomeReportAnswer, OutcomesAnswer
from farol.app import create_app
from farol.model.registry import Registry
from farol.outcomes.report import outcome_report
from farol.profile import load_profile
from farol.settings import Settings
from farol.store.database import Store
from tests.api.client import Client, running
from tests.api.shape import error_of, fields_of
from tests.played import play


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, sample_workbook: Path) -> Settings:
    folder = tmp_path_factory.mktemp("api-outcomes")
    settings = Settings(artifacts=folder / "artifacts", data=folder / "data")
    play(settings, sample_workbook)
    return settings


@pytest.fixture(scope="module")
def answered(played: Settings) -> Iterator[Client]:
    with running(create_app(played)) as client:
        yield client


def test_the_last_year_is_reported_as_by_the_command(answered: Client, played: Settings) -> None:
    body = answered.get("/monitoring/outcomes?lang=en").json()
    OutcomesAnswer.model_validate(body, strict=True)
    assert (body["task"], body["years"]) == ("next-year", [2024])
    with Store.open(played.store_url) as store:
        report = outcome_report(store, Registry(played.artifacts), load_profile("pede"), "next-year", 2024)
    assert report is not None
    assert body["outcomes"] == OutcomeReportAnswer.of(report, "en").model_dump(mode="json")
    assert answered.get("/monitoring/outcomes?year=2024&task=next-year&lang=en").json() == body
    assert "RA-" not in str(body)


def test_words_come_in_the_readers_language(answered: Client) -> None:
    body = answered.get("/monitoring/outcomes?lang=pt-BR").json()
    OutcomesAnswer.model_validate(body, strict=True)
    assert any("recebido ajuda" in note for note in body["outcomes"]["notes"])


def test_without_outcomes_there_is_nothing_and_no_error(answered: Client, client: Client) -> None:
    assert answered.get("/monitoring/outcomes?task=current").json() == {
        "task": "current",
        "years": [],
        "outcomes": None,
    }
    assert client.get("/monitoring/outcomes").json() == {"task": "next-year", "years": [], "outcomes": None}


@pytest.mark.parametrize(("query", "field"), [("task=nobody", "task"), ("year=2019", "year"), ("year=next", "year")])
def test_an_unknown_value_is_refused_by_its_parameter(answered: Client, query: str, field: str) -> None:
    error = error_of(answered.get(f"/monitoring/outcomes?{query}"), 422, "invalid_parameter")
    assert list(fields_of(error)) == [field]


def test_a_year_is_refused_without_any_outcomes(client: Client) -> None:
    error_of(client.get("/monitoring/outcomes?year=2024"), 422, "invalid_parameter")
