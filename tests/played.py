"""A year played through with the sample workbook: forecasts of its 2023 sheet, outcomes of its 2024 sheet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.outcomes.matching import record_panel
from farol.profile import load_profile
from farol.pupils.forecast import forecast_panel
from farol.school.recording import record_answers, record_years
from farol.settings import Settings
from farol.store.database import Store
from farol.workbook.panel import Panel, read_panel
from tests.bundles import make_bundle

THEN, LATER = datetime(2023, 12, 15, 15, tzinfo=UTC), datetime(2024, 12, 15, 15, tzinfo=UTC)


def figure(value: float, half: float = 0.05) -> dict[str, float]:
    """A figure of a report."""
    return {"value": value, "low": round(value - half, 6), "high": round(value + half, 6)}


def section(n: int = 300, positives: int = 150, **values: float) -> dict[str, object]:
    """A section of a report that promises these values."""
    metrics = {"roc_auc": 0.6, "average_precision": 0.6, "precision": 0.6, "recall": 0.5, "f1": 0.6} | values
    metrics |= {"brier": values.get("brier", 0.25), "ece": values.get("ece", 0.1)}
    return {"n": n, "positives": positives, **{name: figure(value) for name, value in metrics.items()}}


CARD: Mapping[str, object] = {
    "test": section(),
    "groups": {"onset": section(150, 50), "recovery": section(150, 100)},
    "served": {"years": [2022]},
    "test_years": [2022],
}
"""The promises on the cards of these tests; their models learned from 2022 alone."""


def promoted(artifacts: Path, task: str = "next-year", *, seed: int = 0, last_year: int = 2022) -> Scorer:
    """A small model that knew nothing after 2022, in use."""
    registry = Registry(artifacts)
    registry.promote(task, make_bundle(artifacts, task, seed=seed, last_year=last_year, report=CARD).name)
    return Scorer(registry.load(task))


def play(settings: Settings, workbook: Path) -> Panel:
    """Forecasts then, outcomes later."""
    panel = read_panel(workbook, load_profile("pede"))
    scorer = promoted(settings.artifacts)
    with Store.open(settings.store_url) as store:
        forecast_panel(scorer, panel, store, year=2023, at=THEN)
        record_panel(store, Registry(settings.artifacts), panel, at=LATER)
    return panel


def play_until_now(settings: Settings, workbook: Path) -> None:
    """That year, and the answers for the pupils of its last sheet as the pages list them."""
    panel = play(settings, workbook)
    scorer = Scorer(Registry(settings.artifacts).load("next-year"))
    with Store.open(settings.store_url) as store:
        record_years(store, panel)
        record_answers(store, scorer, panel, forecast_panel(scorer, panel, store, at=LATER))
