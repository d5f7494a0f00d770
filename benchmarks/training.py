"""How long both tasks take to train, and how good the models are beside their references.

    python benchmarks/training.py [WORKBOOK]

Without a workbook the sample is used. The limits are three minutes for both tasks on two cores with every reference
and interval, and fifteen seconds with --quick. The rivals of every model are its references on the same test rows:
printed is the model minus each, with the paired 95% interval.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from farol.evaluation.metrics import COMPARED, MEASURES
from farol.profile import load_profile
from farol.training.train import train
from farol.workbook.panel import Panel, read_panel
from farol.workbook.sample import write_sample

LIMIT, QUICK_LIMIT = 180.0, 15.0


def table(report: dict[str, Any]) -> list[tuple[str, int, dict[str, Any]]]:
    """The report's sets of metrics: name, rows, figures."""
    sets = {"farol": report["test"], **{key: value for key, value in report.items() if key.startswith("without_")}}
    sets |= {**report.get("groups", {}), **report["baselines"]}
    return [(name, figures["n"], figures) for name, figures in sets.items()]


def shown(figure: dict[str, Any] | None, *, sign: bool = False) -> str:
    """A figure with its interval, or a dash."""
    if figure is None or figure["value"] is None:
        return f"{'–':>24}"
    form = "+.3f" if sign else ".3f"
    return f"{figure['value']:{form}} ({figure['low']:{form}}…{figure['high']:{form}})".rjust(24)


def print_report(report: dict[str, Any]) -> None:
    """The metrics of a task with their intervals, then the differences to its references."""
    names = [name for name in MEASURES if name not in {"f1", "recall_top"}]
    print(f"{'':22}{'n':>6}" + "".join(f"{name:>24}" for name in names))
    for name, n, figures in table(report):
        print(f"{name:22}{n:>6}" + "".join(shown(figures[metric]) for metric in names))
    print(f"{'farol minus':28}" + "".join(f"{name:>24}" for name in COMPARED))
    for name, figures in report["baselines"].items():
        print(f"{name:28}" + "".join(shown(figures["difference"][metric], sign=True) for metric in COMPARED))
    for reference in report["left_out"]:
        print(f"{reference['name']:28}{reference['reason']['en']}")
    bands, expected = report["bands"], report["expected"]
    print(f"bands hold for {bands['coverage']:.0%} of test pupils; ", end="")
    print(f"expected numbers for {expected['compatible']} of {expected['of']} groups; ", end="")
    print(f"may be served: {'yes' if report['promotable'] else 'no'}")


def timed(panel: Panel, task: str, *, quick: bool) -> tuple[float, dict[str, Any]]:
    """Seconds of one training, and its report."""
    start = time.perf_counter()
    trained = train(panel, task, quick=quick)
    return time.perf_counter() - start, json.loads(trained.files["report.json"])


def main(arguments: list[str]) -> None:
    """Train both tasks once in full and once in a hurry, and print."""
    with tempfile.TemporaryDirectory() as folder:
        workbook = Path(arguments[0]) if arguments else write_sample(Path(folder) / "sample.xlsx")
        panel = read_panel(workbook, load_profile("pede"))
    full = quick = 0.0
    for task in panel.profile.tasks:
        seconds, report = timed(panel, task, quick=False)
        hasty, _ = timed(panel, task, quick=True)
        full, quick = full + seconds, quick + hasty
        print(f"\n{task}: {seconds:.1f} s, {hasty:.1f} s with --quick; ", end="")
        print(f"trained on {report['n_train']} rows, tested on {report['n_test']}")
        print_report(report)
    print(f"\nboth tasks: {full:.1f} s, {full / LIMIT:.2f} of the limit of {LIMIT:.0f} s; ", end="")
    print(f"with --quick {quick:.1f} s, {quick / QUICK_LIMIT:.2f} of {QUICK_LIMIT:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
