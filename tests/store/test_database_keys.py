"""A prediction sent again under the same key is stored once, whoever sends it, and whenever."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from dataclasses import replace
from hashlib import sha256

import pytest
from sqlalchemy import Connection, text

from farol.store.database import Store
from farol.store.journal import Journal, writer_for
from farol.store.records import Prediction, microseconds, uuid7
from farol.store.tables import prediction_keys, prediction_values, predictions
from tests.store.rows import EVER, NOON, counters, recounted, row


def keyed(key: str, body: str = "body", *, iaa: float = 1.0) -> Prediction:
    return replace(
        row({"IAA": iaa}),
        key_hash=sha256(key.encode()).hexdigest(),
        body_hash=sha256(body.encode()).hexdigest(),
    )


def test_the_row_that_was_first_comes_back_and_is_counted_once(url: str) -> None:
    first, again = keyed("a"), keyed("a", iaa=2.0)
    with Store.open(url) as store:
        assert store.write([first]) == [first]
    with Store.open(url) as store:
        (stored,) = store.write([again])
        assert (stored.id, stored.features, stored.body_hash) == (first.id, {"IAA": 1.0}, first.body_hash)
        assert (store.total(), store.counts("current", "2024-abc", *EVER)) == (1, {"IAA": {1: 1}})


def test_another_body_under_the_same_key_is_not_stored(store: Store) -> None:
    store.write([keyed("a")])
    (stored,) = store.write([keyed("a", "other")])
    assert stored.body_hash == keyed("a").body_hash
    assert store.total() == 1


def test_rows_come_back_in_the_order_given_with_and_without_keys(store: Store) -> None:
    old = keyed("old")
    store.write([old])
    rows = [row(), keyed("z"), keyed("old"), keyed("b"), keyed("z", "twice in a group"), row()]
    stored = store.write(rows)
    assert [given.id for given in stored] == [
        rows[0].id,
        rows[1].id,
        old.id,
        rows[3].id,
        rows[1].id,
        rows[5].id,
    ]
    assert store.total() == 5
    assert counters(store, "current", "2024-abc", [NOON.date()]) == recounted(store.stream())


def test_rows_without_a_key_are_never_taken_for_each_other(store: Store) -> None:
    store.write([row(), row()])
    store.write([row()])
    assert store.total() == 3


def test_a_retry_in_flight_beside_the_first_gets_its_answer(store: Store) -> None:
    async def scenario() -> list[Prediction]:
        journal = Journal(writer_for(store), queue_size=100)
        stored = await asyncio.gather(*(journal.submit(keyed("a")) for _ in range(20)))
        await journal.close()
        return stored

    stored = asyncio.run(scenario())
    assert len({prediction.id for prediction in stored}) == 1
    assert store.total() == 1


WRITE_THE_SAME = """
import random, sys
from farol.store.database import Store
from tests.store.rows import row
from tests.store.test_database_keys import keyed
with Store.open(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for start in range(0, 120, 12):
        rows = [keyed(str(start + i)) for i in range(12)]
        random.shuffle(rows)
        found = store.write([row({"IAA": 3.0}), *rows])
        print(*(f"{mine.key_hash}:{one.id}" for mine, one in zip(rows, found[1:])), flush=True)
"""


def test_processes_with_the_same_keys_get_the_same_answers(url: str) -> None:
    Store.open(url).close()
    command = [sys.executable, "-c", WRITE_THE_SAME, url]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers: dict[str, set[str]] = {}
    for process in processes:
        printed, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        for pair in printed.split():
            key, _, identifier = pair.partition(":")
            answers.setdefault(key, set()).add(identifier)
    assert len(answers) == 120
    assert all(len(ids) == 1 for ids in answers.values())
    with Store.open(url) as store:
        assert store.total() == 120 + 3 * 10
        assert {prediction.id for prediction in store.stream() if prediction.key_hash} == set().union(*answers.values())
        assert counters(store, "current", "2024-abc", [NOON.date()]) == recounted(store.stream())


@pytest.mark.postgresql
@pytest.mark.parametrize("backwards", [False, True])
def test_writers_never_wait_for_each_others_keys_in_a_ring(postgresql_url: str, backwards: bool) -> None:
    low, high = sorted((keyed("a"), keyed("b")), key=lambda prediction: str(prediction.key_hash))
    with Store.open(postgresql_url) as store, Store.open(postgresql_url) as other:
        with store.engine.connect() as connection:
            store.months.make(store.months.missing([low]))
            take(connection, low)
            again = sorted(
                (keyed_again(low), keyed_again(high)),
                key=lambda prediction: str(prediction.key_hash),
                reverse=backwards,
            )
            thread = threading.Thread(target=other.write, args=(again,))
            thread.start()
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            while not connection.execute(waiting).scalar():
                pass
            take(connection, high)
            connection.commit()
        thread.join()
        assert {prediction.id for prediction in store.stream()} == {low.id, high.id}


def take(connection: Connection, row: Prediction) -> None:
    """Store a row and its key by hand, as another writer does step by step."""
    key = {"key_hash": row.key_hash, "id": row.id, "at": microseconds(row.at)}
    connection.execute(prediction_keys.insert(), key)
    connection.execute(predictions.insert(), prediction_values(row))


def keyed_again(row: Prediction) -> Prediction:
    """The same request, answered once more."""
    return replace(row, id=uuid7(NOON))
