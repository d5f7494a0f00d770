"""Training on panels of many schools: time and memory, the quality against training in memory, one model or one each.

Run: `python -m benchmarks.large [--pupils N] [--years Y] [--schools S] [--only PART …]`; the pupils are invented
(`farol sample --out`).

- `train`: `farol train` of a folder of panels. The memory is that of all its processes together, asked ten times a
  second: the sum of their resident sets, which counts what they share more than once.
- `quality`: on a panel that fits in memory, the model of the shards against the model in memory, on the same test rows:
  the difference of the two areas under the ROC curve with its 95% interval, pupils drawn again 1,000 times.
- `cluster`: the same for a model that a standalone Spark cluster of two workers trained. It needs the extra `spark`
  and Java.
- `states`: the areas under the ROC curve by state, of one model for all states, one model with the state among its
  features, and a model of each state.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from farol.evaluation.metrics import compare
from farol.model.features import feature_matrix
from farol.profile import load_profile
from farol.training import models
from farol.training.augmentation import repetitions_of
from farol.training.large import TEST, TESTED, Fit, LargePanel, drawn_rows, fitted_here
from farol.training.plan import plan_of
from farol.training.rows import rows_of
from farol.workbook.panel import read_panel
from farol.workbook.sample_network import Network
from farol.workbook.sample_panels import PROFILE, write_panels
from farol.workbook.shards import deal_out

FAROL = Path(sys.executable).with_name("farol")
TASK = "next-year"
FEW = Network(pupils=30_000, years=4, schools=200, seed=7)


def memory(group: int) -> int:
    """Megabytes of the processes of a group."""
    pages = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pages += int(fields[21]) if int(fields[2]) == group else 0
    return pages * 4096 // 1_000_000


def train(folder: Path, network: Network) -> None:
    """Times and memory of `farol sample` and `farol train`."""
    panel = folder / "panel"
    began = time.perf_counter()
    write_panels(panel, network)
    rows = network.pupils * network.years
    print(f"{rows:,} pupil-years written in {time.perf_counter() - began:.0f} s", flush=True)
    command = [str(FAROL), "train", str(panel), "--profile", str(panel / PROFILE), "--task", TASK, "--quick"]
    command += ["--artifacts", str(folder / "artifacts"), "--by", "school"]
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None:
        peak = max(peak, memory(process.pid))
        time.sleep(0.1)
    seconds = time.perf_counter() - began
    print(f"trained in {seconds:.0f} s ({rows / seconds:,.0f} rows/s), at most {peak:,} MB", flush=True)
    assert process.stdout is not None
    print(process.stdout.read().decode())


def dealt(folder: Path, network: Network) -> LargePanel:
    """The shards of a network."""
    write_panels(folder / "panel", network)
    profile = load_profile(str(folder / "panel" / PROFILE))
    shards = deal_out(folder / "panel", profile, folder / "shards")
    return LargePanel(shards, folder / "arrays", by=("school",))


def cluster(folder: Path) -> None:
    """The model that a cluster trained against the model in memory."""
    from farol.batch.spark import open_session
    from farol.batch.spark_training import fitted_on_spark
    from tests.batch.clusters import ENVIRON, spark_cluster

    os.environ.update(ENVIRON)
    with spark_cluster(folder, workers=2) as spark:
        session = open_session(master=spark.url, remote=None)
        try:
            quality(folder, partial(fitted_on_spark, session))
        finally:
            session.stop()


def quality(folder: Path, fit: Fit = fitted_here) -> None:
    """The model of the shards against the model in memory."""
    large = replace(dealt(folder, FEW), fit=fit)
    profile = load_profile(str(folder / "panel" / PROFILE))
    task = profile.tasks[TASK]
    panel = read_panel(folder / "panel" / "part-00000.parquet", profile)
    plan = plan_of(panel, task)
    prepared = large.prepared(profile, task, plan, seed=0, share=lambda _: None)
    began = time.perf_counter()
    streamed = prepared.fitted(TESTED)
    seconds = time.perf_counter() - began
    matrix = feature_matrix(profile, task, panel.columns, panel.year.astype(np.float64), plan.known)
    rows = rows_of(panel, plan, matrix, plan.train, repetitions_of(panel, task, plan.known))
    held = models.fit_served(task, rows, seed=0)
    test = rows_of(panel, plan, matrix, plan.test)
    answers = [model.probability(test.matrix) for model in (streamed, held)]
    print(f"{FEW.pupils * FEW.years:,} pupil-years, {rows.label.size:,} taught, {test.label.size:,} tested; "
          f"trees in {seconds:.1f} s")  # fmt: skip
    for name, difference in compare(test.label, *answers, seed=0, resamples=1000).items():
        low, high = getattr(difference, "low", np.nan), getattr(difference, "high", np.nan)
        value = getattr(difference, "value", np.nan)
        print(f"  {name:20} shards minus memory {value:+.5f} (95%: {low:+.5f} to {high:+.5f})")


def auc(label: NDArray[np.float32], probability: NDArray[np.float32]) -> float:
    """The area under the ROC curve."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(label, probability))


def states(folder: Path, network: Network) -> None:
    """One model for all states, one that knows the state, and one for each state."""
    began = time.perf_counter()
    large = dealt(folder, network)
    profile = load_profile(str(folder / "panel" / PROFILE))
    task = profile.tasks[TASK]
    plan = plan_of(large.shards.panel(0, profile), task)
    pieces: dict[str, list[dict[str, NDArray[np.generic]]]] = {TESTED: [], TEST: []}
    for shard in range(large.shards.count):
        panel = large.shards.panel(shard, profile)
        matrix = feature_matrix(profile, task, panel.columns, panel.year.astype(np.float64), plan.known)
        for part, cohorts in ((TESTED, plan.train), (TEST, plan.test)):
            rows = rows_of(panel, plan, matrix, cohorts, repetitions_of(panel, task, plan.known))
            seen = drawn_rows(task, rows, np.random.default_rng(shard))
            inputs, answers = (seen.matrix, seen.label) if part == TESTED else (rows.matrix, rows.label)
            state = rows.of(panel).categories["state"].astype(np.str_)
            pieces[part].append({"x": inputs.astype(np.float32), "y": answers.astype(np.float32), "state": state})
    taught, test = (
        {name: np.concatenate([piece[name] for piece in pieces[part]]) for name in ("x", "y", "state")}
        for part in (TESTED, TEST)
    )
    # A state of few pupils may have nobody to learn from, or one answer alone.
    names = [
        name
        for name in sorted(set(test["state"].tolist()))
        if all(len(set(part["y"][part["state"] == name].tolist())) > 1 for part in (taught, test))
    ]
    together = _fitted(taught["x"], taught["y"]).inplace_predict(test["x"])
    place = {name: float(at) for at, name in enumerate(np.union1d(taught["state"], test["state"]).tolist())}
    marked = [
        np.column_stack([part["x"], np.array([place[name] for name in part["state"].tolist()], dtype=np.float32)])
        for part in (taught, test)
    ]
    knowing = _fitted(marked[0], taught["y"]).inplace_predict(marked[1])
    print(f"{len(names)} states; {time.perf_counter() - began:.0f} s so far")
    print(f"{'state':10} {'taught':>9} {'tested':>9} {'at risk':>8} {'all':>7} {'+state':>7} {'each':>7}")
    gains = []
    for name in names:
        own, asked = taught["state"] == name, test["state"] == name
        alone = _fitted(taught["x"][own], taught["y"][own]).inplace_predict(test["x"][asked])
        label = test["y"][asked]
        figures = [auc(label, answers) for answers in (together[asked], knowing[asked], alone)]
        gains.append([figures[1] - figures[0], figures[2] - figures[0]])
        cells = " ".join(f"{figure:7.4f}" for figure in figures)
        print(f"{name:10} {int(own.sum()):9,} {label.size:9,} {label.mean():8.1%} {cells}", flush=True)
    better = (np.array(gains) > 0).sum(axis=0)
    print(f"mean gain over one model for all: with the state {np.mean(gains, axis=0)[0]:+.4f} (better in {better[0]}), "
          f"one each {np.mean(gains, axis=0)[1]:+.4f} (better in {better[1]} of {len(names)})")  # fmt: skip


def _fitted(inputs: NDArray[np.float32], label: NDArray[np.float32]) -> xgboost.Booster:
    chosen = {**models.SETTINGS, "seed": 0, "nthread": 2}
    return xgboost.train(chosen, xgboost.QuantileDMatrix(inputs, label), models.ROUNDS)


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pupils", type=int, default=2_500_000)
    parser.add_argument("--years", type=int, default=4)
    parser.add_argument("--schools", type=int, default=10_000)
    parts = ("train", "quality", "cluster", "states")
    parser.add_argument("--only", nargs="*", choices=parts, default=parts)
    options = parser.parse_args()
    network = Network(options.pupils, options.years, options.schools, seed=2024)
    for part in options.only:
        with tempfile.TemporaryDirectory(prefix="farol-large-") as name:
            print(f"\n## {part}", flush=True)
            if part in ("quality", "cluster"):
                (quality if part == "quality" else cluster)(Path(name))
            else:
                (train if part == "train" else states)(Path(name), network)


if __name__ == "__main__":
    main()
