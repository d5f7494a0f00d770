"""How fast the list of pupils is: its first paint in a real Chromium, its filters, its files.

    python -m benchmarks.pages                 # 1,200 and 100,000 pupils, SQLite and PostgreSQL
    python -m benchmarks.pages 1200 --sqlite   # a size, one database

A real server with a real database of invented pupils. The floor of each run is `/health` of the same server: what a
request costs without any work. Of each question the median and the slowest of ten; the first is asked once before, so
that what is read once after a workbook was accepted stands apart ("cold").
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from farol.settings import Settings
from farol.store.database import Store
from tests.browser import chromium_browser
from tests.bundles import put_into_use
from tests.postgresql import running_cluster
from tests.school.invented import TASK, fill, invented
from tests.web.conftest import serving

TIMES = 10
PART = {"HX-Request": "true"}
QUESTIONS = {
    "the page": ("/pupils?by=all", {}),
    "filter: class": ("/pupils?by=all&class=3A&show=all", PART),
    "filter: level": ("/pupils?by=all&level=3", PART),
    "filter: reason": ("/pupils?by=all&reason=IDA&show=all", PART),
    "filter: nothing recorded": ("/pupils?by=all&step=none&show=all", PART),
    "search: code": ("/pupils?q=RA-77", PART),
    "sort: class": ("/pupils?by=all&show=all&order=class", PART),
    "capacity: half": ("/pupils?by=all&capacity={half}", PART),
    "last page": ("/pupils?by=all&show=all&page={last}", PART),
    "classes": ("/classes", {}),
    "a pupil": ("/pupils/RA-77", {}),
    "csv of a class": ("/pupils.csv?by=all&class=3A&show=all", {}),
}


@contextmanager
def database(name: str, folder: Path) -> Iterator[str | None]:
    """The URL of an empty database; None: SQLite in the data folder."""
    if name == "sqlite":
        yield None
        return
    with running_cluster() as cluster:
        yield cluster.new_database()


def milliseconds(client: httpx.Client, path: str, headers: dict[str, str]) -> float:
    """How long an answer takes, to its last byte."""
    start = time.perf_counter()
    answer = client.get(path, headers=headers)
    spent = 1_000 * (time.perf_counter() - start)
    answer.raise_for_status()
    return spent


def measure(size: int, name: str) -> None:
    """Print a table for a school of this size on one database."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with database(name, folder) as url:
            settings = Settings(artifacts=folder / "artifacts", data=folder / "data", database_url=url)
            put_into_use(settings.artifacts, TASK)
            with Store.open(settings.store_url) as store:
                fill(store, invented(size, classes=max(12, size // 30)))
            with serving(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
                floor = statistics.median(milliseconds(client, "/health", {}) for _ in range(TIMES))
                print(f"\n{size:,} pupils, {name} (floor, /health: {floor:.1f} ms)")
                print(f"{'':28}{'cold':>8}{'median':>8}{'slowest':>8}   ms")
                for label, (path, headers) in QUESTIONS.items():
                    asked = path.format(half=size // 2, last=size // 50)
                    cold = milliseconds(client, asked, headers)
                    warm = sorted(milliseconds(client, asked, headers) for _ in range(TIMES))
                    print(f"{label:28}{cold:8.0f}{statistics.median(warm):8.0f}{warm[-1]:8.0f}")
                print(f"{'first paint in Chromium':28}{'':8}{first_paint(f'{address}/pupils'):8.0f}")


def first_paint(address: str) -> float:
    """Milliseconds until Chromium paints the first content: the median of five new pages."""
    paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
    spent = []
    with chromium_browser() as browser:
        for _ in range(5):
            page = browser.new_page()
            page.goto(address)
            page.wait_for_function(f"() => ({paint}) > 0")
            spent.append(float(page.evaluate(paint)))
            page.close()
    return statistics.median(spent)


def main() -> None:
    """Measure each size on each database."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[1_200, 100_000])
    parser.add_argument("--sqlite", action="store_true", help="SQLite alone")
    arguments = parser.parse_args()
    for name in ("sqlite",) if arguments.sqlite else ("sqlite", "postgresql"):
        for size in arguments.sizes:
            measure(size, name)


if __name__ == "__main__":
    main()
