"""The pages in a real Chromium: nothing fails, everybody can use them, on any screen and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from farol.profile import load_profile
from tests.browser import assert_accessible

pytestmark = pytest.mark.browser

HOME, DASHBOARD = "/", "/monitoring/dashboard"
SHORT = "/monitoring/dashboard?task=current"
PAGES = (HOME, DASHBOARD, SHORT, "/monitoring/dashboard?window=nonsense", "/monitoring/dashboard?slice=phase=3")
DESKTOP, PHONE = (1280, 900), (320, 640)


LEFT = "net::ERR_ABORTED"


@contextmanager
def opened(
    browser: Browser, size: tuple[int, int] = DESKTOP, *, allowed: tuple[int, ...] = (422,), **options: Any
) -> Iterator[Page]:
    """A page on which nothing may go wrong but answers of the statuses that are allowed."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    page = context.new_page()
    troubles: list[str] = []
    missing = {404} - set(allowed)
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    # A page that is left takes with it what it was still loading: that is no failure.
    page.on("requestfailed", lambda request: None if request.failure == LEFT else troubles.append(request.url))
    page.on("response", lambda answer: troubles.append(answer.url) if answer.status in missing else None)
    try:
        yield page
        expected = tuple(f"the server responded with a status of {status}" for status in allowed)
        assert [trouble for trouble in troubles if not any(words in trouble for words in expected)] == []
    finally:
        context.close()


@pytest.mark.parametrize("locale", ["pt-BR", "en-GB"])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_fails_in_either_language(chromium: Browser, site: str, path: str, locale: str) -> None:
    with opened(chromium, locale=locale) as page:
        page.goto(site + path)
        assert page.locator("html").get_attribute("lang") == locale.replace("-GB", "")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 250, 246)"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [HOME, DASHBOARD, PAGES[4]])
def test_axe_finds_no_violation(chromium: Browser, site: str, path: str, scheme: Any, size: tuple[int, int]) -> None:
    with opened(chromium, size, color_scheme=scheme) as page:
        page.goto(site + path)
        assert_accessible(page)


def test_axe_finds_no_violation_where_there_is_little_to_show(chromium: Browser, site: str, empty_site: str) -> None:
    for address in (empty_site + HOME, empty_site + DASHBOARD, site + PAGES[3], f"{site}{DASHBOARD}?slice=class=1"):
        with opened(chromium) as page:
            page.goto(address)
            assert_accessible(page)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_scrolls_sideways_on_the_narrowest_phone(chromium: Browser, site: str, path: str) -> None:
    with opened(chromium, PHONE) as page:
        page.goto(site + path)
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


@pytest.mark.parametrize("path", [HOME, DASHBOARD])
def test_everything_is_there_without_javascript(chromium: Browser, site: str, path: str) -> None:
    texts = []
    for enabled in (True, False):
        with opened(chromium, java_script_enabled=enabled) as page:
            page.goto(site + path)
            texts.append(page.locator("body").text_content() or "")  # folded parts, too: a click opens them
    assert texts[0] == texts[1]
    assert len(texts[0]) > 2000


def test_the_pickers_work_without_javascript(chromium: Browser, site: str) -> None:
    with opened(chromium, java_script_enabled=False) as page:
        page.goto(f"{site}{DASHBOARD}?lang=en")
        page.get_by_text("Another question, other pupils").click()
        page.select_option("#task", "current")
        page.select_option("#window", "90d")
        page.get_by_role("button", name="Show").click()
        assert page.url.endswith(f"{DASHBOARD}?task=current&window=90d&lang=en")
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.locator("#task").input_value() == "current"
        assert page.get_by_text("There are too few predictions in this period").count() == 1


def test_a_slice_and_days_are_chosen_without_javascript_and_stay(chromium: Browser, site: str) -> None:
    with opened(chromium, java_script_enabled=False) as page:
        page.goto(f"{site}{DASHBOARD}?lang=en")
        page.get_by_text("Another question, other pupils").click()
        page.select_option("#slice", "class=10A")
        page.fill("#from", "2024-01-31")
        page.fill("#to", "2030-02-01")
        page.get_by_role("button", name="Show").click()
        assert page.url.endswith("&window=2024-01-31..2030-02-01&slice=class%3D10A&lang=en")
        assert page.get_by_role("heading", name="Verdict: class 10A").count() == 1
        assert page.locator("#slice optgroup[label='By class'] option").all_text_contents() == [
            "Class 9B (300)",
            "Class 10A (300)",
        ]
        page.get_by_role("link", name="Português").click()
        assert page.get_by_role("heading", name="Veredito: turma 10A").count() == 1
        page.get_by_text("Outra pergunta, outros alunos").click()
        page.select_option("#window", "all")
        page.get_by_role("button", name="Mostrar").click()
        assert page.locator("#window").input_value() == "all"
        assert page.locator("#slice").input_value() == "class=10A"


def test_a_snapshot_is_taken_by_its_button(chromium: Browser, site: str) -> None:
    with opened(chromium, java_script_enabled=False) as page:
        page.goto(f"{site}{SHORT}&lang=en")
        assert page.get_by_text("There is no snapshot of this version yet").count() == 1
        page.get_by_role("button", name="Store a snapshot now").click()
        assert page.get_by_role("status").inner_text() == "A snapshot was stored. It is part of the history below."
        assert page.get_by_text("Snapshots of this version: 1").count() == 1
        assert "task=current" in page.url


@pytest.mark.parametrize("path", [HOME, DASHBOARD])
def test_the_keyboard_reaches_every_control_and_shows_focus(chromium: Browser, site: str, path: str) -> None:
    with opened(chromium) as page:
        page.goto(site + path)
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        wanted = page.locator("a[href], button, select, summary, input:not([type=hidden]), pre[tabindex]").count()
        within_dates = (
            3 * page.locator("input[type=date]").count()
        )  # a day, a month, a year and a calendar are each one
        page.evaluate(
            "window.reached = []; document.addEventListener('focusin', event => { const look = "
            "getComputedStyle(event.target); reached.push([event.target, look.outlineStyle, look.outlineWidth]) })"
        )
        for _ in range(wanted + within_dates):
            page.keyboard.press("Tab")
        distinct = page.evaluate("new Set(reached.map(one => one[0])).size")
        looks = page.evaluate("reached.map(one => one[1] + one[2])")
    assert distinct == wanted
    assert set(looks) == {"solid3px"}


@pytest.mark.parametrize("path", PAGES)
def test_headings_and_landmarks_are_in_order(chromium: Browser, site: str, path: str) -> None:
    with opened(chromium) as page:
        page.goto(site + path)
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        for role in ("banner", "main", "contentinfo"):
            assert page.get_by_role(role).count() == 1


def unfold_figures(page: Page) -> None:
    page.locator("details.figures > summary").click()


def test_status_has_a_word_a_shape_and_a_colour(chromium: Browser, site: str) -> None:
    look = "all => all.map(e => [e.innerText, e.querySelector('path').getAttribute('d'), getComputedStyle(e).color])"
    looks: dict[str, tuple[str, str]] = {}
    with opened(chromium) as page:
        for path in (DASHBOARD, SHORT):
            page.goto(f"{site}{path}{'&' if '?' in path else '?'}lang=en")
            unfold_figures(page)
            drawn = page.locator(".stack .status").evaluate_all(look)
            looks |= {word: (shape, colour) for word, shape, colour in drawn}
    assert set(looks) == {"No drift", "Moderate drift", "Severe drift", "Insufficient data"}
    assert len({shape for shape, _ in looks.values()}) == 4
    assert len({colour for _, colour in looks.values()}) == 4


def test_charts_follow_the_dark_colours(chromium: Browser, site: str) -> None:
    fills = []
    for scheme in ("light", "dark"):
        with opened(chromium, color_scheme=scheme) as page:
            page.goto(site + DASHBOARD)
            bar = page.locator(".chart [fill='#3f86a6']").first
            fills.append(bar.evaluate("e => getComputedStyle(e).fill"))
    assert fills == ["rgb(63, 134, 166)", "rgb(79, 151, 184)"]


def test_a_screen_reader_gets_tables_and_named_charts(chromium: Browser, site: str) -> None:
    with opened(chromium, PHONE) as page:
        page.goto(f"{site}{DASHBOARD}?lang=en")
        profile = load_profile("pede")
        features, meaning = profile.tasks["next-year"].features, profile.columns["IAA"].meaning.en
        assert page.locator("details.feature").count() == 1 + len(features), "and the answers themselves"
        unfold_figures(page)
        page.locator("details.feature", has_text=meaning).locator("> summary").click()
        assert page.get_by_role("img", name=f"distribution of {meaning}").count() == 1
        assert page.get_by_role("img", name=f"history of the PSI of {meaning}").count() == 1
        page.get_by_text(f"The numbers: {meaning}").click()
        assert page.get_by_role("table", name=f"Distribution of {meaning}").get_by_role("row").count() == 12


def test_paper_has_what_changed_and_none_of_the_controls(chromium: Browser, site: str) -> None:
    """The figures of all features, and the charts of those in alarm; the report has every number."""
    with opened(chromium) as page:
        page.goto(f"{site}{DASHBOARD}?lang=en")
        page.emulate_media(media="print")
        assert not page.get_by_role("button", name="Show").is_visible()
        assert not page.get_by_role("link", name="English", exact=True).is_visible()
        columns = load_profile("pede").columns
        assert page.get_by_role("rowheader", name=columns["IDA"].meaning.en).is_visible()
        assert page.get_by_role("img", name=f"distribution of {columns['IAA'].meaning.en}").is_visible()
        assert not page.get_by_role("img", name=f"distribution of {columns['IDA'].meaning.en}").is_visible()


@pytest.mark.parametrize(("path", "most"), [(DASHBOARD, 4), (SHORT, 4), (HOME, 5)])
def test_pages_are_a_few_sheets_of_paper(chromium: Browser, site: str, path: str, most: int) -> None:
    with opened(chromium) as page:
        page.goto(f"{site}{path}")
        assert len(re.findall(rb"/Type ?/Page[^s]", page.pdf(format="A4"))) <= most


@pytest.mark.parametrize("locale", ["pt-BR", "en-GB"])
@pytest.mark.parametrize("path", [DASHBOARD, SHORT])
def test_the_drift_page_fits_a_phone(chromium: Browser, site: str, path: str, locale: str) -> None:
    with opened(chromium, (360, 640), locale=locale) as page:
        page.goto(site + path)
        assert page.evaluate("document.documentElement.scrollHeight") <= 5000
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_link_to_a_feature_unfolds_it(chromium: Browser, site: str) -> None:
    with opened(chromium) as page:
        page.goto(f"{site}{DASHBOARD}?lang=en")
        meaning = load_profile("pede").columns["IDA"].meaning.en
        chart = page.get_by_role("img", name=f"distribution of {meaning}")
        assert not chart.is_visible()
        unfold_figures(page)
        page.get_by_role("rowheader", name=meaning).get_by_role("link").click()
        chart.wait_for(state="visible")


def test_a_model_card_shows_its_style_and_runs_nothing(chromium: Browser, site: str) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{site}/models/next-year/card")
        assert page.title() == "Ficha"
        assert page.locator("h1").evaluate("e => getComputedStyle(e).color") == "rgb(1, 2, 3)"


def test_htmx_serves_elements_with_the_nonce_alone(chromium: Browser, site: str) -> None:
    put = """([name, nonce]) => {
        const button = document.createElement("button");
        const known = {"hx-get": "/monitoring/advice", "hx-select": "h1", "hx-target": "#content", "hx-nonce": nonce};
        for (const [attribute, value] of Object.entries(known)) button.setAttribute(attribute, value);
        button.textContent = name;
        document.body.append(button);
        htmx.process(button);
    }"""
    page = chromium.new_page(locale="en")
    try:
        page.goto(site + DASHBOARD)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.evaluate(put, ["injected", "a guess"])
        page.get_by_role("button", name="injected").click()
        page.evaluate(put, ["ours", page.evaluate("document.querySelector('script[nonce]').nonce")])
        page.get_by_role("button", name="ours").click()
        page.get_by_role("heading", name="What is there to do?").wait_for()
        assert [url for url in asked if "/static/" not in url] == [f"{site}/monitoring/advice"]
    finally:
        page.close()


def test_no_style_sheet_of_a_file_is_refused_by_its_own_policy(chromium: Browser, site: str) -> None:
    with opened(chromium) as page:
        page.goto(f"{site}/monitoring/report.html")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 250, 246)"
