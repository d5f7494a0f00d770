"""A small working site: two models with whole reports, four weeks of predictions that drift, four snapshots."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from farol.drift.report import take_snapshot
from farol.drift.windows import parse_window
from farol.files import canonical_json
from farol.model.bundle import read_bundle, write_bundle
from farol.model.features import Floats
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.settings import Settings
from farol.store.database import Store
from farol.store.records import Prediction, row_of
from tests.bundles import invented_columns, trained_model

CARD = """<!doctype html><html lang="pt-BR"><head><meta charset="utf-8"><title>Ficha</title>
<style>h1 { color: rgb(1, 2, 3) }</style></head><body><main><h1>Ficha do modelo</h1></main>
<script>document.title = "ran"</script></body></html>"""


def figures(value: float, low: float, high: float) -> dict[str, object]:
    """A part of a report that has three metrics."""
    return {
        "n": 300,
        "positives": 150,
        "roc_auc": {"value": value, "low": low, "high": high},
        "precision": {"value": value, "low": low, "high": high},
        "recall": {"value": value - 0.1, "low": low - 0.1, "high": high - 0.1},
    }


REPORTS: dict[str, dict[str, object]] = {
    "current": {
        "test": figures(1.0, 1.0, 1.0),
        "without_ian": figures(0.69, 0.65, 0.73),
        "notice": {
            "pt": "IAN é a resposta em outras palavras: IAN = 10 ⇔ sem risco, em 100% de 562 linhas.",
            "en": "IAN is the answer in other words: IAN = 10 ⇔ not at risk, in 100% of 562 rows.",
        },
    },
    "next-year": {
        "test": figures(0.884, 0.551, 0.915),  # so wide that the advice has nothing against it
        "groups": {"onset": figures(0.871, 0.82, 0.918), "recovery": figures(0.862, 0.807, 0.909)},
        "notice": None,
        "served": {"years": [2022, 2023, 2024]},
    },
}


def settings_in(folder: Path, **values: object) -> Settings:
    """Settings whose folders are inside `folder`."""
    return Settings(artifacts=folder / "artifacts", data=folder / "data", **values)  # type: ignore[arg-type]


def build_site(folder: Path, *, now: datetime | None = None) -> Settings:
    """Models, predictions and snapshots under `folder`; `next-year` drifts, `current` has too few predictions."""
    settings = settings_in(folder)
    for task, report in REPORTS.items():
        model = trained_model(task)
        whole = json.loads(model.files["report.json"]) | report
        files = dict(model.files) | {"report.json": canonical_json(whole), "card.html": CARD.encode()}
        bundle = read_bundle(write_bundle(settings.artifacts, replace(model, files=files)))
        Registry(settings.artifacts).promote(task, bundle.version)
    moment = now or datetime.now(UTC)
    with Store.open(settings.store_url) as store:
        scorer = Scorer(Registry(settings.artifacts).load("next-year"))
        for week in range(4):
            at = moment - timedelta(days=21 - 7 * week)
            store.write(predictions(scorer, n=150, at=at, shift=0.6 * week, seed=week))
            take_snapshot(store, scorer.bundle, parse_window("7d", now=at), at=at)
        few = Scorer(Registry(settings.artifacts).load("current"))
        store.write(predictions(few, n=12, at=moment, shift=0.0, seed=9))
    return settings


def predictions(scorer: Scorer, *, n: int, at: datetime, shift: float, seed: int) -> list[Prediction]:
    """Answers for invented pupils of two classes whose first three features are `shift` lower than in training."""
    bundle = scorer.bundle
    columns: dict[str, Floats] = dict(invented_columns(bundle.profile, bundle.task_spec, n=n, seed=seed + 100))
    for name in ("IAA", "IEG", "IPS"):
        columns[name] = np.clip(columns[name] - shift, 0, 10)
    scores = scorer.score(columns, np.full(n, 2024.0))
    return [
        row_of(
            scorer,
            answer,
            {name: None if np.isnan(values[row]) else float(values[row]) for name, values in columns.items()},
            at=at + timedelta(milliseconds=row),
            year=2024,
            source="simulation",
            group=("9B", "10A")[row % 2],
        )
        for row, answer in enumerate(scorer.answers(scores))
    ]
