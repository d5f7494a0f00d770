"""What the pages keep of pupils, beside the log: their years, answers, names and cases; exported, erased and aged here.

The audit keeps who did something, what and when, after a pupil is erased: a school must be able to answer for it. Which
pupil it was about is removed.
"""

from __future__ import annotations

import json
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, and_, delete, exists, func, select, update

from farol.store.engine import insert_new
from farol.store.records import moment, utc_text
from farol.store.tables import (
    audit,
    case_entries,
    cases,
    jobs,
    pupil_answers,
    pupil_names,
    pupil_years,
    site_settings,
)

REVISION = "pupils.revision"
"""The site setting that changes whenever the rows of pupils do, so that what was computed of them is made anew."""


def revise(connection: Connection, at: int) -> None:
    """Note that rows of pupils have changed. `at`: microseconds since 1970."""
    values = {"value": json.dumps(str(uuid4())), "changed": at}
    if not insert_new(connection, site_settings, {"name": REVISION, **values}):
        connection.execute(update(site_settings).where(site_settings.c.name == REVISION).values(**values))


def revision(connection: Connection) -> str:
    """The present revision; empty where no pupil was ever recorded."""
    value = connection.execute(select(site_settings.c.value).where(site_settings.c.name == REVISION)).scalar()
    return "" if value is None else str(value)


def pages_of(connection: Connection, student: str) -> dict[str, object]:
    """All that the pages keep of a pupil, as JSON values, the earliest first."""
    name = connection.execute(select(pupil_names.c.name).where(pupil_names.c.student == student)).scalar()
    years = select(pupil_years).where(pupil_years.c.student == student).order_by(pupil_years.c.year)
    answers = select(pupil_answers).where(pupil_answers.c.student == student)
    answers = answers.order_by(pupil_answers.c.year, pupil_answers.c.task)
    opened = select(cases).where(cases.c.student == student).order_by(cases.c.opened, cases.c.id)
    lines = select(audit.c.at, audit.c.action, audit.c.subject).where(audit.c.student == student).order_by(audit.c.seq)
    return {
        "name": name,
        "years": [_plain(row, "values", without="student") for row in connection.execute(years).mappings()],
        "answers": [
            _plain(row, "reasons", "missing", without="student") for row in connection.execute(answers).mappings()
        ],
        "cases": [
            {**_plain(row, "support", without="student"), "entries": _entries(connection, row["id"])}
            for row in connection.execute(opened).mappings().all()
        ],
        "audit": [_plain(row) for row in connection.execute(lines).mappings()],
    }


def erase_pages(connection: Connection, student: str, at: int) -> int:
    """Erases what the pages keep of a pupil; how many rows. The audit keeps its lines, without the pupil."""
    of_pupil = select(cases.c.id).where(cases.c.student == student)
    erased = connection.execute(delete(case_entries).where(case_entries.c.case.in_(of_pupil))).rowcount
    for table in (cases, pupil_years, pupil_answers, pupil_names):
        erased += connection.execute(delete(table).where(table.c.student == student)).rowcount
    connection.execute(update(audit).where(audit.c.student == student).values(student=None, details=""))
    revise(connection, at)
    return int(erased)


def purge_pages(connection: Connection, before: int, at: int) -> int:
    """Removes what was recorded before `before` (microseconds), as was the last change of a case; how many rows.

    Lines of the audit and jobs that are over go by their own age, and names when nothing else is kept of the pupil.
    """
    old = select(cases.c.id).where(cases.c.changed < before)
    removed = connection.execute(delete(case_entries).where(case_entries.c.case.in_(old))).rowcount
    for column in _AGES:
        removed += connection.execute(delete(column.table).where(column < before)).rowcount
    known = [exists().where(table.c.student == pupil_names.c.student) for table in (pupil_years, pupil_answers, cases)]
    removed += connection.execute(delete(pupil_names).where(and_(*(~is_known for is_known in known)))).rowcount
    revise(connection, at)
    return int(removed)


def old_pages(connection: Connection, before: int) -> int:
    """How many rows `purge_pages` would remove, without names and the entries of cases."""
    counts = [select(func.count()).select_from(column.table).where(column < before) for column in _AGES]
    return sum(connection.execute(count).scalar_one() for count in counts)


_AGES = (cases.c.changed, pupil_years.c.recorded, pupil_answers.c.at, audit.c.at, jobs.c.ended)
"""Of each table of the pages, what its rows are as old as."""
_MOMENTS = frozenset({"at", "recorded", "opened", "changed", "closed"})


def _entries(connection: Connection, case: str) -> list[dict[str, object]]:
    query = select(case_entries).where(case_entries.c.case == case).order_by(case_entries.c.seq)
    return [_plain(row, "details", without="case") for row in connection.execute(query).mappings()]


def _plain(row: RowMapping, *parsed: str, without: str = "") -> dict[str, object]:
    """A row as JSON values: moments in UTC, `parsed` columns as what they hold."""
    plain: dict[str, object] = {}
    for name, value in row.items():
        if name == without or name in ("seq", "raising"):
            continue
        if name in _MOMENTS and value is not None:
            plain[name] = utc_text(moment(value))
        elif name in parsed:
            plain[name] = json.loads(value)
        else:
            plain[name] = value.isoformat() if name == "due" and value is not None else value
    return plain
