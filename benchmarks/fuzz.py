"""Coverage-led fuzzing (atheris, libFuzzer) of the request path and of bundle reading, from the tests' own harness.

    pip install atheris            # Linux, CPython; in no group of ours, since it builds for few versions
    python -m benchmarks.fuzz [--seconds 60]

Prints executions and findings of each target. A finding is anything but an answer below 500, a bundle read, or
BundleError; libFuzzer leaves the input that shows it in the folder where this was started.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TARGETS = ("request", "json", "bundle")


def main() -> int:
    """Every target in a process of its own, since libFuzzer ends the one it runs in."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", choices=TARGETS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        sys.exit("This needs atheris: pip install atheris")
    if asked.target:
        _fuzz(asked.target, asked.seconds)
        return 0
    findings = 0
    for target in TARGETS:
        command = [sys.executable, "-m", "benchmarks.fuzz", "--target", target, "--seconds", str(asked.seconds)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        runs = re.search(r"Done (\d+) runs in (\d+) second", done.stderr)
        covered = re.findall(r"cov: (\d+)", done.stderr)
        failed = 0 if runs and done.returncode == 0 else 1
        count, edges = runs[1] if runs else "?", covered[-1] if covered else "?"
        print(f"{target:8} {count:>8} executions, {edges} edges, {failed} findings")
        if failed:
            print(done.stderr[-6_000:])
        findings += failed
    return 1 if findings else 0


def _fuzz(target: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["farol"]):
        import farol.app  # noqa: F401
    from anyio.from_thread import start_blocking_portal

    from farol.app import create_app
    from farol.model.bundle import FILES, MANIFEST
    from farol.settings import Settings
    from tests.bundles import put_into_use
    from tests.fuzzing import Change, asked, copied, mutated, read_or_refused, signed
    from tests.test_fuzz import METHODS, NAMES, PATHS

    place = Path(tempfile.mkdtemp(prefix="farol-fuzz-"))
    put_into_use(place / "artifacts")
    bundle = next(path for path in (place / "artifacts" / "next-year").iterdir() if path.is_dir())
    app = create_app(Settings(artifacts=place / "artifacts", data=place / "data"))

    def one_bundle(data: bytes) -> None:
        given = atheris.FuzzedDataProvider(data)
        name = given.PickValueInList([MANIFEST, *FILES])
        change = Change(given.ConsumeIntInRange(0, 1 << 20), given.ConsumeIntInRange(0, 64), given.ConsumeBytes(24))
        folder = copied(bundle, place / "bundle")
        (folder / name).write_bytes(mutated((folder / name).read_bytes(), change))
        read_or_refused(folder if name == MANIFEST else signed(folder))

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(app.router.lifespan_context(app)):
        to = (portal, app)

        def one_request(data: bytes) -> None:
            given = atheris.FuzzedDataProvider(data)
            method, path = given.PickValueInList(list(METHODS)), given.PickValueInList(list(PATHS))
            headers: Any = [
                (given.PickValueInList(list(NAMES)), given.ConsumeBytes(40))
                for _ in range(given.ConsumeIntInRange(0, 3))
            ]
            query = given.ConsumeBytes(40)
            asked(to, method, path, query=query, headers=headers, body=given.ConsumeBytes(1 << 16))

        def one_json(data: bytes) -> None:
            kind = b"application/x-ndjson" if data[:1] == b"n" else b"application/json"
            path = PATHS[data[1] % 6] if len(data) > 1 else PATHS[0]
            asked(to, "POST", path, headers=[(b"content-type", kind)], body=data[2:])

        once = {"request": one_request, "json": one_json, "bundle": one_bundle}[target]
        atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", "-max_len=4096", "-timeout=25"], once)
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
