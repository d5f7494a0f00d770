"""Control production data: pupils of a workbook's last year, drawn at random, scored and stored like real ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select

from farol.errors import InputError
from farol.i18n import msg
from farol.model.features import Floats
from farol.model.scoring import Scorer
from farol.model.vocabulary import Objects, given_in
from farol.profile import Column
from farol.store.database import Store
from farol.store.records import Prediction, Source, row_of
from farol.store.tables import predictions

if TYPE_CHECKING:
    from farol.workbook.panel import Panel

LOWERED: Mapping[str, float] = {"none": 1.0, "moderate": 1.55, "severe": 2.5}
"""By how much values fall: the value at rank u of the year becomes the one at rank u to this power (0 to 1).

A Lehmann alternative (1953): whatever the feature's distribution, its PSI against the unshifted one is at most
(γ − 1)² / γ, that is 0.20 and 0.90, and close to it in ten bins. In units of a standard deviation of a normal feature
the mean falls by about 0.4 and 1. Every value remains one that some pupil had.
"""

LOST: Mapping[str, float] = {"none": 0.0, "moderate": 0.0, "severe": 0.2}
"""Share of the shifted features' values that go missing besides."""

SOURCE: Source = "simulation"

_CHUNK = 1_000


def simulate(
    panel: Panel,
    scorer: Scorer,
    store: Store,
    *,
    n: int,
    shift: str,
    seed: int,
    days: int = 1,
    now: datetime,
    years: Collection[int] | None = None,
) -> int:
    """Store `n` simulated predictions of the bundle's task, evenly spread over the `days` days before `now` (aware).

    The pupils are those of the panel's `years`, by default of its last, of whom the model knows anything. A shift
    lowers the first half of the task's continuous inputs (`shifted_inputs`) by `LOWERED` and loses `LOST` of them.
    `none` means as they are, and not that there is no drift: those years may differ from the years of training, and
    then the verdict says so. Returns how many were stored. Raises InputError for another `shift` than none, moderate
    and severe, and when there is nobody to draw from; StoreError.
    """
    if shift not in LOWERED:
        raise InputError(
            msg("There is no such shift."),
            expected=msg("one of {names}", names=", ".join(LOWERED)),
            fix=msg("Choose one of these names."),
        )
    bundle = scorer.bundle
    names = bundle.inputs.columns
    pupils = panel.select(np.isin(panel.year, list(years or panel.years[-1:])) & panel.asked(bundle.task_spec))
    columns = {name: pupils.columns[name] for name in names if name in pupils.columns}
    year = pupils.year.astype(np.float64)
    known = np.flatnonzero(~np.isnan(scorer.score(columns, year).features).all(axis=1))
    if not known.size:
        raise InputError(
            msg("The last year of the workbook has no pupil with data that the model knows."),
            fix=msg("Use a workbook whose last year has values of the pupils."),
        )
    rng = np.random.default_rng(seed)
    numbers = {name: pupils.numbers[name] for name in _shifted(columns, scorer, shift)}
    lowered = {name: np.sort(values[np.isfinite(values)]) for name, values in numbers.items()}
    for start in range(0, n, _CHUNK):
        size = min(_CHUNK, n - start)
        drawn = rng.choice(known, size)
        chunk: dict[str, Floats | Objects] = {name: values[drawn] for name, values in columns.items()}
        for name, ordered in lowered.items():
            chunk[name] = _lower(numbers[name][drawn], ordered, LOWERED[shift], LOST[shift], rng)
        moments = [now - timedelta(days=days) * ((n - start - i - 1) / n) for i in range(size)]
        store.write(_predictions(scorer, chunk, year[drawn], moments))
    return n


def is_asked(store: Store) -> bool:
    """Whether the log holds a prediction that was asked for, not simulated. Raises StoreError."""
    query = select(predictions.c.id).where(predictions.c.source != SOURCE).limit(1)
    with store.snapshot() as connection:
        return connection.execute(query).first() is not None


def shifted_inputs(scorer: Scorer) -> tuple[str, ...]:
    """The inputs that a shift lowers: the first half of the continuous ones of the task, rounded up.

    Not those that decide of whom the question is asked.
    """
    bundle = scorer.bundle
    columns = bundle.profile.columns
    own = [name for name in bundle.task_spec.features if name in columns and name not in bundle.inputs.asked.reads]
    continuous = [name for name in own if _is_continuous(columns[name])]
    return tuple(continuous[: (len(continuous) + 1) // 2])


def _is_continuous(column: Column) -> bool:
    return column.kind == "number" and not column.integer and not column.usual


def _shifted(columns: Mapping[str, object], scorer: Scorer, shift: str) -> tuple[str, ...]:
    return () if shift == "none" else tuple(name for name in shifted_inputs(scorer) if name in columns)


def _lower(values: Floats, ordered: Floats, power: float, lost: float, rng: np.random.Generator) -> Floats:
    """`values` (n,) moved down within `ordered`, all present values of the year; ties are broken by chance."""
    present = np.isfinite(values)
    first, after = (np.searchsorted(ordered, values[present], side=side) for side in ("left", "right"))
    rank = rng.uniform(first, after) / max(ordered.size, 1)
    result = values.copy()
    result[present] = ordered[(rank**power * ordered.size).astype(np.int64)]
    result[rng.random(values.size) < lost] = np.nan
    return result


def _predictions(
    scorer: Scorer, columns: Mapping[str, Floats | Objects], year: Floats, moments: list[datetime]
) -> list[Prediction]:
    answers = scorer.answers(scorer.score(columns, year))
    rows = []
    for i, (at, answer) in enumerate(zip(moments, answers, strict=True)):
        given = {name: given_in(values[i]) for name, values in columns.items()}
        rows.append(row_of(scorer, answer, given, at=at, year=int(year[i]), source=SOURCE))
    return rows
