"""The months in which answers are asked for: `year.py` plays them with a drift that begins on a known day.

Pupils are drawn from all rows the model of `current` learned from, so that before that day there is no drift by
construction; from it on the first half of the continuous indicators fall (`farol.drift.simulate`, "moderate").
Every evening the check that the service's schedule would make is made over the last thirty days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np

from farol.advice.status import model_status
from farol.alerts.check import check_all
from farol.alerts.messages import Wording
from farol.drift.simulate import shifted_inputs, simulate
from farol.drift.windows import parse_window
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.settings import Settings
from farol.store.database import Store
from farol.workbook.panel import Panel

FIRST, BEGINS, LAST = date(2024, 2, 5), date(2024, 5, 13), date(2024, 7, 12)
A_DAY = 12
"""Pupils asked about each day."""

WINDOW = "30d"


def play(folder: Path, panel: Panel) -> None:
    """Prints when the drift began, when it was found, and how often there was an alarm before."""
    settings = Settings(artifacts=folder / "artifacts", data=folder / "data")
    registry = Registry(settings.artifacts)
    bundle = registry.load("current")
    scorer = Scorer(bundle)
    taught = panel.select(np.isin(panel.year, bundle.manifest.train_years))
    learned = replace(taught, year=np.full_like(taught.year, panel.years[-1]))
    before = alarms = 0
    found: date | None = None
    with Store.open(settings.store_url) as store:
        for day in days():
            evening = datetime.combine(day, time(22), UTC)
            shift = "none" if day < BEGINS else "moderate"
            simulate(learned, scorer, store, n=A_DAY, shift=shift, seed=day.toordinal(), days=1, now=evening)
            (checked,) = check_all(store, [bundle], WINDOW, evening, Wording("en", ()))
            if day < BEGINS:
                before += 1
                alarms += checked.report.alarm
            elif checked.report.alarm:
                found = day
                break
        print(f"\nmonths of use: {A_DAY} pupils a day from {FIRST}, checked every evening over {WINDOW}")
        print(f"  before the drift: {before} checks, {alarms} with an alarm")
        print(f"  the drift begins on {BEGINS}: {', '.join(shifted_inputs(scorer))} fall")
        if found is None:
            print(f"  not found by {LAST}")
            return
        delay = (found - BEGINS).days + 1
        print(f"  found on {found}: in the evening of day {delay}, after {delay * A_DAY} pupils with it")
        evening = datetime.combine(found, time(22), UTC)
        advised = model_status(store, registry, bundle, parse_window(WINDOW, now=evening))
        for advice in advised.advice:
            print(f"  advice: {advice.summary.render('en')}")


def days() -> Iterator[date]:
    """Every day of the months."""
    for number in range((LAST - FIRST).days + 1):
        yield FIRST + timedelta(days=number)
