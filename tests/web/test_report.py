"""The report of a window as a file of one's own: on any screen, on paper, for everybody, and without a network."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser import assert_accessible
from tests.web.test_browser import DESKTOP, PHONE, opened

PAPER = (680, 1000)
"""A4 with the margins of the report, in pixels of CSS."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, played_site: str) -> str:
    """The address of a report on disk, with advice, alarms, outcomes and what could be expected."""
    query = {"window": "30d@2023-12-31", "lang": "pt-BR"}
    text = httpx.get(f"{played_site}/monitoring/report.html", params=query, timeout=60).text
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


def test_it_says_when_and_what_and_what_could_be_expected(played_site: str) -> None:
    query = {"window": "30d@2023-12-31", "lang": "en"}
    text = httpx.get(f"{played_site}/monitoring/report.html", params=query, timeout=60).text
    assert "· Drift report · 2023-12-02 to 2023-12-31 · Farol</title>" in text
    outcomes = text[text.index('id="outcomes"') :]
    assert "What could be expected before the sheet arrived" in outcomes
    assert re.search(r"gave this estimate: at risk, \d+% \(\d+% to \d+%\)\. At risk in the sheet: \d+%\.", outcomes)
    assert "What puts a pupil at risk has not changed" in outcomes
    assert "<details" not in text, "nothing is folded on paper"


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_no_violation_and_nothing_is_fetched(
    chromium: Browser, file: str, scheme: Any, size: tuple[int, int]
) -> None:
    asked: list[str] = []
    with opened(chromium, size, color_scheme=scheme) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
    assert asked == [file]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.browser
def test_on_paper_no_page_stays_blank_and_tables_are_tables(chromium: Browser, file: str) -> None:
    with opened(chromium, PAPER) as page:
        page.goto(file)
        page.emulate_media(media="print")
        heights = page.evaluate(
            "[...document.querySelectorAll('main *')].filter(one => getComputedStyle(one).breakInside === 'avoid')"
            ".map(one => one.getBoundingClientRect().height)"
        )
        assert len(heights) > 50
        assert max(heights) < PAPER[1], "what may not be broken and is longer than a page leaves one blank"
        rows = page.locator("table.stack tbody tr").evaluate_all("all => all.map(e => getComputedStyle(e).display)")
        assert set(rows) == {"table-row"}
        sides = page.locator(".sides").first.evaluate("e => getComputedStyle(e).gridTemplateColumns.split(' ').length")
        assert sides == 2
        assert page.locator(".key").first.evaluate("e => getComputedStyle(e).printColorAdjust") == "exact"
        assert page.evaluate("document.documentElement.scrollWidth") <= PAPER[0]
        assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
