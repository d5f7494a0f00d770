"""Lists of cases by class, step, owner and what is late, and the last contact of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, func, select

from farol.accounts.viewer import Viewer
from farol.casework.cases import Case, case_of, pupil_class, seen_cases
from farol.casework.entries import CaseEntry, EntryKind
from farol.casework.steps import Step
from farol.store.database import Store
from farol.store.records import moment
from farol.store.tables import case_entries, cases

MOST_ROWS = 500
"""Cases that a page shows; files have all."""

NOBODY = "-"
"""Stands for cases without an owner."""


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """Which cases. `group`: a class, None for all; `step` None: all that are open; `owner` None: anybody's."""

    group: str | None = None
    step: Step | None = None
    owner: str | None = None
    is_late: bool = False
    support: str | None = None
    until: date | None = None  # due by this day


def list_cases(store: Store, viewer: Viewer, wanted: CaseQuery, today: date, *, limit: int | None = None) -> list[Case]:
    """The cases that the viewer may see, what is due first at the top; those without a due date come last."""
    query = seen_cases(viewer).where(*_conditions(wanted, today))
    if wanted.step is Step.closed:
        query = query.order_by(cases.c.closed.desc(), cases.c.student)
    else:
        query = query.order_by(cases.c.due.is_(None), cases.c.due, cases.c.student)
    with store.reading() as connection:
        rows = connection.execute(query if limit is None else query.limit(limit)).mappings()
        known = [case_of(row) for row in rows]
    if wanted.support is None:
        return known
    return [case for case in known if any(item.kind == wanted.support for item in case.state.supports)]


def count_cases(store: Store, viewer: Viewer, today: date) -> dict[str, int]:
    """Step → number of open cases that the viewer may see, and "late" → how many of them are late."""
    late = CaseQuery(is_late=True)
    seen = seen_cases(viewer)
    steps = seen.where(*_conditions(CaseQuery(), today)).subquery()
    overdue = seen.where(*_conditions(late, today)).subquery()
    with store.reading() as connection:
        rows = connection.execute(select(steps.c.step, func.count()).group_by(steps.c.step))
        counts = {row[0]: row[1] for row in rows}
        counts["late"] = connection.execute(select(func.count()).select_from(overdue)).scalar_one()
    return counts


def classes_of_cases(store: Store, viewer: Viewer) -> list[str]:
    """The classes of the pupils with a case, of those that the viewer may see."""
    seen = seen_cases(viewer).subquery()
    with store.reading() as connection:
        return sorted(group for group in connection.execute(select(seen.c.group).distinct()).scalars() if group)


def last_contacts(store: Store, known: Sequence[Case]) -> Mapping[str, CaseEntry]:
    """Case → its last contact that was not withdrawn; cases without one are left out."""
    contacts: dict[str, CaseEntry] = {}
    ids = [case.id for case in known]
    columns = case_entries.c
    with store.reading() as connection:
        for start in range(0, len(ids), MOST_ROWS):
            own = columns.case.in_(ids[start : start + MOST_ROWS])
            kinds = columns.kind.in_([EntryKind.contact.value, EntryKind.withdrawn.value])
            query = select(case_entries).where(own, kinds).order_by(columns.seq.desc())
            withdrawn = set()
            for row in connection.execute(query).mappings():
                details = json.loads(row["details"])
                if row["kind"] == EntryKind.withdrawn:
                    withdrawn.add(details["seq"])
                elif row["seq"] not in withdrawn and row["case"] not in contacts:
                    contacts[row["case"]] = CaseEntry(
                        seq=row["seq"],
                        case=row["case"],
                        at=moment(row["at"]),
                        user=row["user"],
                        kind=EntryKind.contact,
                        details=details,
                        is_restricted=False,
                        is_hidden=False,
                    )
    return contacts


def _conditions(wanted: CaseQuery, today: date) -> list[ColumnElement[bool]]:
    is_open = cases.c.closed.is_(None)
    conditions: list[ColumnElement[bool]] = [is_open if wanted.step is None else cases.c.step == wanted.step.value]
    if wanted.group is not None:
        conditions.append(pupil_class() == wanted.group)
    if wanted.owner is not None:
        conditions.append(cases.c.owner == ("" if wanted.owner == NOBODY else wanted.owner))
    if wanted.is_late:
        conditions += [is_open, cases.c.due < today]
    if wanted.until is not None:
        conditions += [is_open, cases.c.due <= wanted.until]
    return conditions
