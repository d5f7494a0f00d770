"""Schemathesis over the whole OpenAPI with every check, longer than in the tests, without a key and with one.

    python -m benchmarks.abuse [--examples 100] [--seed 1]

Prints operations, requests, checks and failures, and exits with 1 where anything failed. Needs the test group.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from farol.store.database import Store
from farol.store.keys import Keys, Role, make_key
from tests.abuse import RULES, checks, run_abuse
from tests.api.server import serving
from tests.bundles import put_into_use
from tests.ports import held_port


def main() -> int:
    """Both runs, a line each; the whole report of a run that failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    failed = 0
    print(f"{len(checks())} checks: {', '.join(checks())}")
    print(f"{len(RULES)} rules that no schema can say, and the reason of /infer: tests/abuse.py")
    with tempfile.TemporaryDirectory() as name:
        artifacts = Path(name) / "artifacts"
        put_into_use(artifacts)
        for keyed in (False, True):
            data = Path(name) / ("keyed" if keyed else "open")
            data.mkdir()
            text = _key(data) if keyed else None
            with held_port() as port, serving(port, artifacts, data) as server:
                summary = run_abuse(server.base, data, examples=asked.examples, seed=asked.seed, key=text, limit=3_600)
            wrong = len(summary.failures) + len(summary.errors)
            print(
                f"{'with a key' if keyed else 'without a key':14} {summary.tested}/{summary.operations} operations, "
                f"{summary.cases} requests, {wrong} failures, {summary.seconds:.0f} s"
            )
            if wrong:
                print(summary.output)
            failed += wrong
    return 1 if failed else 0


def _key(data: Path) -> str:
    with Store.open(f"sqlite:///{data / 'farol.db'}") as store:
        text, key = make_key(Role.manage, "abuse", at=datetime.now(UTC))
        Keys(store).add(key)
    return text


if __name__ == "__main__":
    sys.exit(main())
