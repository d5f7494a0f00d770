"""The card is one file that needs nothing, reads in both languages and says what it must not be taken for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from farol.files import style_sources
from farol.model.trained import TrainedModel
from farol.training.train import train
from farol.workbook.panel import Panel

TASKS = ("current", "next-year")
Trained = Mapping[str, TrainedModel]


class Outline(HTMLParser):
    """Tags with their attributes, and whether every one opened is closed."""

    VOID = ("meta", "br", "link", "img", "input")

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(params=TASKS)
def card(request: pytest.FixtureRequest, trained: Trained) -> str:
    return trained[request.param].files["card.html"].decode()


def outline(card: str) -> Outline:
    parsed = Outline()
    parsed.feed(card)
    assert parsed.open == []
    return parsed


def test_the_card_is_self_contained_and_runs_nothing(card: str) -> None:
    tags = outline(card).tags
    assert not {tag for tag, _ in tags} & {"script", "link", "iframe", "img", "object"}
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in tags)
    assert not re.search(r"url\((?!#)|@import|javascript:|\sstyle=|unsafe-inline", card)
    (policy,) = (attrs["content"] for tag, attrs in tags if tag == "meta" and "http-equiv" in attrs)
    assert policy == f"default-src 'none'; style-src {style_sources(card)}"
    assert policy.count("'sha256-") == 1


def test_the_card_speaks_portuguese_then_english(card: str) -> None:
    articles = [attrs["lang"] for tag, attrs in outline(card).tags if tag == "article"]
    assert articles == ["pt-BR", "en"]
    portuguese, english = card.split('<article id="en"')
    assert "O quanto ele acerta" in portuguese
    assert "How good it is" in english
    assert "How good it is" not in portuguese
    assert re.search(r"<td class=\"value\">\d,\d{3}", portuguese)
    assert re.search(r"<td class=\"value\">\d\.\d{3}", english)


def test_every_figure_has_words_and_every_identifier_is_its_own(card: str) -> None:
    tags = outline(card).tags
    figures = [attrs for tag, attrs in tags if attrs.get("role") == "img"]
    assert len(figures) == 8
    assert all(len(attrs["aria-label"] or "") > 60 for attrs in figures)
    identifiers = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(identifiers) == len(set(identifiers))


def test_the_card_holds_no_time_stamp(card: str) -> None:
    assert not re.search(r"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", card)


def test_the_card_shows_the_reports_figures(trained: Trained) -> None:
    card = trained["next-year"].files["card.html"].decode()
    figure: Any = trained["next-year"].headline["roc_auc"]
    assert f"{figure:.3f}".replace(".", ",") in card
    assert "Farol, those at risk now" in card
    current = trained["current"].files["card.html"].decode()
    assert "Farol without IAN" in current
    report = json.loads(trained["current"].files["report.json"])
    measured = report["bands_without"]["bands"][-1]["expected"]
    assert f"{measured['low']:.0%} – {measured['high']:.0%}" in current
    assert "as much as usual, without “Adequacy to the level”" in current
    assert "1 de 9 informações" in current


def test_the_card_says_whether_it_may_be_used_and_how(trained: Trained) -> None:
    for name, words in (("next-year", "Supera todas as respostas simples"), ("current", "definição da resposta")):
        portuguese = trained[name].files["card.html"].decode().split('<article id="en"')[0]
        assert words in portuguese
        assert portuguese.index("Pode ser usado?") < portuguese.index("O que fazer com ele") < 12_000


def test_a_hidden_division_is_never_called_fair(card: str) -> None:
    english = card.split('<article id="en"')[1]
    assert "insufficient evidence" in english
    assert "does not prove that there is no difference" in english
    for word in ("passed", "fair ", "unbiased"):
        assert word not in english


def test_a_hasty_card_says_so(panel: Panel) -> None:
    model = train(panel, "next-year", quick=True)
    card = model.files["card.html"].decode()
    assert "Treino rápido (--quick)" in card
    assert "left out by --quick" in card


def test_a_model_that_may_not_be_served_says_so(trained: Trained, panel: Panel) -> None:
    asked = panel.year == panel.years[-2]
    turned = replace(panel, next_label=np.where(asked, 1 - panel.next_label, panel.next_label))
    card = train(turned, "next-year", quick=True).files["card.html"].decode()
    assert "Só com a opção --force" in card
    assert "It does not beat this simple answer: Who is at risk now stays at risk." in card
    assert "Só com a opção --force" not in trained["next-year"].files["card.html"].decode()


def test_the_portuguese_card_speaks_a_teachers_words(card: str) -> None:
    portuguese = card.split('<article id="en"', maxsplit=1)[0]
    unread = r"<svg.*?</svg>|<style.*?</style>|<code>.*?</code>|<small>.*?</small>|<[^>]+>"
    text = re.sub(unread, " ", portuguese, flags=re.DOTALL)
    assert not re.findall(r"\b(lag|phase|ideal_phase|years_in_programme|p_pass\w*|school_type|sex)\b", text)
    assert not re.findall(r"(?i)\bpredi(?:ção|ções|to)\b|\bservid[oa]s?\b|⇔", text)
    assert not re.findall(r"\b0\.\d|\d\.\d(?!\d\d\b)", text)  # a point only between thousands
    assert "Fase no programa (0 = ALFA): 3" in text


def test_thousands_are_written_with_their_sign(trained: Trained, reports: Mapping[str, dict[str, Any]]) -> None:
    for name, report in reports.items():
        portuguese, english = trained[name].files["card.html"].decode().split('<article id="en"')
        n = report["served"]["n"]
        assert n >= 1000
        assert f"{n:,}".replace(",", ".") in portuguese
        assert f"{n:,}" in english
        for card in (portuguese, english):
            text = re.sub(r"<style.*?</style>|<svg.*?</svg>|<code.*?</code>|<[^<>]*>", "\n", card, flags=re.DOTALL)
            assert set(re.findall(r"(?<![\d.,-])\d{4,}(?![\d-])", text)) <= {"2019", "2022", "2023", "2024"}
        texts = json.dumps([report["notice"], report["notes"]], ensure_ascii=False)
        assert set(re.findall(r"(?<![\d.,])\d{4,}", texts)) <= {"2022", "2023", "2024"}
