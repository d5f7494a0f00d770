"""The parts of the predictions on PostgreSQL, and what holds across them: ids, keys, retention, many rows at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select, text

from farol.errors import StoreError
from farol.model.registry import Registry
from farol.store.database import COPIED_ROWS, Store
from farol.store.partitions import next_month, parts
from farol.store.privacy import erase, purge
from farol.store.records import Prediction, day_of
from farol.store.tables import prediction_keys
from tests.store.rows import NOON, counters, recounted, row

MONTHS = (date(2024, 3, 1), date(2024, 4, 1), date(2024, 5, 1))


@pytest.fixture
def parted(postgresql_url: str) -> Iterator[Store]:
    with Store.open(postgresql_url) as store:
        yield store


def at(month: date, day: int = 10) -> datetime:
    return datetime(month.year, month.month, day, 15, tzinfo=UTC)


def keyed(key: str, moment: datetime = NOON) -> Prediction:
    return replace(row(at=moment), key_hash=sha256(key.encode()).hexdigest(), body_hash="b" * 64)


def parts_of(store: Store) -> dict[date, str]:
    with store.snapshot() as connection:
        return parts(connection)


def keys_in(store: Store) -> int:
    with store.snapshot() as connection:
        return len(connection.execute(select(prediction_keys)).all())


@pytest.mark.postgresql
def test_each_month_of_the_counters_days_has_a_part(parted: Store) -> None:
    assert parts_of(parted) == {}
    still_may = datetime(2024, 6, 1, 2, 59, tzinfo=UTC)  # in America/Sao_Paulo
    june = datetime(2024, 6, 1, 3, 0, tzinfo=UTC)
    parted.write([row(at=still_may), row(at=june)])
    assert parts_of(parted) == {date(2024, 5, 1): "predictions_2024_05", date(2024, 6, 1): "predictions_2024_06"}
    with parted.snapshot() as connection:
        (in_may,) = connection.execute(text("SELECT count(*) FROM predictions_2024_05")).one()
    assert in_may == 1
    assert [prediction.at for prediction in parted.stream()] == [still_may, june]


def test_the_month_after_december_is_january() -> None:
    assert next_month(date(2024, 12, 1)) == date(2025, 1, 1)
    assert next_month(date(2024, 2, 1)) == date(2024, 3, 1)


@pytest.mark.postgresql
def test_an_id_of_another_moment_is_refused(parted: Store) -> None:
    stored = row()
    parted.write([stored])
    for moment in (NOON + timedelta(milliseconds=1), NOON + timedelta(days=40)):
        with pytest.raises(StoreError, match="refused the row"):
            parted.write([replace(stored, at=moment)])
    with pytest.raises(StoreError, match="refused the row"):
        parted.write([stored])
    assert parted.total() == 1


def test_a_key_of_another_month_is_stored_once(store: Store) -> None:
    first, again = keyed("a"), keyed("a", NOON + timedelta(days=40))
    store.write([first])
    (kept,) = store.write([again])
    assert kept.id == first.id
    assert store.total() == 1


@pytest.mark.postgresql
def test_retention_drops_whole_months(parted: Store) -> None:
    rows = [keyed(f"{month}{place}", at(month, 10 + place)) for month in MONTHS for place in range(3)]
    parted.write(rows)
    purged = purge(parted, date(2024, 5, 12))
    assert purged.rows == 3 + 3 + 2
    assert list(parts_of(parted)) == [date(2024, 5, 1)]
    assert [prediction.id for prediction in parted.stream()] == [rows[-1].id]
    days = [day_of(prediction.at) for prediction in rows]
    assert counters(parted, "current", "2024-abc", days) == recounted(parted.stream())
    assert keys_in(parted) == 1


@pytest.mark.postgresql
def test_a_month_that_was_dropped_takes_rows_again(parted: Store, postgresql_url: str) -> None:
    parted.write([row(at=at(MONTHS[0]))])
    with Store.open(postgresql_url) as other:
        purge(other, MONTHS[2])
        other.write([row(at=at(MONTHS[0]))])
        purge(other, MONTHS[2])
    with pytest.raises(StoreError):  # this process does not know of it
        parted.write([row(at=at(MONTHS[0]))])
    parted.write([row(at=at(MONTHS[0]))])
    assert parted.total() == 1


def test_a_key_is_free_again_after_erasing(store: Store, tmp_path: Path) -> None:
    store.write([replace(keyed("a"), student="RA-1"), keyed("b")])
    erase(store, "RA-1", Registry(tmp_path))
    assert keys_in(store) == 1
    again = keyed("a")
    assert store.write([again])[0].id == again.id


@pytest.mark.postgresql
def test_a_new_month_waits_for_no_reader(parted: Store, postgresql_url: str) -> None:
    parted.write([row()])
    with Store.open(postgresql_url) as other, parted.snapshot() as reading:
        assert reading.execute(text("SELECT count(*) FROM predictions")).scalar() == 1
        writing = threading.Thread(target=other.write, args=([row(at=at(MONTHS[0]))],))
        writing.start()
        writing.join(timeout=30)
        assert not writing.is_alive()
        assert reading.execute(text("SELECT count(*) FROM predictions")).scalar() == 1
    assert parted.total() == 2


@pytest.mark.postgresql
def test_writers_that_need_the_same_month_make_it_once(postgresql_url: str) -> None:
    with Store.open(postgresql_url) as first, Store.open(postgresql_url) as second:
        threads = [threading.Thread(target=store.write, args=([row()],)) for store in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert first.total() == 2
        assert len(parts_of(first)) == 1


def test_many_rows_are_stored_and_counted_as_few(store: Store) -> None:
    rows = [row({"IAA": place % 9 + 0.5, "IPP": None}, warnings=("a",)) for place in range(COPIED_ROWS + 1)]
    assert store.write(rows) == rows
    stored = list(store.stream())
    assert stored == [replace(prediction, counted=None) for prediction in rows]
    assert counters(store, "current", "2024-abc", [NOON.date()]) == recounted(rows)


def test_many_rows_with_keys_are_stored_once(store: Store) -> None:
    rows = [keyed(str(place)) for place in range(COPIED_ROWS + 1)]
    again = [keyed(str(place)) for place in range(COPIED_ROWS + 10)]
    store.write(rows)
    kept = store.write(again)
    assert [prediction.id for prediction in kept[: len(rows)]] == [prediction.id for prediction in rows]
    assert store.total() == len(again)
    assert counters(store, "current", "2024-abc", [NOON.date()]) == recounted(store.stream())


@pytest.mark.postgresql
def test_many_rows_are_stored_whole_or_not_at_all(parted: Store) -> None:
    rows = [row() for _ in range(COPIED_ROWS)]
    with pytest.raises(StoreError):
        parted.write([*rows, rows[0]])
    assert parted.total() == 0
    assert counters(parted, "current", "2024-abc", [NOON.date()]) == {}
