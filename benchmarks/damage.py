"""The result of reading damaged workbooks: counts by kind of damage and format, from the tests' own kinds.

    python -m benchmarks.damage [--each 10] [--formats xlsx csv]

"same": every value of every pupil is the undamaged one. "named": some are not, and a finding names the column, the
row or the sheet. "refused": one error says what to do. "not asked": bytes were changed or cut off, which no reader can
always see; it is only asked that there is no other exception. Ends with exit code 1 where a change is not named.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from farol.workbook.panel import Panel
from tests.damaging import FORMATS, KINDS, outcome, undamaged


def main() -> int:
    """Every kind in every format that it is of."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=10, help="how often each kind is tried in each format")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    asked = parser.parse_args()
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        good = undamaged(Path(folder))
        for name, (_, formats) in KINDS.items():
            counts: Counter[str] = Counter()
            for form in sorted({*asked.formats} & {*formats}):
                for seed in range(asked.each):
                    counts[_outcome(name, form, seed, Path(folder), good)] += 1
            total += counts
            print(
                f"{name.replace('_', ' '):40} {', '.join(f'{key} {n}' for key, n in sorted(counts.items()))}",
                flush=True,
            )
    print(f"{'all':40} {', '.join(f'{key} {n}' for key, n in sorted(total.items()))}")
    return 1 if total["silent"] or total["exception"] else 0


def _outcome(name: str, form: str, seed: int, folder: Path, good: Panel) -> str:
    try:
        return outcome(name, form, seed, folder, good)
    except AssertionError:
        return "silent"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
        print(f"{name}, {form}, seed {seed}: {error!r}")
        return "exception"


if __name__ == "__main__":
    sys.exit(main())
