"""One pupil's rows: all of them given away, all of them erased, and the counters true afterwards."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.store.database import Store
from farol.store.recount import recount
from farol.store.students import Erased, erase, export
from tests.bundles import make_bundle
from tests.store.rows import EVER, NOON, row
from tests.store.scored import answered, pupils

ZONE = ZoneInfo("America/Sao_Paulo")
RA = "RA-SEGREDO-1234"


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("students")
    Registry(folder).promote("current", make_bundle(folder).name)
    Registry(folder).promote("next-year", make_bundle(folder, "next-year").name)
    return folder


@pytest.fixture
def scorers(artifacts: Path) -> list[Scorer]:
    return [Scorer(Registry(artifacts).load(task)) for task in ("current", "next-year")]


def test_everything_of_one_pupil_is_exported_and_nothing_of_another(store: Store) -> None:
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
    before = {one.id for one in store.stream() if one.student != RA}
    assert erase(store, RA, registry) == Erased(20, ())
    assert {one.id for one in store.stream()} == before
    found = recount(store, registry)
    assert (found.rows, found.differences) == (40, ())
    assert erase(store, RA, registry) == Erased(0, ())


def test_where_the_model_is_gone_counts_without_identity_stay_and_are_named(store: Store, artifacts: Path) -> None:
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
    sqlite_store.write([answered(scorers[0], one, student=RA if i % 2 else "RA-2") for i, one in enumerate(values)])

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
        store.write([answered(scorers[0], one, student=f"RA-{i % 3}") for i, one in enumerate(values)])

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
