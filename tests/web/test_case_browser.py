"""Case work in a real Chromium: by the keyboard alone, for whoever cannot see or has a small screen, and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from farol.app import create_app
from farol.casework.cases import CaseState, GivenSupport, open_cases, record_entry
from farol.casework.entries import Contact, ContactPerson, ContactWay, EntryKind, note_details
from farol.casework.steps import Step
from farol.store.database import Store
from farol.store.tables import pupil_answers, pupil_years
from tests.browser import assert_accessible
from tests.casework.site import ana, answer_row, director, fill, year_row
from tests.web.conftest import serving_app
from tests.web.site import settings_in
from tests.web.test_browser import DESKTOP, PHONE, opened
from tests.web.test_casework import AsViewer

pytestmark = pytest.mark.browser

NOW = datetime.now(UTC)
PATHS = (
    "/cases",
    "/cases/due",
    "/cases/results",
    "/meeting",
    "/meeting/print",
    "/administration/support",
    "/administration/use",
    "case",
    "/cases?step=closed",
)


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a school with cases in several steps, and that of the case of RA-1."""
    settings = settings_in(tmp_path_factory.mktemp("cases"))
    with Store.open(settings.store_url) as filled:
        fill(filled)
    app = create_app(settings)
    asked = AsViewer(app)
    asked.viewer = director
    with serving_app(asked) as address:
        store = app.state.service.store
        given = (GivenSupport("tutoring", "Profa. Rosa"), GivenSupport("family"))
        today = NOW.date()
        states = [
            CaseState(owner="u-ana", due=today - timedelta(3)),
            CaseState(Step.plan, "u-ana", today + timedelta(4), given),
            CaseState(Step.follow_up, "u-bia", today, given),
        ]
        ids: dict[str, str] = {}
        for student, state in zip(("RA-1", "RA-2", "RA-3"), states, strict=True):
            ids |= open_cases(store, director, [student], 2024, state, at=NOW, comment="faltou").new
        for way, is_reached in ((ContactWay.phone, False), (ContactWay.visit, True)):
            contact = Contact(today - timedelta(5), way, ContactPerson.guardian, is_reached, "vem na quinta")
            record_entry(store, ana, ids["RA-2"], EntryKind.contact, contact.details(), at=NOW)
        record_entry(store, ana, ids["RA-2"], EntryKind.note, note_details("uma perda"), at=NOW, is_restricted=True)
        with store.engine.begin() as connection:
            connection.execute(pupil_years.insert(), [year_row(2025, "RA-2", "3B", 1)])
            connection.execute(pupil_answers.insert(), [answer_row("next-year", 2024, "RA-2", "3B", 0.6)])
        yield address, f"/cases/{ids['RA-1']}"


def address_of(school: tuple[str, str], path: str) -> str:
    return school[0] + (school[1] if path == "case" else path)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the wanted element has the focus, as somebody without a mouse does."""
    for _ in range(90):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


def test_a_case_is_worked_on_by_the_keyboard_alone(chromium: Browser, school: tuple[str, str]) -> None:
    with opened(chromium, locale="pt-BR") as page:
        page.goto(f"{school[0]}/cases")
        tab_to(page, f"a[href='{school[1]}']")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{school[1]}")
        tab_to(page, "#way")
        page.keyboard.type("em v")
        tab_to(page, "#person")
        page.keyboard.press("ArrowDown")
        tab_to(page, "#agreed")
        page.keyboard.type("a mãe vem na quinta")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("status").wait_for()
        assert page.get_by_text("Combinado: a mãe vem na quinta").is_visible()
        assert page.get_by_text(re.compile("Contato em .*, em visita")).first.is_visible()
        tab_to(page, "#step")
        page.keyboard.type("plano")
        tab_to(page, "input[value=tutoring]")
        page.keyboard.press("Space")
        tab_to(page, "input[name=by-tutoring]")
        page.keyboard.type("Prof. João")
        tab_to(page, "#comment")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("A mudança foi registrada").wait_for()
        assert page.locator(".steps [aria-current=step]").inner_text() == "plano"
        assert page.get_by_text("tutoria (Prof. João)").first.is_visible()


def test_a_list_is_chosen_and_changed_by_the_keyboard(chromium: Browser, school: tuple[str, str]) -> None:
    with opened(chromium, locale="pt-BR") as page:
        page.goto(f"{school[0]}/cases")
        tab_to(page, "input[name=case]")
        page.keyboard.press("Space")
        tab_to(page, ".bulk summary")
        page.keyboard.press("Enter")
        tab_to(page, "#b-owner")
        page.keyboard.type("Dora")
        tab_to(page, ".bulk button")
        page.keyboard.press("Enter")
        page.get_by_role("status").wait_for()
        assert page.get_by_text("Casos mudados: 1.").is_visible()


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_axe_finds_nothing_on_pages_of_cases(
    chromium: Browser, school: tuple[str, str], size: tuple[int, int], scheme: Any
) -> None:
    with opened(chromium, size, color_scheme=scheme) as page:
        for path in PATHS:
            page.goto(address_of(school, path))
            page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
            assert_accessible(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path


def test_a_refusal_is_read_out_and_breaks_nothing(chromium: Browser, school: tuple[str, str]) -> None:
    with opened(chromium, PHONE, locale="pt-BR") as page:
        page.goto(address_of(school, "case"))
        page.locator("#text").fill("ligar 98765-4321")
        page.get_by_role("button", name="Registrar a anotação").click()
        assert "telefone" in page.get_by_role("alert").inner_text()
        assert page.locator("#text").input_value() == "ligar 98765-4321"
        assert_accessible(page)


@pytest.mark.parametrize("media", ["screen", "print"])
def test_the_meetings_sheet_has_room_to_write(chromium: Browser, school: tuple[str, str], media: Any) -> None:
    with opened(chromium, DESKTOP) as page:
        page.emulate_media(media=media)
        page.goto(f"{school[0]}/meeting/print")
        rooms = [cell.bounding_box() for cell in page.locator(".meeting td.blank").all()]
        assert rooms
        assert all(room is not None and room["width"] > 150 and room["height"] > 30 for room in rooms)


def test_the_sheet_of_a_meeting_is_one_page_of_paper(chromium: Browser, school: tuple[str, str]) -> None:
    with opened(chromium, locale="pt-BR") as page:
        page.goto(f"{school[0]}/meeting/print")
        assert len(re.findall(rb"/Type ?/Page[^s]", page.pdf(format="A4"))) == 1
        page.emulate_media(media="print")
        assert not page.get_by_role("link", name="Voltar").is_visible()
        assert page.get_by_text("Impresso por Dora Dias").is_visible()
