"""A real Chromium from the empty site to the lists, with script and without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.played import promoted
from tests.web.conftest import serving
from tests.web.site import settings_in


@pytest.fixture
def site_address(tmp_path: Path) -> Iterator[str]:
    settings = settings_in(tmp_path)
    promoted(settings.artifacts)
    with serving(settings) as address:
        yield address


@pytest.mark.parametrize("javascript", [True, False])
def test_a_file_that_is_too_large_is_answered(tmp_path: Path, chromium: Browser, javascript: bool) -> None:
    book = tmp_path / "PEDE2024.csv"
    book.write_bytes(b"RA;Fase\n" * 1_750_000)
    context = chromium.new_context(java_script_enabled=javascript, locale="pt-BR")
    with serving(settings_in(tmp_path, max_workbook_bytes=8_000_000)) as address:
        page = context.new_page()
        page.goto(f"{address}/workbooks?lang=pt-BR")
        page.set_input_files("input[type=file]", book)
        page.get_by_role("button", name="Enviar e conferir").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Isto é grande demais")
        expect(page.get_by_text("Retire as abas")).to_be_visible()
    context.close()


def walk(page: Page, address: str, workbook: Path) -> None:
    """From the page of workbooks to the end of the job, as a reader does it."""
    page.goto(f"{address}/workbooks?lang=pt-BR")
    page.set_input_files("input[type=file]", workbook)
    page.get_by_role("button", name="Enviar e conferir").click()
    page.get_by_role("button", name="Aceitar e fazer as listas").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pronto: as listas estão feitas", timeout=300_000)
    assert page.get_by_role("link", name="Ver a lista de alunos").get_attribute("href") == "/pupils?lang=pt-BR"


@pytest.mark.parametrize("javascript", [True, False])
def test_a_workbook_leads_to_the_lists(
    site_address: str, chromium: Browser, sample_workbook: Path, javascript: bool
) -> None:
    context = chromium.new_context(java_script_enabled=javascript, locale="pt-BR")
    page = context.new_page()
    failures: list[str] = []
    page.on("console", lambda message: failures.append(message.text) if message.type == "error" else None)
    walk(page, site_address, sample_workbook)
    assert failures == []
    context.close()


BROKEN = """() => [
    ...document.querySelectorAll('main table:not(.stack) :is(td.num, th.num, th.year), .kinds li > span')]
  .flatMap(cell => [...cell.textContent.matchAll(/[^\\s\\/]+/g)].filter(word => {
    const range = document.createRange();
    range.setStart(cell.firstChild, word.index);
    range.setEnd(cell.firstChild, word.index + word[0].length);
    return new Set([...range.getClientRects()].map(line => line.top)).size > 1;
  }).map(word => word[0]))"""


def test_on_a_telephone_no_number_and_no_name_is_broken(
    site_address: str, chromium: Browser, sample_workbook: Path
) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 740}, locale="pt-BR")
    page = context.new_page()
    page.goto(f"{site_address}/workbooks?lang=pt-BR")
    page.set_input_files("input[type=file]", sample_workbook)
    page.get_by_role("button", name="Enviar e conferir").click()
    page.get_by_role("button", name="Aceitar e fazer as listas").wait_for()
    assert page.locator("th.year").all_inner_texts() == ["2022", "2023", "2024"]
    assert page.evaluate(BROKEN) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.goto(f"{site_address}/administration/support?lang=pt-BR")
    assert page.locator(".kinds li").count() > 3
    assert page.evaluate(BROKEN) == []
    context.close()
