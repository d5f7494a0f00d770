"""Every page held to the same promises, in a real Chromium: whoever adds a page finds it here by itself.

The pages are the routes of the application that answer people. Those whose address has a part to fill in stand in
`FILLED`, those that are no page to look at in `NO_PAGES`, and states that only a click makes in `STATES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.routing import APIRoute
from playwright.sync_api import Browser, BrowserContext
from sqlalchemy import select

from farol.access import access_of
from farol.accounts.passwords import hashed
from farol.accounts.users import accept_invitation, create_user
from farol.accounts.viewer import UserRole
from farol.app import create_app
from farol.model.registry import Registry
from farol.settings import Settings
from farol.store.database import Store
from farol.store.tables import jobs, pupil_answers
from tests.bundles import make_bundle
from tests.played import play_until_now
from tests.waiting import eventually
from tests.web.conftest import serving
from tests.web.site import build_site, settings_in

pytestmark = pytest.mark.browser

PASSWORD = "quatro palavras bem longas"
HEAVIEST = 200_000
"""Bytes of a page with all that it loads, uncompressed."""
MOST_SHEETS = 8
"""Bytes of paper, for a page of a school of a thousand pupils."""
FOR_PAPER = {"/pupils/print", "/meeting/print"}
"""Sheets for each class: as many as there are classes."""
FILLED = {
    "/models/{task}/about": "/models/next-year/about",
    "/administration/models/{task}/{version}": "/administration/models/next-year/VERSION",
    "/classes/one": "/classes/one?class=CLASS",
    "/pupils/{student:path}": "/pupils/STUDENT",
    "/pupils/{student:path}/referral": "/pupils/STUDENT/referral",
    "/cases/{id_}": "/cases/CASE",
    "/workbooks/{upload}": "/workbooks/UPLOAD",
    "/jobs/{job}": "/jobs/JOB",
}
"""Route → an address of it on the site of these tests; `Places` fills in the words in capitals."""
NO_PAGES = {"/monitoring/report.html", "/models/{task}/card", "/docs"}
"""Files that stand for themselves, and what a library shows to programmers: their own tests look at them."""
WITH_USERS = {
    "/login": "/login",
    "/first/{token}": "/first/TOKEN",
    "/account": "/account",
    "/administration/users": "/administration/users",
    "/administration/users/{key}": "/administration/users/KEY",
}
"""Pages that are others where there are users: as `FILLED`, on a site with users. Only the administrator is signed in,
and nobody at the pages that let somebody in."""
STATES: dict[str, tuple[tuple[str, str | None], ...]] = {
    "/administration/erasure": (("#student", "17"), ("button:has-text('Ver o que')", None)),
    "/administration/retention": (("#days", "30"), ("button:has-text('Mostrar')", None)),
    "/nowhere": (),
    "/monitoring/dashboard?window=nonsense": (),
    "/monitoring/dashboard?slice=class=1": (),
}
"""Address → what to do there before looking: a field and what to type, or what to press."""

STOPS = "a[href], button, select, summary, input:not([type=hidden]), textarea, [tabindex='0']"
FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect()
  return {tag: at.tagName, text: (at.innerText || at.name || at.id || '').slice(0, 40),
    shown: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.height > 0}
}"""
CHARTS = """() => [...document.querySelectorAll('[role=img]')].filter(chart => {
  const part = chart.closest('article, details, section')
  return !part || !(part.querySelector('table') || part.parentElement.querySelector('table'))
}).map(chart => chart.getAttribute('aria-label'))"""
COMMANDS = """() => {
  const page = document.querySelector('main').cloneNode(true)
  for (const part of page.querySelectorAll('.keeper')) part.remove()
  return page.textContent.match(/\\bfarol [a-z]+[^.]{0,40}|\\bFAROL_\\w+|`|\\s--[a-z]\\w+/g) || []
}"""
FOR_KEEPERS = "/administration/settings"
"""The page that whoever looks after the computer reads: it names settings and commands."""
UNFOLD = "for (const part of document.querySelectorAll('details')) part.open = true"
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def addresses() -> list[str]:
    """Every page that a person can go to."""
    app = create_app(Settings())
    routes = [route for route in app.routes if isinstance(route, APIRoute) and "GET" in (route.methods or ())]
    paths = [route.path for route in routes if access_of(route.endpoint).is_page and route.path not in NO_PAGES]
    paths = [path for path in paths if "{" not in path or path not in WITH_USERS]
    pages = [path for path in paths if Path(path).suffix not in (".csv", ".xlsx", ".json")]
    return [FILLED.get(path, path) for path in pages]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, sample_workbook: Path) -> Settings:
    """A school: models, drift, a year of forecasts that came true, this year's answers, another version to look at."""
    settings = build_site(tmp_path_factory.mktemp("quality"))
    play_until_now(settings, sample_workbook)
    failed = {"promotable": False, "promotion": {"reasons": [{"pt": "Não supera.", "en": "It beats no rule."}]}}
    make_bundle(settings.artifacts, "next-year", seed=5, report=failed)
    return settings


@pytest.fixture(scope="module")
def places(settings: Settings, address: str, sample_workbook: Path) -> Mapping[str, str]:
    """What stands for the words in capitals: a pupil and their class, a case, a workbook and its job, made by pages."""
    registry = Registry(settings.artifacts)
    listed = select(pupil_answers.c.student, pupil_answers.c["class"]).order_by(pupil_answers.c.probability.desc())
    with Store.open(settings.store_url) as store, store.snapshot() as connection:
        student, group = connection.execute(listed.where(pupil_answers.c["class"].is_not(None)).limit(1)).one()
    with httpx.Client(base_url=address, timeout=60) as client:
        form = {"year": "2024", "comment": "Conversar com a família."}
        case = client.post(f"/pupils/{student}/cases", data=form).headers.get("Location", "")
        files = {"files": (sample_workbook.name, sample_workbook.read_bytes())}
        upload = client.post("/workbooks", files=files).headers.get("Location", "")
        job = client.post(f"{upload}/accept", data={"kind": "forecast"}).headers.get("Location", "")
    with Store.open(settings.store_url) as store:
        eventually(lambda: not job or _is_over(store, _last(job)))
    version = next(entry.version for entry in registry.versions("next-year") if not entry.promoted)
    return {
        "VERSION": version,
        "STUDENT": student,
        "CLASS": group,
        "CASE": _last(case),
        "UPLOAD": _last(upload),
        "JOB": _last(job),
    }


def _last(location: str) -> str:
    return location.partition("?")[0].rpartition("/")[2]


def _is_over(store: Store, job: str) -> bool:
    with store.snapshot() as connection:
        return connection.execute(select(jobs.c.ended).where(jobs.c.id == job)).scalar() is not None


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """Of a Brazilian reader."""
    context = chromium.new_context(locale="pt-BR", viewport={"width": 1280, "height": 900})
    yield context
    context.close()


class Visit:
    """A page that is looked at: what went wrong while it loaded, and how much it loaded."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page = context.new_page()
        self.troubles: list[str] = []
        self.bytes = 0
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("response", lambda answer: setattr(self, "bytes", self.bytes + len(answer.body())))
        self.page.goto(address)

    def problems(self) -> Iterator[str]:
        """What breaks a promise."""
        yield from (text for text in self.troubles if "the server responded with a status of 4" not in text)
        if self.bytes > HEAVIEST:
            yield f"{self.bytes} bytes"
        yield from self.keyboard()
        self.page.emulate_media(color_scheme="dark")
        yield from self.axe("dark", rules=["color-contrast"])
        self.page.emulate_media(color_scheme="dark", forced_colors="active")
        yield from self.axe("high contrast", rules=["color-contrast"])
        self.page.emulate_media(color_scheme="light", forced_colors="none")
        yield from (f"a chart without a table: {name}" for name in self.page.evaluate(CHARTS))
        if urlsplit(self.page.url).path != FOR_KEEPERS:
            yield from (f"a command that is not folded: {words}" for words in self.page.evaluate(COMMANDS))
        self.page.evaluate(UNFOLD)
        yield from self.axe("light, unfolded")
        yield from self.widths()
        yield from self.paper()

    def axe(self, when: str, rules: list[str] | None = None) -> Iterator[str]:
        options: dict[str, object] = {"resultTypes": ["violations"]}
        if rules:
            options["runOnly"] = {"type": "rule", "values": rules}
        results = Axe().run(self.page, options=options)
        for violation in results.response["violations"]:
            where = [node["html"][:160] for node in violation["nodes"][:2]]
            yield f"axe, {when}: {violation['id']}, {len(violation['nodes'])} times, such as {where}"

    def keyboard(self) -> Iterator[str]:
        """Each control is reached by Tab, with a focus that can be seen."""
        wanted = self.page.locator(STOPS).filter(visible=True).count()
        reached = set()
        parts = 4 * self.page.locator("input[type=date]").count()  # day, month, year, calendar
        for _ in range(wanted + parts + 5):
            self.page.keyboard.press("Tab")
            stop = self.page.evaluate(FOCUS)
            if stop["tag"] == "BODY":
                break
            key = self.page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)")
            if not stop["shown"] and key not in reached:
                yield f"no visible focus: {stop['tag']} {stop['text']}"
            reached.add(key)
        radios = self.page.locator("input[type=radio]").count()
        if len(reached) < wanted - radios:
            yield f"Tab reaches {len(reached)} of {wanted} controls"

    def widths(self) -> Iterator[str]:
        """Nothing scrolls sideways: on a phone, at 200%, with text twice as large."""
        for width, height, size in ((360, 740, ""), (640, 450, ""), (720, 900, "212%")):
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.evaluate(f"document.documentElement.style.fontSize = '{size}'")
            over = self.page.evaluate(TOO_WIDE)
            if over > 0:
                yield f"{over} px too wide at {width} px {size}"
        self.page.evaluate("document.documentElement.style.fontSize = ''")

    def paper(self) -> Iterator[str]:
        if urlsplit(self.page.url).path in FOR_PAPER:
            return
        sheets = len(re.findall(rb"/Type\s*/Page[^s]", self.page.pdf(format="A4")))
        if sheets > MOST_SHEETS:
            yield f"{sheets} sheets of paper"


@pytest.mark.parametrize("path", addresses())
def test_every_page_keeps_its_promises(
    context: BrowserContext, address: str, places: Mapping[str, str], path: str
) -> None:
    assert "{" not in path, "give an address of this route in FILLED"
    for word, value in places.items():
        assert value or word not in path, f"the site has no {word.lower()}"
        path = path.replace(word, quote(value))
    visit = Visit(context, address + path)
    try:
        assert visit.page.title()
        assert list(visit.problems()) == []
    finally:
        visit.page.close()


@pytest.mark.parametrize("path", STATES)
def test_every_state_keeps_its_promises(context: BrowserContext, address: str, path: str) -> None:
    visit = Visit(context, address + path)
    try:
        for selector, typed in STATES[path]:
            if typed is not None:
                visit.page.fill(selector, typed)
                continue
            with visit.page.expect_navigation():
                visit.page.click(selector)
        assert list(visit.problems()) == []
    finally:
        visit.page.close()


Peopled = tuple[str, BrowserContext, str, str]


@pytest.fixture(scope="module")
def peopled(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Peopled]:
    """A site with an administrator and a coordinator who was invited: its address, a browser that the administrator is
    signed in with, and the coordinator's link and id."""
    settings = settings_in(tmp_path_factory.mktemp("peopled"))
    now = datetime.now(UTC)
    with Store.open(settings.store_url) as store:
        _, token = create_user(store, "ana", "Ana Lima", UserRole.administrator, (), at=now)
        assert accept_invitation(store, token, hashed(PASSWORD), at=now) is not None
        invited, token = create_user(store, "bia", "Bia Reis", UserRole.coordinator, ("3B",), at=now)
    with serving(settings) as address:
        context = chromium.new_context(locale="pt-BR", viewport={"width": 1280, "height": 900})
        signed_in = context.request.post(f"{address}/login", form={"login": "ana", "password": PASSWORD})
        assert "/login" not in signed_in.url
        yield address, context, token, invited.id
        context.close()


@pytest.mark.parametrize("path", WITH_USERS)
def test_pages_of_users_keep_their_promises(context: BrowserContext, peopled: Peopled, path: str) -> None:
    base, signed_in, token, key = peopled
    address = WITH_USERS[path].replace("TOKEN", token).replace("KEY", key)
    visit = Visit(context if path in ("/login", "/first/{token}") else signed_in, base + address)
    try:
        assert urlsplit(visit.page.url).path == address
        assert list(visit.problems()) == []
    finally:
        visit.page.close()
