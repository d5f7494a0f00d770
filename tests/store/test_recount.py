"""The counters are what the rows say, and what is not so is found, told and mended."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from farol.drift.simulate import simulate
from farol.model.counters import Counted, total, union
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.profile import load_profile
from farol.store.database import PAGE, Store
from farol.store.recount import recount, repair
from farol.store.statements import cursor_of
from farol.workbook.panel import read_panel
from tests.bundles import make_bundle
from tests.store.rows import EVER, NOON, row
from tests.store.scored import answered, pupils

DAY = date(2024, 5, 10)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of `current` and one of `next-year`; not to be changed."""
    folder = tmp_path_factory.mktemp("counting")
    Registry(folder).promote("current", make_bundle(folder).name)
    make_bundle(folder, seed=1)
    Registry(folder).promote("next-year", make_bundle(folder, "next-year").name)
    return folder


@pytest.fixture
def current(artifacts: Path) -> Scorer:
    return Scorer(Registry(artifacts).load("current"))


@pytest.fixture
def forecast(artifacts: Path) -> Scorer:
    return Scorer(Registry(artifacts).load("next-year"))


def test_counters_of_every_task_version_day_and_year_are_proven(
    store: Store, artifacts: Path, current: Scorer, forecast: Scorer
) -> None:
    registry = Registry(artifacts)
    other = next(entry for entry in registry.versions("current") if not entry.promoted)
    scorers = [current, forecast, Scorer(registry.load("current", other.version))]
    for number, scorer in enumerate(scorers):
        for position, values in enumerate(pupils(scorer, 40, seed=number)):
            at = NOON + timedelta(hours=5 * position)
            store.write([answered(scorer, values, at=at, year=2018 + position % 7)])
    result = recount(store, registry)
    assert (result.rows, result.differences, result.unproven, result.cells) == (120, (), (), ())


def test_simulated_predictions_are_proven_too_across_pages(
    sqlite_store: Store, artifacts: Path, forecast: Scorer, sample_workbook: Path
) -> None:
    panel = read_panel(sample_workbook, load_profile("pede"))
    simulate(panel, forecast, sqlite_store, n=PAGE + 50, shift="severe", seed=1, days=20, now=datetime.now(UTC))
    result = recount(sqlite_store, Registry(artifacts))
    assert (result.rows, result.differences) == (PAGE + 50, ())


def test_every_fault_of_a_counter_is_reported_and_repaired(store: Store, artifacts: Path, current: Scorer) -> None:
    values = pupils(current, 12)
    store.write([answered(current, given) for given in values])
    store.write([answered(current, given, at=NOON + timedelta(days=1)) for given in values])
    whole = store.counts("current", current.bundle.version, *EVER)
    version = current.bundle.version
    ips = store.counts("current", version, DAY, DAY)["IPS"]
    with store.exclusive() as connection:
        layout, cells = store.counters.stored(connection)["current", version, DAY, ""]
        counts = layout.counts(cells)
        del counts["IPS"]
        least = min(counts["IAA"])
        counts["IAA"][least] = 99
        counts["extra"] = {77: 5}
        wrong = union(layout, Counted.of({"extra": 77}).layout)
        tally = wrong, wrong.vector(counts)
        before = ("current", version, DAY - timedelta(days=9), "")  # a day without any row
        store.counters.put(cursor_of(connection), {("current", version, DAY, ""): tally, before: tally})
        store.counters.drop(connection, "current", version, DAY + timedelta(days=1))
    registry = Registry(artifacts)
    result = recount(store, registry)
    told = {
        (differs.day, differs.slice, differs.name, differs.bin): (differs.counted, differs.rows)
        for differs in result.differences
    }
    assert told[DAY, "", "extra", 77] == told[DAY - timedelta(days=9), "", "extra", 77] == (5, 0)
    assert {key[3]: n for key, n in told.items() if key[0] == DAY and key[2] == "IPS"} == {
        bin_: (0, n) for bin_, n in ips.items()
    }
    assert told[DAY, "", "IAA", least][0] == 99
    assert not any(key[0] == DAY and (key[2] == "IEG" or key[1] != "") for key in told)
    dropped = {key[1:3] for key in told if key[0] == DAY + timedelta(days=1)}
    assert {("", "=score"), ("source=api", "IAA"), ("source=api", "=prediction")} <= dropped
    repair(store, registry, result.cells)
    assert recount(store, registry).differences == ()
    assert store.counts("current", version, *EVER) == whole


def test_what_a_lost_model_counted_is_said_to_be_unproven(
    store: Store, artifacts: Path, current: Scorer, tmp_path: Path
) -> None:
    store.write([answered(current, given) for given in pupils(current, 3)])
    store.write([row(), row(version="2020-gone")])  # of models that never were here
    registry = Registry(artifacts)
    result = recount(store, registry)
    assert [(lost.task, lost.version, lost.rows) for lost in result.unproven] == [
        ("current", "2020-gone", 1),
        ("current", "2024-abc", 1),
    ]
    assert all("no version" in str(lost.problem) for lost in result.unproven)
    assert (result.rows, result.differences) == (3, ())
    before = store.counts("current", "2024-abc", *EVER)
    repair(store, registry, [("current", "2024-abc", DAY)])
    assert store.counts("current", "2024-abc", *EVER) == before, "what cannot be counted is not touched"


def test_counters_of_a_day_without_rows_are_wrong_and_go(store: Store, artifacts: Path) -> None:
    gone = Counted.of({"IAA": 1})
    with store.exclusive() as connection:
        tally = gone.layout, total(gone.layout, [gone.cells, gone.cells])
        store.counters.put(cursor_of(connection), {("current", "2020-gone", DAY, ""): tally})
    registry = Registry(artifacts)
    result = recount(store, registry)
    assert [(difference.counted, difference.rows) for difference in result.differences] == [(2, 0)]
    repair(store, registry, result.cells)
    assert store.counts("current", "2020-gone", *EVER) == {}


def test_a_model_that_is_damaged_proves_nothing(sqlite_store: Store, artifacts: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(artifacts, tmp_path / "artifacts"))
    scorer = Scorer(Registry(folder).load("current"))
    sqlite_store.write([answered(scorer, given) for given in pupils(scorer, 3)])
    (scorer.bundle.path / "model.onnx").write_bytes(b"damaged")
    result = recount(sqlite_store, Registry(folder))
    assert (result.rows, [lost.rows for lost in result.unproven], result.differences) == (0, [3], ())


def test_counters_are_proved_and_mended_while_others_write(store: Store, artifacts: Path, current: Scorer) -> None:
    values = pupils(current, 50)
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            store.write([answered(current, given) for given in values])

    registry = Registry(artifacts)
    store.write([answered(current, values[0])])
    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(4):
            assert recount(store, registry).differences == ()
            repair(store, registry, [("current", current.bundle.version, DAY)])
    finally:
        over.set()
        for writer in writers:
            writer.join()
    result = recount(store, registry)
    assert result.rows > 50
    assert result.differences == ()
