"""Record what the pages show: every year of an accepted workbook, and the answers for its last year.

The rows are a copy made for reading, which is replaced whole with the next workbook. The promise that an answer is
stored is the log's (`predictions`); a row here names the one it comes from.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import delete, func, select

from farol.model.features import meanings_of
from farol.model.reasons import LevelComparison, Reason, explain_rows, shown_value
from farol.model.risk_bands import UNMEASURED
from farol.model.scoring import Scorer
from farol.profile import Profile
from farol.pupils.forecast import Forecasts
from farol.pupils.ranking import CLASS
from farol.store.database import Store
from farol.store.pupils import revise
from farol.store.records import microseconds
from farol.store.tables import pupil_answers, pupil_years
from farol.workbook.panel import Panel
from farol.workbook.student_code import class_name, student_code

REASONS = 8
"""Reasons kept of each answer."""

SCHOOLS = ("school", "school_type")
"""The category columns, if a profile has them, of a pupil's school: the first that there is."""


def record_years(store: Store, panel: Panel, *, at: datetime | None = None) -> int:
    """Keep the rows of every year of a panel in place of those there were of these years; how many are kept.

    Pupils whose code cannot be stored are left out; the findings name them. `at`: by default now. Raises StoreError.
    """
    recorded = microseconds(at or datetime.now(UTC))
    rows = [{**row, "recorded": recorded} for row in _year_rows(panel)]
    years = [int(year) for year in panel.years]
    with store.transaction() as connection:
        connection.execute(delete(pupil_years).where(pupil_years.c.year.in_(years)))
        if rows:
            connection.execute(pupil_years.insert(), rows)
        revise(connection, recorded)
    return len(rows)


def record_answers(store: Store, scorer: Scorer, panel: Panel, forecasts: Forecasts) -> int:
    """Keep the answers of `forecasts`, with their reasons, in place of those there were of the task and the year.

    `panel` is the one that was forecast. Raises StoreError.
    """
    rows = list(_answer_rows(scorer, panel, forecasts))
    table = pupil_answers.c
    with store.transaction() as connection:
        ours = (table.task == scorer.bundle.task) & (table.year == forecasts.year)
        connection.execute(delete(pupil_answers).where(ours))
        if rows:
            connection.execute(pupil_answers.insert(), rows)
        revise(connection, microseconds(datetime.now(UTC)))
    return len(rows)


def school_column(profile: Profile) -> str | None:
    """The column of a pupil's school, if a profile has it."""
    columns = profile.columns
    return next((name for name in SCHOOLS if name in columns and columns[name].kind == "category"), None)


def stored_reasons(text: str, profile: Profile, changeable: Collection[str]) -> tuple[Reason, ...]:
    """The reasons of a stored answer, those that raise the risk first. `changeable`: the features to work on."""
    return tuple(
        reason for stored in json.loads(text) if (reason := _stored_reason(stored, profile, changeable)) is not None
    )


def _stored_reason(stored: Mapping[str, Any], profile: Profile, changeable: Collection[str]) -> Reason | None:
    feature = stored["feature"]
    meaning = meanings_of(profile).get(feature)
    if meaning is None:  # of a profile that the school no longer uses
        return None
    derived, usual = profile.derived.get(feature), stored.get("usual")
    value, word = shown_value(profile.columns.get(feature), stored["value"])
    return Reason(
        feature=feature,
        meaning=meaning,
        value=value,
        contribution=stored["contribution"],
        changeable=feature in changeable,
        standing=None if usual is None else LevelComparison(*usual),
        is_chance=derived is not None and derived.kind == "chance",
        word=word,
        level_name=profile.level_name,
    )


def _reason_json(reason: Reason, value: float | None) -> dict[str, object]:
    standing = reason.standing
    usual = {} if standing is None else {"usual": [standing.level, standing.median, standing.position]}
    return {"feature": reason.feature, "contribution": round(reason.contribution, 4), "value": value, **usual}


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
    explained = explain_rows(scorer, columns, pupils.year.astype(np.float64), REASONS, raising_first=True)
    order = {name: position for position, name in enumerate(bundle.task_spec.features)}
    school = school_column(panel.profile)
    schools = None if school is None else pupils.categories.get(school)
    level_name = panel.profile.level
    levels = np.full(len(pupils.year), np.nan) if level_name is None else pupils.numbers[level_name]
    for row in forecasts.rows:
        i = places[row.student]
        band = int(explained.scores.band[i])
        reasons = () if row.probability is None else explained.reasons(i)
        given = [_number(value) for value in explained.scores.features[i]]
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
            "school": None if schools is None else class_name(schools[i]),
            "at_risk_now": _label(pupils.label[i]),
            "probability": row.probability,
            "band": None if measured is None else band,
            "expected_low": None if measured is None else measured.expected_low,
            "expected_high": None if measured is None else measured.expected_high,
            "reasons": json.dumps([_reason_json(reason, given[order[reason.feature]]) for reason in reasons]),
            "raising": "".join(f",{reason.feature}" for reason in reasons if reason.contribution > 0) + ",",
            "missing": json.dumps(sorted(name for name in columns if not _is_known(columns[name][i]))),
        }


def _is_known(value: object) -> bool:
    return value is not None and value == value  # noqa: PLR0124  NaN is not itself


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _label(value: float) -> int | None:
    return None if np.isnan(value) else int(value)


def latest_answers(store: Store) -> tuple[int, int] | None:
    """The last year of which there are answers, and how many pupils have one; None before any. Raises StoreError."""
    table = pupil_answers.c
    last = select(func.max(table.year)).scalar_subquery()
    query = select(func.max(table.year), func.count(table.student.distinct())).where(table.year == last)
    with store.reading() as connection:
        year, pupils = connection.execute(query).one()
    return None if year is None else (int(year), int(pupils))
