"""The commands, pages and advice of a school whose file has no year, and no phase either: none of them invents one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from farol.app import create_app
from farol.settings import Settings
from tests.api.client import Client, running
from tests.cli.test_output import farol
from tests.schools import COHORT

PAGES = (
    "/", "/models/end/about", "/models/end/card", "/monitoring/dashboard", "/monitoring/advice", "/monitoring/report",
    "/glossary", "/administration", "/administration/models", "/pupils", "/pupils/print", "/classes",
)  # fmt: skip
INVENTED = re.compile(
    r"\b(?:of|de|para) 0\b(?![.,])|\d \(0\)|(?:known of|sabe de) \.|\bfase\b|\bphase\b|defasagem|fell behind|PEDE|→ 1\b"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a cohort of 300 was trained with; absences go with low scores."""
    folder = tmp_path_factory.mktemp("cohort")
    random = Random(3)
    absent = [random.randrange(40) for _ in range(300)]
    rows = [f"{90 - 2 * days + random.randrange(40)},{days},{random.choice('ab')}" for days in absent]
    (folder / "scores.csv").write_text("\n".join(["score,absent,shift", *rows]) + "\n")
    farol(folder, "train", "scores.csv", "--profile", COHORT, "--quick")
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Client]:
    """Its service, with the forecasts of the cohort and fifty other answers."""
    farol(folder, "forecast", "scores.csv")
    with running(create_app(Settings(artifacts=folder / "artifacts", data=folder / "data"))) as client:
        for place in range(50):
            client.post("/tasks/end/predict", json={"absent": place % 40, "shift": "ab"[place % 2]})
        yield client


@pytest.mark.parametrize("language", ["en", "pt-BR"])
@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_a_year_or_words_of_others(service: Client, page: str, language: str) -> None:
    answer = service.get(page, params={"lang": language})
    assert answer.status_code == 200
    text = " ".join(re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", answer.text, flags=re.DOTALL).split())
    assert [text[max(at.start() - 50, 0) : at.end() + 30] for at in INVENTED.finditer(text)] == []


def test_a_model_without_years_is_not_called_old(service: Client) -> None:
    (status,) = service.get("/monitoring/status?lang=en").json()["tasks"]
    assert status["n"] == 50
    assert "The model is too old." not in {advice["summary"] for advice in status["advice"]}


@pytest.mark.parametrize("page", ["/", "/models/end/card"])
def test_nothing_is_said_of_a_next_year_nobody_asks_about(service: Client, page: str) -> None:
    text = service.get(page, params={"lang": "en"}).text
    assert "next year" not in text
    assert "próximo ano" not in text
    if "card" in page:
        assert not re.search(r"<dd>0 · ", text)
        assert "Use it as a list to start conversations from" in text


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Pupils: 300. On the list:"), ("pt_BR", "Alunos: 300. Na lista:")]
)
def test_a_list_without_years_and_levels_names_none(folder: Path, language: str, said: str) -> None:
    printed = farol(folder, "list", "scores.csv", "--capacity", "10", FAROL_LOCALE=language)
    assert said in printed
    assert not re.search(r"\blevel\b|\bnível\b|\b(?:of|de) 0\b|\byears\b|\banos\b", printed)
