"""How much the lists and the cases are used, week by week, counted from the audit. It names no user and no pupil."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from farol.accounts.audit import Action
from farol.casework.entries import EntryKind
from farol.store.database import Store
from farol.store.records import microseconds
from farol.store.tables import audit

WEEKS = 12

LISTS = ("list", "class", "classes", "cases", "meeting")
"""Subjects of the audit that are lists."""


@dataclass(frozen=True, slots=True)
class WeekOfUse:
    """The week that begins on `first`, a Monday. `people` and `pupils_seen` count each once; the rest counts times."""

    first: date
    people: int
    lists_seen: int
    printed: int
    exported: int
    pupils_seen: int
    opened: int
    contacts: int
    closed: int


def use_by_week(store: Store, today: date, zone: ZoneInfo, weeks: int = WEEKS) -> list[WeekOfUse]:
    """The last `weeks` weeks, that of `today` first. Raises StoreError."""
    monday = today - timedelta(days=today.weekday())
    return [_week(store, monday - timedelta(weeks=number), zone) for number in range(weeks)]


def _week(store: Store, first: date, zone: ZoneInfo) -> WeekOfUse:
    start, end = (microseconds(datetime.combine(day, time(), zone)) for day in (first, first + timedelta(weeks=1)))
    columns = audit.c
    within = (columns.at >= start) & (columns.at < end)
    kinds = select(columns.action, columns.subject, columns.details, func.count())
    # Only of cases do the details tell what was done; elsewhere they are as many as there are filters.
    changes = kinds.where(within, columns.subject == "case").group_by(columns.action, columns.subject, columns.details)
    plain = select(columns.action, columns.subject, func.count()).where(within)
    plain = plain.group_by(columns.action, columns.subject)
    seen = (columns.action == Action.saw.value) & (columns.subject == "pupil")
    pupils = select(func.count(columns.student.distinct())).where(within, seen)
    people = select(func.count(columns.user.distinct())).where(within, columns.action != Action.refused.value)
    with store.reading() as connection:
        times = {(row[0], row[1]): int(row[2]) for row in connection.execute(plain)}
        done = {row[2]: int(row[3]) for row in connection.execute(changes) if row[0] == Action.changed}
        n_pupils, n_people = (int(connection.execute(query).scalar_one()) for query in (pupils, people))
    return WeekOfUse(
        first=first,
        people=n_people,
        lists_seen=sum(times.get((Action.saw.value, subject), 0) for subject in LISTS),
        printed=sum(number for (action, _subject), number in times.items() if action == Action.printed),
        exported=sum(number for (action, _subject), number in times.items() if action == Action.exported),
        pupils_seen=n_pupils,
        opened=done.get(EntryKind.opened.value, 0),
        contacts=done.get(EntryKind.contact.value, 0),
        closed=done.get(EntryKind.closed.value, 0),
    )
