"""Record what the pages show: every year of an accepted workbook, and the answers for its last year.

The rows are a copy made for reading, which is replaced whole with the next workbook. The promise that an answer is
stored is the log's (`predictions`); a row here names the one it comes from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import numpy as np
from sqlalchemy import delete

from farol.model.reasons import explain_rows
from farol.model.risk_bands import UNMEASURED
from farol.model.scoring import Scorer
from farol.pupils.forecast import Forecasts
from farol.pupils.ranking import CLASS
from farol.store.database import Store
from farol.store.engine import IMMEDIATE, store_errors
from farol.store.records import microseconds
from farol.store.tables import pupil_answers, pupil_years
from farol.workbook.panel import Panel
from farol.workbook.student_code import class_name, student_code

REASONS = 5
"""Reasons kept of each answer."""


def record_years(store: Store, panel: Panel) -> int:
    """Keep the rows of every year of a panel in place of those there were of these years; how many are kept.

    Pupils whose code cannot be stored are left out; the findings name them. Raises StoreError.
    """
    rows = list(_year_rows(panel))
    years = [int(year) for year in panel.years]
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        connection.execute(delete(pupil_years).where(pupil_years.c.year.in_(years)))
        if rows:
            connection.execute(pupil_years.insert(), rows)
    return len(rows)


def record_answers(store: Store, scorer: Scorer, panel: Panel, forecasts: Forecasts) -> int:
    """Keep the answers of `forecasts`, with their reasons, in place of those there were of the task and the year.

    `panel` is the one that was forecast. Raises StoreError.
    """
    rows = list(_answer_rows(scorer, panel, forecasts))
    table = pupil_answers.c
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        ours = (table.task == scorer.bundle.task) & (table.year == forecasts.year)
        connection.execute(delete(pupil_answers).where(ours))
        if rows:
            connection.execute(pupil_answers.insert(), rows)
    return len(rows)


def _year_rows(panel: Panel) -> Iterator[dict[str, object]]:
    level_name = panel.profile.level
    levels = np.full(len(panel.year), np.nan) if level_name is None else panel.numbers[level_name]
    groups = panel.categories.get(CLASS)
    columns = {name: values.tolist() for name, values in panel.columns.items()}
    seen: set[tuple[int, str]] = set()
    for i, (year, written) in enumerate(zip(panel.year.tolist(), panel.student, strict=True)):
        student = student_code(str(written))
        if student is None or (year, student) in seen:
            continue
        seen.add((year, student))
        values = {name: cells[i] for name, cells in columns.items() if _is_known(cells[i])}
        yield {
            "year": year,
            "student": student,
            "class": None if groups is None else class_name(groups[i]),
            "level": _number(levels[i]),
            "label": _label(panel.label[i]),
            "values": json.dumps(values, ensure_ascii=False),
            "fingerprint": panel.fingerprint,
        }


def _answer_rows(scorer: Scorer, panel: Panel, forecasts: Forecasts) -> Iterator[dict[str, object]]:
    bundle = scorer.bundle
    pupils = panel.of_year(forecasts.year)
    places: Mapping[str | None, int] = {student_code(str(code)): i for i, code in enumerate(pupils.student)}
    columns = {name: pupils.columns[name] for name in bundle.inputs.columns if name in pupils.columns}
    explained = explain_rows(scorer, columns, pupils.year.astype(np.float64), REASONS)
    level_name = panel.profile.level
    levels = np.full(len(pupils.year), np.nan) if level_name is None else pupils.numbers[level_name]
    for row in forecasts.rows:
        i = places[row.student]
        band = int(explained.scores.band[i])
        measured = None if row.probability is None or band == UNMEASURED else bundle.support.bands[band]
        yield {
            "task": row.task,
            "year": forecasts.year,
            "student": row.student,
            "version": row.version,
            "prediction": row.id,
            "at": microseconds(row.at),
            "class": row.group,
            "level": _number(levels[i]),
            "at_risk_now": _label(pupils.label[i]),
            "probability": row.probability,
            "band": None if measured is None else band,
            "expected_low": None if measured is None else measured.expected_low,
            "expected_high": None if measured is None else measured.expected_high,
            "reasons": json.dumps([reason.feature for reason in explained.reasons(i)]) if row.probability else "[]",
            "missing": json.dumps(sorted(name for name in columns if not _is_known(columns[name][i]))),
        }


def _is_known(value: object) -> bool:
    return value is not None and value == value  # noqa: PLR0124  NaN is not itself


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _label(value: float) -> int | None:
    return None if np.isnan(value) else int(value)
