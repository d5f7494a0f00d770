"""How long a workbook takes to a clean panel, against the fastest readers of its raw cells.

Run: `python benchmarks/reading.py [WORKBOOK] [--rounds N]`; without a workbook, the sample that Farol ships is written
and read.

Two rivals, measured in turns with Farol so that a busy machine slows all alike:

- `python-calamine`: opens the workbook once and gives every cell of every sheet with its own type. This is the fair
  one: it is the fastest library whose output still says that one cell of a column is a date and the next one a number,
  which is what telling the quirks needs.
- `fastexcel`: gives Arrow columns of one type each, made of a guess from the first thousand rows. It is faster, and a
  column with numbers and dates comes out as text: those cells are gone, so no clean panel could be made of them. It is
  printed because it is the fastest of all.

The promise is at most three times the fair rival; the ratio to the other is printed beside it.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import fastexcel
from python_calamine import CalamineWorkbook

from farol.profile import load_profile
from farol.workbook.panel import read_panel
from farol.workbook.sample import write_sample

PROMISE = 3.0
PEDE = load_profile("pede")


def by_calamine(path: Path) -> None:
    """Every cell of every sheet, as Python objects of its own type."""
    workbook = CalamineWorkbook.from_path(path)
    for name in workbook.sheet_names:
        workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)


def by_fastexcel(path: Path) -> None:
    """Every sheet as Arrow columns of one guessed type each."""
    workbook = fastexcel.read_excel(path)
    for name in workbook.sheet_names:
        workbook.load_sheet(name)


def by_farol(path: Path) -> None:
    """The clean panel."""
    read_panel(path, PEDE)


def seconds(work: Callable[[Path], None], path: Path) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work(path)
    return time.perf_counter() - start


def main() -> int:
    """Measure and print; the exit code is 1 where the promise is not kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("workbook", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    logging.getLogger("fastexcel").setLevel(logging.ERROR)  # it warns of every empty column
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.workbook or write_sample(Path(folder) / "sample.xlsx")
        contestants = (by_farol, by_calamine, by_fastexcel)
        for work in contestants:  # once for the imports and the file cache
            work(path)
        rounds = [[seconds(work, path) for work in contestants] for _ in range(arguments.rounds)]
    farol, calamine, fast = (min(column) for column in zip(*rounds, strict=True))
    fair = statistics.median(row[0] / row[1] for row in rounds)
    other = statistics.median(row[0] / row[2] for row in rounds)
    print(f"best of {arguments.rounds}: Farol {farol * 1e3:.0f} ms to a clean panel, ", end="")
    print(f"python-calamine {calamine * 1e3:.0f} ms and fastexcel {fast * 1e3:.0f} ms to raw cells")
    print(f"ratio (median of the rounds): {fair:.2f} to python-calamine, {other:.2f} to fastexcel; promise {PROMISE}")
    return 0 if fair <= PROMISE else 1


if __name__ == "__main__":
    raise SystemExit(main())
