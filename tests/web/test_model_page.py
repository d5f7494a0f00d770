"""The page about a model for people, and the glossary: numbers of ten pupils, and words without codes."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from farol.model.registry import Registry
from tests.bundles import make_bundle
from tests.web.conftest import serving
from tests.web.sent import main_text
from tests.web.site import figures, settings_in


def text(pt: str, en: str) -> dict[str, str]:
    return {"pt": pt, "en": en}


def figure(value: float | None) -> dict[str, object]:
    return {"value": value, "low": value, "high": value, "evidence": "sufficient"}


def gap(measure: str, *, shown: bool) -> dict[str, object]:
    titles = {"most_title": text("menina", "girl"), "least_title": text("menino", "boy")}
    return {"measure": measure, "shown": shown, "value": 0.2, "low": 0.1, "high": 0.3, **titles}


def division(title: str, *gaps: dict[str, object]) -> dict[str, object]:
    measured = {name: figure(0.5) for name in MEASURES}
    group = {"title": text("menina", "girl"), "n": 44, **measured, "precision": figure(None)}
    return {"column": "sex", "title": text(title, title), "gaps": gaps, "groups": [group]}


MEASURES = ("recall", "precision", "false_positive_rate", "calibration")
TOP = {"k": 20, "n": 100, "by_chance": 8.0, "precision": {"value": 0.7}}
REPORT: dict[str, object] = {
    "test": figures(0.8, 0.7, 0.9),  # of which `figures` makes a recall of 0.7
    "groups": {"onset": figures(0.5, 0.4, 0.6), "recovery": figures(0.9, 0.8, 1.0)},
    "capacity": {"lists": {"all": TOP}},
    "fairness": {
        "measures": {name: text(f"Medida {name[0]}", name) for name in MEASURES},
        "divisions": [
            division("Sexo", *(gap(measure, shown=True) for measure in MEASURES)),
            division("Escola", *(gap(measure, shown=False) for measure in MEASURES)),
        ],
    },
    "notes": [text("Uma nota.", "A note.")],
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page in Portuguese of a model whose report is REPORT."""
    settings = settings_in(tmp_path_factory.mktemp("model"))
    Registry(settings.artifacts).promote("next-year", make_bundle(settings.artifacts, "next-year", report=REPORT).name)
    with serving(settings) as address:
        return httpx.get(f"{address}/models/next-year/about", headers={"Accept-Language": "pt-BR"}, timeout=30).text


def test_the_page_says_how_often_it_is_right(page: str) -> None:
    words = main_text(page)
    assert "7 de cada 10 alunos no topo da lista terminaram em defasagem" in words
    assert "8 de cada 10 alunos apontados terminaram em defasagem; os outros foram alarmes falsos" in words
    assert "7 de cada 10 alunos que terminaram em defasagem tinham sido apontados; os outros não" in words
    assert "A lista do teste tinha 20 de 100 alunos. Em uma lista sorteada, 4 de cada 10 terminariam" in words


def test_new_and_staying_cases_are_counted_apart(page: str) -> None:
    words = main_text(page)
    assert "Hoje não estão em defasagem: podem ficar 300 5 de cada 10 4 de cada 10" in words
    assert "Hoje estão em defasagem: podem continuar 300 9 de cada 10 8 de cada 10" in words


def test_calibration_has_a_row_for_each_band(page: str) -> None:
    table = page.partition('id="calibration"')[2].partition("</table>")[0]
    assert re.findall(r'data-label="Alunos">(\d+)<', table) == ["30"] * 6
    assert re.findall(r'scope="row">(.+?)<', table)[:2] == ["0% a 10%", "10% a 30%"]
    assert table.count('<span class="status none">') == 6


def test_every_division_has_a_verdict_in_words(page: str) -> None:
    fair = page.partition('id="fair"')[2].partition('id="limits"')[0]
    assert re.findall(r'<header>.+?<span class="status (\w+)">', fair) == ["moderate", "none"]
    words = unescape(fair)
    assert "Deixa de apontar mais alunos de “menino” do que de “menina”." in words
    assert "Dá mais alarmes falsos para “menina” do que para “menino”." in words
    assert words.count("Não se viu diferença que o acaso não explique.") == 1
    for code in ("false_positive_rate", "None", "nan", "{"):
        assert code not in words


def test_a_model_without_a_report_still_has_a_page(web: httpx.Client) -> None:
    for task in ("current", "next-year"):
        assert web.get(f"/models/{task}/about").status_code == 200


def test_no_page_is_about_a_model_that_is_not_served(web: httpx.Client) -> None:
    assert web.get("/models/nowhere/about").status_code == 404


def test_the_glossary_explains_in_both_languages(web: httpx.Client) -> None:
    pages = [web.get("/glossary", params={"lang": tag}).text for tag in ("pt-BR", "en")]
    anchors = [set(re.findall(r'<div id="([a-z-]+)"', page)) for page in pages]
    assert anchors[0] == anchors[1]
    assert len(anchors[0]) > 10
    shown = re.findall(r"<dt>(.+?)</dt>", pages[0])
    assert shown == sorted(shown, key=str.casefold)
