"""How fast Spark and Sail score, against the engine of this machine on the same cores, and two workers against one.

Run: `python -m benchmarks.engines [--rows N] [--rounds N]`; the pupils are invented, the model is trained on the sample
workbook. It needs the extras `spark` and `sail`, and Java.

Each engine answers a folder of Parquet files into a folder of Parquet files. All are warm: the session is open, and its
workers have scored a few rows. Spark is a standalone master with one and with two workers of one core each, Sail a
server of its own; all on 127.0.0.1. An overhead is the median of the rounds' own ratios: what an engine takes more than
this machine's with two threads. The seconds of the processors are those of the whole machine while an engine works, so
that on a machine without other work they are the engine's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.batch import TASK, Bench, write_pupils
from farol.batch.output import Output
from farol.batch.parts import plan_parts
from farol.batch.run import Engine, on_this_machine, run
from farol.batch.score import BatchScorer
from farol.batch.spark import on_spark, open_session
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from tests.batch.clusters import ENVIRON, sail_server, spark_cluster

FEW_ROWS = 40_000
FILES = 10


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds on the clock, and of all processors."""

    seconds: float
    processors: float


def processors() -> float:
    """Seconds that all processors have worked since the machine started."""
    user, nice, system, *_ = map(int, Path("/proc/stat").read_text("ascii").split("\n")[0].split()[1:])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def score(scorer: BatchScorer, source: Path, out: Path, engine: Engine) -> Took:
    """What an engine takes for a folder."""
    shutil.rmtree(out, ignore_errors=True)
    began, worked = time.perf_counter(), processors()
    parts = plan_parts(scorer.scorer.bundle, [str(source)], year=2024, this_year=2024, keep=())
    run(scorer, parts, Output(out, "parquet", is_folder=True), engine=engine, progress=lambda _rows, _bytes: None)
    return Took(time.perf_counter() - began, processors() - worked)


@contextmanager
def local(_folder: Path) -> Iterator[Engine]:
    """The engine of this machine."""
    yield on_this_machine(2)


@contextmanager
def spark(folder: Path, workers: int) -> Iterator[Engine]:
    """A standalone cluster of its own, with a session."""
    logs = folder / f"spark-{workers}"
    logs.mkdir(exist_ok=True)
    with spark_cluster(logs, workers=workers) as cluster, session(master=cluster.url) as opened:
        yield on_spark(opened)


@contextmanager
def sail(folder: Path) -> Iterator[Engine]:
    """A Sail server, with a session."""
    with sail_server(folder) as url, session(remote=url) as opened:
        yield on_spark(opened)


@contextmanager
def session(master: str | None = None, remote: str | None = None) -> Iterator[Any]:
    """A session that is closed at the end: a process has one at a time."""
    opened = open_session(master=master, remote=remote)
    try:
        yield opened
    finally:
        opened.stop()


def files(folder: Path, rows: int) -> Path:
    """A folder of pupils in files of about the same size."""
    folder.mkdir()
    for place in range(FILES):
        write_pupils(folder / f"{place:02}.parquet", rows // FILES)
    return folder


ENGINES: dict[str, Callable[[Path], AbstractContextManager[Engine]]] = {
    "this machine": local,
    "Spark, one worker": partial(spark, workers=1),
    "Spark, two workers": partial(spark, workers=2),
    "Sail": sail,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ.update(ENVIRON)
    with tempfile.TemporaryDirectory(prefix="farol-engines-") as name:
        folder = Path(name)
        bench = Bench(folder, 2, options.rounds)
        bench.train()
        few, many = files(folder / "few", FEW_ROWS), files(folder / "many", options.rows)
        scorer = BatchScorer(Scorer(Registry(bench.artifacts).load(TASK)), reasons=0, locale="en")
        rounds: list[dict[str, Took]] = []
        for _ in range(options.rounds):
            rounds.append({})
            for engine, opened in ENGINES.items():
                with opened(folder) as ready:
                    score(scorer, few, folder / "out", ready)
                    rounds[-1][engine] = score(scorer, many, folder / "out", ready)
        report(rounds, options.rows)


def report(rounds: list[dict[str, Took]], rows: int) -> None:
    """The seconds of each engine, and the ratios with their goals."""
    print(f"{rows:,} rows, medians of {len(rounds)} rounds\n")
    print(f"{'':20} {'seconds':>8} {'of the processors':>18} {'rows/s':>11}")
    for engine in ENGINES:
        seconds = statistics.median(took[engine].seconds for took in rounds)
        worked = statistics.median(took[engine].processors for took in rounds)
        print(f"{engine:20} {seconds:8.2f} {worked:18.2f} {rows / seconds:11,.0f}")

    def ratio(first: str, second: str) -> float:
        return statistics.median(took[first].seconds / took[second].seconds for took in rounds)

    print(f"\ntwo workers of Spark against one: {ratio('Spark, one worker', 'Spark, two workers'):.2f}; goal 1.7")
    for engine, goal in (("Spark, two workers", 60), ("Sail", 30)):
        print(f"{engine}, overhead: {ratio(engine, 'this machine') - 1:.0%}; goal less than {goal}%")


if __name__ == "__main__":
    main()
