"""A year played through, as a user would live it: forecasts from the 2023 sheet, outcomes from the 2024 sheet.

    python -m benchmarks.year WORKBOOK

WORKBOOK has the sheets of 2022, 2023 and 2024. A copy without the last one is what a programme had in 2023; all that
is learned is learned from that copy (`farol train WORKBOOK --as-of 2023` gives the same models). One pair of years
teaches `next-year` and leaves none to test it. So its card promises what the answers for pupils left out in turn were
worth, within that pair: the best that could have been promised then, and too good, since another year brings another
rule of ages (docs/model.md). It is put into use because --force asks for it.

Between the two lie months of use with a drift that begins on a known day (`months_of_use`).

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
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import openpyxl
from numpy.typing import NDArray

from benchmarks.training import shown
from farol.advice.status import model_status
from farol.alerts.check import check_all
from farol.alerts.messages import MessageSettings
from farol.drift.simulate import shifted_inputs, simulate
from farol.drift.windows import parse_window
from farol.evaluation.metrics import evaluate
from farol.model.bundle import write_bundle
from farol.model.registry import Registry
from farol.model.risk_bands import Support
from farol.model.scoring import Scorer
from farol.profile import Task, load_profile
from farol.settings import Settings
from farol.store.database import Store
from farol.training import models
from farol.training.plan import plan_of
from farol.training.rows import split_rows
from farol.training.train import train
from farol.workbook.panel import Panel, read_panel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

TASK = "next-year"
FIRST, THEN, LATER = 2022, 2023, 2024
FAROL = Path(sys.executable).with_name("farol")

DRIFT_FIRST, DRIFT_BEGINS, DRIFT_LAST = date(2024, 2, 5), date(2024, 5, 13), date(2024, 7, 12)
A_DAY = 12
"""Pupils asked about each day."""

WINDOW = "30d"


def without_sheet(workbook: Path, year: int, copy: Path) -> Path:
    """The workbook as it was before a year's sheet."""
    book = openpyxl.load_workbook(workbook, data_only=True)
    del book[f"PEDE{year}"]
    book.save(copy)
    return copy


def months_of_use(folder: Path, panel: Panel) -> None:
    """Months of answers with a drift that begins on a known day; print when it was found, and the alarms before.

    Pupils are drawn from all rows the model of `current` learned from, so that before that day there is no drift by
    construction; from it on the first half of the continuous indicators fall (`farol.drift.simulate`, "moderate").
    Every evening the check that the service's schedule would make is made over the last thirty days.
    """
    settings = Settings(artifacts=folder / "artifacts", data=folder / "data")
    registry = Registry(settings.artifacts)
    bundle = registry.load("current")
    scorer = Scorer(bundle)
    taught = panel.select(np.isin(panel.year, bundle.manifest.train_years))
    learned = replace(taught, year=np.full_like(taught.year, panel.years[-1]))
    before = alarms = 0
    day_found: date | None = None
    with Store.open(settings.store_url) as store:
        for day in days():
            evening = datetime.combine(day, time(22), UTC)
            shift = "none" if day < DRIFT_BEGINS else "moderate"
            simulate(learned, scorer, store, n=A_DAY, shift=shift, seed=day.toordinal(), days=1, now=evening)
            (checked,) = check_all(store, [bundle], WINDOW, evening, MessageSettings("en", ()))
            if day < DRIFT_BEGINS:
                before += 1
                alarms += checked.report.alarm
            elif checked.report.alarm:
                day_found = day
                break
        print(f"\nmonths of use: {A_DAY} pupils a day from {DRIFT_FIRST}, checked every evening over {WINDOW}")
        print(f"  before the drift: {before} checks, {alarms} with an alarm")
        print(f"  the drift begins on {DRIFT_BEGINS}: {', '.join(shifted_inputs(scorer))} fall")
        if day_found is None:
            print(f"  not found by {DRIFT_LAST}")
            return
        delay = (day_found - DRIFT_BEGINS).days + 1
        print(f"  found on {day_found}: in the evening of day {delay}, after {delay * A_DAY} pupils with it")
        evening = datetime.combine(day_found, time(22), UTC)
        advised = model_status(store, registry, bundle, parse_window(WINDOW, now=evening))
        for advice in advised.advice:
            print(f"  advice: {advice.summary.render('en')}")


def days() -> Iterator[date]:
    """Every day of the months."""
    for number in range((DRIFT_LAST - DRIFT_FIRST).days + 1):
        yield DRIFT_FIRST + timedelta(days=number)


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
                sleep(0.1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            body: dict[str, Any] = json.load(answer)
            return body
    finally:
        service.terminate()
        service.wait()


def print_part(part: dict[str, Any]) -> None:
    """Promised and realised, metric by metric."""
    print(f"\n  {part['name']}: n {part['n']}, of whom {part['positives']} at risk (card: n {part['promised_n']})")
    for figure in part["metrics"]:
        figures = f"{shown(figure['promised'])}{shown(figure['realised'])}"
        print(f"    {figure['metric']:18}{figures}  {figure['verdict_label']}")


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


def prove(report: dict[str, Any], whole: Panel, support: Mapping[str, Any]) -> None:
    """The same pupils, by the functions of training on all three sheets; the run ends where a figure differs."""
    task = whole.profile.tasks[TASK]
    split = split_rows(whole, task, plan_of(whole, task), seed=0)
    taught, test = split.train, split.test
    every = models.fit_served(task, taught, seed=0).probability(test.matrix)
    enough = answered(task, support, test.matrix, every)
    said = every[enough]
    measured = evaluate(test.label[enough], said, 0.5, seed=0, resamples=1).values()
    came = {figure["metric"]: figure["realised"]["value"] for figure in report["together"]["metrics"]}
    print(f"\n{'the same pupils, by training with all sheets:':48}commands   training")
    for metric in ("roc_auc", "average_precision", "brier", "ece"):
        print(f"    {metric:44}{came[metric]:.6f}   {measured[metric]:.6f}")
        if abs(came[metric] - measured[metric]) > 1e-5:
            raise SystemExit(f"{metric} was lost on the way")
    if report["together"]["n"] != said.size:
        raise SystemExit("pupils were lost on the way")


def answered(task: Task, support: Mapping[str, Any], matrix: Floats, probability: Floats) -> Mask:
    """The pupils who get an answer."""
    return Support.of(support, task.features, task.hidden).judge(matrix, probability).answered


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
        farol(folder, "train", str(then), "--quick", "--force")
        registry = Registry(folder / "artifacts")
        again = train(whole, TASK, quick=True, as_of=THEN)
        if write_bundle(folder / "again", again).name != registry.promoted(TASK):
            raise SystemExit("training as of then is not what the sheets of then give")
        support = registry.load(TASK).report["support"]
        print(farol(folder, "forecast", str(then), "--at", "2023-12-15").strip())
        again = json.loads(farol(folder, "forecast", str(then), "--format", "json"))
        print(f"the same once more: stored {again['stored']}")
        months_of_use(folder, panel)
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
        ours = next(report for report in body["reports"] if report["task"] == TASK)
        print(f"\nGET /monitoring/outcomes says the same: {over_http['outcomes'] == ours}")
        prove(ours, whole, support)


if __name__ == "__main__":
    main(sys.argv[1:])
