"""What is stored of one pupil: all of it, to give away or to erase."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select

from farol.model.registry import Registry
from farol.store.database import Store, prediction_of
from farol.store.outcomes import erase_outcomes, outcomes_of
from farol.store.records import day_of, moment
from farol.store.recount import Binner, count_anew
from farol.store.tables import predictions


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows went; `kept` are the versions, as (task, version), whose counters still count some of them;
    `outcomes` are the years whose outcome went.
    """

    rows: int
    kept: tuple[tuple[str, str], ...]
    outcomes: int = 0


def export(store: Store, student: str, *, timezone: ZoneInfo, now: datetime) -> dict[str, object]:
    """Every row and outcome of a pupil as JSON values, the oldest first.

    `student` is a code in the form of `farol.workbook.student_code`.
    """
    query = select(predictions).where(predictions.c.student == student).order_by(predictions.c.seq)
    with store.snapshot() as connection:
        rows = [prediction_of(row) for row in connection.execute(query).mappings()]
        came_true = outcomes_of(connection, student)
    return {
        "student": student,
        "exported_at": now.astimezone(timezone).isoformat(timespec="seconds"),
        "predictions": [
            {
                "prediction_id": row.id,
                "timestamp": row.at.astimezone(timezone).isoformat(),
                "timestamp_utc": row.at.astimezone(UTC).isoformat(),
                "task": row.task,
                "model_version": row.version,
                "source": row.source,
                "class": row.group,
                "year": row.year,
                "features": dict(row.features),
                "prediction": row.prediction,
                "prediction_label": row.label,
                "probability": row.probability,
                "threshold": row.threshold,
                "warnings": list(row.warnings),
            }
            for row in rows
        ],
        "outcomes": came_true,
    }


def erase(store: Store, student: str, registry: Registry) -> Erased:
    """Erases every row and outcome of a pupil and counts the days they fell on anew, in one transaction.

    Where the bundle of a version is gone, a day of it that still has rows of others cannot be counted anew: its
    counters stay, numbers without identity, and the version is named in `kept`.
    """
    his = predictions.c.student == student
    binner = Binner(registry)
    with store.snapshot() as connection:
        for task, version in connection.execute(
            select(predictions.c.task, predictions.c.version).where(his).distinct()
        ):
            binner.problem(task, version)  # the bundles are read before anybody has to wait
    kept = []
    with store.exclusive() as connection:
        found = connection.execute(select(predictions.c.task, predictions.c.version, predictions.c.at).where(his)).all()
        connection.execute(delete(predictions).where(his))
        outcomes = erase_outcomes(connection, student)
        for cell in sorted({(task, version, day_of(moment(at))) for task, version, at in found}):
            if not count_anew(store, connection, binner, cell):
                kept.append(cell[:2])
    store.checkpoint()
    return Erased(len(found), tuple(dict.fromkeys(kept)), outcomes)
