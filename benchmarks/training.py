"""How long both tasks take to train, and how good the models are beside their references.

    python benchmarks/training.py [WORKBOOK]

Without a workbook the sample is used. The limit is 60 seconds for both tasks on two cores; the rival of every model
is the best of its references on the same test rows.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from farol.profile import load_profile
from farol.training.metrics import MEASURES
from farol.training.train import train
from farol.workbook.panel import read_panel
from farol.workbook.sample import write_sample

LIMIT = 60.0


def table(report: dict[str, Any]) -> list[tuple[str, int, dict[str, Any]]]:
    """The report's sets of metrics: name, rows, figures."""
    sets = {"farol": report["test"], **{key: value for key, value in report.items() if key.startswith("without_")}}
    sets |= {**report.get("groups", {}), **report["baselines"]}
    return [(name, figures["n"], figures) for name, figures in sets.items()]


def ratio(report: dict[str, Any], name: str) -> float | None:
    """The model's metric over its best reference's; None where either is missing or the reference's is zero."""
    values = [figures[name]["value"] for figures in report["baselines"].values()]
    known = [value for value in values if value is not None]
    best = (max if MEASURES[name].greater_is_better else min)(known, default=None)
    value = report["test"][name]["value"]
    return value / best if value is not None and best else None


def shown(value: float | None) -> str:
    """A figure in eight places, or a dash."""
    return f"{'–' if value is None else f'{value:.3f}':>9}"


def main(arguments: list[str]) -> None:
    """Train both tasks once and print."""
    with tempfile.TemporaryDirectory() as folder:
        workbook = Path(arguments[0]) if arguments else write_sample(Path(folder) / "sample.xlsx")
        panel = read_panel(workbook, load_profile("pede"))
    total = 0.0
    for task in panel.profile.tasks:
        start = time.perf_counter()
        report = json.loads(train(panel, task).files["report.json"])
        seconds = time.perf_counter() - start
        total += seconds
        print(f"\n{task}: {seconds:.1f} s, trained on {report['n_train']} rows, tested on {report['n_test']}")
        print(f"{'':22}{'n':>6}" + "".join(f"{name[:8]:>9}" for name in MEASURES))
        for name, n, figures in table(report):
            print(f"{name:22}{n:>6}" + "".join(shown(figures[metric]["value"]) for metric in MEASURES))
        print(f"{'over best reference':22}{'':>6}" + "".join(shown(ratio(report, metric)) for metric in MEASURES))
    print(f"\nboth tasks: {total:.1f} s, {total / LIMIT:.2f} of the limit of {LIMIT:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
