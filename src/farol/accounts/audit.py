"""The audit: who saw, printed, exported and changed what, and when. Rows are added and read, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import RowMapping, select

from farol.accounts.viewer import Viewer
from farol.store.database import Store
from farol.store.engine import IMMEDIATE, store_errors
from farol.store.records import microseconds, moment
from farol.store.tables import audit

AuditValues = dict[str, object]
"""A row of the audit that is still to be added. What changes something takes one, and adds it in its own transaction:
neither is there without the other."""


class Action(StrEnum):
    """What somebody did."""

    signed_in = "signed-in"
    signed_out = "signed-out"
    refused = "refused"
    saw = "saw"
    printed = "printed"
    exported = "exported"
    changed = "changed"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit. `user` is an id, empty without users; `subject` says what it was about, such as "list",
    "pupil", "case", "model"; `details` never hold a pupil's values."""

    at: datetime
    user: str
    action: Action
    subject: str
    student: str | None = None
    details: str = ""


def record(
    store: Store,
    viewer: Viewer,
    action: Action,
    subject: str,
    *,
    at: datetime,
    student: str | None = None,
    details: str = "",
) -> None:
    """Add a line to the audit. Raises StoreError, and then what was to be recorded must not happen."""
    values = audit_values(viewer.id, action, subject, at=at, student=student, details=details)
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        connection.execute(audit.insert(), [values])


def audit_values(
    user: str, action: Action, subject: str, *, at: datetime, student: str | None = None, details: str = ""
) -> AuditValues:
    """A row of the audit, for a transaction that does more than to add it."""
    return {
        "at": microseconds(at),
        "user": user,
        "action": action.value,
        "subject": subject,
        "student": student,
        "details": details,
    }


def latest(
    store: Store,
    limit: int,
    *,
    student: str | None = None,
    user: str | None = None,
    action: Action | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
) -> list[AuditEntry]:
    """The last `limit` lines, the newest first; of one pupil, user or action, from `since` to before `before`."""
    query = select(audit).order_by(audit.c.seq.desc()).limit(limit)
    if student is not None:
        query = query.where(audit.c.student == student)
    if user is not None:
        query = query.where(audit.c.user == user)
    if action is not None:
        query = query.where(audit.c.action == action.value)
    if since is not None:
        query = query.where(audit.c.at >= microseconds(since))
    if before is not None:
        query = query.where(audit.c.at < microseconds(before))
    with store_errors(store.engine.url), store.engine.connect() as connection:
        return [_entry(row) for row in connection.execute(query).mappings()]


def _entry(row: RowMapping) -> AuditEntry:
    return AuditEntry(
        moment(row["at"]), row["user"], Action(row["action"]), row["subject"], row["student"], row["details"]
    )
