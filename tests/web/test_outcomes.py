"""The page of outcomes: what was promised and what came true, for whoever reads it, on any screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser

from farol.model.registry import Registry
from farol.outcomes.report import OutcomeReport, outcome_report
from farol.profile import load_profile
from farol.settings import Settings
from farol.store.database import Store
from farol.web.locale import Reader
from farol.web.outcomes import _overall, _report, estimate_view
from tests.browser import assert_accessible
from tests.web.sent import lasting
from tests.web.test_browser import DESKTOP, PHONE, opened

PAGE = "/monitoring/results"


@pytest.fixture
def pages(played_site: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=played_site, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def report(played_settings: Settings) -> OutcomeReport:
    with Store.open(played_settings.store_url) as store:
        report = outcome_report(store, Registry(played_settings.artifacts), load_profile("pede"), "next-year", 2024)
    assert report is not None
    return report


def test_the_page_says_what_was_promised_and_what_came_true(pages: httpx.Client, report: OutcomeReport) -> None:
    text = pages.get(PAGE, params={"lang": "en"}).text
    assert "Worse than the card promised" in text
    assert "may have been helped" in text
    assert f"<dd>{report.counts.matched}</dd>" in text
    for part in (report.together, *report.groups):
        assert f'id="part-{part.name}"' in text
    assert text.count("<svg viewBox") >= 4
    assert "RA-" not in lasting(text)
    assert (
        "A promessa foi cumprida?"
        in pages.get(PAGE, params={"lang": "pt-BR", "task": "next-year", "year": "2024"}).text
    )


def test_a_schools_first_questions_come_first_in_pupils(pages: httpx.Client, report: OutcomeReport) -> None:
    page = pages.get(PAGE, params={"lang": "pt-BR"}).text
    plain, _, folded = page.partition('<details class="figures">')
    words = unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", plain)))
    matched = report.matched
    flagged, behind = matched.probability >= matched.threshold, matched.label == 1
    pointed, came, both = (int(mask.sum()) for mask in (flagged, behind, flagged & behind))
    assert f"Apontados: {pointed} alunos. Deles, em defasagem em 2024: {both}." in words
    assert f"Alunos em defasagem em 2024: {came}. Deles, apontados antes: {both}." in words
    assert f"{round(10 * both / pointed)} de cada 10" in words
    assert "Prometido: 6 de cada 10." in words
    for expert in ("AUC", "F1", "Brier", "Precisão", "PSI"):
        assert expert not in words
        assert expert == "PSI" or expert in folded


def test_without_cases_no_question_is_shown(report: OutcomeReport) -> None:
    reader = Reader("en", False, ZoneInfo("America/Sao_Paulo"))
    nobody = replace(report.together.evaluation, confusion=dict.fromkeys(report.together.evaluation.confusion, 0))
    none = replace(report, together=replace(report.together, evaluation=nobody, card=None), groups=())
    assert _report(none, load_profile("pede"), reader)["answers"] == ()


def test_a_windows_report_has_the_advice_and_the_outcomes(pages: httpx.Client) -> None:
    text = pages.get("/monitoring/report.html", params={"lang": "en", "window": "30d@2023-12-31"}).text
    assert text.index("worse than promised.") < text.index('id="verdicts"') < text.index('id="outcomes"')
    assert "Promised (95% interval)" in text[text.index('id="outcomes"') :]
    assert "RA-" not in lasting(text)
    told = pages.get("/monitoring/report", params={"lang": "en", "window": "30d@2023-12-31"}).json()
    assert told["advice"][0]["kind"] == "distrust"
    assert told["outcomes"]["year"] == 2024


def test_every_page_leads_there(pages: httpx.Client) -> None:
    assert 'href="/monitoring/results?lang=en"' in pages.get("/?lang=en").text


@pytest.mark.parametrize("query", ["task=nobody", "task=next-year&year=2019", "year=next"])
def test_an_unknown_task_or_year_gets_a_page(pages: httpx.Client, query: str) -> None:
    answer = pages.get(f"{PAGE}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")


def test_where_nothing_was_answered_yet_the_page_says_how(pages: httpx.Client, empty_web: httpx.Client) -> None:
    for client, query in ((empty_web, ""), (pages, "&task=current")):
        text = client.get(f"{PAGE}?lang=en{query}").text
        assert "Nothing to compare yet" in text
        assert "Send next year&#39;s workbook under “Workbook”" in text


def test_the_verdict_on_all_together_is_the_gravest_one(report: OutcomeReport) -> None:
    reader = Reader("en", False, ZoneInfo("America/Sao_Paulo"))

    def said(verdict: Any) -> tuple[str, str]:
        compared = tuple(replace(comparison, verdict=verdict) for comparison in report.together.comparisons)
        key, words = _overall(replace(report, together=replace(report.together, comparisons=compared)), reader)
        return key, str(words)

    assert said("worse")[0] == "moderate"
    assert said("within") == said("better") == ("none", said("within")[1])
    assert said("unknown")[0] == "insufficient_data"


def test_what_a_card_or_the_leavers_do_not_say_is_left_out(report: OutcomeReport) -> None:
    reader = Reader("en", False, ZoneInfo("America/Sao_Paulo"))
    few = replace(report.leavers, left=None)
    bands = tuple(replace(band, expected=None, kept=None) for band in report.bands)
    values = _report(replace(report, leavers=few, bands=bands), load_profile("pede"), reader)
    assert values["leavers"] is None
    shown = values["bands"]
    assert isinstance(shown, tuple)
    assert {(band.expected, band.word) for band in shown} == {("–", "not enough to say")}


def test_a_band_within_chance_is_not_said_to_be_as_expected(report: OutcomeReport) -> None:
    """An interval that holds zero proves nothing: it may be wide."""
    reader = Reader("en", False, ZoneInfo("America/Sao_Paulo"))
    bands = tuple(replace(report.bands[0], kept=kept) for kept in (True, False, None))
    shown = _report(replace(report, bands=bands), load_profile("pede"), reader)["bands"]
    assert isinstance(shown, tuple)
    assert [band.word for band in shown] == ["no difference seen", "not as expected", "not enough to say"]


def test_the_estimate_stands_beside_what_came_true(pages: httpx.Client, report: OutcomeReport) -> None:
    text = re.sub(r"<[^>]+>", " ", unescape(pages.get(PAGE, params={"lang": "en"}).text))
    text = re.sub(r"\s+", " ", text)
    before = report.expected_before
    risk, came = before.at_risk.expected, before.at_risk.realised
    assert came is not None
    assert (
        f"probabilities of these pupils ({before.n}) gave this estimate: at risk, {risk.value:.0%} ({risk.low:.0%} to "
        f"{risk.high:.0%}). At risk in the sheet: {came.value:.0%}." in text
    )
    for pair in before.measures:
        expected, real = pair.expected, pair.realised
        assert real is not None
        assert (
            f"{pair.title} {expected.value:.3f} ({expected.low:.3f} to {expected.high:.3f}) {real.value:.3f} "
            f"({real.low:.3f} to {real.high:.3f}) {'inside' if pair.is_inside else 'outside'}" in text
        )
    for words in before.assumptions:
        assert str(words) in text
    portuguese = pages.get(PAGE, params={"lang": "pt-BR"}).text
    assert "O que já se podia esperar antes de chegar a aba" in portuguese


def test_few_pupils_get_no_estimate_and_undefined_is_a_dash(report: OutcomeReport) -> None:
    reader = Reader("en", False, ZoneInfo("America/Sao_Paulo"))
    few = estimate_view(replace(report, version="another"), reader)
    assert (str(few.words), few.figures) == ("With fewer than 30 pupils nothing is estimated.", ())
    calm = replace(report.matched, probability=np.full(report.matched.label.size, 0.1))
    shown = estimate_view(replace(report, matched=calm), reader)
    precision = next(figure for figure in shown.figures if figure.name == "Precision")
    assert (precision.expected, precision.came, precision.inside) == ("–", "–", "–")


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(chromium: Browser, played_site: str, scheme: Any, size: tuple[int, int]) -> None:
    with opened(chromium, size, color_scheme=scheme) as page:
        page.goto(played_site + PAGE)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
