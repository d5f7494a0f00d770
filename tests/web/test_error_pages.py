"""A browser gets a page when something fails; programs keep the one shape."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import Browser

from farol.access import access_of
from farol.api.requests import NO_ROUTE, wants_page
from farol.app import create_app
from farol.errors import ApiError, FieldProblem, StoreError
from farol.i18n import LOCALES, msg
from farol.settings import Settings
from farol.store.database import Store
from farol.store.keys import Keys, Role, make_key
from farol.web import views
from farol.web.error_pages import failure_in, failure_of
from tests.browser import assert_accessible
from tests.web.conftest import serving
from tests.web.site import settings_in
from tests.web.test_browser import DESKTOP, PHONE, opened

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language": "en"}
OUR_SCRIPTS = re.compile(r"<script src=\"/static/vendor/[^>]*></script>")
HOSTILE = "<script>alert(1)</script>"
DASHBOARD = "/monitoring/dashboard"
APP = create_app(Settings())


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a service that asks for keys, and a key that may only predict."""
    settings = settings_in(tmp_path_factory.mktemp("locked"))
    secret, key = make_key(Role.predict, "t", at=datetime.now(UTC))
    with Store.open(settings.store_url) as store:
        Keys(store).add(key)
    with serving(settings) as address:
        yield address, secret


def told(answer: httpx.Response, status: int, title: str) -> str:
    """The page in an answer, which must be one of ours with this status, its title and the request's number."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{title}</h1>" in answer.text
    assert f"<title>{title} · Farol</title>" in answer.text
    assert f"<code>{answer.headers['x-request-id']}</code>" in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    return answer.text


def scope_of(accept: str, path: str = "/nowhere", method: str = "GET") -> dict[str, Any]:
    headers = [(b"accept", accept.encode())]
    return {"type": "http", "method": method, "path": path, "headers": headers, "app": APP}


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        (BROWSER["Accept"], True),
        ("text/html", True),
        ("TEXT/HTML;q=0.2", False),
        ("text/html;q=0.5,application/json;q=0.4", True),
        ("application/json,text/html;q=0.9", False),
        ("text/html,application/json", False),
        ("text/html;q=0", False),
        ("text/html;q=many", False),
        ("text/html;level=1;q=0.1", True),
        ("application/json", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_a_page_is_for_who_names_html_and_prefers_it_to_json(accept: str, is_page: bool) -> None:
    assert wants_page(scope_of(accept)) is is_page


@pytest.mark.parametrize("path", ["/predict", "/monitoring/drift", "/models", "/metrics", "/health"])
def test_routes_of_programs_keep_the_one_shape_for_browsers_too(path: str) -> None:
    assert not wants_page(scope_of("text/html", path, "POST" if path == "/predict" else "GET"))


@pytest.mark.parametrize("path", ["/v2", "/v2/nowhere"])
def test_the_open_inference_protocol_has_no_pages(path: str) -> None:
    assert not wants_page(scope_of("text/html", path))


def test_every_page_of_ours_fails_as_a_page() -> None:
    routes = [route for route in APP.routes if isinstance(route, APIRoute)]
    pages = {route.path for route in routes if access_of(route.endpoint).is_page}
    assert pages == {route.path for route in routes if route.endpoint.__module__.startswith("farol.web.")} | {"/docs"}
    assert NO_ROUTE.access.is_page


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", f"/{HOSTILE}", 404, "There is no such page"),
        ("GET", "/models/none/card", 404, "There is no such page"),
        ("PUT", DASHBOARD, 405, "There is nothing to see here"),
        ("GET", "/predict", 405, "There is nothing to see here"),
        ("GET", f"{DASHBOARD}?window=soon", 422, "It cannot be shown like this"),
        ("GET", f"{DASHBOARD}?window={'x' * 101}", 422, "It cannot be shown like this"),
        ("GET", "/monitoring/results?task=other", 422, "It cannot be shown like this"),
        ("GET", "/monitoring/advice?window=soon", 422, "It cannot be shown like this"),
    ],
)
def test_a_failure_gets_a_page(web: httpx.Client, method: str, path: str, status: int, title: str) -> None:
    page = told(web.request(method, path, headers=BROWSER), status, title)
    assert "GET /docs" not in page, "these words are for programs"
    portuguese = web.request(method, path, headers=BROWSER | {"Accept-Language": "pt-BR"})
    assert '<html lang="pt-BR">' in portuguese.text
    assert title not in portuguese.text


def form_addresses() -> list[tuple[str, str]]:
    """Every address that only takes a form of a page, and the page above it where the form stands."""
    paths: dict[str, set[str]] = {}
    for route in APP.routes:
        if isinstance(route, APIRoute) and access_of(route.endpoint).is_page:
            for method in route.methods or ():
                paths.setdefault(method, set()).add(re.sub(r"\{[^}]*\}", "RA-1 x", route.path))
    above = {}
    for path in paths["POST"] - paths["GET"]:
        page = path
        while (page := page.rpartition("/")[0]) and page not in paths["GET"]:
            pass
        above[path] = page or "/"
    return sorted(above.items())


@pytest.mark.parametrize(("path", "page"), form_addresses())
def test_the_address_of_a_form_leads_to_its_page(web: httpx.Client, path: str, page: str) -> None:
    """Where a form was refused or a session ended, people load its address again, or come to it by the sign-in."""
    answer = web.get(f"{path}?lang=en", headers=BROWSER, follow_redirects=False)
    assert (answer.status_code, answer.headers.get("location")) == (303, page.replace(" ", "%20") + "?lang=en")


def test_many_forms_are_walked() -> None:
    pages = dict(form_addresses())
    assert len(pages) > 20
    assert pages["/cases/bulk"] == "/cases"
    assert pages["/pupils/RA-1 x/cases"] == "/pupils/RA-1 x"
    assert pages["/logout"] == "/"


@pytest.mark.parametrize("path", [f"/{HOSTILE}", "/predict", f"{DASHBOARD}?window={'x' * 101}"])
def test_programs_keep_the_one_shape(web: httpx.Client, path: str) -> None:
    answer = web.get(path, headers={"Accept": "application/json, */*"})
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]


def test_an_error_page_repeats_nothing_sent_but_the_pages_choice(web: httpx.Client) -> None:
    query = {"IDA": "7.25", "student": "RA-77", "window": "30d", "task": HOSTILE, "lang": "en"}
    for path in (f"/{HOSTILE}", "//elsewhere.example/x", "/forecast"):
        page = web.get(path, params=query, headers=BROWSER).text
        assert page.count('href="?lang=pt-BR"') == 1, "the language can be changed where one is, and leads nowhere else"
        page = re.sub("<code>[0-9a-f]{32}</code>", "", OUR_SCRIPTS.sub("", page))  # without the request's number
        for sent in ("script", "alert", "elsewhere", "7.25", "RA-77", "30d"):
            assert sent not in page
    page = web.get(DASHBOARD, params=query, headers=BROWSER).text
    assert "7.25" not in page
    assert "RA-77" not in page
    assert "<script" not in OUR_SCRIPTS.sub("", page)
    assert 'href="?task=%3Cscript%3Ealert%281%29%3C%2Fscript%3E&amp;window=30d&amp;lang=pt-BR"' in page
    assert f'href="{DASHBOARD}?lang=en">The page as it usually is' in page


def test_the_length_of_a_parameter_is_described_as_a_length(web: httpx.Client) -> None:
    page = web.get(DASHBOARD, params={"window": "x" * 101}, headers=BROWSER).text
    assert "window cannot be used." in page
    assert "Expected: a text of at most 100 characters" in page


def test_a_failed_button_offers_no_link_that_presses_it_again(web: httpx.Client) -> None:
    headers = BROWSER | {"Sec-Fetch-Site": "cross-site"}
    page = told(web.post(f"{DASHBOARD}/snapshot", headers=headers), 403, "This is not allowed")
    assert "Call the service from a program, or from its own pages." in page
    for link in ('href=""', 'href="?', 'class="tongue"'):
        assert link not in page


def test_without_a_key_the_browser_asks_and_the_page_says_why(locked: tuple[str, str]) -> None:
    answer = httpx.get(locked[0], headers=BROWSER, timeout=30)
    page = told(answer, 401, "A key is needed")
    assert answer.headers["www-authenticate"] == 'Basic realm="Farol", charset="UTF-8"'
    assert "which may be anything, and a password: that is your key." in page
    assert "Bearer" not in page
    assert httpx.get(locked[0], timeout=30).json()["error"]["code"] == "key_needed"


def test_a_key_without_the_right_learns_which_role_has_it(locked: tuple[str, str]) -> None:
    address, key = locked
    headers = BROWSER | {"Authorization": "Basic " + base64.b64encode(f"x:{key}".encode()).decode()}
    page = told(httpx.get(address, headers=headers, timeout=30), 403, "This is not allowed")
    assert "Use a key of the role read." in page
    assert "A browser keeps the key it was given." in page
    assert key not in page


def test_frequent_requests_learn_how_long_to_wait(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, rate_limit=0.001, rate_burst=1)
    with serving(settings) as address:
        assert httpx.get(address, headers=BROWSER, timeout=30).status_code == 200
        answer = httpx.get(address, headers=BROWSER, timeout=30)
    page = told(answer, 429, "One moment, please")
    assert f"Wait {int(answer.headers['retry-after']):,} s, then load the page again." in page
    assert 'href="">Load the page again' in page


def test_a_foreign_or_malformed_host_name_gets_a_page(web: httpx.Client) -> None:
    for host in ("elsewhere.example", "[", "a b"):
        answer = web.get("/", headers=BROWSER | {"Host": host})
        assert "<h1>This page cannot be shown</h1>" in answer.text
        assert host not in answer.text.partition("<main")[2] or host == "["


def test_a_fault_of_ours_is_one_page_without_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("IDA of RA-77 is 7.25")

    monkeypatch.setattr(views, "home_values", fail)
    with caplog.at_level(logging.CRITICAL, "farol.api"), serving(settings_in(tmp_path)) as address:
        answer = httpx.get(address, headers=BROWSER, timeout=30)
    page = told(answer, 500, "Something went wrong")
    assert "RA-77" not in page + caplog.text
    assert "RuntimeError" not in page
    assert answer.headers["x-request-id"] in caplog.text


def test_an_unreachable_store_says_when_to_come_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    settings = settings_in(tmp_path, database_url=f"sqlite:///{tmp_path / 'file' / 'farol.db'}")
    with caplog.at_level(logging.ERROR, "farol.web"), serving(settings) as address:
        answer = httpx.get(f"{address}/monitoring/results", headers=BROWSER, timeout=30)
    page = told(answer, 503, "Not available right now")
    assert answer.headers["retry-after"] == "2"
    assert str(tmp_path) not in page
    assert (
        page.index("wait a moment")
        < page.index("For whoever looks after the computer")
        < page.index("Choose another place")
    )
    assert [record.name for record in caplog.records if record.name != "farol.background"] == ["farol.web"]


def test_an_error_of_another_kind_is_a_fault_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from farol.errors import PlanError

    def fail(*_: object) -> None:
        raise PlanError(msg("It is damaged."))

    monkeypatch.setattr(views, "home_values", fail)
    with serving(settings_in(tmp_path)) as address:
        assert "It is damaged." in told(httpx.get(address, headers=BROWSER, timeout=30), 500, "Something went wrong")


def test_a_repeated_text_in_a_refusal_is_shown_once() -> None:
    problem, expected = msg("No model is served for this question."), msg("one of {names}", names="current")
    refusal = ApiError(422, "input", problem, fields=[FieldProblem("task", problem, expected)], fix=expected)
    failure = failure_of(refusal)
    assert (failure.problem, failure.details, failure.fix) == (problem, (), expected)
    store = StoreError(msg("It is away."), expected=expected)
    assert [line.render(LOCALES[1]) for line in failure_in(store).details] == ["Expected: one of current"]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_wrong_key_in_a_real_browser_shows_a_readable_page(
    chromium: Browser, locked: tuple[str, str], size: tuple[int, int], scheme: Any
) -> None:
    # Without any key Chromium asks its reader, and a test has no reader.
    wrong = {"username": "x", "password": "wrong"}
    options = {"color_scheme": scheme, "locale": "pt-BR", "http_credentials": wrong}
    with opened(chromium, size, allowed=(401,), **options) as page:
        answer = page.goto(f"{locked[0]}{DASHBOARD}")
        assert answer is not None
        assert answer.status == 401
        assert page.get_by_role("heading", level=1).inner_text() == "É preciso uma chave"
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert_accessible(page)
        page.get_by_role("link", name="Carregar a página de novo").click()
        assert page.url == f"{locked[0]}{DASHBOARD}"
        page.get_by_role("link", name="English").click()
        assert page.url == f"{locked[0]}{DASHBOARD}?lang=en"
        assert page.get_by_role("heading", level=1).inner_text() == "A key is needed"


@pytest.mark.browser
def test_a_real_browser_sends_the_key_it_was_given(chromium: Browser, locked: tuple[str, str]) -> None:
    known = {"username": "whatever", "password": locked[1]}
    with opened(chromium, allowed=(403,), locale="en", http_credentials=known) as page:
        page.goto(locked[0])
        assert page.get_by_role("heading", level=1).inner_text() == "This is not allowed"


@pytest.mark.browser
def test_a_slip_of_the_pen_leads_on(chromium: Browser, site: str) -> None:
    with opened(chromium, locale="en", java_script_enabled=False, allowed=(404,)) as page:
        page.goto(f"{site}/monitoring/dashbord")
        assert page.get_by_role("heading", level=1).inner_text() == "There is no such page"
        page.get_by_role("link", name="Model").click()
        assert page.url == f"{site}{DASHBOARD}"
