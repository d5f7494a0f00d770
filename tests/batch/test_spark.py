"""Spark and Sail score as this machine does, and neither a killed worker nor a task that runs twice changes that.

A real standalone master with two workers of one core each, and a real Sail server, all on 127.0.0.1.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from farol.batch.job import Job, score_part
from farol.batch.output import Output
from farol.batch.parts import plan_parts
from farol.batch.run import run
from farol.batch.score import BatchScorer
from farol.batch.spark import SentBundle, on_spark, open_session
from farol.batch.spark_training import fitted_on_spark
from farol.errors import InputError, MissingExtraError
from farol.model.features import feature_matrix
from farol.model.scoring import Scorer
from farol.profile import load_profile
from farol.training.large import TEST, TESTED, LargePanel
from farol.training.plan import plan_of
from farol.training.rows import rows_of
from farol.workbook import shards
from farol.workbook.panel import read_panel
from farol.workbook.sample import write_sample
from farol.workbook.sample_network import Network
from farol.workbook.sample_panels import PROFILE, write_panels
from farol.workbook.shards import deal_out
from tests.batch.clusters import (
    BIN,
    ENVIRON,
    SparkCluster,
    answers,
    sail_server,
    spark_cluster,
    started,
    stop,
)
from tests.batch.conftest import pupils, write
from tests.waiting import eventually

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    if shutil.which("java") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs Java: scripts/setup.sh system-for-tests installs it")
        pytest.skip("no Java on this machine")
    with spark_cluster(tmp_path_factory.mktemp("spark"), workers=2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def sail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sail_server(tmp_path_factory.mktemp("sail")) as url:
        yield url


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pupils")
    for place in range(12):
        write(pupils(20_000, seed=place), folder / f"{place:02}.parquet")
    return folder


def command(artifacts: Path, source: Path, out: Path, *options: str) -> list[str]:
    words = ["score", str(source), "--out", str(out), "--artifacts", str(artifacts), "--task", "next-year"]
    return [str(BIN / "farol"), *words, "--year", "2024", *options]


def done(
    artifacts: Path, source: Path, out: Path, *options: str, environ: Mapping[str, str] = ENVIRON
) -> subprocess.CompletedProcess[str]:
    words = command(artifacts, source, out, *options)
    return subprocess.run(words, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def expected(artifacts: Path, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("local") / "out"
    assert done(artifacts, source, out).returncode == 0
    return out


def assert_same(out: Path, expected: Path) -> None:
    assert pq.read_table(out).equals(pq.read_table(expected))
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in expected.iterdir())
    for name in ("_farol.json", "_refused.csv"):
        assert (out / name).read_bytes() == (expected / name).read_bytes()


def test_speculation_doubles_nothing(cluster: SparkCluster, artifacts: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for place in range(6):
        write(pupils(300_000 if place == 5 else 300, seed=place), source / f"{place}.csv")
    (tmp_path / "events").mkdir()
    (tmp_path / "spark-defaults.conf").write_text(
        "spark.speculation true\nspark.speculation.interval 10ms\nspark.speculation.quantile 0.1\n"
        "spark.speculation.multiplier 1.01\nspark.speculation.minTaskRuntime 0ms\n"
        f"spark.eventLog.enabled true\nspark.eventLog.dir file://{tmp_path / 'events'}\n"
        "spark.eventLog.compress false\nspark.eventLog.rolling.enabled false\n",
        encoding="utf-8",
    )
    environ = {**ENVIRON, "SPARK_CONF_DIR": str(tmp_path)}
    result = done(artifacts, source, tmp_path / "out", "--master", cluster.url, environ=environ)
    assert result.returncode == 0, result.stderr
    (events,) = (tmp_path / "events").iterdir()
    assert '"Speculative":true' in events.read_text("utf-8"), "a task ran twice at the same time"
    assert done(artifacts, source, tmp_path / "expected").returncode == 0
    assert_same(tmp_path / "out", tmp_path / "expected")


def test_a_killed_worker_changes_no_answer(
    cluster: SparkCluster, artifacts: Path, source: Path, expected: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = command(artifacts, source, out, "--master", cluster.url)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, env=ENVIRON, stdout=log, stderr=log)
    finished = tmp_path / "out.partial"
    eventually(lambda: len([*finished.glob("part-*.json")]) >= 2)
    os.killpg(cluster.workers[0].pid, signal.SIGKILL)
    assert len([*finished.glob("part-*.json")]) < 12, "the worker was killed in the middle"
    assert process.wait() == 0, (tmp_path / "log").read_text("utf-8")
    assert_same(out, expected)


def test_a_part_scored_twice_at_once_is_there_once(scorer: Scorer, tmp_path: Path) -> None:
    batch = BatchScorer(scorer, reasons=0, locale="en")
    path = write(pupils(30_000), tmp_path / "in.parquet")
    parts = plan_parts(scorer.bundle, [str(path)], year=2024, this_year=2024, keep=())
    output = Output(tmp_path / "out", "parquet", is_folder=True)

    def twice(job: Job, places: object, gather: object) -> None:
        with ThreadPoolExecutor(4) as threads:
            for task in [threads.submit(score_part, job, 0) for _ in range(4)]:
                task.result()

    report = run(batch, parts, output, engine=twice, progress=lambda _rows, _bytes: None)
    assert (report.rows, report.scored, int(report.counts.sum()) % 30_000 >= 0) == (30_000, 30_000, True)
    assert pq.read_table(tmp_path / "out")["RA"].to_pylist() == pq.read_table(path)["RA"].to_pylist()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "_farol.json", "_refused.csv", "part-00000.parquet"
    ]  # fmt: skip


def test_sail_gives_the_same_answers(sail: str, artifacts: Path, source: Path, expected: Path, tmp_path: Path) -> None:
    result = done(artifacts, source, tmp_path / "out", "--engine", "spark", "--remote", sail)
    assert result.returncode == 0, result.stderr
    assert "rows read: 240,000 = accepted: 240,000 + refused: 0" in result.stdout
    assert_same(tmp_path / "out", expected)


def test_a_bad_partition_is_named_and_the_rest_is_kept(
    sail: str, artifacts: Path, source: Path, expected: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "in"
    copy.mkdir()
    for path in source.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    bad, whole = copy / "07.parquet", (copy / "07.parquet").read_bytes()
    stat = bad.stat()
    bad.write_bytes(whole[:2000] + b"x" * 3000 + whole[5000:])
    os.utime(bad, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    result = done(artifacts, copy, tmp_path / "out", "--remote", sail)
    assert result.returncode == 2
    assert "07.parquet" in result.stderr
    assert "row group 0" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()
    bad.write_bytes(whole)
    os.utime(bad, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    again = done(artifacts, copy, tmp_path / "out")
    assert "Parts finished before: 11 of 12." in again.stdout, "what one engine finished the other need not do"
    assert pq.read_table(tmp_path / "out").equals(pq.read_table(expected))


def assert_rest_is_done_here(artifacts: Path, source: Path, out: Path, expected: Path) -> None:
    """Nothing stands under the name, and finished parts are not scored again."""
    assert not out.exists()
    finished = len([*out.with_name("out.partial").glob("part-*.json")])
    again = done(artifacts, source, out)
    assert again.returncode == 0, again.stderr
    assert not finished or f"Parts finished before: {finished} of 12." in again.stdout
    assert_same(out, expected)


def test_workers_without_memory_end_with_a_clear_error(
    cluster: SparkCluster, artifacts: Path, source: Path, expected: Path, tmp_path: Path
) -> None:
    (tmp_path / "spark-defaults.conf").write_text("spark.executor.pyspark.memory 400m\n", encoding="utf-8")
    environ = {**ENVIRON, "SPARK_CONF_DIR": str(tmp_path)}
    result = done(artifacts, source, tmp_path / "out", "--master", cluster.url, environ=environ)
    assert result.returncode == 2
    # Which comes first depends on where the memory ends: while the worker starts, or while it scores.
    assert "There is not enough memory." in result.stderr or "The cluster gave up." in result.stderr
    assert "Traceback" not in result.stderr
    assert_rest_is_done_here(artifacts, source, tmp_path / "out", expected)


def test_a_server_that_the_system_kills_loses_nothing(
    artifacts: Path, source: Path, expected: Path, tmp_path: Path, free_port: int
) -> None:
    words = (str(BIN / "sail"), "spark", "server", "--ip", "127.0.0.1", "--port", str(free_port))
    server = started(tmp_path / "sail", *words)
    eventually(lambda: answers(free_port))
    with (tmp_path / "log").open("wb") as log:
        remote = command(artifacts, source, tmp_path / "out", "--remote", f"sc://127.0.0.1:{free_port}")
        process = subprocess.Popen(remote, env=ENVIRON, stdout=log, stderr=log)
    eventually(lambda: [*(tmp_path / "out.partial").glob("part-*.json")])
    stop(server)  # as the system does to a process when memory ends
    assert process.wait(timeout=120) == 2
    told = (tmp_path / "log").read_text("utf-8")
    assert "The cluster gave up." in told
    assert "finished parts are kept" in told
    assert "Traceback" not in told
    assert_rest_is_done_here(artifacts, source, tmp_path / "out", expected)


def test_a_bundle_that_was_changed_on_the_way_is_refused(
    sail: str, scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = SentBundle.of(scorer.bundle)
    changed = {**whole.files, "model.onnx": whole.files["model.onnx"][:-1] + b"\0"}
    monkeypatch.setattr(SentBundle, "of", lambda _bundle: replace(whole, version="changed", files=changed))
    path = write(pupils(30), tmp_path / "in.parquet")
    parts = plan_parts(scorer.bundle, [str(path)], year=2024, this_year=2024, keep=())
    output = Output(tmp_path / "out", "parquet", is_folder=True)
    batch = BatchScorer(scorer, reasons=0, locale="en")
    session = open_session(master=None, remote=sail)
    with pytest.raises(InputError, match="changed"):
        run(batch, parts, output, engine=on_spark(session), progress=lambda _rows, _bytes: None)
    session.stop()
    assert not (tmp_path / "out").exists()


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(MissingExtraError, match=r"\[spark\]"):
        open_session(master="local[1]", remote=None)
    with pytest.raises(MissingExtraError, match=r"\[sail\]"):
        open_session(master=None, remote="sc://127.0.0.1:1")


def test_a_cluster_and_the_local_engine_exclude_each_other(artifacts: Path, source: Path, tmp_path: Path) -> None:
    result = done(artifacts, source, tmp_path / "out", "--engine", "local", "--remote", "sc://127.0.0.1:1")
    assert result.returncode == 2
    assert "--remote" in result.stderr


@pytest.fixture(scope="module")
def panels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("panels") / "panel"
    write_panels(folder, Network(pupils=3000, years=3, schools=40, seed=1))
    return folder


# pyspark leaves a socket to its garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning")
def test_a_cluster_trains_as_well_as_this_machine(
    cluster: SparkCluster, panels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 2000)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    profile = load_profile(str(panels / PROFILE))
    task = profile.tasks["next-year"]
    large = LargePanel(deal_out(panels, profile, tmp_path / "shards"), tmp_path / "arrays", processes=1)
    whole = read_panel(panels / "part-00000.parquet", profile)
    plan = plan_of(whole, task)
    here = large.prepared(profile, task, plan, seed=0, share=lambda _: None)
    matrix = feature_matrix(profile, task, whole.columns, whole.year.astype(float), plan.known)
    test = rows_of(whole, plan, matrix, plan.test)
    session = open_session(master=cluster.url, remote=None)
    try:
        there = replace(here, panel=replace(large, fit=partial(fitted_on_spark, session)))
        areas = [roc_auc_score(test.label, each.fitted(TESTED).probability(test.matrix)) for each in (here, there)]
        with pytest.raises(InputError, match="gave up"):
            fitted_on_spark(session, {"seed": 0, "max_depth": "deep"}, [large.arrays(TEST, 0)])
    finally:
        session.stop()
    assert large.shards.count > 2
    assert areas[0] > 0.85
    assert areas[1] == pytest.approx(areas[0], abs=0.005)


def test_farol_train_lets_a_cluster_train(cluster: SparkCluster, panels: Path, tmp_path: Path) -> None:
    words = ["train", str(panels), "--profile", str(panels / PROFILE), "--task", "next-year", "--quick"]
    environ = {**ENVIRON, "FAROL_ARTIFACTS": str(tmp_path / "artifacts")}
    result = subprocess.run(
        [str(BIN / "farol"), *words, "--master", cluster.url], env=environ, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    (bundle,) = (tmp_path / "artifacts").rglob("report.json")
    assert json.loads(bundle.read_bytes())["population"]["whole"]["roc_auc"] > 0.85
    assert "training-logloss" not in result.stderr


def test_a_workbook_needs_no_cluster(tmp_path: Path) -> None:
    words = ["train", str(write_sample(tmp_path / "sample.xlsx")), "--master", "local[1]"]
    result = subprocess.run([str(BIN / "farol"), *words], env=ENVIRON, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "--master" in result.stderr
