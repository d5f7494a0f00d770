"""The pictures of docs/guia.md: a school's way through the pages in Chromium, into docs/images/guia.

Run with the project's environment: `python -m scripts.guide_pictures`. It starts from nothing, sends the sample
workbook as a coordinator would, trains, and looks at each page; that takes two or three minutes. Every pupil is
invented.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from farol.settings import Settings
from farol.workbook.sample import write_sample
from tests.browser import chromium_browser
from tests.web.conftest import serving

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images" / "guia"
MOST_BYTES = 600_000
"""Of all pictures together."""
TRAINING_MS = 300_000


def walk(page: Page, address: str, workbook: Path) -> None:
    """Every step of the guide, with its picture."""
    page.goto(address)
    take(page, "1-primeira-pagina")
    page.goto(f"{address}/workbooks")
    page.set_input_files("input[type=file]", workbook)
    take(page, "2-enviar-planilha")
    page.get_by_role("button", name="Enviar e conferir").click()
    page.wait_for_url("**/workbooks/*")
    take(page, "3-conferir")
    page.locator("form", has=page.locator("input[name=kind][value=train]")).get_by_role("button").click()
    page.wait_for_url("**/jobs/*")
    expect(page.locator("#share")).to_have_attribute("value", re.compile(r"[1-9]\d"), timeout=TRAINING_MS)
    take(page, "4-treinar")
    expect(page.get_by_role("link", name="Ver a lista de alunos")).to_be_visible(timeout=TRAINING_MS)
    take(page, "5-pronto")
    page.goto(f"{address}/pupils")
    take(page, "6-lista")
    page.goto(f"{address}/classes")
    page.locator("#table").evaluate("heading => heading.scrollIntoView({behavior: 'instant'})")
    take(page, "7-turmas")
    page.goto(f"{address}/pupils")
    page.locator("main a[href^='/pupils/']:not([href*='print'])").first.click()
    take(page, "8-aluno")
    page.get_by_text("Abrir um caso").first.click()
    page.locator("form[action$='/cases'] button[type=submit]").last.click()
    page.wait_for_url("**/cases/*")
    take(page, "9-caso")
    for name, path in (
        ("10-prazos", "/cases/due"),
        ("11-modelo", "/models/next-year/about"),
        ("12-administracao", "/administration"),
    ):
        page.goto(address + path)
        take(page, name)


def take(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.jpg", type="jpeg", quality=55)


def main() -> None:
    """Make the pictures anew; a failure where they are too heavy for a repository."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        workbook = write_sample(place / "planilha.xlsx")
        settings = Settings(data=place / "data", artifacts=place / "artifacts")
        with serving(settings) as address, chromium_browser() as browser:
            page = browser.new_page(viewport={"width": 1000, "height": 760}, locale="pt-BR")
            walk(page, address, workbook)
    weight = sum(file.stat().st_size for file in IMAGES.glob("*.jpg"))
    if weight > MOST_BYTES:
        raise SystemExit(f"{weight} bytes of pictures, at most {MOST_BYTES}")
    print(f"{weight} bytes of pictures in {IMAGES}")


if __name__ == "__main__":
    main()
