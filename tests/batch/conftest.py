"""A scorer, rows as files of every kind, and a run of the engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet
import pytest

from farol.batch.output import Output
from farol.batch.parts import plan_parts
from farol.batch.run import BatchReport, on_this_machine, run
from farol.batch.score import BatchScorer
from farol.model.bundle import read_bundle
from farol.model.scoring import Scorer
from tests.bundles import make_bundle, put_into_use

Score = Callable[..., BatchReport]


@pytest.fixture(scope="session")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """A small model of next year's question."""
    return Scorer(read_bundle(make_bundle(tmp_path_factory.mktemp("batch"), "next-year")))


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That model in use."""
    return put_into_use(tmp_path_factory.mktemp("artifacts"), "next-year")


def pupils(n: int, *, seed: int = 0) -> pa.Table:
    """Invented pupils under the headers of a sheet: codes, grades with gaps, levels, ages."""
    rng = np.random.default_rng(seed)
    columns: dict[str, pa.Array] = {"RA": pa.array([f"RA-{seed}-{place}" for place in range(n)])}
    for header in ("IAA", "IEG", "IPS", "IDA", "IPV", "Matem", "Portug"):
        columns[header] = pa.array(np.round(rng.uniform(0, 10, n), 2), mask=rng.random(n) < 0.1)
    columns["IAN"] = pa.array(rng.choice([2.5, 5.0, 10.0], n))
    columns["Fase"] = pa.array(rng.integers(0, 8, n))
    columns["Fase ideal"] = pa.array(rng.integers(0, 9, n))
    columns["Idade"] = pa.array(rng.integers(7, 18, n))
    return pa.table(columns)


def write(table: pa.Table, path: Path, **options: object) -> Path:
    """A table as the kind of file that its name says."""
    ending = path.name.partition(".")[2]
    if ending == "parquet":
        pyarrow.parquet.write_table(table, path, **options)
    elif ending.startswith("csv"):
        with pa.CompressedOutputStream(path, "gzip") if ending == "csv.gz" else pa.OSFile(str(path), "wb") as file:
            pyarrow.csv.write_csv(table, file)
    elif ending == "ndjson":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()), encoding="utf-8")
    else:
        new = pyarrow.ipc.new_file if ending == "arrow" else pyarrow.ipc.new_stream
        with new(str(path), table.schema) as writer:
            writer.write_table(table)
    return path


@pytest.fixture
def score(scorer: Scorer) -> Score:
    """Scores files into an output."""

    def score(
        inputs: Sequence[Path | str],
        out: Path,
        *,
        reasons: int = 0,
        year: int | None = 2024,
        keep: Sequence[str] = (),
        threads: int = 2,
        form: str = "",
        partition_by: Sequence[str] = (),
    ) -> BatchReport:
        ending = out.suffix.removeprefix(".")
        output = Output(out, form or ending or "parquet", not ending, tuple(partition_by))  # type: ignore[arg-type]
        parts = plan_parts(scorer.bundle, [str(given) for given in inputs], year=year, this_year=2026, keep=keep)
        batch = BatchScorer(scorer, reasons=reasons, locale="en")
        return run(batch, parts, output, engine=on_this_machine(threads), progress=lambda _rows, _bytes: None)

    return score
