"""The page of advice: what to do, for whoever reads it, on any screen."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser import assert_accessible
from tests.web.test_browser import DESKTOP, PHONE, opened

PAGE = "/monitoring/advice"


def test_the_words_come_first_and_the_figures_after(web: httpx.Client) -> None:
    text = web.get(PAGE, params={"lang": "en"}).text
    told = [
        text.index(words)
        for words in ("Look at the data", "alone: “Self-evaluation”", "600 predictions", "Ask who filled")
    ]
    assert told == sorted(told)
    assert "<svg viewBox" in text[told[-1] :]
    assert "<code>farol drift --task next-year" in text
    assert 'href="/monitoring/dashboard?task=next-year&amp;window=30d&amp;lang=en"' in text
    assert "O que fazer agora?" in web.get(PAGE, params={"lang": "pt-BR"}).text


def test_the_introduction_and_monitoring_link_there_and_agree(web: httpx.Client) -> None:
    home = web.get("/?lang=en").text
    assert f'href="{PAGE}?lang=en#task-next-year"' in home
    assert "Look at the data" in home
    assert f'href="{PAGE}?lang=en"' in web.get("/monitoring/dashboard?lang=en").text


def test_before_any_model_the_page_says_so(empty_web: httpx.Client, web: httpx.Client) -> None:
    assert "Nothing to watch yet" in empty_web.get(PAGE, params={"lang": "en"}).text
    assert web.get(PAGE, params={"window": "soon"}).status_code == 422


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(chromium: Browser, site: str, scheme: Any, size: tuple[int, int]) -> None:
    with opened(chromium, size, color_scheme=scheme) as page:
        page.goto(site + PAGE)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
