"""Forecasts for a whole sheet: every pupil of a year is scored, and the answer stored with the pupil's code.

Next year's sheet is matched to them by that code. The same sheet and model again store nothing: only a pupil whose
inputs have changed since the last forecast of this command gets another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select

from farol.files import canonical_json
from farol.model.bundle import Bundle
from farol.model.counters import TRAINING_SHEET
from farol.model.scoring import Scorer
from farol.model.vocabulary import given_in
from farol.profile import Text
from farol.pupils.ranking import CLASS, ExpectedCases, unknown_features
from farol.store.database import Store
from farol.store.records import Prediction, Source, row_of
from farol.store.tables import prediction_of, predictions
from farol.workbook.student_code import class_name, student_code

if TYPE_CHECKING:
    from farol.workbook.panel import Panel

GROUP = 2_000
"""Rows of a transaction."""
SOURCES: tuple[Source, ...] = ("command", TRAINING_SHEET)
"""The sources of the rows that are stored here."""


@dataclass(frozen=True, slots=True)
class Forecasts:
    """The answers for a year's pupils, as they are stored: `rows` in the sheet's order, `stored` of them just now.

    `unusable`: pupils whose code cannot be stored; they have no row, as those `left_out` by the task's conditions.
    `unknown`: the features that no pupil has.
    """

    bundle: Bundle
    year: int
    rows: tuple[Prediction, ...]
    stored: int
    unusable: int
    left_out: int = 0
    unknown: tuple[Text, ...] = ()

    @property
    def at_risk(self) -> int:
        """How many pupils are marked "at risk": their probability is the threshold or more."""
        return sum(row.prediction == 1 for row in self.rows)

    @property
    def unanswered(self) -> int:
        """How many pupils have no answer, because too little is known about them."""
        return sum(row.prediction is None for row in self.rows)

    @property
    def expected(self) -> ExpectedCases:
        """How many of the pupils with an answer to expect at risk."""
        return ExpectedCases.of(np.array([row.probability for row in self.rows if row.probability is not None]))


def forecast_panel(scorer: Scorer, panel: Panel, store: Store, *, year: int | None = None, at: datetime) -> Forecasts:
    """Score and store every pupil of the panel's `year`, by default its last, as of the moment `at` (aware).

    Raises InputError when the panel has no such year; StoreError. After an error the rows stored so far stay, and the
    same call again stores the rest.
    """
    pupils = panel.of_year(year)
    everybody = len(pupils.year)
    pupils = pupils.select(pupils.asked(scorer.bundle.task_spec))
    codes = [student_code(str(code)) for code in pupils.student]
    answers = list(_answered(scorer, pupils, codes, at))
    rows: list[Prediction] = []
    stored = 0
    for start in range(0, len(answers), GROUP):
        group = _chained(store, answers[start : start + GROUP])
        fresh = [row for row, known in group if known is None]
        kept = store.write(fresh)
        stored += sum(row is written for row, written in zip(fresh, kept, strict=True))
        pending = iter(kept)
        rows.extend(next(pending) if known is None else known for _, known in group)
    return Forecasts(
        scorer.bundle,
        panel.of_year(year).years[0],
        tuple(rows),
        stored,
        codes.count(None),
        everybody - len(pupils.year),
        unknown_features(scorer.bundle, pupils),
    )


def _answered(scorer: Scorer, pupils: Panel, codes: Sequence[str | None], at: datetime) -> Iterator[Prediction]:
    """The answers of the pupils that have a usable code."""
    columns = {name: pupils.columns[name] for name in scorer.bundle.inputs.columns if name in pupils.columns}
    answers = scorer.answers(scorer.score(columns, pupils.year.astype(np.float64)))
    groups = pupils.categories.get(CLASS)
    is_known = pupils.fingerprint == scorer.bundle.manifest.data_fingerprint
    for i, (code, answer) in enumerate(zip(codes, answers, strict=True)):
        if code is None:
            continue
        given = {name: given_in(values[i]) for name, values in columns.items()}
        yield row_of(
            scorer,
            answer,
            given,
            at=at,
            year=int(pupils.year[i]),
            source=TRAINING_SHEET if is_known else "command",
            student=code,
            group=None if groups is None else class_name(groups[i]),
            body_hash=hashlib.sha256(canonical_json(given)).hexdigest(),
        )


def _chained(store: Store, rows: Sequence[Prediction]) -> list[tuple[Prediction, Prediction | None]]:
    """Each row with its key, and the pupil's last stored row if it is the same; None where the row is new.

    The key of a row names the row before it: two processes that store the same sheet at once store it once, and a
    sheet that is corrected and then put back is stored three times, so that the last row agrees with the sheet.
    """
    last = _last(store, rows)
    chained = []
    for row in rows:
        before = last.get(row.student or "")
        key = [row.task, row.version, row.year, row.student, row.body_hash, None if before is None else before.id]
        keyed = hashlib.sha256(b"farol forecast\n" + canonical_json(key)).hexdigest()
        same = before is not None and before.body_hash == row.body_hash
        chained.append((replace(row, key_hash=keyed), before if same else None))
    return chained


def _last(store: Store, rows: Sequence[Prediction]) -> Mapping[str, Prediction]:
    """Student → the last forecast that this command stored of the same task, version and year."""
    table = predictions.c
    codes = [row.student for row in rows]
    same = (table.task == rows[0].task) & (table.version == rows[0].version) & (table.year == rows[0].year)
    query = select(predictions).where(table.student.in_(codes), same, table.source.in_(SOURCES)).order_by(table.seq)
    with store.snapshot() as connection:
        return {row["student"]: prediction_of(row) for row in connection.execute(query).mappings()}
