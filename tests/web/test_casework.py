"""Pages of case work: what is recorded is shown again, and nobody sees a case outside their classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from farol.accounts.viewer import NOBODY_IN_PARTICULAR, Viewer
from farol.app import create_app
from farol.i18n import LOCALES
from farol.school.names import turn_names
from farol.store.database import Store
from farol.store.tables import pupil_names
from farol.web.casework.panel import case_panel
from farol.web.locale import reader_of
from farol.web.templating import document
from tests.casework.site import THEN, ana, bia, cookie_of, director, fill, leo
from tests.web.conftest import serving_app
from tests.web.sent import lasting, text_of
from tests.web.site import settings_in


class AsViewer:
    """The app, asked by a user of our choice who has signed in."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.viewer = NOBODY_IN_PARTICULAR

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["viewer"] = self.viewer
            scope["headers"] = [*scope["headers"], (b"cookie", cookie_of(self.viewer).encode())]
        await self.app(scope, receive, send)


class School:
    """A running site, and a person who uses it."""

    def __init__(self, app: FastAPI, client: httpx.Client, asked: AsViewer) -> None:
        self.app, self.client, self._asked = app, client, asked

    @property
    def store(self) -> Store:
        store: Store = self.app.state.service.store
        return store

    def get(self, path: str, viewer: Viewer = ana, **query: str) -> Any:
        self._asked.viewer = viewer
        return self.client.get(path, params={"lang": "en", **query})

    def post(self, path: str, viewer: Viewer = ana, follow: bool = True, **form: Any) -> Any:
        self._asked.viewer = viewer
        sent = {name.replace("_", "-"): value for name, value in form.items()}
        return self.client.post(f"{path}?lang=en", data=sent, follow_redirects=follow)

    def opened(self, student: str = "RA-1", viewer: Viewer = ana, **form: str) -> str:
        """The address of a new case."""
        answer = self.post(f"/pupils/{student}/cases", viewer, follow=False, year="2024", **form)
        assert answer.status_code == 303, text_of(answer.text)
        return str(answer.headers["location"]).partition("?")[0]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    """One app for the file; each test empties its cases."""
    settings = settings_in(tmp_path_factory.mktemp("cases"))
    with Store.open(settings.store_url) as store:
        fill(store)
    app = create_app(settings)
    asked = AsViewer(app)
    with serving_app(asked) as address, httpx.Client(base_url=address, timeout=30, follow_redirects=True) as client:
        yield School(app, client, asked)


@pytest.fixture
def school(running: School) -> School:
    with running.store.engine.begin() as connection:
        for table in ("cases", "case_entries", "audit", "site_settings"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    return running


def test_a_case_goes_from_flagged_to_closed_on_pages(school: School) -> None:
    case = school.opened(owner="u-ana", comment="failed the first test")
    assert "failed the first test" in school.get(case).text
    school.post(
        f"{case}/contacts", on="2025-03-10", way="phone", person="guardian", reached="yes", agreed="reads at home"
    )
    answer = school.post(case, version="1", step="plan", owner="u-ana", support=["tutoring"], by_tutoring="Rosa")
    assert answer.status_code == 200
    text = text_of(answer.text)
    for said in ("tutoring (Rosa)", "Agreed: reads at home", "Spoke with: mother", "flagged → plan", "Ana Lima"):
        assert said in text
    school.post(case, version="2", step="closed", reason="done", support=["tutoring"])
    assert "the support is complete" in school.get(case).text


def test_a_second_case_of_the_year_leads_to_the_open_one(school: School) -> None:
    assert school.opened() == school.opened()


def test_a_case_outside_is_answered_like_an_unknown_one(school: School) -> None:
    case = school.opened("RA-3", bia)
    never = case[:-4] + "0000"
    for path in ("", "/contacts", "/notes", "/withdrawals", "/call"):
        method = school.post if path else school.get
        answers = [method(f"{address}{path}") for address in (case, never)]
        assert [answer.status_code for answer in answers] == [404, 404]
        first, second = (re.sub(r"[0-9a-f-]{32,36}|\d\d:\d\d", "", lasting(answer.text)) for answer in answers)
        assert first == second
    opened = [school.post(f"/pupils/{student}/cases", year="2024").status_code for student in ("RA-3", "RA-77")]
    assert opened == [404, 404]
    assert "You see this pupil because you coordinate the class 3C" in school.get(case, bia).text


def test_who_may_only_read_sees_no_form(school: School) -> None:
    case = school.opened()
    text = school.get(case, leo).text
    assert "<form" not in text[text.index("<main") : text.index("</main")]


def test_what_was_typed_stays_when_it_is_refused(school: School) -> None:
    case = school.opened()
    answer = school.post(f"{case}/notes", text="call 11 98765-4321 <b>", restricted="yes")
    assert answer.status_code == 422
    assert "seems to hold a telephone number" in text_of(answer.text)
    assert "call 11 98765-4321 &lt;b&gt;</textarea>" in answer.text
    assert 'value="yes" checked' in answer.text
    answer = school.post(f"{case}/contacts", on="2025-03-10", way="visit", person="pupil", agreed="(11) 2021-2050")
    assert "(11) 2021-2050</textarea>" in answer.text
    assert '<option value="visit" selected>' in answer.text
    answer = school.post(case, version="1", step="plan", due="2099-01-01", comment="so be it")
    assert "which support the pupil gets" in text_of(answer.text)
    assert 'value="2099-01-01"' in answer.text
    assert "so be it</textarea>" in answer.text
    assert len(re.findall("<li", school.get(case).text.partition('id="history"')[2])) == 1


def test_two_people_who_change_a_case_lose_nothing(school: School) -> None:
    case = school.opened()
    school.post(case, bia, version="1", step="talk", owner="u-bia")
    answer = school.post(case, ana, version="1", step="flagged", owner="u-ana", comment="my own words")
    assert answer.status_code == 409
    text = text_of(answer.text)
    assert "Somebody else changed this case while you were writing" in text
    assert "Bia Reis: Step: flagged → talk" in text
    assert "my own words</textarea>" in answer.text
    assert 'name="version" value="2"' in answer.text
    assert school.post(case, ana, version="2", step="talk", owner="u-ana", comment="my own words").status_code == 200


def test_a_restricted_note_shows_others_that_it_exists(school: School) -> None:
    case = school.opened()
    school.post(f"{case}/notes", text="a loss at home", restricted="yes")
    for viewer, is_read in ((ana, True), (director, True), (bia, False), (leo, False)):
        text = school.get(case, viewer).text
        assert ("a loss at home" in text) is is_read
        assert "estricted" in text
    assert "a loss at home" not in str(school.get(case, bia).content)


def test_an_entry_is_crossed_out_and_stays(school: School) -> None:
    case = school.opened()
    page = school.post(f"{case}/notes", text="of another pupil").text
    seq = re.search(r'name="seq" value="(\d+)"', page)
    assert seq is not None
    text = text_of(school.post(f"{case}/withdrawals", seq=seq[1], why="wrong pupil").text)
    assert "of another pupil" in text
    assert re.search(r"withdrawn on .* by Ana Lima: wrong pupil", text)
    assert school.post(f"{case}/withdrawals", seq=seq[1], why="again").status_code == 422
    assert school.post(f"{case}/withdrawals", seq="x", why="again").status_code == 422


def test_a_number_becomes_a_link_and_is_kept_nowhere(school: School, caplog: pytest.LogCaptureFixture) -> None:
    case = school.opened()
    text = school.post(f"{case}/call", number="+55 (11) 98765-4321").text
    assert 'href="tel:+5511987654321"' in text
    assert "11987654321" not in school.get(case).text
    assert "98765" not in caplog.text
    dump = b"".join(file.read_bytes() for file in Path(school.app.state.service.settings.data).glob("farol.db*"))
    assert b"98765" not in dump
    assert school.post(f"{case}/call", number="call me").status_code == 422


@pytest.mark.parametrize(
    "form",
    [
        {"step": "nowhere"},
        {"owner": "u-leo"},
        {"support": "alchemy"},
        {"due": "32/13/2025"},
        {"due": "2001-01-01"},
        {"step": "closed", "reason": "because"},
        {"comment": "x" * 2001},
        {"version": "9" * 30},
        {"version": "²"},
    ],
)
def test_a_form_of_another_kind_is_refused_in_words(school: School, form: dict[str, str]) -> None:
    case = school.opened()
    answer = school.post(case, **cast(Any, {"version": "1", **form}))
    assert answer.status_code in (409, 422)
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("year", ["20x4", "99999999999999999999", "1", "0" + "20249" * 1000, "02024" + "9" * 20])
def test_a_case_of_no_school_year_is_refused(school: School, year: str) -> None:
    assert school.post("/pupils/RA-1/cases", year=year).status_code == 422


def test_a_case_without_a_year_is_of_the_year_at_the_school(school: School) -> None:
    zone = school.app.state.service.timezone
    before = datetime.now(zone).year
    assert school.post("/pupils/RA-1/cases").status_code == 200
    with school.store.engine.connect() as connection:
        year = connection.exec_driver_sql("SELECT year FROM cases").scalar()
    assert year in (before, datetime.now(zone).year)


def test_views_and_changes_are_in_the_audit(school: School) -> None:
    case = school.opened()
    school.get(case, leo)
    with school.store.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT user, action, subject, student, details FROM audit").all()
    assert [tuple(row) for row in rows] == [
        ("u-ana", "changed", "case", "RA-1", "opened"),
        ("u-leo", "saw", "case", "RA-1", ""),
    ]


def panel_of(school: School, viewer: Viewer, student: str) -> str:
    scope = {"type": "http", "query_string": b"lang=en", "headers": [], "app": school.app}
    reader = reader_of(Request(scope))
    values = case_panel(school.app.state.service, reader, viewer, student, 2024)
    return text_of(document(reader, "casework/_panel.html", values))


def test_the_panel_says_where_the_work_stands(school: School) -> None:
    assert "No case is open" in panel_of(school, ana, "RA-1")
    assert "Open the case" in panel_of(school, ana, "RA-1")
    assert "Open the case" not in panel_of(school, leo, "RA-1")
    case = school.opened(owner="u-ana")
    for number in range(4):
        school.post(f"{case}/notes", text=f"note {number}", restricted="yes")
    text = panel_of(school, ana, "RA-1")
    assert "Ana Lima" in text
    assert "note 3" in text
    assert "note 0" not in text
    assert "The whole history (5)" in text
    assert "note" not in panel_of(school, bia, "RA-1").replace("a note", "").replace("Restricted note", "")
    school.post(case, version="1", step="closed", reason="moved")
    assert "2024: moved to another school" in panel_of(school, leo, "RA-1")


@pytest.mark.parametrize("locale", LOCALES)
def test_pages_of_cases_speak_each_language(school: School, locale: str) -> None:
    case = school.opened()
    text = school.client.get(case, headers={"accept-language": locale.replace("_", "-")}).text
    assert ("sinalizado" in text) is (locale == "pt_BR")
    assert ("flagged" in text.replace('value="flagged"', "")) is (locale == "en")


def test_names_are_shown_where_the_school_wants_them(school: School) -> None:
    case = school.opened()
    with school.store.engine.begin() as connection:
        connection.execute(pupil_names.insert(), [{"student": "RA-1", "name": "Léa Sá", "folded": "lea sa"}])
    assert "Léa Sá" not in school.get(case).text
    turn_names(school.store, on=True, at=THEN)
    try:
        for path in (case, "/cases", "/meeting"):
            assert "Léa Sá" in school.get(path).text, path
        assert "Léa Sá" not in school.get("/cases.csv").text
    finally:
        with school.store.engine.begin() as connection:
            connection.execute(pupil_names.delete())


def test_the_page_of_a_pupil_opens_its_case(school: School) -> None:
    text = school.get("/pupils/RA-1").text
    assert 'action="/pupils/RA-1/cases?lang=en"' in text
    case = school.opened(owner="u-ana")
    assert case in school.get("/pupils/RA-1", leo).text
    assert "Open the case" not in text_of(school.get("/pupils/RA-1", leo).text)
