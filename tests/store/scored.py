"""Rows as a service writes them: inputs of invented pupils, answered and binned by a small real model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from farol.model.scoring import Scorer
from farol.store.records import Prediction, row_of
from tests.bundles import invented_columns
from tests.store.rows import NOON


def answered(
    scorer: Scorer,
    values: Mapping[str, float | None],
    *,
    at: datetime = NOON,
    year: int = 2024,
    student: str | None = None,
    group: str | None = None,
) -> Prediction:
    """One answer, with the bins that the service would count it in."""
    answer = scorer.score_one(values, year)
    return row_of(scorer, answer, values, at=at, year=year, source="api", student=student, group=group)


def pupils(scorer: Scorer, n: int, *, seed: int = 0) -> list[dict[str, float | None]]:
    """Inputs of invented pupils, some given as missing."""
    bundle = scorer.bundle
    columns = invented_columns(bundle.profile, bundle.task_spec, n=n, seed=seed)
    return [
        {name: None if np.isnan(values[i]) else float(values[i]) for name, values in columns.items()} for i in range(n)
    ]
