"""Load and SIGKILL, round after round: is what was acknowledged stored, once, and are the counters what the rows say?

    python benchmarks/faults.py [ROUNDS]

ROUNDS (52 by default) are shared among one and two workers on SQLite and on PostgreSQL. In each round eight callers ask
all the time, half of them with an Idempotency-Key; at a random moment something is killed: every process, one worker,
or, with PostgreSQL, one process of the database server. Then what is gone is started again, and what had no answer is
sent again with its key. The exit code is 1 when anything was lost, stored twice or counted otherwise than stored.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from farol.registry import Registry  # noqa: E402  the project's folder has to be known before its tests are
from tests.bundles import make_bundle  # noqa: E402
from tests.faults.load import Notes, verdict  # noqa: E402
from tests.faults.rounds import kills, run_round  # noqa: E402
from tests.faults.service import Service  # noqa: E402
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
        found = verdict(service, notes)
    return (
        rounds,
        killed,
        found.acknowledged,
        found.stored,
        found.lost,
        found.doubled,
        notes.repeated,
        found.differences,
    )


def url_of(kind: str, folder: Path, workers: int, cluster: Cluster) -> str:
    """An empty database."""
    return f"sqlite:///{folder / f'{workers}.db'}" if kind == "SQLite" else cluster.new_database()


def main() -> int:
    """Prints the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 52
    kinds = [(kind, workers) for kind in ("SQLite", "PostgreSQL") for workers in (1, 2)]
    began, total = time.monotonic(), [0] * len(COLUMNS)
    with tempfile.TemporaryDirectory() as name, running_cluster() as cluster:
        folder = Path(name)
        artifacts = folder / "artifacts"
        for task in ("current", "next-year"):
            Registry(artifacts).promote(task, make_bundle(artifacts, task).name)
        print(f"{'':24}" + "".join(f"{column:>14}" for column in COLUMNS))
        for position, (kind, workers) in enumerate(kinds):
            share = rounds // len(kinds) + (position < rounds % len(kinds))
            figures = attack(artifacts, url_of(kind, folder, workers, cluster), workers, share)
            total = [before + one for before, one in zip(total, figures, strict=True)]
            label = f"{kind}, {workers} worker{'s' if workers > 1 else ''}"
            print(f"{label:24}" + "".join(f"{figure:>14,}" for figure in figures), flush=True)
    print(f"{'all':24}" + "".join(f"{figure:>14,}" for figure in total))
    print(f"{time.monotonic() - began:.0f} s")
    lost, doubled, off = total[4], total[5], total[7]
    return 1 if lost or doubled or off else 0


if __name__ == "__main__":
    raise SystemExit(main())
