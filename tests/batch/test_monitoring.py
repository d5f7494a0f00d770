"""A batch is monitored in the pass that scores it, and judged as the same rows are that came through the API."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from farol.batch import parts as planning
from farol.batch.monitoring import counts_of, drift_of_counts, record
from farol.batch.parts import plan_parts
from farol.batch.score import BatchScorer
from farol.drift.report import drift_report
from farol.drift.windows import parse_window
from farol.model.bundle import read_bundle
from farol.model.counters import FILE_SLICE
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.store.database import Store
from farol.store.privacy import parse_age, purge
from farol.store.recount import recount, repair
from tests.batch.conftest import Score, pupils, write
from tests.bundles import make_bundle
from tests.installed import FAROL
from tests.store.scored import answered

NOON = datetime(2024, 5, 10, 15, tzinfo=UTC)
COLUMNS = {"Matem": "MATEMATICA", "Portug": "PORTUGUES", "Fase": "phase", "Fase ideal": "ideal_phase", "Idade": "age"}


def test_verdicts_are_those_of_the_same_rows_through_the_api(
    scorer: Scorer, score: Score, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PART_ROWS", 40)
    table = pupils(300)
    report = score([write(table, tmp_path / "in.parquet", row_group_size=20)], tmp_path / "out.parquet")
    record(store, scorer, report, at=NOON)
    for row in table.rename_columns([COLUMNS.get(name, name) for name in table.column_names]).to_pylist():
        row.pop("RA")
        store.write([answered(scorer, row, at=NOON, year=2024)])
    window = parse_window("2024-05-10..2024-05-10", now=NOON)
    by_api = drift_report(store, scorer.bundle, window, part="source=api")
    by_file = drift_report(store, scorer.bundle, window, part=FILE_SLICE)
    assert report.parts == 8
    assert by_file.n == by_api.n == 300
    assert replace(by_file, part="", baseline=by_api.baseline) == replace(by_api, part="")
    assert drift_of_counts(scorer, report.counts, name="x", at=NOON).figures == by_api.figures


def test_recorded_counts_add_up_and_outlast_a_recount(
    score: Score, scorer: Scorer, store: Store, tmp_path: Path
) -> None:
    report = score([write(pupils(50), tmp_path / "in.csv")], tmp_path / "out.csv")
    for _ in range(2):
        record(store, scorer, report, at=NOON)
    bundle = scorer.bundle
    stored = store.counts(bundle.task, bundle.version, NOON.date(), NOON.date(), FILE_SLICE)
    assert stored == scorer.layout.counts(2 * report.counts)
    assert store.counts(bundle.task, bundle.version, NOON.date(), NOON.date()) == {}, "they are in no other slice"
    registry = Registry(bundle.path.parent.parent)
    assert recount(store, registry).differences == ()
    repair(store, registry, [(bundle.task, bundle.version, NOON.date())])
    assert store.counts(bundle.task, bundle.version, NOON.date(), NOON.date(), FILE_SLICE) == stored


def test_retention_drops_recorded_counts_of_old_days(
    score: Score, scorer: Scorer, store: Store, tmp_path: Path
) -> None:
    report = score([write(pupils(50), tmp_path / "in.csv")], tmp_path / "out.csv")
    old, kept = NOON - timedelta(days=400), NOON - timedelta(days=399)
    for at in (old, kept, NOON):
        record(store, scorer, report, at=at)
    store.write([answered(scorer, {"IAA": 5.0}, at=NOON, year=2024)])
    purge(store, parse_age("399d", now=NOON))
    version = scorer.bundle.task, scorer.bundle.version
    assert store.first_day(*version) == kept.date()
    stored = store.counts(*version, old.date(), NOON.date(), FILE_SLICE)
    assert stored == scorer.layout.counts(2 * report.counts)


def test_files_are_counted_without_being_answered(scorer: Scorer, score: Score, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for place in range(3):
        write(pupils(40, seed=place), source / f"{place}.parquet", row_group_size=15)
    table = pupils(30, seed=9)
    odd = table.set_column(1, "IAA", table["IAA"].fill_null(99.0))
    write(odd, source / "9.parquet")
    batch = BatchScorer(scorer, reasons=0, locale="en")
    parts = plan_parts(scorer.bundle, [str(source)], year=2024, this_year=2024, keep=())
    counts, refused = counts_of(batch, parts, threads=2)
    report = score([source], tmp_path / "out")
    np.testing.assert_array_equal(counts, report.counts)
    assert refused == report.refused == table["IAA"].null_count > 0


def test_a_recorded_run_is_a_window_of_farol_drift(tmp_path: Path) -> None:
    made = make_bundle(tmp_path / "artifacts", "next-year")
    Registry(tmp_path / "artifacts").promote("next-year", made.name)
    source = tmp_path / "in"
    source.mkdir()
    for place in range(2):
        write(pupils(500, seed=place), source / f"{place}.parquet")
    environ = {**os.environ, "FAROL_ARTIFACTS": str(tmp_path / "artifacts"), "FAROL_DATA": str(tmp_path / "data"),
               "FAROL_LOCALE": "en"}  # fmt: skip

    def farol(*words: str) -> str:
        done = subprocess.run([str(FAROL), *words], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    farol("score", str(source), "--out", str(tmp_path / "out.parquet"), "--year", "2024", "--record")
    task = ("--task", "next-year", "--format", "json")
    stored = json.loads(farol("drift", "--window", "7d", "--slice", "source=file", *task))
    read = json.loads(farol("drift", "--input", str(source), "--year", "2024", *task))
    assert stored["features"] == read["features"]
    assert (stored["score"], stored["rate"]) == (read["score"], read["rate"])
    assert stored["features"][0]["n"] == pq.read_table(tmp_path / "out.parquet").num_rows == 1000
    assert read_bundle(made).version == stored["version"]
