"""The small parts of the pages: numbers and dates of a reader, charts, what a report or a snapshot may lack."""

from __future__ import annotations

import math
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from playwright.sync_api import Browser

from farol.drift.report import check
from farol.drift.windows import parse_window
from farol.model.bundle import read_bundle
from farol.web import charts
from farol.web.charts import Bar, Mark, Span, distribution, history, spans
from farol.web.dashboard import _words
from farol.web.home import counted
from farol.web.locale import Reader
from tests.bundles import make_bundle

ZONE = ZoneInfo("America/Sao_Paulo")
PT, EN = Reader("pt_BR", False, ZONE), Reader("en", True, ZONE)
NEW_YEAR = datetime(2025, 1, 1, 1, 30, tzinfo=UTC)


def test_numbers_are_written_as_the_reader_does() -> None:
    assert [PT.number(1234.5), EN.number(1234.5)] == ["1.234,50", "1,234.50"]
    assert [PT.number(1234.5, 0), EN.number(7, 0)] == ["1.234", "7"]
    assert [PT.percent(0.1234, 1), EN.percent(0.1234), PT.percent(1.0)] == ["12,3%", "12%", "100%"]


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_nothing_is_a_dash(nothing: float | None) -> None:
    assert PT.number(nothing) == EN.percent(nothing) == "–"


def test_the_infinite_has_a_sign() -> None:
    assert [PT.number(math.inf), PT.number(-math.inf)] == ["∞", "−∞"]


def test_times_are_those_of_the_programmes_zone() -> None:
    assert EN.moment(NEW_YEAR) == "2024-12-31, 22:30"
    assert PT.moment(NEW_YEAR) == "31/12/2024, 22:30"
    assert EN.day(date(2024, 3, 9)) == "2024-03-09"


@given(st.text())
def test_a_value_in_a_text_is_escaped(value: str) -> None:
    text = EN.gettext("workbook of {name}", name=value)
    assert isinstance(text, Markup)
    assert not set("<>\"'") & set(text)


def test_markup_in_a_text_stays_markup() -> None:
    assert EN.gettext("see {link}", link=Markup("<b>x</b>")) == "see <b>x</b>"


def test_a_link_carries_a_chosen_language_only() -> None:
    assert [PT.url("/"), EN.url("/"), PT.url("/a", b="c d")] == ["/", "/?lang=en", "/a?b=c+d"]


def test_a_distribution_draws_a_bar_and_a_mark_for_each_bin() -> None:
    drawn = distribution([Bar("até <2", 0.25, 0.5), Bar("2 ou mais", 0.75, 0.5)], "pt_BR")
    assert drawn.count('fill="#3f86a6"') == 2
    assert len(re.findall(r'<path[^>]*fill="#17222c"', drawn)) == 2
    assert "até &lt;2" in drawn
    assert "style=" not in drawn


@pytest.mark.parametrize("label", ["Área sob a curva ROC (AUC)", "sem informação", "escola municipal de ensino médio"])
def test_labels_beside_rows_are_not_cut(chromium: Browser, label: str) -> None:
    page = chromium.new_page()
    for drawn in (
        distribution([Bar(label, 0.25, 0.5), Bar("b", 0.75, 0.5)], "pt_BR"),
        spans([Span(label, (0.8, 0.9, 0.95), (0.7, 0.8, 0.9))], "pt_BR"),
    ):
        assert (label if len(label) <= 26 else "escola municipal de ensin…") in drawn
        page.set_content(drawn)
        beyond = "text => text.getBoundingClientRect().left < text.closest('svg').getBoundingClientRect().left"
        assert not any(text.evaluate(beyond) for text in page.locator("text").all())
    page.close()


def test_a_distribution_of_nothing_shows_the_training_data_alone() -> None:
    drawn = distribution([Bar("a", 0.25, None), Bar("b", 0.75, None)], "en")
    assert len(re.findall(r'<path[^>]*fill="#17222c"', drawn)) == 2


def test_a_history_names_its_first_and_last_day_and_both_bands() -> None:
    points = [(NEW_YEAR + timedelta(days=day), 0.01 * day) for day in range(10)]
    drawn = history(points, "pt_BR", ZONE)
    assert re.findall(r">([^<>]+)</text>", drawn) == ["31 dez. 24", "9 jan. 25", "0,1", "0,25"]
    assert drawn.count("stroke-dasharray") == 2


def test_a_history_of_one_snapshot_is_one_point() -> None:
    drawn = history([(NEW_YEAR, 0.4)], "en", ZONE)
    assert re.findall(r">([^<>]+)</text>", drawn) == ["31 Dec 24", "0.1", "0.25"]


def test_band_labels_do_not_overlap_beside_a_high_peak() -> None:
    drawn = history([(NEW_YEAR, 0.4), (NEW_YEAR + timedelta(days=1), 10.9)], "pt_BR", ZONE)
    assert re.findall(r">([^<>]+)</text>", drawn)[2:] == ["0,25", "10,9"]


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.884, "9 of 10"), (0.5, "5 of 10"), (0.97, "97 of 100"), (0.02, "2 of 100"), (1.0, "10 of 10")],
)
def test_a_share_is_a_count_of_ten_and_seldom_all(share: float, words: str) -> None:
    assert "{count} of {all}".format(**counted(share)) == words


def test_a_high_figure_that_chance_may_give_is_no_alarm(tmp_path_factory: pytest.TempPathFactory) -> None:
    bundle = read_bundle(make_bundle(tmp_path_factory.mktemp("chance")))
    counts = {"IAA": {0: 9, 1: 1, 2: 5, 3: 1, 4: 2, 5: 3, 6: 2, 7: 2, 8: 3, 9: 2, 10: 1}}
    report = check(bundle, counts, window=parse_window("7d", now=NEW_YEAR))
    assert report.features[0].verdict == "insufficient_data"
    assert "chance alone may give up to" in _words(report.features[0], EN)


def test_close_events_share_a_label_and_early_ones_are_left_out() -> None:
    start = datetime(2024, 5, 1, 12, tzinfo=UTC)
    points = [(start + timedelta(days=day), 0.1) for day in (0, 20)]
    marks = [Mark(start + timedelta(days=day), str(number)) for number, day in enumerate((-5, 1, 1.2, 10, 30))]
    drawn = str(history(points, "en", ZoneInfo("UTC"), marks))
    assert re.findall(r">([0-9–]+)</text>", drawn) == ["1–2", "3", "4"]
    assert "31 May 24" in drawn, "an event after the last snapshot makes the axis longer"
    alone = str(history(points[:1], "en", ZoneInfo("UTC"), [Mark(start, "1")]))
    assert re.findall(r">([0-9–]+)</text>", alone) == ["1"]


def test_many_readers_of_one_chart_wait_for_one_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred readers of one page have it drawn once."""
    drawn = []

    def draw(spec: str, _locale: str) -> str:
        drawn.append(spec)
        return '<svg viewBox="0 0 1 1"></svg>'

    monkeypatch.setattr(charts._RENDERER, "draw", draw)
    begin = Barrier(8)

    def ask(_: int) -> tuple[str, Markup]:
        begin.wait()
        return charts._rendered('{"mark": "as no page has it"}', "en")

    with ThreadPoolExecutor(8) as readers:
        assert len(set(readers.map(ask, range(8)))) == 1
    assert len(drawn) == 1
