"""How fast files are scored, against XGBoost's own prediction on arrays that are in memory already.

Run: `python -m benchmarks.batch [--rows N …] [--rounds N] [--threads N] [--only NAME …]`; the pupils are invented, the
model is trained on the sample workbook.

Measured in turns in one run; a ratio is the median of the rounds' own ratios.

- floor: XGBoost's `inplace_predict` on an array of float32 with the same threads.
- decoding and encoding alone: pyarrow reads the columns and writes as many columns as the answers have.
- `farol score`: a process of its own, Parquet to Parquet; its start is in it. Peak memory is the process's.
- the original's pipeline: pandas reads the file, then median imputation, scaling and a forest of 300 trees.
- with reasons: three for each pupil, against XGBoost's `pred_contribs`.
- csv: csv to csv, against pyarrow that reads the same file and writes it.
- memory: `farol score` alone, once for each number of rows; at the end the peaks side by side.

Besides the ratio of throughputs the table has that of the processor's time, which a busy machine hardly changes, and
rows a second a core: rows by seconds of processor time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import xgboost

from farol.model.registry import Registry
from farol.workbook.sample import write_sample

FAROL = Path(sys.executable).with_name("farol")
TASK = "next-year"
GRADES = ("IAA", "IEG", "IPS", "IPP", "IDA", "IPV", "IAN", "Português", "Matemática", "Inglês")
AT_ONCE = 500_000
LAUNCH = """
import os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, process.returncode)
"""
"""Starts a command and prints what it took. A small process does so: the peak of a process is never said to be less
than that of the one that starts it."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder with trained models, and how it is measured."""

    folder: Path
    threads: int
    rounds: int

    @property
    def artifacts(self) -> Path:
        """The trained models."""
        return self.folder / "artifacts"

    def train(self) -> None:
        """A model of the usual size."""
        sample = write_sample(self.folder / "sample.xlsx")
        command = [
            str(FAROL),
            "train",
            str(sample),
            "--quick",
            "--force",
            "--task",
            TASK,
            "--artifacts",
            str(self.artifacts),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def score(self, source: Path, *options: str) -> Took:
        """What `farol score` takes."""
        out = self.folder / f"out{source.suffix}"
        command = [str(FAROL), "score", str(source), "--out", str(out), "--task", TASK, "--year", "2024"]
        command += ["--overwrite", "--threads", str(self.threads), "--artifacts", str(self.artifacts), *options]
        done = subprocess.run([sys.executable, "-c", LAUNCH, *command], capture_output=True, text=True, check=False)
        seconds, processor, peak, status = map(float, done.stdout.split())
        if status:
            sys.exit(f"farol score ended with {status:.0f}")
        return Took(seconds, processor, peak / 1024)

    def floor(self, rows: int, *, contributions: bool = False) -> Took:
        """What XGBoost takes for as many rows, of which AT_ONCE are in memory."""
        bundle = Registry(self.artifacts).load(TASK)
        booster = xgboost.Booster()
        booster.load_model(bytearray(bundle.files["model.json"]))
        booster.set_param({"nthread": self.threads})
        size = min(rows, AT_ONCE)
        rng = np.random.default_rng(0)
        matrix = rng.uniform(0, 10, (size, bundle.preprocessing.width)).astype(np.float32)
        matrix[rng.random(matrix.shape) < 0.1] = np.nan

        def predict() -> None:
            if contributions:
                booster.predict(xgboost.DMatrix(matrix, nthread=self.threads), pred_contribs=True)
            else:
                booster.inplace_predict(matrix)

        return timed(predict) * (rows / size)


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds, seconds of processor time, and peak megabytes."""

    seconds: float
    processor: float
    peak: float = 0.0

    def __mul__(self, times: float) -> Took:
        return Took(self.seconds * times, self.processor * times, self.peak)


def timed(work: Callable[[], object]) -> Took:
    """What work in this process takes."""
    began, processor = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - began, time.process_time() - processor)


def write_pupils(path: Path, rows: int) -> Path:
    """Invented pupils as Parquet, in row groups of half a million."""
    rng = np.random.default_rng(1)
    writer: pq.ParquetWriter | None = None
    for start in range(0, rows, AT_ONCE):
        n = min(AT_ONCE, rows - start)
        columns = {"RA": pa.array(np.char.add("RA-", np.arange(start, start + n).astype(str)))}
        for header in GRADES:
            columns[header] = pa.array(np.round(rng.uniform(0, 10, n), 2), mask=rng.random(n) < 0.05)
        columns["IAN"] = pa.array(rng.choice([2.5, 5.0, 10.0], n))
        for header, low, high in (("Fase", 0, 8), ("Fase ideal", 0, 9), ("Idade", 7, 18), ("Ano ingresso", 2016, 2024)):
            columns[header] = pa.array(rng.integers(low, high, n))
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return path


def transcode(source: Path, out: Path) -> None:
    """Decode the columns of pupils and encode columns such as the answers have, and nothing else."""
    writer: pq.ParquetWriter | None = None
    for batch in pq.ParquetFile(source).iter_batches(65_536):
        label = pa.DictionaryArray.from_arrays(pa.array(np.zeros(batch.num_rows, np.int8)), pa.array(["x"]))
        table = pa.table({"RA": batch["RA"], "probability": batch["IDA"], "prediction": batch["Fase"], "label": label})
        writer = writer or pq.ParquetWriter(out, table.schema, use_dictionary=["label"])
        writer.write_table(table)
    if writer is not None:
        writer.close()


def original(source: Path, rows: int) -> Took:
    """What the original's pipeline takes for as many rows, measured on some of them."""
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    few = min(rows, 100_000)
    frame = pq.ParquetFile(source).read_row_group(0).slice(0, few).to_pandas()
    forest = RandomForestClassifier(300, n_jobs=-1, random_state=0)
    pipeline = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), forest)
    taught = frame.head(2000)
    pipeline.fit(taught[list(GRADES)], taught["Fase"] < taught["Fase ideal"])

    def score() -> None:
        probability = pipeline.predict_proba(frame[list(GRADES)])[:, 1]
        pd.DataFrame({"RA": frame["RA"], "probability": probability}).to_parquet(source.with_name("original.parquet"))

    return timed(score) * (rows / few)


def turns(bench: Bench, *works: Callable[[], Took]) -> list[list[Took]]:
    """What each work takes, round by round."""
    rounds = [[work() for work in works] for _ in range(bench.rounds)]
    return list(map(list, zip(*rounds, strict=True)))


def median(took: list[Took], key: str) -> float:
    """The median of one figure."""
    return float(statistics.median(getattr(each, key) for each in took))


def line(name: str, rows: int, took: list[Took], base: list[Took], extra: str = "") -> None:
    """One line: throughputs, and both as multiples of the first work's, round by round."""
    ratios = [
        statistics.median(getattr(first, key) / getattr(own, key) for first, own in zip(base, took, strict=True))
        for key in ("seconds", "processor")
    ]
    rate, a_core = (rows / median(took, key) for key in ("seconds", "processor"))
    print(f"{name:30} {rate:11,.0f} {a_core:11,.0f} {ratios[0]:8.2f} {ratios[1]:8.2f}  {extra}", flush=True)


def main() -> None:
    """Run the parts asked for and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parts = ("parquet", "original", "reasons", "csv", "memory")
    parser.add_argument("--only", nargs="*", choices=parts, default=parts[:-1])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="farol-batch-") as name:
        bench = Bench(Path(name), options.threads, options.rounds)
        bench.train()
        if "memory" in options.only:
            memory(bench, options.rows)
            options.only = [part for part in options.only if part != "memory"]
        for rows in options.rows if options.only else ():
            source = write_pupils(bench.folder / "pupils.parquet", rows)
            print(f"\n## {rows:,} rows, {bench.threads} threads\n")
            print(f"{'':30} {'rows/s':>11} {'/s a core':>11} {'of floor':>8} {'by core':>8}")
            report(bench, source, rows, options.only)


def memory(bench: Bench, sizes: list[int]) -> None:
    """The peak memory of `farol score` for each number of rows."""
    print(f"{'rows':>12} {'seconds':>8} {'rows/s':>11} {'peak MB':>8}  goal 500")
    for rows in sizes:
        took = bench.score(write_pupils(bench.folder / "pupils.parquet", rows))
        print(f"{rows:12,} {took.seconds:8.1f} {rows / took.seconds:11,.0f} {took.peak:8.0f}", flush=True)


def report(bench: Bench, source: Path, rows: int, only: list[str]) -> None:
    """The table for one number of rows."""
    if "parquet" in only:
        works = (
            lambda: bench.floor(rows),
            lambda: timed(lambda: transcode(source, source.with_name("t.parquet"))),
            lambda: bench.score(source),
        )
        floor, coding, farol = turns(bench, *works)
        line("XGBoost, arrays in memory", rows, floor, floor)
        line("decoding and encoding alone", rows, coding, floor)
        share = median(coding, "processor") / median(farol, "processor")
        extra = f"goal 0.5; peak {max(each.peak for each in farol):.0f} MB; coding alone {share:.0%}"
        line("farol score, Parquet", rows, farol, floor, extra)
        if "original" in only:
            slow = [original(source, rows)]
            times = slow[0].seconds / median(farol, "seconds")
            line("the original's pipeline", rows, slow, floor[:1], f"farol: {times:.0f} times; goal 10")
    if "reasons" in only:
        floor, farol = turns(
            bench, lambda: bench.floor(rows, contributions=True), lambda: bench.score(source, "--reasons", "3")
        )
        line("XGBoost's contributions", rows, floor, floor)
        line("farol score, three reasons", rows, farol, floor, "goal 0.5")
    if "csv" in only:
        text = source.with_suffix(".csv")
        with pa.OSFile(str(text), "wb") as file:
            for batch in pq.ParquetFile(source).iter_batches():
                options = pyarrow.csv.WriteOptions(include_header=not file.tell())
                pyarrow.csv.write_csv(pa.Table.from_batches([batch]), file, options)

        def through() -> None:
            pyarrow.csv.write_csv(pyarrow.csv.read_csv(text), source.with_name("t.csv"))

        floor, farol = turns(bench, lambda: timed(through), lambda: bench.score(text))
        line("pyarrow reads and writes csv", rows, floor, floor)
        peak = max(each.peak for each in farol)
        line("farol score, csv", rows, farol, floor, f"goal 0.5; peak {peak:.0f} MB")


if __name__ == "__main__":
    main()
