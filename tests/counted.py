"""Predictions that drift as far as a test wants, for a bundle whose reference is known."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from farol.model.bundle import Bundle
from farol.model.counters import Counted, CounterLayout
from farol.store.database import Store
from farol.store.records import Prediction, uuid7


def answered(store: Store, bundle: Bundle, *, at: datetime, n: int, moved: bool = False, seed: int = 0) -> None:
    """Store `n` answers whose bins are drawn from the reference; `moved`: the first feature falls into one bin."""
    rng = np.random.default_rng(seed)
    drawn = {
        bins.feature: rng.choice(bins.size, n, p=np.array(bins.counts) / sum(bins.counts)).tolist()
        for bins in bundle.reference.features
    }
    if moved:
        drawn[bundle.reference.features[0].feature] = [0] * n
    layout = CounterLayout(tuple((bins.feature, bins.size) for bins in bundle.reference.features))
    store.write(
        [
            Prediction(
                id=uuid7(at),
                at=at,
                task=bundle.task,
                version=bundle.version,
                source="simulation",
                features={},
                prediction=0,
                label="",
                probability=0.1,
                threshold=0.5,
                year=at.year,
                counted=Counted(layout, tuple(layout.starts[name] + int(bin_[row]) for name, bin_ in drawn.items())),
            )
            for row in range(n)
        ]
    )
