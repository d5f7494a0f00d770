"""A case: what is done with a pupil in a school year. At most one is open for a pupil and a year.

Every query is bounded by what the viewer may see: the class of a pupil is that of the latest year there is of them
(`pupil_years`). A pupil outside is answered like one that does not exist. Each change adds a row to `case_entries` and
a line to the audit, in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, ScalarSelect, Select, Table, select, update

from farol.accounts.audit import Action, audit_values
from farol.accounts.viewer import Viewer
from farol.casework.entries import EntryKind, entry_row
from farol.casework.steps import NEEDS_SUPPORT, ClosingReason, Step, is_late
from farol.errors import InputError
from farol.i18n import count, msg
from farol.store.database import Store
from farol.store.engine import insert_new
from farol.store.records import microseconds, moment, uuid7
from farol.store.tables import audit, case_entries, cases, json_text, pupil_years

MOST_SUPPORTS = 10


@dataclass(frozen=True, slots=True)
class GivenSupport:
    """A kind of support (its id) and who gives it, if somebody was named."""

    kind: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class CaseState:
    """What people decide about a case. `owner` is a user's id, "" for nobody; `reason` is there once it is closed."""

    step: Step = Step.flagged
    owner: str = ""
    due: date | None = None
    supports: tuple[GivenSupport, ...] = ()
    reason: ClosingReason | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it is stored. `group` is the pupil's class now; `version` goes up with each change of the state."""

    id: str
    student: str
    group: str | None
    year: int
    state: CaseState
    opened: datetime
    changed: datetime
    closed: datetime | None
    version: int

    def is_late(self, today: date) -> bool:
        """Whether it is open and was due before today."""
        return is_late(self.state.step, self.state.due, today)


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of flagging pupils: the new cases' ids by pupil, and those who had an open case already."""

    new: dict[str, str]
    already: tuple[str, ...]


class StaleCaseError(InputError):
    """Somebody else changed the case since it was read. `case` is what it is now."""

    code = "stale_case"

    def __init__(self, case: Case) -> None:
        super().__init__(
            msg("Somebody else changed this case while you were writing. Nothing was saved yet."),
            fix=msg("Look at what changed below. What you entered is still in the form: correct it and save again."),
        )
        self.case = case


def pupil_class(table: Table = cases) -> ScalarSelect[Any]:
    """The class of a row's pupil in the latest year there is of them, for a query of a table with pupils."""
    years = pupil_years.alias("latest_years").c
    latest = select(years["class"]).where(years.student == table.c.student)
    return latest.order_by(years.year.desc()).limit(1).correlate(table).scalar_subquery()


def seen_cases(viewer: Viewer) -> Select[Any]:
    """Every case of a pupil whom the viewer may see, with the pupil's class as `group`."""
    query = select(cases, pupil_class().label("group"))
    return query if viewer.classes is None else query.where(pupil_class().in_(sorted(viewer.classes)))


def case_of(row: RowMapping) -> Case:
    """The case that a row of `seen_cases` holds."""
    supports = tuple(GivenSupport(item["kind"], item["by"]) for item in json.loads(row["support"]))
    reason = ClosingReason(row["reason"]) if row["reason"] else None
    return Case(
        id=row["id"],
        student=row["student"],
        group=row["group"],
        year=row["year"],
        state=CaseState(Step(row["step"]), row["owner"], row["due"], supports, reason),
        opened=moment(row["opened"]),
        changed=moment(row["changed"]),
        closed=None if row["closed"] is None else moment(row["closed"]),
        version=row["version"],
    )


def seen_pupils(connection: Connection, viewer: Viewer, students: Iterable[str]) -> dict[str, str | None]:
    """Pupil → class now, of those that exist and that the viewer may see, each once and in the order given."""
    wanted = list(dict.fromkeys(students))
    years = pupil_years.c
    groups: dict[str, str | None] = {}
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        query = select(years.student, years["class"]).where(years.student.in_(part)).order_by(years.year)
        for student, group in connection.execute(query):
            groups[student] = group
    return {student: groups[student] for student in wanted if student in groups and viewer.sees(groups[student])}


def find_case(store: Store, viewer: Viewer, id_: str) -> Case | None:
    """A case by its id; None where there is no such case, and where the viewer may not see its pupil."""
    with store.reading() as connection:
        return _case(connection, viewer, id_)


def cases_of_pupil(store: Store, viewer: Viewer, student: str) -> list[Case]:
    """All cases of a pupil, the open one first, then the newest; none of a pupil whom the viewer may not see."""
    query = seen_cases(viewer).where(cases.c.student == student)
    query = query.order_by(cases.c.opened.desc(), cases.c.year.desc(), cases.c.id.desc())
    with store.reading() as connection:
        rows = [case_of(row) for row in connection.execute(query).mappings()]
    return sorted(rows, key=lambda case: case.closed is not None)


def open_cases(
    store: Store,
    viewer: Viewer,
    students: Iterable[str],
    year: int,
    state: CaseState,
    *,
    at: datetime,
    comment: str = "",
) -> Opened:
    """Open a case for each pupil whom the viewer may see and who has none open of that year; all of them or none.

    Pupils who do not exist, or are outside what the viewer may see, are passed over. InputError for a state that no
    case can be in, StoreError.
    """
    _check(state)
    new: dict[str, str] = {}
    already = []
    with store.transaction() as connection:
        for student in seen_pupils(connection, viewer, students):
            row = {
                "id": uuid7(at),
                "student": student,
                "year": year,
                "opened": microseconds(at),
                **_columns(state, at),
            }
            if not insert_new(connection, cases, row):
                already.append(student)
                continue
            new[student] = str(row["id"])
            details: dict[str, object] = {"changes": _changes(None, state), "comment": comment}
            _tell(connection, viewer, (str(row["id"]), student), EntryKind.opened, details, at=at)
    return Opened(new, tuple(already))


def change_case(
    store: Store, viewer: Viewer, id_: str, state: CaseState, *, version: int | None, at: datetime, comment: str = ""
) -> Case | None:
    """Put a case into another state, with a comment on why. The case as it is then; None as `find_case`.

    `version` is that of the case the person saw; None takes whatever it is. StaleCaseError where it has changed since,
    InputError for a state that no case can be in, and for opening one again beside another open one.
    """
    with store.transaction() as connection:
        case = _case(connection, viewer, id_)
        if case is None:
            return None
        if version is not None and version != case.version:
            raise StaleCaseError(case)
        return _changed(connection, viewer, case, state, at=at, comment=comment)


def record_entry(
    store: Store,
    viewer: Viewer,
    id_: str,
    kind: EntryKind,
    details: dict[str, object],
    *,
    at: datetime,
    is_restricted: bool = False,
) -> bool:
    """Add a contact, a note or a withdrawal to the history of a case; False where `find_case` gives None."""
    with store.transaction() as connection:
        case = _case(connection, viewer, id_)
        if case is None:
            return False
        _tell(connection, viewer, (case.id, case.student), kind, details, at=at, is_restricted=is_restricted)
    return True


def _changed(
    connection: Connection, viewer: Viewer, case: Case, state: CaseState, *, at: datetime, comment: str
) -> Case:
    _check(state, comment)
    changes = _changes(case.state, state)
    if not changes and not comment:
        return case
    if case.state.step is Step.closed and state.step is not Step.closed:
        other = select(cases.c.id).where(
            cases.c.student == case.student, cases.c.year == case.year, cases.c.closed.is_(None)
        )
        if connection.execute(other).first() is not None:
            raise InputError(
                msg("This pupil has another open case of the same year."), fix=msg("Go on with the open one.")
            )
    own = cases.c.id == case.id
    unchanged = cases.c.version == case.version
    values = {**_columns(state, at, case.closed), "version": case.version + 1}
    if connection.execute(update(cases).where(own, unchanged).values(values)).rowcount == 0:
        raise StaleCaseError(_case(connection, viewer, case.id) or case)
    kind = EntryKind.closed if state.step is Step.closed and case.closed is None else EntryKind.changed
    details: dict[str, object] = {"changes": changes, "comment": comment, "version": case.version + 1}
    _tell(connection, viewer, (case.id, case.student), kind, details, at=at)
    closed = values["closed"]
    return replace(
        case,
        state=state,
        changed=at,
        closed=moment(closed) if isinstance(closed, int) else None,
        version=case.version + 1,
    )


def _check(state: CaseState, comment: str = "") -> None:
    """InputError for a state that no case can be in."""
    if state.step is Step.closed and state.reason is None:
        raise InputError(msg("To close the case, choose the reason."), fix=msg("Choose a reason of the list."))
    if state.step is not Step.closed and state.reason is not None:
        raise InputError(
            msg("There is a reason to close the case, but its step is not “closed”."),
            fix=msg("Choose the step “closed”, or leave the reason empty."),
        )
    if state.step in NEEDS_SUPPORT and not state.supports:
        raise InputError(
            msg("A plan says which support the pupil gets."), fix=msg("Choose at least one kind of support.")
        )
    if state.reason is ClosingReason.done and not state.supports:
        raise InputError(
            msg("The case has no support that could be complete."),
            fix=msg("Choose the support that the pupil had, or another reason."),
        )
    if state.reason is ClosingReason.other and not comment:
        raise InputError(msg("To close the case for another reason, write it."), fix=msg("Say it in the comment."))
    if len(state.supports) > MOST_SUPPORTS:
        raise InputError(
            msg("A case has at most {n} kinds of support.", n=count(MOST_SUPPORTS)), fix=msg("Leave some of them out.")
        )


def _columns(state: CaseState, at: datetime, closed: datetime | None = None) -> dict[str, object]:
    is_closed = state.step is Step.closed
    return {
        "step": state.step.value,
        "owner": state.owner,
        "due": state.due,
        "support": _supports_json(state.supports),
        "changed": microseconds(at),
        "closed": microseconds(closed or at) if is_closed else None,
        "reason": "" if state.reason is None else state.reason.value,
    }


def _supports_json(supports: Sequence[GivenSupport]) -> str:
    return json_text([{"kind": support.kind, "by": support.by} for support in supports])


def _changes(before: CaseState | None, after: CaseState) -> dict[str, list[object]]:
    """Name → value before and after, of all that changed; before is null where there was no case."""
    old, new = (None if before is None else _plain(before)), _plain(after)
    if old is None:
        return {name: [None, value] for name, value in new.items() if value}
    return {name: [old[name], value] for name, value in new.items() if value != old[name]}


def _plain(state: CaseState) -> dict[str, object]:
    return {
        "step": state.step.value,
        "owner": state.owner,
        "due": None if state.due is None else state.due.isoformat(),
        "supports": [[support.kind, support.by] for support in state.supports],
        "reason": None if state.reason is None else state.reason.value,
    }


def _case(connection: Connection, viewer: Viewer, id_: str) -> Case | None:
    row = connection.execute(seen_cases(viewer).where(cases.c.id == id_)).mappings().first()
    return None if row is None else case_of(row)


def _tell(
    connection: Connection,
    viewer: Viewer,
    subject: tuple[str, str],
    kind: EntryKind,
    details: dict[str, object],
    *,
    at: datetime,
    is_restricted: bool = False,
) -> None:
    """Add to the history of a case (its id and its pupil) and to the audit."""
    row = entry_row(viewer, subject[0], kind, details, at=at, is_restricted=is_restricted)
    connection.execute(case_entries.insert(), [row])
    told = audit_values(viewer.id, Action.changed, "case", at=at, student=subject[1], details=kind.value)
    connection.execute(audit.insert(), [told])
