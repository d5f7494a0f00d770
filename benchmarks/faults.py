"""Load and SIGKILL, round after round: is what was acknowledged stored, once, and are the counters what the rows say?

    python benchmarks/faults.py [ROUNDS]

ROUNDS (52 by default) are shared among one and two workers on SQLite and on PostgreSQL. In each round eight callers ask
all the time, half of them with an Idempotency-Key; at a random moment something is killed: every process, one worker,
with PostgreSQL one process of the database server, and with SQLite one of the three files of the database is removed or
replaced. Then what is gone is started again, and what had no answer is
sent again with its key. The exit code is 1 when anything was lost, stored twice or counted otherwise than stored.

    python benchmarks/faults.py --promotions [TIMES]

promotes another version TIMES (20) times under six callers, two workers: how long after it was chosen the last request
began that the version before it answered. Any answer but 200 makes the exit code 1.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

from tests.bundles import put_into_use

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from farol.model.registry import Registry  # noqa: E402  the project's folder has to be known before its tests are
from tests.api.shape import PUPIL  # noqa: E402
from tests.bundles import make_bundle  # noqa: E402
from tests.faults.load import Notes, verdict  # noqa: E402
from tests.faults.rounds import kills, run_round  # noqa: E402
from tests.faults.service import Caller, Service  # noqa: E402
from tests.postgresql import Cluster, running_cluster  # noqa: E402

COLUMNS = ("rounds", "kills", "acknowledged", "stored", "lost", "doubled", "sent again", "counters off")


def attack(artifacts: Path, url: str, workers: int, rounds: int) -> tuple[int, ...]:
    """The figures of COLUMNS for one kind of service."""
    notes, killed = Notes(), 0
    with tempfile.TemporaryDirectory() as data, Service(artifacts, Path(data), url, workers) as service:
        ways = kills(service)
        for number in range(rounds):
            run_round(service, notes, ways[number % len(ways)])
            killed += 1
        result = verdict(service, notes)
    return (
        rounds,
        killed,
        result.acknowledged,
        result.stored,
        result.lost,
        result.doubled,
        notes.repeated,
        result.differences,
    )


def promotions(times: int) -> int:
    """Prints how late the workers follow."""
    with tempfile.TemporaryDirectory() as name:
        artifacts = Path(name) / "artifacts"
        versions = [make_bundle(artifacts, seed=seed).name for seed in range(2)]
        registry = Registry(artifacts)
        for task in ("current", "next-year"):
            registry.promote(task, versions[0] if task == "current" else make_bundle(artifacts, task).name)
        seen: list[tuple[float, int, str]] = []
        stop = threading.Event()
        with Service(artifacts, Path(name), f"sqlite:///{name}/farol.db", 2) as service:

            def ask() -> None:
                caller = Caller(service.port)
                while not stop.is_set():
                    began = time.monotonic()
                    answer = caller.ask("POST", "/predict", PUPIL)
                    seen.append((began, answer.status, answer.body.get("model_version", "")))
                caller.close()

            threads = [threading.Thread(target=ask) for _ in range(6)]
            for thread in threads:
                thread.start()
            late = []
            for number in range(times):
                version = versions[(number + 1) % 2]
                registry.promote("current", version)
                chosen = time.monotonic()
                time.sleep(2)
                late.append(
                    max((began - chosen for began, _, answering in list(seen) if answering != version), default=0.0)
                )
            stop.set()
            for thread in threads:
                thread.join()
    refused = sum(status != 200 for _, status, _ in seen)
    print(f"{times} promotions, {len(seen):,} requests, {refused} not answered with 200")
    print(f"the version before answered up to {max(late):.2f} s after another was chosen; median {median(late):.2f} s")
    return 1 if refused else 0


def url_of(kind: str, folder: Path, workers: int, cluster: Cluster) -> str:
    """An empty database."""
    return f"sqlite:///{folder / f'{workers}.db'}" if kind == "SQLite" else cluster.new_database()


def main() -> int:
    """Prints the table."""
    if "--promotions" in sys.argv:
        return promotions(int(sys.argv[2]) if len(sys.argv) > 2 else 20)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 52
    kinds = [(kind, workers) for kind in ("SQLite", "PostgreSQL") for workers in (1, 2)]
    began, total = time.monotonic(), [0] * len(COLUMNS)
    with tempfile.TemporaryDirectory() as name, running_cluster() as cluster:
        folder = Path(name)
        artifacts = folder / "artifacts"
        put_into_use(artifacts)
        print(f"{'':24}" + "".join(f"{column:>14}" for column in COLUMNS))
        for position, (kind, workers) in enumerate(kinds):
            share = rounds // len(kinds) + (position < rounds % len(kinds))
            figures = attack(artifacts, url_of(kind, folder, workers, cluster), workers, share)
            total = [before + figure for before, figure in zip(total, figures, strict=True)]
            label = f"{kind}, {workers} worker{'s' if workers > 1 else ''}"
            print(f"{label:24}" + "".join(f"{figure:>14,}" for figure in figures), flush=True)
    print(f"{'all':24}" + "".join(f"{figure:>14,}" for figure in total))
    print(f"{time.monotonic() - began:.0f} s")
    lost, doubled, off = total[4], total[5], total[7]
    return 1 if lost or doubled or off else 0


if __name__ == "__main__":
    raise SystemExit(main())
