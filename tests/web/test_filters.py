"""Which pupils, against whom, and when: what the drift page lets its reader choose, and what becomes of the choice."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from farol.accounts.viewer import NOBODY_IN_PARTICULAR
from farol.advice.phrases import dashboard
from farol.drift.report import drift_report
from farol.drift.windows import parse_window
from farol.i18n import msg
from farol.model.bundle import read_bundle
from farol.store.database import Store
from farol.store.records import day_of
from farol.web.dashboard import _notes
from farol.web.filters import Filters, between, own_version, slice_choices, window_choices
from farol.web.locale import Reader
from farol.web.wording import linked
from tests.bundles import make_bundle

PAGE = "/monitoring/dashboard"
EN = Reader("en", True, ZoneInfo("America/Sao_Paulo"))
NOON = datetime(2026, 3, 9, 15, tzinfo=UTC)


def shown(web: httpx.Client, **asked: str) -> str:
    answer = web.get(PAGE, params={"lang": "en", **asked})
    assert answer.status_code == 200
    return answer.text


def options(page: str, name: str) -> dict[str, str]:
    """Value → label of the options of a list."""
    inside = page.partition(f'<select id="{name}"')[2].partition("</select>")[0]
    return {unescape(value): label for value, label in re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)<', inside)}


def plainly(page: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", page))


def test_slices_are_offered_with_counts_in_order(web: httpx.Client) -> None:
    result = options(shown(web), "slice")
    assert result[""] == "All pupils (600)"
    assert list(result)[-3:] == ["class=9B", "class=10A", "source=simulation"]
    assert result["class=10A"] == "Class 10A (300)"
    counts = [int(label.rpartition("(")[2].rstrip(")")) for name, label in result.items() if name.startswith("phase=")]
    assert len(counts) > 5
    assert sum(counts) <= 600, "a tenth of the pupils has no phase"
    assert list(options(shown(web, window="7d@2020-01-01"), "slice")) == [""]


@pytest.mark.parametrize(
    "asked", [{"slice": "phase=3"}, {"slice": "class=9B"}, {"slice": "source=simulation"}, {"same_levels": "true"}]
)
def test_the_page_shows_what_the_api_says_of_the_same_choice(web: httpx.Client, asked: dict[str, str]) -> None:
    report = web.get("/monitoring/drift", params={"task": "next-year", "lang": "en", **asked}).json()
    page = plainly(shown(web, task="next-year", **asked))
    assert f"Predictions in the period{report['n']}" in page
    reference = report["reference"]
    assert f"Compared with{reference['rows']}: {reference['n']}, of 2022" in page
    assert f", compared with: {reference['rows']}." in page
    for each in report["features"]:
        assert f"{each['psi']:.3f} (" in page


def test_a_slice_is_named_and_has_no_history_of_all_pupils(web: httpx.Client) -> None:
    whole, part = shown(web), shown(web, slice="phase=3")
    assert "<strong>PSI of each snapshot</strong>" in whole
    assert "<strong>PSI of each snapshot</strong>" not in part
    words = plainly(part)
    for sentence in (
        "Verdict: phase 3",
        "Shown here: phase 3, ",
        "training rows of phase 3",
        "a check of its own",
        "History of all pupils",
        "Store a snapshot of all pupils now",
    ):
        assert sentence in words
        assert sentence not in plainly(whole)
    assert "Verdict against the same levels" in plainly(shown(web, same_levels="1"))


def test_filters_are_kept_by_language_button_and_way_back(web: httpx.Client) -> None:
    page = unescape(shown(web, task="next-year", window="90d", slice="class=9B", taken="1"))
    kept = "task=next-year&window=90d&slice=class%3D9B"
    assert f'href="{PAGE}?{kept}&lang=pt-BR"' in page, "`taken` is said once"
    assert f'action="{PAGE}/snapshot?{kept}&lang=en"' in page
    assert 'href="/monitoring/advice?window=90d&lang=en"' in page
    same = {"Sec-Fetch-Site": "same-origin"}
    back = web.post(f"{PAGE}/snapshot?{kept}&lang=en", headers=same)
    assert back.headers["location"] == f"{PAGE}?{kept}&taken=1&lang=en"
    back = web.post(f"{PAGE}/snapshot?task=next-year&window=90d&same_levels=1", headers=same)
    assert back.headers["location"] == f"{PAGE}?task=next-year&window=90d&same_levels=1&taken=1"


def test_a_slice_without_predictions_says_so_and_where_to_go_on(web: httpx.Client) -> None:
    page = shown(web, slice="class=<b>8</b>", window="7d")
    assert "so there is nothing to compare" in page
    assert "of class &lt;b&gt;8&lt;/b&gt;" in page
    assert "<b>8</b>" not in page
    assert "Insufficient data" not in page
    assert "Class <b>8</b> (0)" in [unescape(label) for label in options(page, "slice").values()]
    links = re.findall(rf'<li><a href="({PAGE}[^"]*)"', page.partition('id="overall"')[2])
    assert [unescape(link) for link in links] == [
        f"{PAGE}?task=next-year&window=all&slice=class%3D%3Cb%3E8%3C%2Fb%3E&lang=en",
        f"{PAGE}?task=next-year&window=7d&lang=en",
    ]


@pytest.mark.parametrize("part", ["nonsense", "phase=", "=3", "colour=red"])
def test_an_invalid_slice_gets_a_page_with_examples(web: httpx.Client, part: str) -> None:
    answer = web.get(PAGE, params={"lang": "en", "slice": part})
    assert answer.status_code == 422
    assert "This is not a slice of the predictions." in answer.text
    assert "one of source, class, phase, then = and a value" in answer.text


def test_what_does_not_go_together_is_dropped_and_said(web: httpx.Client) -> None:
    both = shown(web, slice="phase=3", same_levels="1")
    assert "applies only to all pupils together" in both
    assert "Verdict: phase 3" in both
    nobody = shown(web, window="7d@2020-01-01", same_levels="1")
    assert "No pupil of this period is in a level that the model learned from" in nobody
    assert "Compared with</dt><dd>all training rows: " in nobody
    assert "same_levels" not in unescape(nobody).partition('method="post"')[2].partition(">")[0]


def test_pupils_without_a_known_phase_are_counted_apart(web: httpx.Client) -> None:
    report = web.get("/monitoring/drift", params={"task": "next-year", "same_levels": "true"}).json()
    assert report["n"] < 600
    assert f"one that training did not have: {600 - report['n']}." in shown(web, same_levels="1")
    asked = Filters(same_levels=True)
    assert list(_notes(asked, asked, EN, left_out=0, of_sheet=0)) == []
    assert "562" in next(_notes(asked, asked, EN, left_out=0, of_sheet=562))


@pytest.mark.parametrize(
    ("first", "last", "window"),
    [
        ("", "", "90d"),
        ("2026-03-01", "2026-03-02", "2026-03-01..2026-03-02"),
        ("2026-03-01", "", "2026-03-01..2026-03-09"),
        ("", "2026-03-02", "all@2026-03-02"),
    ],
)
def test_days_that_are_filled_in_count_before_the_list(first: str, last: str, window: str) -> None:
    assert between("90d", first, last, NOON) == window
    assert parse_window(window, now=NOON).name == window


def test_the_form_leads_to_an_address_that_says_what_is_shown(web: httpx.Client) -> None:
    sent = {"task": "next-year", "slice": "", "same_levels": "", "window": "7d", "from": "", "to": ""}
    answer = web.get(PAGE, params=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?task=next-year&window=7d")
    answer = web.get(PAGE, params={"from": "2024-05-01", "to": "2024-04-01", "same_levels": "1"})
    assert answer.headers["location"] == f"{PAGE}?window=2024-05-01..2024-04-01&same_levels=1"
    refused = web.get(f"{answer.headers['location']}&lang=en")
    assert refused.status_code == 422
    assert "This window ends before it begins." in refused.text


def test_windows_are_named_and_the_shown_one_is_among_them(web: httpx.Client) -> None:
    result = options(shown(web, window="30d@2024-03-09"), "window")
    assert result["30d@2024-03-09"] == "2024-02-09 to 2024-03-09"
    year = day_of(datetime.now(UTC)).year
    assert result[f"year:{year}"] == f"School year {year}"
    since = next(value for value in result if value.startswith("since:"))
    page = shown(web, window=since)
    assert "Predictions in the period</dt><dd>600<" in page
    assert 'href="/monitoring/advice?lang=en"' in page, "a version is no window of all models"
    other = unescape(shown(web, window=since, task="current"))
    assert since not in other, "another question has a version of its own"
    assert "Predictions in the period</dt><dd>12<" in other


def test_school_years_begin_with_the_first_answer_ten_at_most(tmp_path: Path) -> None:
    bundle = read_bundle(make_bundle(tmp_path))

    class Remembers(Store):
        def __init__(self, first: date | None) -> None:
            self._first = first

        def first_day(self, task: str, version: str) -> date | None:
            assert (task, version) == (bundle.task, bundle.version)
            return self._first

    def years(first: date | None) -> list[str]:
        window = parse_window("all", now=NOON)
        result = window_choices(window, bundle, Remembers(first), NOON, EN)
        assert [each.value for each in result if each.selected] == ["all"]
        return [each.value for each in result if ":" in each.value]

    assert years(None) == []
    assert years(date(2024, 12, 31)) == ["year:2026", "year:2025", "year:2024", f"since:{bundle.version}"]
    assert [years(date(1999, 1, 1))[at] for at in (0, 9)] == ["year:2026", "year:2017"]
    assert len(years(date(1999, 1, 1))) == 11


def test_since_another_tasks_version_becomes_since_its_own(tmp_path: Path) -> None:
    mine, other = read_bundle(make_bundle(tmp_path)), read_bundle(make_bundle(tmp_path, "next-year"))
    served = {each.task: each for each in (mine, other)}
    assert own_version(f"since:{other.version}", mine, served) == f"since:{mine.version}"
    for kept in (f"since:{mine.version}", "since:2020-0123456789", "30d", other.version):
        assert own_version(kept, mine, served) == kept


def test_a_school_names_its_own_level(tmp_path: Path) -> None:
    bundle = read_bundle(make_bundle(tmp_path))
    groups = slice_choices("class=2B", {"": 3, "phase=2": 3, "colour=red": 1}, bundle, EN)
    assert [(each.label, [choice.label for choice in each.options]) for each in groups] == [
        ("By phase", ["Phase 2 (3)"]),
        ("By class", ["Class 2B (0)"]),
    ]


def test_advice_leads_to_the_slice_it_speaks_of(tmp_path: Path) -> None:
    bundle = read_bundle(make_bundle(tmp_path))
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as store:
        drift = drift_report(store, bundle, parse_window("30d@2024-03-09", now=NOON + timedelta(days=1)))
    words = dashboard(drift, "class=8 B&<")
    assert str(words) == f"See {PAGE}?task=current&window=30d@2024-03-09&slice=class=8%20B%26%3C"
    link = str(linked(str(words), EN, NOBODY_IN_PARTICULAR))
    assert '<a href="/monitoring/dashboard?task=current&amp;window=30d%402024-03-09&amp;slice=class%3D8+B%26%3C' in link
    assert link.endswith(">Monitoring: class 8 B&amp;&lt;</a>")
    levels = str(linked(str(dashboard(drift, same_levels=True)), EN, NOBODY_IN_PARTICULAR))
    assert "&amp;same_levels=1&amp;lang=en" in levels
    results = msg(
        "Read /monitoring/results: if help worked, right warnings look wrong, and the share at risk counts too."
    )
    assert '<a href="/monitoring/results?lang=en">Results</a>:' in linked(str(results), EN, NOBODY_IN_PARTICULAR)
