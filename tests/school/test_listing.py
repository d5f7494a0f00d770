"""The list holds whom it should, counts what it shows, and shows nobody outside the viewer's classes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farol.evaluation.intervals import true_cases
from farol.profile import load_profile
from farol.pupils.ranking import By, ExpectedCases
from farol.school.listing import (
    NO_CASE,
    PAGE_SIZE,
    UNANSWERED,
    ListedPupil,
    ListQuery,
    ListReader,
    Order,
    every_pupil,
    pupil_page,
)
from farol.school.standings import EXACT, choose, expected_cases, natural, standings_of
from farol.store.database import Store
from farol.store.pupils import revise
from farol.store.records import microseconds
from farol.store.tables import cases, pupil_names, pupil_years
from tests.postgresql import postgresql_server, postgresql_url, store, url
from tests.school.invented import NOW, REASONS, TASK, YEAR, answer, fill, invented, known_standings, reasons

__all__ = ["postgresql_server", "postgresql_url", "store", "url"]

PROFILE = load_profile("pede")
ALL = ListReader(None)


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """300 invented pupils, only to be read."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('school') / 'farol.db'}") as opened:
        fill(opened, invented(300))
        yield opened


def listed(store: Store, query: ListQuery, reader: ListReader = ALL) -> list[ListedPupil]:
    return every_pupil(store, PROFILE, known_standings(store), query, reader)


def codes(store: Store, query: ListQuery, reader: ListReader = ALL) -> list[str]:
    return [pupil.student for pupil in listed(store, query, reader)]


def add_case(store: Store, student: str, step: str, *, year: int = YEAR, opened: int = 0) -> None:
    row = {"id": f"{student}-{year}-{opened}", "student": student, "year": year, "step": step, "owner": ""}
    row |= {"support": "[]", "opened": microseconds(NOW) + opened, "changed": microseconds(NOW), "reason": ""}
    row |= {"closed": microseconds(NOW) if step == "closed" else None}
    with store.exclusive() as connection:
        connection.execute(cases.insert(), [row])


def test_a_list_has_its_places_and_all_who_tie_with_the_last(store: Store) -> None:
    chances = [0.9, 0.8, 0.7, 0.7, 0.7, 0.2]
    fill(store, [answer(f"RA-{place}", probability=chance) for place, chance in enumerate(chances)])
    page = pupil_page(store, PROFILE, known_standings(store), ListQuery(places=3), ALL)
    assert [(pupil.student, pupil.rank, pupil.tied) for pupil in page.pupils] == [
        ("RA-0", 1, False),
        ("RA-1", 2, False),
        ("RA-2", 3, True),
        ("RA-3", 3, True),
        ("RA-4", 3, True),
    ]
    assert (page.places.places, page.places.listed, page.places.tied) == (3, 5, 3)
    assert page.listed == ExpectedCases.of(np.array(chances[:5]))
    exact = pupil_page(store, PROFILE, known_standings(store), ListQuery(places=5), ALL)
    assert (exact.places.listed, exact.places.tied) == (5, 0)


def test_everyone_is_shown_also_pupils_without_an_answer(store: Store) -> None:
    fill(store, [answer("RA-1", probability=None, expected_low=None), answer("RA-2"), answer("RA-3", probability=0.1)])
    page = pupil_page(store, PROFILE, known_standings(store), ListQuery(places=1, everyone=True), ALL)
    assert [(pupil.student, pupil.rank, pupil.listed) for pupil in page.pupils] == [
        ("RA-2", 1, True),
        ("RA-3", 2, False),
        ("RA-1", None, False),
    ]
    assert (page.unanswered, page.matching, page.selected.n) == (1, 3, 2)
    assert page.pupils[2].expected is None


def test_new_cases_and_others_stand_apart(store: Store) -> None:
    now = {"RA-1": 0, "RA-2": 1, "RA-3": None}
    fill(store, [answer(code, at_risk_now=state) for code, state in now.items()])
    pages = {by: pupil_page(store, PROFILE, known_standings(store), ListQuery(by, places=9), ALL) for by in By}
    assert {by: [pupil.student for pupil in page.pupils] for by, page in pages.items()} == {
        By.all: ["RA-1", "RA-2", "RA-3"],
        By.onset: ["RA-1"],
        By.recovery: ["RA-2"],
    }
    assert {page.unknown_now for page in pages.values()} == {1}


def test_each_filter_gives_the_pupils_it_names(store: Store) -> None:
    fill(
        store,
        [
            answer("RA-1", level=2.0, probability=0.9, school="Azul", **{"class": "2B"}, **reasons("IDA")),
            answer("RA-2", level=3.0, probability=0.6, school="Verde", **reasons("IEG", "IDA")),
            answer("RA-3", level=3.0, probability=0.3, school="Verde", **{"class": None}, **reasons("MATEMATICA")),
            answer("RA-4", level=None, probability=None),
        ],
    )
    add_case(store, "RA-1", "closed")
    add_case(store, "RA-1", "plan", opened=1)
    add_case(store, "RA-2", "closed", year=YEAR - 1)
    whole = ListQuery(places=1, everyone=True)
    for query, expected in (
        (whole, ["RA-1", "RA-2", "RA-3", "RA-4"]),
        (replace(whole, level=3.0), ["RA-2", "RA-3"]),
        (replace(whole, group="2B"), ["RA-1"]),
        (replace(whole, school="Verde"), ["RA-2", "RA-3"]),
        (replace(whole, band=0), ["RA-1"]),
        (replace(whole, band=2), ["RA-3"]),
        (replace(whole, band=UNANSWERED), ["RA-4"]),
        (replace(whole, reason="IDA"), ["RA-1", "RA-2"]),
        (replace(whole, reason="I"), []),
        (replace(whole, step="plan"), ["RA-1"]),
        (replace(whole, step="flagged"), []),
        (replace(whole, step=NO_CASE), ["RA-2", "RA-3", "RA-4"]),
        (replace(whole, search="ra - 2"), ["RA-2"]),
        (replace(whole, search="%"), []),
        (replace(whole, everyone=False), ["RA-1"]),
        (replace(whole, everyone=False, group="3A"), []),
    ):
        assert codes(store, query) == expected, query
        assert pupil_page(store, PROFILE, known_standings(store), query, ALL).matching == len(expected)
    assert known_standings(store).schools == ("Azul", "Verde")
    assert [pupil.step for pupil in listed(store, whole)] == ["plan", None, None, None]


def test_each_order_puts_the_unknown_last(store: Store) -> None:
    rows = [
        answer("RA-3", probability=0.9, level=None, **{"class": None}, **reasons("IDA")),
        answer("RA-1", probability=0.2, level=2.0, school="B", **{"class": "10A"}),
        answer("RA-2", probability=0.5, level=1.0, school="A", **{"class": "9B"}),
    ]
    fill(store, rows)
    add_case(store, "RA-1", "talk")
    orders = {order: codes(store, ListQuery(places=1, everyone=True, order=order)) for order in Order}
    assert orders == {
        Order.risk: ["RA-3", "RA-2", "RA-1"],
        Order.student: ["RA-1", "RA-2", "RA-3"],
        Order.group: ["RA-2", "RA-1", "RA-3"],
        Order.level: ["RA-2", "RA-1", "RA-3"],
        Order.school: ["RA-2", "RA-1", "RA-3"],
        Order.reason: ["RA-3", "RA-2", "RA-1"],
        Order.step: ["RA-3", "RA-2", "RA-1"],
    }


def test_a_name_is_found_and_shown_only_where_names_are(store: Store) -> None:
    fill(store, [answer("RA-1"), answer("RA-2")])
    with store.exclusive() as connection:
        connection.execute(pupil_names.insert(), [{"student": "RA-2", "name": "João Anão", "folded": "joao anao"}])
    query = ListQuery(places=1, everyone=True, search="ANÃO")
    (pupil,) = listed(store, query, ListReader(None, with_names=True))
    assert (pupil.student, pupil.name) == ("RA-2", "João Anão")
    assert codes(store, query) == []
    assert {pupil.name for pupil in listed(store, replace(query, search=""))} == {None}


def test_pages_together_are_the_whole_list(school: Store) -> None:
    query = ListQuery(everyone=True)
    first = pupil_page(school, PROFILE, known_standings(school), query, ALL)
    pages = [
        pupil_page(school, PROFILE, known_standings(school), replace(query, page=p + 1), ALL)
        for p in range(first.pages)
    ]
    assert [pupil.student for page in pages for pupil in page.pupils] == codes(school, query)
    assert [len(page.pupils) for page in pages] == [PAGE_SIZE] * 6
    assert pupil_page(school, PROFILE, known_standings(school), replace(query, search="nobody"), ALL).pages == 1


queries = st.builds(
    ListQuery,
    by=st.sampled_from(By),
    places=st.none() | st.integers(1, 400),
    everyone=st.booleans(),
    level=st.none() | st.integers(0, 9).map(float),
    group=st.none() | st.sampled_from(["0A", "1B", "2B", "9Z"]),
    band=st.none() | st.integers(0, UNANSWERED),
    reason=st.none() | st.sampled_from(REASONS),
    step=st.none() | st.sampled_from([NO_CASE, "plan"]),
    search=st.sampled_from(["", "RA-1", "1", "%", "_"]),
    order=st.sampled_from(Order),
)
some_classes = st.none() | st.frozensets(st.sampled_from(["0A", "1A", "2A", "0B", "1B", "2B", "9Z"]))


@settings(max_examples=60, deadline=None)
@given(query=queries, classes=some_classes)
def test_no_query_shows_or_counts_other_classes(
    school: Store, query: ListQuery, classes: frozenset[str] | None
) -> None:
    reader = ListReader(classes)
    pupils = listed(school, query, reader)
    page = pupil_page(school, PROFILE, known_standings(school), query, reader)
    mine = [row for row in invented(300) if classes is None or row["class"] in classes]
    assert {pupil.student for pupil in pupils} <= {row["student"] for row in mine}
    assert page.matching == len(pupils)
    assert page.everybody.n + page.unanswered <= len(mine)
    chances = [pupil.probability for pupil in pupils if pupil.probability is not None]
    assert page.selected.n == len(chances)
    assert page.selected.value == pytest.approx(sum(chances))
    if not query.everyone:
        assert all(pupil.listed for pupil in pupils)


def test_a_list_of_a_year_ago_goes_by_the_class_of_today(store: Store) -> None:
    """The next workbook may have no answers yet: who is in another class since is seen there, and there alone."""
    fill(store, [answer("RA-1"), answer("RA-2"), answer("RA-3", **{"class": "3B"}), answer("RA-4")])
    moved = {"RA-1": "4B", "RA-2": "3A", "RA-3": "3A"}
    later = {"level": 4.0, "label": None, "values": "{}", "fingerprint": "f", "recorded": microseconds(NOW)}
    rows = [{"year": YEAR + 1, "student": student, "class": group, **later} for student, group in moved.items()]
    with store.exclusive() as connection:
        connection.execute(pupil_years.insert(), rows)
        revise(connection, microseconds(NOW))
    for group, students in {"3A": {"RA-2", "RA-3", "RA-4"}, "4B": {"RA-1"}, "3B": set()}.items():
        asked = ListQuery(By.all, everyone=True)
        shown = every_pupil(store, PROFILE, known_standings(store), asked, ListReader(frozenset({group})))
        assert {(pupil.student, pupil.group) for pupil in shown} == {(student, group) for student in students}
        of_class = every_pupil(store, PROFILE, known_standings(store), replace(asked, group=group), ALL)
        assert {pupil.student for pupil in of_class} == students


@settings(max_examples=40, deadline=None)
@given(query=queries)
def test_the_expected_cases_of_parts_add_up(school: Store, query: ListQuery) -> None:
    plain = replace(query, band=None, group=None)
    whole = pupil_page(school, PROFILE, known_standings(school), plain, ALL)
    for parts in (
        [replace(plain, band=band) for band in range(UNANSWERED + 1)],
        [replace(plain, group=name) for name in known_standings(school).classes],
    ):
        pages = [pupil_page(school, PROFILE, known_standings(school), part, ALL) for part in parts]
        assert sum(page.matching for page in pages) == whole.matching
        assert sum(page.selected.value for page in pages) == pytest.approx(whole.selected.value)


def test_a_longer_list_holds_the_shorter_one(school: Store) -> None:
    for by, (fewer, more) in product(By, ((1, 2), (10, 40), (40, 300))):
        short, long = (codes(school, ListQuery(by, places=places)) for places in (fewer, more))
        assert long[: len(short)] == short
        assert len(short) >= min(fewer, len(long))


def test_the_curve_for_many_agrees_with_the_exact_count() -> None:
    chances = np.sort(np.random.default_rng(3).beta(1.2, 1.8, EXACT + 400))[::-1]
    exact, quick = true_cases(chances), expected_cases(chances)
    assert quick.value == pytest.approx(exact.value)
    assert abs(quick.low - exact.low) <= 1
    assert abs(quick.high - exact.high) <= 1
    assert expected_cases(chances[:9]) == ExpectedCases.of(chances[:9])


def test_many_pupils_are_counted_by_sums(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, invented(300))
    exact = pupil_page(store, PROFILE, known_standings(store), ListQuery(everyone=True), ALL).selected
    monkeypatch.setattr("farol.school.standings.EXACT", 10)
    quick = pupil_page(store, PROFILE, known_standings(store), ListQuery(everyone=True), ALL).selected
    assert quick.n == exact.n
    assert quick.value == pytest.approx(exact.value)
    assert abs(quick.low - exact.low) <= 1


def test_standings_are_read_again_when_pupils_change(store: Store) -> None:
    assert standings_of(store, TASK) is None
    fill(store, [answer("RA-1")])
    before = known_standings(store)
    assert known_standings(store) is before
    fill(store, [answer("RA-2", probability=0.7)])
    assert known_standings(store).probability.tolist() == [0.7, 0.5]
    fill(store, [answer("RA-1", year=YEAR + 1, probability=0.1)])
    assert (known_standings(store).year, known_standings(store).probability.tolist()) == (YEAR + 1, [0.1])


def test_a_place_is_found_among_equal_risks() -> None:
    places = choose(np.array([0.9, 0.5, 0.5, 0.1]), 2)
    assert [places.rank(chance) for chance in (0.9, 0.5, 0.1)] == [1, 2, 4]
    assert (choose(np.array([]), 5).listed, choose(np.array([]), None).places) == (0, 0)
    assert choose(np.linspace(1, 0, 50), None).places == 10, "a fifth, where nobody says how many"


def test_names_are_ordered_as_people_count() -> None:
    assert sorted(["10A", "9B", "ALFA", "2", "9A"], key=natural) == ["2", "9A", "9B", "10A", "ALFA"]
