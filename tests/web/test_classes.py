"""The page of all classes: a row each, in parts, by pages; as short for eighty classes as it can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from farol.settings import Settings
from farol.store.database import Store
from tests.bundles import put_into_use
from tests.school.invented import TASK, answer, fill
from tests.web.conftest import serving
from tests.web.site import settings_in

SCREENS = 8
"""Heights of a phone's screen that eighty classes may take."""


def served(folder: Path, rows: list[dict[str, object]]) -> Settings:
    settings = settings_in(folder)
    put_into_use(settings.artifacts, TASK)
    with Store.open(settings.store_url) as store:
        fill(store, rows)
    return settings


def rooms(n: int, **values: object) -> list[dict[str, object]]:
    """Six pupils of each of `n` classes in nine levels, one class after the other with a higher risk."""
    return [
        answer(
            f"RA-{room}-{number}",
            **{"class": f"{room % 9}{chr(65 + room // 9 % 26)}{room // 234 or ''}", "level": float(room % 9)},
            probability=round(0.05 + 0.9 * room / n, 3),
            at_risk_now=number % 2,
            **values,
        )
        for room in range(n)
        for number in range(6)
    ]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A school with 240 classes."""
    with serving(served(tmp_path_factory.mktemp("rooms"), rooms(240))) as url:
        yield url


def shown(address: str, **asked: str) -> tuple[str, list[str], list[str]]:
    """The page, its classes and its headings."""
    text = httpx.get(f"{address}/classes", params={"lang": "pt-BR", **asked}, timeout=60).text
    classes = re.findall(r"/classes/one\?class=(\w+)", text)
    headings = re.findall(r'scope="rowgroup">(.*?)</th>', text)
    return text, classes, [unescape(re.sub(r"<.*?>", "", heading)) for heading in headings]


def test_every_class_stands_on_one_page_in_its_part(address: str) -> None:
    pages = [shown(address, page=str(page)) for page in (1, 2, 3)]
    classes = [name for _, names, _ in pages for name in names]
    assert [len(names) for _, names, _ in pages] == [100, 100, 40]
    assert len(set(classes)) == 240
    assert [int(name[0]) for name in classes] == sorted(int(name[0]) for name in classes)
    assert pages[0][2][0].startswith("Fase 0 turmas: 27, alunos: 162, esperados em defasagem: ")
    assert pages[1][2][0].startswith("Fase 3 turmas: 27"), "the part continues, and its figures are those of all of it"
    assert "Página 2 de 3" in pages[1][0]
    assert shown(address, page="9")[1] == pages[2][1]
    assert len(pages[0][0]) < 100_000


def test_classes_are_picked_searched_and_sorted(address: str) -> None:
    assert {name[0] for name in shown(address, level="3")[1]} == {"3"}
    assert shown(address, q="7b")[1] == ["7B"]
    first = shown(address, order="risk")[1]
    shares = [int(name[0]) + 9 * (ord(name[1]) - 65) + 234 * int(name[2:] or 0) for name in first]
    assert shares == sorted(shares, reverse=True)
    assert "Nenhuma turma corresponde" in shown(address, q="nowhere")[0]


def test_looking_for_a_class_changes_no_other_figure(address: str) -> None:
    def compared(page: str) -> list[str]:
        return re.findall(r"Com lugar para.*?</p>|Escolher turmas.*?</p>", page, re.DOTALL)

    every = compared(shown(address)[0])
    assert len(every) == 2
    assert compared(shown(address, q="7b")[0]) == every


def test_several_schools_are_the_parts(tmp_path: Path) -> None:
    rows = rooms(4, school="Escola Azul") + [
        row | {"student": f"B{row['student']}", "class": f"B{row['class']}"} for row in rooms(3, school="Escola Branca")
    ]
    with serving(served(tmp_path, rows)) as address:
        _, classes, headings = shown(address)
    assert classes == ["0A", "1A", "2A", "3A", "B0A", "B1A", "B2A"]
    assert [heading.partition(" turmas")[0] for heading in headings] == ["Escola Azul", "Escola Branca"]


@pytest.mark.browser
def test_eighty_classes_are_few_screens_of_a_phone(chromium: Browser, tmp_path: Path) -> None:
    with serving(served(tmp_path, rooms(80))) as address:
        page = chromium.new_page(viewport={"width": 360, "height": 740}, locale="pt-BR")
        page.goto(f"{address}/classes")
        height, links = page.evaluate("[document.body.scrollHeight, document.querySelectorAll('tbody a').length]")
        page.close()
    assert links == 80
    assert height < SCREENS * 740


def test_of_thousands_of_classes_one_is_typed(tmp_path: Path) -> None:
    rows = [answer(f"RA-{room}", **{"class": f"T{room}"}) for room in range(1_000)]
    with serving(served(tmp_path, rows)) as address:
        page = httpx.get(f"{address}/pupils", params={"by": "all", "class": "T17", "show": "all"}, timeout=30).text
        every = httpx.get(f"{address}/pupils", params={"by": "all"}, timeout=30)
    assert '<input id="class" name="class" value="T17" maxlength="100">' in page
    assert 'href="/pupils/RA-17"' in page
    assert 'href="/pupils/RA-18"' not in page
    assert len(every.content) < 130_000
