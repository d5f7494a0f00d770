"""How fast files are scored, against XGBoost's own prediction on arrays that are in memory already.

Run: `python -m benchmarks.batch [--rows N …] [--rounds N] [--threads N] [--only NAME …]`; the pupils are invented, the
model is trained on the sample workbook.

Measured in turns in one run; a ratio is the median of the rounds' own ratios.

- floor: XGBoost's `inplace_predict` on an array of float32 with the same threads.
- decoding and encoding alone: pyarrow reads the columns and writes as many columns as the answers have.
- `farol score`: a process of its own, Parquet to Parquet; its start is in it. Peak memory is the process's.
- the original's pipeline: pandas reads the file, then median imputation, scaling and a forest of 300 trees.
- with reasons: three for each pupil, against XGBoost's `pred_contribs`.
- csv: csv to csv, against pyarrow that reads and writes it.
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

    def score(self, source: Path, *options: str) -> tuple[float, float]:
        """Seconds and peak megabytes of `farol score`."""
        out = self.folder / f"out{source.suffix}"
        command = [
            str(FAROL),
            "score",
            str(source),
            "--out",
            str(out),
            "--task",
            TASK,
            "--year",
            "2024",
            "--overwrite",
            *options,
        ]
        command += ["--threads", str(self.threads), "--artifacts", str(self.artifacts)]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"farol score ended with {process.returncode}")
        return time.perf_counter() - began, usage.ru_maxrss / 1024

    def floor(self, rows: int, *, contributions: bool = False) -> float:
        """Seconds of XGBoost for as many rows, of which AT_ONCE are in memory."""
        bundle = Registry(self.artifacts).load(TASK)
        booster = xgboost.Booster()
        booster.load_model(bytearray(bundle.files["model.json"]))
        booster.set_param({"nthread": self.threads})
        size = min(rows, AT_ONCE)
        rng = np.random.default_rng(0)
        matrix = rng.uniform(0, 10, (size, bundle.preprocessing.width)).astype(np.float32)
        matrix[rng.random(matrix.shape) < 0.1] = np.nan
        began = time.perf_counter()
        if contributions:
            booster.predict(xgboost.DMatrix(matrix, nthread=self.threads), pred_contribs=True)
        else:
            booster.inplace_predict(matrix)
        return (time.perf_counter() - began) * rows / size


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


def transcode(source: Path, out: Path) -> float:
    """Seconds to decode the columns of pupils and to encode columns such as the answers have, and nothing else."""
    began = time.perf_counter()
    writer: pq.ParquetWriter | None = None
    for batch in pq.ParquetFile(source).iter_batches(65_536):
        label = pa.DictionaryArray.from_arrays(pa.array(np.zeros(batch.num_rows, np.int32)), pa.array(["x"]))
        table = pa.table({"RA": batch["RA"], "probability": batch["IDA"], "prediction": batch["Fase"], "label": label})
        writer = writer or pq.ParquetWriter(out, table.schema, use_dictionary=["RA", "prediction", "label"])
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return time.perf_counter() - began


def original(source: Path, rows: int) -> float:
    """Seconds of the original's pipeline for as many rows, measured on some of them."""
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
    began = time.perf_counter()
    probability = pipeline.predict_proba(frame[list(GRADES)])[:, 1]
    pd.DataFrame({"RA": frame["RA"], "probability": probability}).to_parquet(source.with_name("original.parquet"))
    return (time.perf_counter() - began) * rows / few


def turns(bench: Bench, *works: Callable[[], float]) -> list[list[float]]:
    """The seconds of each work in every round."""
    return [[work() for work in works] for _ in range(bench.rounds)]


def line(name: str, rows: int, seconds: list[float], base: list[float], extra: str = "") -> None:
    """One line: rows a second, and the throughput as a multiple of the first work's, round by round."""
    ratio = statistics.median(first / own for first, own in zip(base, seconds, strict=True))
    print(
        f"{name:42} {rows / statistics.median(seconds):12,.0f} rows/s  {ratio:6.2f} of the floor  {extra}", flush=True
    )


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parts = ("parquet", "original", "reasons", "csv")
    parser.add_argument("--only", nargs="*", choices=parts, default=parts)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="farol-batch-") as name:
        bench = Bench(Path(name), options.threads, options.rounds)
        bench.train()
        for rows in options.rows:
            source = write_pupils(bench.folder / "pupils.parquet", rows)
            print(f"\n## {rows:,} rows, {bench.threads} threads")
            report(bench, source, rows, options.only)


def report(bench: Bench, source: Path, rows: int, only: list[str]) -> None:
    """The table for one number of rows."""
    memory: list[float] = []

    def score(given: Path, *more: str) -> float:
        seconds, peak = bench.score(given, *more)
        memory.append(peak)
        return seconds

    if "parquet" in only:
        works = (
            lambda: bench.floor(rows),
            lambda: transcode(source, source.with_name("t.parquet")),
            lambda: score(source),
        )
        floor, coding, farol = map(list, zip(*turns(bench, *works), strict=True))
        line("XGBoost, arrays in memory", rows, floor, floor)
        line("decoding and encoding alone", rows, coding, floor)
        share = statistics.median(coding) / statistics.median(farol)
        line(
            "farol score, Parquet", rows, farol, floor, f"goal 0.5; peak {max(memory):.0f} MB; coding alone {share:.0%}"
        )
        if "original" in only:
            slow = [original(source, rows)]
            line(
                "the original's pipeline",
                rows,
                slow,
                floor[:1],
                f"farol: {slow[0] / statistics.median(farol):.0f} times",
            )
    if "reasons" in only:
        both = (lambda: bench.floor(rows, contributions=True), lambda: score(source, "--reasons", "3"))
        floor, farol = map(list, zip(*turns(bench, *both), strict=True))
        line("XGBoost's contributions", rows, floor, floor)
        line("farol score, three reasons", rows, farol, floor, "goal 0.5")
    if "csv" in only:
        text = source.with_suffix(".csv")
        pyarrow.csv.write_csv(pq.read_table(source), text)

        def through() -> float:
            began = time.perf_counter()
            pyarrow.csv.write_csv(pyarrow.csv.read_csv(text).select(["RA", "IDA", "Fase"]), source.with_name("t.csv"))
            return time.perf_counter() - began

        floor, farol = map(list, zip(*turns(bench, through, lambda: score(text)), strict=True))
        line("pyarrow reads and writes csv", rows, floor, floor)
        line("farol score, csv", rows, farol, floor, "goal 0.5")


if __name__ == "__main__":
    main()
