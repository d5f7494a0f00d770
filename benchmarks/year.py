"""A year played through, as a user would live it: forecasts from the 2023 sheet, outcomes from the 2024 sheet.

    python -m benchmarks.year WORKBOOK

WORKBOOK has the sheets of 2022, 2023 and 2024. A copy without the last one is what a programme had in 2023; all that
is learned is learned from that copy. The model of `current` comes from `farol train`. That of `next-year` cannot: one
pair of years teaches it and leaves none to test it, so `farol train` refuses. It is made here by the same functions,
and its card promises what its answers for pupils left out of each fold were worth, within that one pair: the best that
could have been promised then, and too good, since another year brings another rule of ages (docs/model.md).

Between the two lie months of use with a drift that begins on a known day (`months.py`).

Printed are counts and metrics, never a pupil: what was promised, what came true, and the verdicts; then the proof that
nothing was lost on the way: the metrics through the commands and the database are those that training with all three
sheets finds for the same pupils by itself.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
from numpy.typing import NDArray

from benchmarks.months import play
from farol.evaluation.bands import calibration_bands, least_given
from farol.evaluation.capacity import USUAL
from farol.evaluation.metrics import evaluate
from farol.files import canonical_json
from farol.model.bundle import write_bundle
from farol.model.features import feature_matrix
from farol.model.reference import Reference
from farol.model.trained import TrainedModel
from farol.profile import load_profile
from farol.training import models, sections
from farol.training.augmentation import repetitions_of
from farol.training.plan import Cohort, Plan, make_plan, rows_of
from farol.training.report import libraries
from farol.training.threshold import choose_threshold, guarded
from farol.workbook.panel import Panel, read_panel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

TASK = "next-year"
FIRST, THEN, LATER = 2022, 2023, 2024
FAROL = Path(sys.executable).with_name("farol")


def without_sheet(workbook: Path, year: int, copy: Path) -> Path:
    """The workbook as it was before a year's sheet."""
    book = openpyxl.load_workbook(workbook, data_only=True)
    del book[f"PEDE{year}"]
    book.save(copy)
    return copy


def trained_then(panel: Panel) -> TrainedModel:
    """The model of 2022 → 2023, and a card that promises what its answers out of fold were worth."""
    profile, task = panel.profile, panel.profile.tasks[TASK]
    pair = Cohort(FIRST, (FIRST,), THEN)
    plan = Plan(TASK, 1, THEN, (pair,), pair, (pair,))
    matrix = feature_matrix(profile, task, panel.numbers, panel.year.astype(np.float64), THEN)
    rows = rows_of(panel, plan, matrix, plan.serve, repetitions_of(panel, task, THEN))
    said = models.out_of_fold(task, rows, seed=0)
    threshold = guarded(choose_threshold(rows.label, said, seed=0), said, USUAL).threshold.value
    fitted = models.fit_served(task, rows, seed=0)
    least = least_given(rows.matrix)
    everybody, enough = np.full(rows.label.size, True), answered(rows.matrix, least)
    groups = {"test": everybody, "onset": rows.now == 0, "recovery": rows.now == 1}

    def measured(mask: Mask) -> dict[str, object]:
        return sections.evaluation(evaluate(rows.label[mask], said[mask], threshold, seed=0))

    report = {
        "task": TASK,
        "train_years": [FIRST],
        "test_years": [FIRST],
        "test": measured(everybody),
        "groups": {name: measured(mask) for name, mask in groups.items() if name != "test"},
        "answered": {name: measured(mask & enough) for name, mask in groups.items()},
        "bands": sections.bands(calibration_bands(rows.label, said, rows.label, said)),
        "prevalence": {"train": float(rows.label.mean()), "test": float(rows.label.mean())},
        "support": {"least_given": least},
        "promotable": True,
        "served": {"years": [FIRST], "n": int(rows.label.size)},
    }
    return TrainedModel(
        task=TASK,
        files={
            "profile.toml": profile.source,
            "model.json": models.model_json(fitted),
            "model.onnx": models.onnx_bytes(fitted, rows.matrix),
            "preprocessing.json": fitted.preprocessing.to_json(),
            "reference.json": Reference.fit(rows.matrix, task.features).to_json(),
            "report.json": canonical_json(report),
            "card.html": b"<!doctype html><title>Measured out of fold, within one pair of years</title>",
        },
        train_years=(FIRST,),
        test_years=(FIRST,),
        last_year=THEN,
        seed=0,
        threshold=threshold,
        features=task.features,
        data_fingerprint=panel.fingerprint,
        profile_fingerprint=profile.fingerprint,
        libraries=libraries(),
        headline={},
    )


def farol(folder: Path, *arguments: str) -> str:
    """What a command prints; the run ends where it fails."""
    environment = {**os.environ, "FAROL_LOCALE": "en", "NO_COLOR": "1", "COLUMNS": "200"}
    done = subprocess.run([FAROL, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"farol {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout


def asked_over_http(folder: Path, path: str) -> dict[str, Any]:
    """The answer of a real service, which is ended afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = subprocess.Popen([FAROL, "serve", "--port", str(port)], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready") as ready:
                    if ready.status == 200:
                        break
            except urllib.error.URLError:
                time.sleep(0.1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            body: dict[str, Any] = json.load(answer)
            return body
    finally:
        service.terminate()
        service.wait()


def shown(figure: dict[str, float] | None) -> str:
    """A figure with its interval."""
    return f"{'–':22}" if figure is None else f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})  "


def print_part(part: dict[str, Any]) -> None:
    """Promised and realised, metric by metric."""
    print(f"\n  {part['name']}: n {part['n']}, of whom {part['positives']} at risk (card: n {part['promised_n']})")
    for one in part["metrics"]:
        figures = f"{shown(one['promised'])}{shown(one['realised'])}"
        print(f"    {one['metric']:18}{figures}{one['verdict_label']}")


def print_report(report: dict[str, Any]) -> None:
    """One task's outcomes."""
    print(f"\n{report['task']} {report['model_version']}, outcomes of {report['year']}")
    print("  " + ", ".join(f"{name} {n}" for name, n in report["counts"].items()))
    print(f"    {'':18}{'promised':24}{'came true':24}verdict")
    for part in (report["together"], *report["groups"]):
        print_part(part)
    kept = [band for band in report["calibration"] if band["kept"] is not None]
    print(f"\n  bands as expected: {sum(band['kept'] for band in kept)} of {len(kept)}")
    for band in report["calibration"]:
        print(f"    {band['low']:g}–{band['high']:g}: n {band['n']}, came true {shown(band['came'])}")
    leavers = report["leavers"]
    print(f"  mean risk forecast: left {shown(leavers['left'])} stayed {shown(leavers['stayed'])}")


def prove(report: dict[str, Any], whole: Panel, least: int) -> None:
    """The same pupils, by the functions of training on all three sheets; the run ends where a figure differs."""
    task = whole.profile.tasks[TASK]
    plan = make_plan(task, whole.years)
    matrix = feature_matrix(whole.profile, task, whole.numbers, whole.year.astype(np.float64), THEN)
    taught = rows_of(whole, plan, matrix, plan.train, repetitions_of(whole, task, THEN))
    test = rows_of(whole, plan, matrix, (plan.test,))
    enough = answered(test.matrix, least)
    said = models.fit_served(task, taught, seed=0).probability(test.matrix)[enough]
    found = evaluate(test.label[enough], said, 0.5, seed=0, resamples=1).values()
    came = {one["metric"]: one["realised"]["value"] for one in report["together"]["metrics"]}
    print(f"\n{'the same pupils, by training with all sheets:':48}commands   training")
    for metric in ("roc_auc", "average_precision", "brier", "ece"):
        print(f"    {metric:44}{came[metric]:.6f}   {found[metric]:.6f}")
        if abs(came[metric] - found[metric]) > 1e-5:
            raise SystemExit(f"{metric} was lost on the way")
    if report["together"]["n"] != said.size:
        raise SystemExit("pupils were lost on the way")


def answered(matrix: Floats, least: int) -> Mask:
    """Of whom enough is known for an answer."""
    enough: Mask = (~np.isnan(matrix)).sum(axis=1) >= least
    return enough


def main(arguments: list[str]) -> None:
    """Live through the year."""
    workbook = Path(arguments[0]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        then = without_sheet(workbook, LATER, folder / "then.xlsx")
        panel = read_panel(then, load_profile("pede"))
        whole = read_panel(workbook, load_profile("pede"))
        if not np.array_equal(panel.label, whole.label[whole.year < LATER], equal_nan=True):
            raise SystemExit("the copy is not what the workbook says")
        print("in 2023: train, forecast from the 2023 sheet")
        farol(folder, "train", str(then), "--task", "current", "--quick", "--force")
        bundle = write_bundle(folder / "artifacts", trained_then(panel))
        farol(folder, "models", "promote", TASK, bundle.name)
        print(farol(folder, "forecast", str(then), "--at", "2023-12-15").strip())
        again = json.loads(farol(folder, "forecast", str(then), "--format", "json"))
        print(f"the same once more: stored {again['stored']}")
        play(folder, panel)
        print("\nin 2024: this year's question for the 2024 sheet, then what came true")
        farol(folder, "forecast", str(workbook), "--task", "current", "--at", "2024-11-15")
        body = json.loads(farol(folder, "outcomes", str(workbook), "--format", "json"))
        once_more = json.loads(farol(folder, "outcomes", str(workbook), "--format", "json"))
        recorded = once_more["recorded"]
        print(f"the same sheet once more: added {recorded['added']}, changed {recorded['changed']}")
        for report in body["reports"]:
            print_report(report)
        print()
        for report in body["reports"]:
            for note in report["notes"]:
                print(f"  {report['task']}: {note}")
        over_http = asked_over_http(folder, f"/monitoring/outcomes?task={TASK}&year={LATER}&lang=en")
        ours = next(one for one in body["reports"] if one["task"] == TASK)
        print(f"\nGET /monitoring/outcomes says the same: {over_http['outcomes'] == ours}")
        prove(ours, whole, json.loads((bundle / "report.json").read_bytes())["support"]["least_given"])


if __name__ == "__main__":
    main(sys.argv[1:])
