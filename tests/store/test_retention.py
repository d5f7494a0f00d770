"""Days that are too long ago go, rows and counters together."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from farol.errors import InputError
from farol.model.counters import Counted, total
from farol.store.database import Store
from farol.store.records import Snapshot, uuid7
from farol.store.retention import Purged, parse_age, purge
from farol.store.statements import cursor_of
from tests.store.rows import NOON, counters, recounted, row


@pytest.mark.parametrize(
    ("text", "first"), [("1d", date(2024, 5, 9)), (" 400d ", date(2023, 4, 6)), ("99999d", date(1750, 7, 27))]
)
def test_an_age_is_counted_in_days_of_the_counters(text: str, first: date) -> None:
    assert parse_age(text, now=datetime(2024, 5, 11, 1, 0, tzinfo=UTC)) == first  # still the tenth in São Paulo


@pytest.mark.parametrize("text", ["", "0d", "400", "-1d", "1.5d", "100000d", "1y", "d", "４d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="400d"):
        parse_age(text, now=NOON)


def test_whole_days_go_with_their_counters_and_the_rest_stays_true(store: Store) -> None:
    days = [NOON + timedelta(days=i) for i in range(-6, 3)]
    for at in days:
        store.write([row({"IAA": 1.0}, at=at), row({"IAA": 2.0, "IEG": None}, at=at, version="other")])
    store.write([row(at=datetime(2024, 5, 9, 2, 59, 59, tzinfo=UTC)), row(at=datetime(2024, 5, 9, 3, 0, tzinfo=UTC))])
    orphan = Counted.of({"IAA": 1})
    with store.exclusive() as connection:
        tally = orphan.layout, total(orphan.layout, [orphan.cells])
        store.counters.add(cursor_of(connection), {("t", "v", date(2020, 1, 1), ""): tally})
    snapshot = Snapshot(uuid7(NOON), NOON - timedelta(days=9), "current", "v", None, date(2024, 5, 1), {"n": 1})
    store.write_snapshot(snapshot)

    assert purge(store, date(2024, 5, 9)) == Purged(5 * 2 + 1, date(2024, 5, 9))

    assert min(one.at for one in store.stream()) == datetime(2024, 5, 9, 3, 0, tzinfo=UTC)
    assert store.total() == 4 * 2 + 1
    asked = [date(2024, 5, 1) + timedelta(days=i) for i in range(30)]
    for version in ("2024-abc", "other"):
        rows = [one for one in store.stream() if one.version == version]
        assert counters(store, "current", version, asked) == recounted(rows)
    assert store.counts("t", "v", date(2019, 1, 1), date(2021, 1, 1)) == {}
    assert store.snapshots("current", 5) == [snapshot], "counts without identity, and the history of the dashboard"
    assert purge(store, date(2024, 5, 9)) == Purged(0, date(2024, 5, 9))


def test_an_empty_store_has_nothing_to_purge(store: Store) -> None:
    assert purge(store, date(2024, 5, 9)) == Purged(0, date(2024, 5, 9))
