"""The row of an answer: every row that is stored is made here, whoever asked for the answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from farol.model.counters import Counted, slices_of
from farol.model.scoring import Answer, Scorer, warnings_for
from farol.model.vocabulary import Given
from farol.store.records import Prediction, Source, uuid7


def row_of(
    scorer: Scorer,
    answer: Answer,
    values: Mapping[str, Given],
    *,
    at: datetime,
    year: int,
    source: Source,
    student: str | None = None,
    group: str | None = None,
    key_hash: str | None = None,
    body_hash: str | None = None,
    warnings: tuple[str, ...] | None = None,
) -> Prediction:
    """The row of the answer that `scorer` gave for the inputs `values` of the school year `year`, at `at` (aware).

    `warnings` are the codes that `warnings_for` gives; a caller who has them already saves the time.
    """
    bundle = scorer.bundle
    if warnings is None:
        warnings = tuple(warning.code for warning in warnings_for(bundle, values))
    return Prediction(
        id=uuid7(at),
        at=at,
        task=bundle.task,
        version=bundle.version,
        source=source,
        features=values,
        prediction=answer.prediction,
        label=answer.label.pt,
        probability=answer.probability,
        threshold=answer.threshold,
        warnings=warnings,
        counted=counted_in(scorer, answer, values, source=source, group=group),
        student=student,
        group=group,
        year=year,
        key_hash=key_hash,
        body_hash=body_hash,
    )


def counted_in(
    scorer: Scorer, answer: Answer, values: Mapping[str, Given], *, source: str, group: str | None
) -> Counted:
    """Where an answer counts: its cells, in the whole and in its slices."""
    level = scorer.bundle.profile.level
    return Counted(scorer.layout, answer.cells, slices_of(source, level, values, group))
