"""Drift of files: their counts, added up over blocks and parts, judged and stored as those of the API.

The counts come from the pass that scores, whichever engine does it: each part has its own, and addition merges them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np

from farol.batch.parts import FilePart, pieces_in
from farol.batch.run import BatchReport
from farol.batch.score import BatchScorer
from farol.drift.report import DriftReport, check
from farol.drift.windows import Window
from farol.model.counters import Counts
from farol.model.scoring import Scorer
from farol.store.database import Store
from farol.store.records import day_of


def counts_of(scorer: BatchScorer, parts: Sequence[FilePart], *, threads: int) -> tuple[Counts, int]:
    """The counts of all rows of the parts that can be scored, and how many rows were refused. Nothing is written."""

    def of_part(part: FilePart) -> tuple[Counts, int]:
        counts, refused = np.zeros(scorer.scorer.layout.width, dtype=np.int64), 0
        for piece in pieces_in(part, scorer):
            scored = scorer.score(piece(), part.file.columns.among_wanted(), part.file.year)
            counts += scored.counts
            refused += len(scored.refused)
        return counts, refused

    with ThreadPoolExecutor(threads, "farol-count") as pool:
        counted = list(pool.map(of_part, parts))
    return np.sum([counts for counts, _ in counted], axis=0, dtype=np.int64), sum(refused for _, refused in counted)


def drift_of_counts(scorer: Scorer, counts: Counts, *, name: str, at: datetime) -> DriftReport:
    """The report for counts in the scorer's layout; `name` says of what, and `at` (aware) when they were counted."""
    window = Window(name, None, day_of(at))
    return check(scorer.bundle, scorer.layout.counts(counts), window=window)


def record(store: Store, scorer: Scorer, report: BatchReport, *, at: datetime) -> None:
    """Adds the counts of a run to those of the day of `at` (aware), in the slice of files. Raises StoreError."""
    bundle = scorer.bundle
    store.add_file_counts((bundle.task, bundle.version), day_of(at), (scorer.layout, report.counts))
