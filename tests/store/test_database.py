"""Rows and counters are written together, read back as they were, and outlive the process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine.interfaces import DBAPIConnection

from farol.errors import StoreError
from farol.store.database import Store
from farol.store.records import Snapshot, day_of, uuid7
from tests.store.rows import EVER, NOON, counters, recounted, row


def test_a_row_comes_back_as_it_was_written(store: Store) -> None:
    at = datetime(2024, 5, 10, 15, 0, 0, 123456, tzinfo=UTC)
    written = row({"IAA": 0.1, "IPP": None, "IEG": 10}, at=at, probability=1 / 3, warnings=("missing", "unusual"))
    store.write([written])
    (read,) = store.latest(10)
    assert read.features == {"IAA": 0.1, "IPP": None, "IEG": 10}
    assert read.probability == 1 / 3
    assert (read.id, read.at, read.warnings, read.label) == (written.id, at, ("missing", "unusual"), written.label)
    assert (read.task, read.version, read.source, read.prediction, read.threshold) == (
        "current",
        "2024-abc",
        "api",
        1,
        0.5,
    )
    assert read.counted is None


def test_latest_gives_the_newest_first_of_one_task_or_of_all(store: Store) -> None:
    rows = [row(task="next-year" if i % 2 else "current", probability=i / 10) for i in range(6)]
    store.write(rows)
    assert [prediction.id for prediction in store.latest(2)] == [rows[5].id, rows[4].id]
    assert [prediction.id for prediction in store.latest(2, "current")] == [rows[4].id, rows[2].id]
    assert store.latest(5, "other") == []


def test_stream_gives_everything_the_oldest_first_across_pages(store: Store) -> None:
    rows = [row({"IAA": 1.0}, task="next-year" if i % 2 else "current") for i in range(2_300)]
    store.write(rows)
    assert [prediction.id for prediction in store.stream()] == [prediction.id for prediction in rows]
    assert [prediction.id for prediction in store.stream("current")] == [prediction.id for prediction in rows[::2]]


def test_stream_ends_with_what_was_there_when_it_began(store: Store) -> None:
    store.write([row()])
    streaming = store.stream()
    next(streaming)
    store.write([row()])
    assert list(streaming) == []


def test_an_empty_store_gives_nothing(store: Store) -> None:
    store.write([])
    assert (store.latest(5), list(store.stream()), store.total(), store.counts("current", "v", *EVER)) == (
        [],
        [],
        0,
        {},
    )


def test_total_counts_one_task_or_all(store: Store) -> None:
    store.write([row(), row(), row(task="next-year")])
    assert (store.total(), store.total("next-year")) == (3, 1)


def test_counters_hold_the_days_asked_for_and_one_version(store: Store) -> None:
    days = [NOON + timedelta(days=i) for i in range(3)]
    store.write([row({"IAA": 1.0}, at=at) for at in days])
    store.write([row({"IAA": 1.0}, at=days[1]), row({"IAA": 2.5}, at=days[1]), row({"IAA": 1.0}, version="other")])
    assert store.counts("current", "2024-abc", date(2024, 5, 11), date(2024, 5, 12)) == {"IAA": {1: 3, 2: 1}}
    assert store.counts("current", "other", *EVER) == {"IAA": {1: 1}}
    assert store.counts("next-year", "2024-abc", *EVER) == {}


def test_a_day_ends_at_midnight_in_sao_paulo(store: Store) -> None:
    store.write([row({"IAA": 1.0}, at=datetime(2024, 5, 11, 2, 59, tzinfo=UTC))])
    assert store.counts("current", "2024-abc", date(2024, 5, 10), date(2024, 5, 10)) == {"IAA": {1: 1}}


def test_a_row_without_bins_is_stored_and_not_counted(store: Store) -> None:
    store.write([row({})])
    assert (store.total(), store.counts("current", "2024-abc", *EVER)) == (1, {})


WRITES = st.lists(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(["IAA", "IEG", "IPP"]), st.none() | st.floats(0, 9.99)), st.integers(0, 2)
        ),
        max_size=6,
    ),
    max_size=4,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WRITES)
def test_counters_always_equal_the_recounted_rows(
    store: Store, writes: list[list[tuple[dict[str, float], int]]]
) -> None:
    task = uuid7(NOON)  # its own, since the examples share the database
    for group in writes:
        store.write([row(features, at=NOON + timedelta(days=day), task=task) for features, day in group])
    days = [NOON.date() + timedelta(days=i) for i in range(3)]
    assert counters(store, task, "2024-abc", days) == recounted(store.stream(task))
    assert store.total(task) == sum(map(len, writes))


def test_rows_and_counters_are_written_together_or_not_at_all(store: Store) -> None:
    first = row()
    store.write([first])
    before = store.counts("current", "2024-abc", *EVER)
    with pytest.raises(StoreError, match="refused the row"):
        store.write([row(), first])
    assert (store.total(), store.counts("current", "2024-abc", *EVER)) == (1, before)


def test_threads_write_at_once_and_nothing_is_lost(store: Store) -> None:
    def write(k: int) -> None:
        for i in range(15):
            store.write([row({"IAA": float(i % 10), "IEG": float(k)}), row({"IEG": float(i % 10), "IAA": 3.0})])

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.total() == 120
    assert counters(store, "current", "2024-abc", [NOON.date()]) == recounted(store.stream())


def test_what_was_stored_is_there_when_the_store_is_opened_again(url: str) -> None:
    with Store.open(url) as store:
        store.write([row()])
    with Store.open(url) as store:
        store.ping()
        assert store.total() == 1


def test_snapshots_come_back_the_newest_first(store: Store) -> None:
    kept = [
        Snapshot(
            uuid7(NOON), NOON + timedelta(days=i), "current", "v", first, date(2024, 5, 10), {"n": i, "psi": [0.1]}
        )
        for i, first in enumerate([None, date(2024, 5, 1), date(2024, 5, 2)])
    ]
    for snapshot in kept:
        store.write_snapshot(snapshot)
    assert store.snapshots("current", 2) == [kept[2], kept[1]]
    assert store.snapshots("current", 9)[-1] == kept[0]
    assert store.snapshots("next-year", 9) == []


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_does_not_have_is_never_stored(store: Store, number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.write([row(), replace(row(), features={"IAA": number})])
    assert (store.total(), store.counts("current", "2024-abc", *EVER)) == (0, {})


@pytest.mark.parametrize("name", ["Infinity", "NaN"])
def test_a_feature_named_like_such_a_number_is_stored(store: Store, name: str) -> None:
    store.write([replace(row(), features={name: 1.5})])
    assert [dict(read.features) for read in store.stream()] == [{name: 1.5}]


def test_sqlite_flushes_every_commit_and_keeps_a_write_ahead_log(sqlite_store: Store) -> None:
    with sqlite_store.engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


def test_a_connection_given_back_after_the_end_is_closed(store: Store) -> None:
    with store.engine.connect() as used:
        driver = used.connection.driver_connection
        assert driver is not None
        store.close()
        used.execute(text("SELECT 1"))
    with pytest.raises(Exception, match="closed"):
        driver.cursor().execute("SELECT 1")
    store.close()
    assert store.total() == 0


def test_a_reader_does_not_wait_for_a_writer(sqlite_store: Store, tmp_path: Path) -> None:
    sqlite_store.write([row()])
    with sqlite_store.engine.connect() as connection, connection.begin():
        connection.execute(text("DELETE FROM predictions"))
        assert sqlite_store.total() == 1


@pytest.mark.postgresql
def test_a_database_that_restarted_is_found_again(postgresql_url: str) -> None:
    with Store.open(postgresql_url) as store, Store.open(postgresql_url) as other:
        store.write([row()])
        with other.engine.begin() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity "  # waits until each is gone
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        store.write([row()])
        assert store.total() == 2


def test_an_idle_connection_is_asked_before_it_is_used(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(postgresql_url) as store:
        store.write([row()])
        asked: list[object] = []
        ping = store.engine.dialect.do_ping

        def asking(connection: DBAPIConnection) -> bool:
            asked.append(connection)
            return ping(connection)

        monkeypatch.setattr(store.engine.dialect, "do_ping", asking)
        store.write([row()])
        assert asked == []
        monkeypatch.setattr("farol.store.engine.IDLE_SECONDS", 0)
        store.write([row()])
        assert len(asked) == 1
        assert store.total() == 3


def test_the_first_day_of_a_version_is_known(store: Store) -> None:
    assert store.first_day("current", "v1") is None
    prediction = row()
    store.write([replace(prediction, id=uuid7(prediction.at), at=prediction.at - timedelta(days=3)), prediction])
    assert store.first_day(prediction.task, prediction.version) == day_of(prediction.at) - timedelta(days=3)


WRITE_FOREVER = """
import random, sys
from farol.store.database import Store
from tests.store.rows import row
with Store.open(sys.argv[1]) as store:
    while True:
        rows = [row({"IAA": random.uniform(0, 9), "IPP": None}) for _ in range(random.randint(1, 40))]
        store.write(rows)
        print(*(one.id for one in rows), flush=True)
"""


def test_a_killed_process_leaves_counters_equal_to_rows(url: str) -> None:
    acknowledged: set[str] = set()
    for groups in (3, 17, 41):
        command = [sys.executable, "-c", WRITE_FOREVER, url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(groups):
                acknowledged.update(process.stdout.readline().split())
            process.send_signal(signal.SIGKILL)
            *whole, _ = process.stdout.read().split("\n")
            acknowledged.update(identifier for line in whole for identifier in line.split())
        with Store.open(url) as store:
            rows = list(store.stream())
            assert acknowledged <= {prediction.id for prediction in rows}
            assert counters(store, "current", "2024-abc", [NOON.date()]) == recounted(rows)
    assert len(acknowledged) >= 3 + 17 + 41
