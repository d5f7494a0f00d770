"""One pupil is exported and erased; old days go, rows and counters together."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Table, select

from farol.errors import InputError
from farol.model.counters import Counted, total
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.store.database import Store
from farol.store.privacy import Erased, Purged, erase, export, finish_erasing, parse_age, purge
from farol.store.pupils import old_pages, revision
from farol.store.records import Snapshot, microseconds, uuid7
from farol.store.recount import recount
from farol.store.statements import cursor_of
from farol.store.tables import audit, case_entries, cases, pupil_answers, pupil_names, pupil_years
from tests.bundles import put_into_use
from tests.store.rows import EVER, NOON, counters, recounted, row
from tests.store.scored import answered, pupils
from tests.waiting import eventually

ZONE = ZoneInfo("America/Sao_Paulo")
RA = "RA-SEGREDO-1234"


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("students")
    put_into_use(folder)
    return folder


@pytest.fixture
def scorers(artifacts: Path) -> list[Scorer]:
    return [Scorer(Registry(artifacts).load(task)) for task in ("current", "next-year")]


def test_all_of_one_pupil_is_exported_and_nothing_of_others(store: Store) -> None:
    at = datetime(2024, 5, 10, 2, 30, tzinfo=UTC)
    given = {"IAA": 7.5, "IPP": None}
    mine = replace(row(given, at=at, warnings=("missing_feature",)), student=RA, year=2024, group="8B")
    none = replace(row(), student=RA, prediction=None, probability=None, label="Sem resposta")
    store.write([mine, row(), replace(row(), student="RA-2"), none])
    body = export(store, RA, timezone=ZONE, now=NOON)
    assert body["student"] == RA
    assert body["exported_at"] == "2024-05-10T12:00:00-03:00"
    first, second = body["predictions"] if isinstance(body["predictions"], list) else []
    assert first == {
        "prediction_id": mine.id,
        "timestamp": "2024-05-09T23:30:00-03:00",
        "timestamp_utc": "2024-05-10T02:30:00+00:00",
        "task": "current",
        "model_version": "2024-abc",
        "source": "api",
        "class": "8B",
        "year": 2024,
        "features": {"IAA": 7.5, "IPP": None},
        "prediction": 1,
        "prediction_label": "Aluno possui risco de defasagem",
        "probability": 0.75,
        "threshold": 0.5,
        "warnings": ["missing_feature"],
    }
    assert (second["prediction"], second["probability"], second["year"]) == (None, None, 2024)
    assert json.loads(json.dumps(body)) == body
    assert export(store, "RA-9", timezone=ZONE, now=NOON)["predictions"] == []


def test_an_erased_pupil_is_in_no_row_and_no_counter(store: Store, artifacts: Path, scorers: list[Scorer]) -> None:
    registry = Registry(artifacts)
    for scorer in scorers:
        for position, values in enumerate(pupils(scorer, 30)):
            at = NOON + timedelta(hours=9 * (position % 6))
            student = RA if position % 3 == 0 else "RA-2" if position % 3 == 1 else None
            store.write([answered(scorer, values, at=at, year=2020 + position % 4, student=student)])
    before = {prediction.id for prediction in store.stream() if prediction.student != RA}
    assert erase(store, RA, registry) == Erased(20, ())
    assert {prediction.id for prediction in store.stream()} == before
    result = recount(store, registry)
    assert (result.rows, result.differences) == (40, ())
    assert erase(store, RA, registry) == Erased(0, ())


def test_without_the_model_its_counters_stay_and_are_named(store: Store, artifacts: Path) -> None:
    mine = replace(row({"IAA": 1.0}), student=RA)
    alone = replace(row({"IAA": 1.0}, at=NOON + timedelta(days=3)), student=RA)
    store.write([mine, row({"IAA": 2.0}), alone])
    assert erase(store, RA, Registry(artifacts)) == Erased(2, (("current", "2024-abc"),))
    assert store.total() == 1
    # The day on which nobody else was asked about has no rows left, and needs no model to say that it counts nothing.
    assert store.counts("current", "2024-abc", *EVER) == {"IAA": {1: 1, 2: 1}}
    assert recount(store, Registry(artifacts)).differences == ()


def test_nothing_of_an_erased_pupil_is_left_in_the_file(
    sqlite_store: Store, artifacts: Path, scorers: list[Scorer], tmp_path: Path
) -> None:
    values = pupils(scorers[0], 40)
    sqlite_store.write([answered(scorers[0], given, student=RA if i % 2 else "RA-2") for i, given in enumerate(values)])

    def bytes_of_all() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())

    assert RA.encode() in bytes_of_all()
    erase(sqlite_store, RA, Registry(artifacts))
    assert RA.encode() not in bytes_of_all()
    assert b"RA-2" in bytes_of_all()


def test_pupils_are_erased_while_others_write(store: Store, artifacts: Path, scorers: list[Scorer]) -> None:
    values = pupils(scorers[0], 30)
    over = threading.Event()

    def write_group() -> None:
        store.write([answered(scorers[0], given, student=f"RA-{i % 3}") for i, given in enumerate(values)])

    def write() -> None:
        while not over.is_set():
            write_group()

    write_group()
    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    registry = Registry(artifacts)
    try:
        erased = sum(erase(store, f"RA-{i % 2}", registry).rows for i in range(6))
    finally:
        over.set()
        for writer in writers:
            writer.join()
    assert erased >= 20
    assert recount(store, registry).differences == ()


@pytest.mark.parametrize(
    ("text", "first"), [("1d", date(2024, 5, 9)), (" 400d ", date(2023, 4, 6)), ("99999d", date(1750, 7, 27))]
)
def test_an_age_is_counted_in_days_of_the_counters(text: str, first: date) -> None:
    assert parse_age(text, now=datetime(2024, 5, 11, 1, 0, tzinfo=UTC)) == first  # still the tenth in São Paulo


@pytest.mark.parametrize("text", ["", "0d", "400", "-1d", "1.5d", "100000d", "1y", "d", "４d"])
def test_an_invalid_age_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="400d"):
        parse_age(text, now=NOON)


def test_whole_days_go_with_their_counters(store: Store) -> None:
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

    assert min(prediction.at for prediction in store.stream()) == datetime(2024, 5, 9, 3, 0, tzinfo=UTC)
    assert store.total() == 4 * 2 + 1
    asked = [date(2024, 5, 1) + timedelta(days=i) for i in range(30)]
    for version in ("2024-abc", "other"):
        rows = [prediction for prediction in store.stream() if prediction.version == version]
        assert counters(store, "current", version, asked) == recounted(rows)
    assert store.counts("t", "v", date(2019, 1, 1), date(2021, 1, 1)) == {}
    assert store.snapshots("current", 5) == [snapshot], "counts without identity, and the history of the dashboard"
    assert purge(store, date(2024, 5, 9)) == Purged(0, date(2024, 5, 9))


def test_purging_removes_one_day_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other writers wait for one day only: between two days they get in."""
    days = [NOON + timedelta(days=position) for position in range(4)]
    for at in days:
        store.write([row(at=at), row(at=at)])
    exclusive = store.exclusive
    remaining = []

    @contextmanager
    def counted() -> Iterator[Connection]:
        with exclusive() as connection:
            yield connection
        remaining.append(store.total())
        store.write([row(at=days[-1])])  # as a service does, whenever nobody holds the database

    monkeypatch.setattr(store, "exclusive", counted)
    assert purge(store, days[3].date()).rows == 6
    assert remaining[:3] == [6, 5, 4]


def test_an_empty_store_has_nothing_to_purge(store: Store) -> None:
    assert purge(store, date(2024, 5, 9)) == Purged(0, date(2024, 5, 9))


def test_what_was_erased_is_pending_while_somebody_reads(
    scorers: list[Scorer], artifacts: Path, sqlite_url: str, tmp_path: Path
) -> None:
    def is_on_the_disk() -> bool:
        return any(RA.encode() in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())

    with Store.open(sqlite_url) as store, Store.open(sqlite_url) as reader:
        (values,) = pupils(scorers[0], 1)
        store.write([answered(scorers[0], values, student=RA)])
        with reader.snapshot() as reading:
            reading.exec_driver_sql("SELECT count(*) FROM predictions").scalar_one()
            assert erase(store, RA, Registry(artifacts), patience=0).is_pending
            assert purge(store, date(2000, 1, 1), patience=0).is_pending
            assert not finish_erasing(store)
            assert is_on_the_disk()
        assert finish_erasing(reader), "the next one continues"
        assert not is_on_the_disk()
        assert finish_erasing(store)


def test_a_command_waits_a_moment_for_readers(scorers: list[Scorer], artifacts: Path, sqlite_url: str) -> None:
    with Store.open(sqlite_url) as store, Store.open(sqlite_url) as reader:
        (values,) = pupils(scorers[0], 1)
        store.write([answered(scorers[0], values, student=RA)])
        with ThreadPoolExecutor(1) as pool, reader.snapshot() as reading:
            reading.exec_driver_sql("SELECT count(*) FROM predictions").scalar_one()
            erasing = pool.submit(erase, store, RA, Registry(artifacts), patience=30)
            eventually(lambda: store.total() == 0)
            assert not erasing.done()
            reading.rollback()
            assert not erasing.result().is_pending


def with_pages(store: Store, student: str, at: datetime) -> None:
    """Whatever the pages keep of a pupil, with a value that is found again in a file."""
    stamp = microseconds(at)
    case = f"case-{student}"
    rows: list[tuple[Table, dict[str, object]]] = [
        (
            pupil_years,
            {"year": 2024, "student": student, "class": "3B", "level": 3.0, "label": 1, "fingerprint": "f" * 64}
            | {"values": json.dumps({"IDA": f"valor-{student}"}), "recorded": stamp},
        ),
        (
            pupil_answers,
            {"task": "next-year", "year": 2024, "student": student, "version": "v", "prediction": "p", "at": stamp}
            | {"reasons": "[]", "raising": ",", "missing": "[]", "probability": 0.5},
        ),
        (pupil_names, {"student": student, "name": f"Nome de {student}", "folded": f"nome de {student}"}),
        (
            cases,
            {"id": case, "student": student, "year": 2024, "step": "plan", "owner": "u", "support": '["reforço"]'}
            | {"due": date(2024, 6, 1), "opened": stamp, "changed": stamp, "closed": None, "reason": ""},
        ),
        (
            case_entries,
            {"case": case, "at": stamp, "user": "u", "kind": "note", "restricted": 1}
            | {"details": json.dumps({"text": f"conversa sobre {student}"}, ensure_ascii=False)},
        ),
        (
            audit,
            {"at": stamp, "user": "u", "action": "printed", "subject": "referral", "student": student}
            | {"details": f"de {student}"},
        ),
    ]
    with store.exclusive() as connection:
        for table, values in rows:
            connection.execute(table.insert(), [values])


def test_an_export_has_what_the_pages_keep(store: Store) -> None:
    with_pages(store, RA, NOON)
    with_pages(store, "RA-2", NOON)
    body = export(store, RA, timezone=ZONE, now=NOON)
    assert json.loads(json.dumps(body)) == body
    assert "RA-2" not in json.dumps(body)
    assert body["name"] == f"Nome de {RA}"
    parts: list[Any] = [body[part] for part in ("years", "answers", "cases", "audit")]
    (year,), (answer,), (case,), (line,) = parts
    assert (year["values"], year["class"]) == ({"IDA": f"valor-{RA}"}, "3B")
    assert (answer["task"], answer["probability"]) == ("next-year", 0.5)
    assert (case["step"], case["due"], case["closed"]) == ("plan", "2024-06-01", None)
    assert [entry["details"] for entry in case["entries"]] == [{"text": f"conversa sobre {RA}"}]
    assert line == {"at": "2024-05-10T15:00:00+00:00", "action": "printed", "subject": "referral"}


def test_erasing_takes_the_pages_of_the_pupil_alone(sqlite_store: Store, artifacts: Path, tmp_path: Path) -> None:
    for student in (RA, "RA-2"):
        with_pages(sqlite_store, student, NOON)
    with sqlite_store.snapshot() as connection:
        before = revision(connection)
    erased = erase(sqlite_store, RA, Registry(artifacts))
    assert (erased.rows, erased.pages) == (0, 5)
    whole = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert RA.encode() not in whole
    assert all(text in whole for text in (b"valor-RA-2", b"Nome de RA-2", b"conversa sobre RA-2", b"de RA-2"))
    with sqlite_store.snapshot() as connection:
        lines = connection.execute(select(audit.c.user, audit.c.action, audit.c.student).order_by(audit.c.seq)).all()
        assert revision(connection) != before
    assert lines == [("u", "printed", None), ("u", "printed", "RA-2")], "who did it stays, without the pupil"


def test_old_pages_go_and_a_name_goes_with_the_last(store: Store) -> None:
    with_pages(store, RA, NOON)
    with_pages(store, "RA-2", NOON + timedelta(days=10))
    with store.snapshot() as connection:
        assert old_pages(connection, microseconds(NOON) + 1) == 4  # neither the name nor the entry of the case
    purged = purge(store, date(2024, 5, 15))
    assert purged.pages == 6
    assert export(store, RA, timezone=ZONE, now=NOON)["name"] is None
    kept = export(store, "RA-2", timezone=ZONE, now=NOON)
    assert kept["name"]
    assert all(kept[part] for part in ("years", "answers", "cases", "audit"))
