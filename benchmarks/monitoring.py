"""The cost of monitoring: PSI from rows against its rivals, and a drift report over HTTP with ten million predictions.

    python -m benchmarks.monitoring [--rows 1000000] [--predictions 10000000] [--peers PYTHON …] [--only rows|http]

(a) The PSI of ten features of a million rows that are in memory already, against the usual way, `np.histogram` of a
pandas column with edges at reference quantiles, and against Evidently's PSI preset (`--peers` names the Python of an
environment that has it). The reference is 2,000 rows: what Farol reads of it are counts, the rivals its rows.

(b) `GET /monitoring/drift` of a real server, over HTTP on a kept connection, with ten thousand stored predictions and
with ten million, on SQLite and on PostgreSQL (the one that the tests start). Rows are written by the database itself,
the counters as the store would have written them. Half of the features drift, so that the costly path is taken; the
first request, which draws what chance gives, is shown apart.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import text

from farol.drift.psi import psi
from farol.model.bundle import Bundle, read_bundle
from farol.model.counters import PREDICTION, SCORE, WHOLE
from farol.model.features import Floats
from farol.model.reference import Reference
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.store.database import Store
from farol.store.partitions import month_of
from farol.store.records import day_of, microseconds
from farol.store.statements import cursor_of
from tests.bundles import make_bundle

NAMES = [f"f{i}" for i in range(10)]
SMALL = 10_000
DAYS = 30
REQUESTS = 200
DRIFT = "/monitoring/drift?task=current&window=30d"


def rows_of(n: int, seed: int) -> Floats:
    """Invented rows (n, 10): continuous and rounded features, a tenth missing; each column in one piece."""
    rng = np.random.default_rng(seed)
    columns = [rng.normal(6, 2, n) if i % 3 else rng.gamma(3, 2, n).round(1) for i in range(len(NAMES))]
    matrix = np.asfortranarray(np.stack(columns, axis=1))
    matrix[rng.random((n, len(NAMES))) < 0.1] = np.nan
    return matrix


def farol_psi(reference: Reference, current: Floats) -> list[float]:
    """PSI of each feature: counts of the rows in the frozen bins."""
    counted = zip(reference.features, reference.count(current), strict=True)
    return [float(psi(np.array(bins.counts), np.array(counts))) for bins, counts in counted]


def usual_psi(columns: Iterable[tuple[Floats, Floats]]) -> list[float]:
    """The usual PSI of each column, from its known values on both sides: ten bins at reference quantiles."""
    values = []
    for before, now in columns:
        edges = np.unique(np.quantile(before, np.linspace(0, 1, 11)))
        edges[0], edges[-1] = -np.inf, np.inf
        p = np.histogram(now, bins=edges)[0] / max(now.size, 1) + 1e-4
        q = np.histogram(before, bins=edges)[0] / max(before.size, 1) + 1e-4
        values.append(float(np.sum((p - q) * np.log(p / q))) if now.size else 0.0)
    return values


def known_values(before: pd.DataFrame, now: pd.DataFrame) -> Iterator[tuple[Floats, Floats]]:
    """Both sides of each column without its gaps."""
    for name in before.columns:
        yield before[name].dropna().to_numpy(), now[name].dropna().to_numpy()


def answers_of_peers(
    pythons: list[str], task: str, arrays: dict[str, NDArray[np.float64]], names: Sequence[str], *options: str
) -> Iterator[dict[str, Any]]:
    """What `peers.py` prints under each of the given Pythons, line by line; usage reports are switched off."""
    quiet = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "PYTHONWARNINGS": "ignore"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "arrays.npz"
        np.savez(file, **arrays)  # type: ignore[arg-type]  # the stub takes the keywords for allow_pickle
        for python in pythons:
            command = [python, str(Path(__file__).with_name("peers.py")), task, str(file), *names, *options]
            printed = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **quiet})
            yield from map(json.loads, printed.stdout.splitlines())


def best(run: Callable[[], object], times: int = 5) -> float:
    """The shortest of some runs, in seconds."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def from_rows(n: int, pythons: list[str]) -> None:
    """Prints part (a)."""
    before, now = rows_of(2_000, 1), rows_of(n, 2)
    reference = Reference.fit(before, NAMES)
    frames = pd.DataFrame(before, columns=NAMES), pd.DataFrame(now, columns=NAMES)
    mine = best(lambda: farol_psi(reference, now))
    rival = best(lambda: usual_psi(known_values(*frames)), 3)
    print(f"PSI of ten features, {n:,} rows in memory, best of five")
    print(f"  {'Farol':28} {mine * 1e3:10.1f} ms")
    print(f"  {'pandas and np.histogram':28} {rival * 1e3:10.1f} ms   {rival / mine:8.1f} times")
    arrays = {"reference": before, "current": now}
    for answer in answers_of_peers(pythons, "psi", arrays, NAMES):
        seconds = answer["seconds"]
        print(f"  {answer['peer']:28} {seconds * 1e3:10.1f} ms   {seconds / mine:8.1f} times")


def fill(url: str, bundle: Bundle, n: int) -> None:
    """Writes `n` predictions of the last thirty days: rows by the database itself, and the counters they make."""
    now = datetime.now(UTC)
    first = microseconds(now - timedelta(days=DAYS - 1))
    step = max(1, (DAYS - 1) * 86_400_000_000 // n)
    with Store.open(url) as store, store.engine.begin() as connection:
        if store.engine.dialect.name == "postgresql":
            store.months.make({month_of(day_of(now - timedelta(days=back))) for back in range(DAYS)})
            moment = f"lpad(to_hex(({first} + i * CAST({step} AS BIGINT)) / 1000), 12, '0')"
            numbers = f"SELECT i FROM generate_series(0, {n - 1}) AS numbers(i)"
            key = f"substr({moment}, 1, 8) || '-' || substr({moment}, 9) || '-7000-8000-' || lpad(to_hex(i), 12, '0')"
        else:
            numbers, key = (
                f"WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < {n - 1}) "
                "SELECT i FROM numbers",
                "printf('%036x', i)",
            )
        columns = "id, at, task, version, source, features, prediction, label, probability, threshold, warnings, year"
        connection.execute(
            text(
                f"INSERT INTO predictions ({columns}) SELECT {key}, {first} + i * CAST({step} AS BIGINT), :task, "
                ":version, 'api', :features, 1, 'x', 0.75, 0.5, '[]', 2024 "
                f"FROM ({numbers}) AS rows"
            ),
            {"task": bundle.task, "version": bundle.version, "features": '{"IAA": 7.5, "IAN": 5.0}'},
        )
    with Store.open(url) as store:
        put_counters(store, bundle, n, now)


def put_counters(store: Store, bundle: Bundle, n: int, now: datetime) -> None:
    """The counters of `n` predictions in equal parts on each day, half of the features drifted."""
    layout = Scorer(bundle).layout
    reference = bundle.reference
    each = n // DAYS
    counts = {
        bins.feature: spread(bins.counts[::-1] if i % 2 else bins.counts, each)
        for i, bins in enumerate(reference.features)
    }
    counts[SCORE] = spread(reference.score, each)
    counts[PREDICTION] = spread(reference.predicted, each)
    vector = layout.vector(counts)
    slices = (WHOLE, "source=api", *(f"phase={level}" for level in range(9)))
    for back in range(DAYS):
        day = day_of(now - timedelta(days=back))
        with store.exclusive() as connection:
            store.counters.put(
                cursor_of(connection),
                {(bundle.task, bundle.version, day, slice_): (layout, vector) for slice_ in slices},
            )


def spread(counts: tuple[int, ...], n: int) -> dict[int, int]:
    """`n` rows in the proportions of `counts`."""
    shares: NDArray[np.float64] = np.array(counts) / max(1, sum(counts))
    ends = np.round(np.cumsum(shares) * n).astype(np.int64)
    return dict(enumerate(np.diff(ends, prepend=0).tolist()))


@contextmanager
def postgresql() -> Iterator[str]:
    """The PostgreSQL that the tests start, with an empty database: its URL."""
    import psycopg

    from tests.postgresql import running_cluster

    with (
        running_cluster() as cluster,
        psycopg.connect(cluster.url(), autocommit=True) as connection,
    ):
        for name in ("small", "large"):
            connection.execute(f"CREATE DATABASE {name}".encode())
        yield str(cluster.folder)


@contextmanager
def serving(artifacts: Path, data: Path, url: str) -> Iterator[str]:
    """A real server in a process of its own: its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {**os.environ, "FAROL_ARTIFACTS": str(artifacts), "FAROL_DATA": str(data), "FAROL_DATABASE_URL": url}
    command = [sys.executable, "-m", "uvicorn", "farol.app:app", "--port", str(port), "--log-level", "warning"]
    with subprocess.Popen(command, env=environ) as process:
        try:
            base = f"http://127.0.0.1:{port}"
            for _ in range(600):
                try:
                    if httpx.get(f"{base}/ready", timeout=1).is_success:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.05)
            yield base
        finally:
            process.terminate()


@dataclass
class Times:
    """Seconds of each request, and how many predictions the report has."""

    drift: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    counted: int = 0


def asked(bases: list[str]) -> list[Times]:
    """The servers asked in turn, so that whatever else the machine does falls on all of them alike."""
    results = [Times() for _ in bases]
    with ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(base_url=base)) for base in bases]
        for _ in range(REQUESTS + 1):
            for client, times in zip(clients, results, strict=True):
                for path, into in ((DRIFT, times.drift), ("/health", times.health)):
                    start = time.perf_counter()
                    client.get(path)
                    into.append(time.perf_counter() - start)
        for client, times in zip(clients, results, strict=True):
            times.counted = client.get(DRIFT).raise_for_status().json()["n"]
    return results


def over_http(n: int) -> None:
    """Prints part (b)."""
    with tempfile.TemporaryDirectory() as folder, postgresql() as server:
        artifacts = Path(folder) / "artifacts"
        bundle = read_bundle(make_bundle(artifacts))
        Registry(artifacts).promote(bundle.task, bundle.version)
        print(f"\nGET {DRIFT} over HTTP, {REQUESTS} requests to each server, in turn")
        for name, url in (
            ("SQLite", f"sqlite:///{folder}/{{}}.db"),
            ("PostgreSQL", f"postgresql://postgres@/{{}}?host={server}"),
        ):
            sizes = {"small": SMALL, "large": n}
            for size, count in sizes.items():
                fill(url.format(size), bundle, count)
            with ExitStack() as stack:
                bases = [stack.enter_context(serving(artifacts, Path(folder), url.format(size))) for size in sizes]
                results = asked(bases)
            for count, times in zip(sizes.values(), results, strict=True):
                print(
                    f"  {name:11}{count:>12,} stored, {times.counted:,} counted: median "
                    f"{median(times.drift[1:]) * 1e3:.2f} ms (GET /health {median(times.health) * 1e3:.2f} ms), "
                    f"the first {times.drift[0] * 1e3:.0f} ms"
                )
            small, large = (median(times.drift[1:]) for times in results)
            print(f"  {name:11}{large / small:.2f} times as long with {n / SMALL:,.0f} times as many", flush=True)


def main(arguments: list[str]) -> None:
    """Both parts."""
    parser = argparse.ArgumentParser(description="What monitoring costs.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--predictions", type=int, default=10_000_000)
    parser.add_argument("--peers", nargs="*", default=[], metavar="PYTHON")
    parser.add_argument("--only", choices=("rows", "http"))
    given = parser.parse_args(arguments)
    if given.only != "http":
        from_rows(given.rows, given.peers)
    if given.only != "rows":
        over_http(given.predictions)


if __name__ == "__main__":
    main(sys.argv[1:])
