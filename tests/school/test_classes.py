"""Classes are counted within what may be seen, and choosing classes is compared with choosing pupils."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.pupils.ranking import By
from farol.school.classes import ClassCount, class_counts, targeting
from farol.school.listing import RISKS, ListReader
from farol.store.database import Store
from farol.store.records import microseconds
from farol.store.tables import pupil_years
from tests.school.invented import NOW, YEAR, answer, fill, invented, known_standings

ALL = ListReader(None)


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('classes') / 'farol.db'}") as opened:
        fill(opened, invented(400))
        yield opened


def by_name(store: Store, reader: ListReader = ALL, by: By = By.all) -> dict[str | None, ClassCount]:
    return {count.name: count for count in class_counts(store, known_standings(store), reader, by)}


def room(name: str, *chances: float | None, state: int | None = 0) -> list[dict[str, object]]:
    return [
        answer(f"{name}-{number}", probability=chance, at_risk_now=state, **{"class": name})
        for number, chance in enumerate(chances)
    ]


def test_a_class_is_counted_by_band_and_by_what_is_expected(store: Store) -> None:
    fill(store, room("3A", 0.9, 0.75, 0.5, 0.3, 0.1, None) + room("3B", 0.1, 0.1, 0.1, 0.1, 0.1, state=1))
    count = by_name(store)["3A"]
    assert (count.pupils, count.bands) == (6, (2, 1, 1, 1, 1))
    assert count.expected.n == 5
    assert count.expected.value == pytest.approx(2.55)
    assert count.share is not None
    assert count.share.value == pytest.approx(0.51)
    assert count.now is not None
    assert (count.now.value, by_name(store)["3B"].now.value) == (0.0, 1.0)  # type: ignore[union-attr]
    assert by_name(store)[""].bands == (2, 1, 1, 6, 1)
    assert len(count.bands) == len(RISKS) + 1


def test_a_class_that_stands_out_is_said_to(store: Store) -> None:
    fill(store, room("3A", *[0.95] * 20) + room("3B", *[0.2] * 20) + room("3C", *[0.2] * 20) + room("3D", 0.9))
    counts = by_name(store)
    assert {name: count.stands_out for name, count in counts.items()} == {
        "": False,
        "3A": True,
        "3B": True,  # by fewer
        "3C": True,
        "3D": False,
    }
    assert counts["3A"].against is not None
    assert counts["3A"].against.value == pytest.approx(0.95 - (40 * 0.2 + 0.9) / 41)
    assert counts["3D"].against is None, "a class of one is not compared"


def test_the_year_before_is_that_of_the_same_name(store: Store) -> None:
    fill(store, room("3A", *[0.5] * 5) + room("3B", *[0.5] * 5))
    assert by_name(store)["3A"].before is None
    rows = [
        {"year": YEAR - 1, "student": f"old-{i}", "class": name, "label": label, "values": "{}", "fingerprint": "f"}
        | {"recorded": microseconds(NOW)}
        for i, (name, label) in enumerate([("3A", 1), ("3A", 0), ("3A", 0), ("3A", None), ("3B", 1)])
    ]
    with store.exclusive() as connection:
        connection.execute(pupil_years.insert(), rows)
    counts = by_name(store)
    assert {name: count.before and round(count.before.value, 4) for name, count in counts.items()} == {
        "": 0.5,
        "3A": 0.3333,
        "3B": 1.0,
    }
    assert by_name(store, ListReader(frozenset({"3A"})))[""].before == counts["3A"].before


def test_pupils_without_a_class_stand_last(store: Store) -> None:
    fill(store, [*room("3A", 0.4), answer("RA-1", **{"class": None})])
    assert [count.name for count in class_counts(store, known_standings(store), ALL)] == ["", "3A", None]


def test_classes_reach_as_much_where_risk_goes_by_class(store: Store) -> None:
    fill(store, room("3A", *[0.9] * 10) + room("3B", *[0.2] * 10) + room("3C", *[0.1] * 10))
    compared = targeting(known_standings(store), ALL, 7)
    assert compared is not None
    assert (compared.pupils, compared.classes) == (10, ("3A",))
    assert (compared.by_pupil, compared.by_class, compared.whole) == pytest.approx((9, 9, 12))
    assert compared.by_lot == pytest.approx(4)
    assert compared.ratio == pytest.approx(1)


def test_pupils_reach_more_where_risk_does_not_go_by_class(store: Store) -> None:
    fill(store, room("3A", *[0.9, 0.1] * 5) + room("3B", *[0.9, 0.1] * 5))
    compared = targeting(known_standings(store), ALL, 10)
    assert compared is not None
    assert (compared.by_pupil, compared.by_class) == pytest.approx((9, 5))


def test_nothing_is_compared_where_there_is_no_choice(store: Store) -> None:
    fill(store, room("3A", 0.9, 0.2) + room("3B", 0.9, 0.2))
    assert targeting(known_standings(store), ALL, 4) is None, "all classes would be chosen"
    assert targeting(known_standings(store), ListReader(frozenset({"3A"})), 1) is None
    nobody = targeting(known_standings(store), ALL, 1)
    assert nobody is not None
    assert nobody.ratio == pytest.approx(0.55 * 2 / 1.8)


@given(
    classes=st.none() | st.frozensets(st.sampled_from(["0A", "1A", "2A", "0B", "1B", "9Z"])),
    by=st.sampled_from(By),
    places=st.integers(1, 400),
)
def test_classes_add_up_to_what_may_be_seen(school: Store, classes: frozenset[str] | None, by: By, places: int) -> None:
    reader = ListReader(classes)
    whole, *parts = class_counts(school, known_standings(school), reader, by)
    assert whole.pupils == sum(part.pupils for part in parts)
    assert whole.bands == (tuple(map(sum, zip(*(part.bands for part in parts), strict=True))) or (0,) * 5)
    assert whole.expected.value == pytest.approx(sum(part.expected.value for part in parts))
    assert {part.name for part in parts} <= (
        set(known_standings(school).classes) | {None} if classes is None else classes
    )
    compared = targeting(known_standings(school), reader, places, by)
    if compared is not None:
        assert compared.by_class <= compared.by_pupil + 1e-9
        assert compared.by_lot <= compared.by_pupil + 1e-9
        assert classes is None or set(compared.classes) <= classes
