"""What is kept of pupils: one pupil's rows exported or erased, and rows removed when they are old."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, select

from farol.errors import InputError
from farol.i18n import msg
from farol.model.registry import Registry
from farol.store.database import Store
from farol.store.engine import insert_new
from farol.store.outcomes import erase_outcomes, outcomes_of, purge_outcomes
from farol.store.partitions import drop_part, next_month, parts
from farol.store.pupils import erase_pages, pages_of, purge_pages
from farol.store.records import day_of, microseconds, moment, start_of
from farol.store.recount import Binner, count_anew
from farol.store.tables import counters, leases, prediction_keys, prediction_of, predictions

_AGE = re.compile(r"([1-9]\d{0,4})d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Erased:
    """The numbers of rows and of years' outcomes that were erased. `kept`: (task, version) whose counters still count
    some of the rows. `is_pending`: their bytes are still in a file, because somebody is reading (`finish_erasing`).
    """

    rows: int
    kept: tuple[tuple[str, str], ...]
    outcomes: int = 0
    is_pending: bool = False
    pages: int = 0  # rows that the pages kept: years, answers, a name, cases


def export(store: Store, student: str, *, timezone: ZoneInfo, now: datetime) -> dict[str, object]:
    """All that is stored of a pupil as JSON values, the oldest first. `student` is a canonical code."""
    query = select(predictions).where(predictions.c.student == student).order_by(predictions.c.seq)
    with store.snapshot() as connection:
        rows = [prediction_of(row) for row in connection.execute(query).mappings()]
        came_true = outcomes_of(connection, student)
        pages = pages_of(connection, student)
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
        **pages,
    }


ERASE_SECONDS = 5.0
"""How long a command waits for readers to end, so that the bytes of what was erased are gone."""


def erase(store: Store, student: str, registry: Registry, *, patience: float = ERASE_SECONDS) -> Erased:
    """Erases all that is stored of a pupil and counts the days of these rows anew, in one transaction.

    Where the bundle of a version is gone, a day on which it has rows of other pupils cannot be counted anew. Its
    counters stay, which identify nobody, and `kept` names the version.
    """
    of_pupil = predictions.c.student == student
    binner = Binner(registry)
    with store.snapshot() as connection:
        for task, version in connection.execute(
            select(predictions.c.task, predictions.c.version).where(of_pupil).distinct()
        ):
            binner.problem(task, version)  # reads the bundles before other writers have to wait
    kept = []
    with store.exclusive() as connection:
        rows = connection.execute(
            select(predictions.c.task, predictions.c.version, predictions.c.at).where(of_pupil)
        ).all()
        keys = prediction_keys.c.key_hash.in_(select(predictions.c.key_hash).where(of_pupil))
        connection.execute(delete(prediction_keys).where(keys))
        connection.execute(delete(predictions).where(of_pupil))
        pend_erasing(connection)
        outcomes = erase_outcomes(connection, student)
        pages = erase_pages(connection, student, microseconds(datetime.now(UTC)))
        for cell in sorted({(task, version, day_of(moment(at))) for task, version, at in rows}):
            if not count_anew(store, connection, binner, cell):
                kept.append(cell[:2])
    is_pending = not _finished(store, patience)
    return Erased(len(rows), tuple(dict.fromkeys(kept)), outcomes, is_pending, pages)


def pend_erasing(connection: Connection) -> None:
    """Note, in the transaction that erases, that bytes are to be removed: `finish_erasing` does it."""
    insert_new(connection, leases, _PENDING)


def finish_erasing(store: Store) -> bool:
    """Whether the bytes of all that was erased are gone; where they are not, tries now. Raises StoreError.

    SQLite keeps them in its log until nobody reads what was there before. It is noted in the database that they are
    pending, so that whoever comes next goes on.
    """
    with store.snapshot() as connection:
        is_pending = connection.execute(select(leases.c.job).where(leases.c.job == _ERASING)).first() is not None
    if not is_pending:
        return True
    if not store.checkpoint():
        return False
    with store.exclusive() as connection:
        connection.execute(delete(leases).where(leases.c.job == _ERASING))
    return True


def _finished(store: Store, patience: float) -> bool:
    end = time.monotonic() + patience
    while not finish_erasing(store):
        if time.monotonic() >= end:
            return False
        time.sleep(_PAUSE)
    return True


_ERASING = "erasing"
_PENDING = {"job": _ERASING, "schedule": "", "due": 0}
_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Purged:
    """The numbers of rows and outcomes that were removed, and the first day that was kept."""

    rows: int
    first: date
    outcomes: int = 0
    is_pending: bool = False  # as of `Erased`
    pages: int = 0


def parse_age(text: str, *, now: datetime) -> date:
    """The first day to keep for an age such as `400d`: 400 days before today. InputError for other texts."""
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise InputError(
            msg("The number of days cannot be read."),
            expected=msg("a number of days such as {example}", example="400d"),
            fix=msg("Write the number of days and a d after it."),
        )
    return day_of(now) - timedelta(days=int(match[1]))


def purge(store: Store, first: date, *, patience: float = ERASE_SECONDS) -> Purged:
    """Removes every row and counter of the days (America/Sao_Paulo) before `first`.

    One transaction a day, the oldest day first: other writers wait for one day only, and a purge that was interrupted
    can be run again. On PostgreSQL a whole month goes at once, with its part of the table. Rows and counters of a day
    go together, so that they agree at every moment. Outcomes that have not changed since then go too, and what the
    pages keep of pupils. Snapshots of drift stay.
    """
    rows, outcomes, pages = _drop_months(store, first), 0, 0
    while True:
        with store.exclusive() as connection:
            oldest = connection.execute(select(func.min(predictions.c.at))).scalar()
            day = first if oldest is None else min(first, day_of(moment(oldest)) + timedelta(days=1))
            before = predictions.c.at < microseconds(start_of(day))
            rows += connection.execute(delete(predictions).where(before)).rowcount
            _forget_before(connection, day)
            outcomes += purge_outcomes(connection, microseconds(start_of(day)))
            pages += purge_pages(connection, microseconds(start_of(day)), microseconds(datetime.now(UTC)))
            pend_erasing(connection)
        if day == first:
            break
    return Purged(rows, first, outcomes, not _finished(store, patience), pages)


def _drop_months(store: Store, first: date) -> int:
    """PostgreSQL: removes every month that ends before `first`, one a transaction; how many rows they had."""
    if store.engine.dialect.name != "postgresql":
        return 0
    rows = 0
    with store.snapshot() as connection:
        old = {month for month in parts(connection) if next_month(month) <= first}
    for month in sorted(old):
        with store.exclusive() as connection:
            for left in parts(connection).keys() & {month}:  # another process may have been quicker
                rows += drop_part(connection, left)
                _forget_before(connection, next_month(left))
    store.months.forget()
    return rows


def _forget_before(connection: Connection, day: date) -> None:
    """Removes what counts and names the predictions before a day."""
    connection.execute(delete(counters).where(counters.c.day < day))
    connection.execute(delete(prediction_keys).where(prediction_keys.c.at < microseconds(start_of(day))))
