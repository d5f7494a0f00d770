"""The history of a case: each step, contact and note, with who and when. Rows are added and read, never changed.

What was recorded wrongly is withdrawn by another entry, which says why; both stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from farol.accounts.viewer import Duty, Viewer
from farol.casework.personal_numbers import plain_text
from farol.errors import InputError, Place
from farol.i18n import msg
from farol.store.database import Store
from farol.store.records import microseconds, moment
from farol.store.tables import case_entries, json_text


class EntryKind(StrEnum):
    """What an entry tells of; the words of the audit too."""

    opened = "opened"
    changed = "changed"
    closed = "closed"
    contact = "contact"
    note = "note"
    withdrawn = "withdrawn"


class ContactWay(StrEnum):
    """How somebody was spoken to."""

    phone = "phone"
    visit = "visit"
    meeting = "meeting"
    message = "message"


class ContactPerson(StrEnum):
    """Whom a contact was meant for."""

    guardian = "guardian"
    pupil = "pupil"
    relative = "relative"
    teacher = "teacher"
    service = "service"


WAY_NAMES = {
    ContactWay.phone: msg("by telephone"),
    ContactWay.visit: msg("by a visit"),
    ContactWay.meeting: msg("in a meeting"),
    ContactWay.message: msg("by message"),
}

PERSON_NAMES = {
    ContactPerson.guardian: msg("mother, father or guardian"),
    ContactPerson.pupil: msg("the pupil"),
    ContactPerson.relative: msg("another relative"),
    ContactPerson.teacher: msg("a teacher of the class"),
    ContactPerson.service: msg("another service"),
}


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact, or an attempt that reached nobody."""

    on: date
    way: ContactWay
    person: ContactPerson
    was_reached: bool
    agreed: str = ""

    @classmethod
    def of(cls, *, on: date | None, way: str, person: str, was_reached: bool, agreed: str, today: date) -> Contact:
        """From what a form sent. InputError for what is missing, unknown or of a day to come."""
        if on is None:
            raise InputError(msg("The contact has no day."), where=Place(field="on"), fix=msg("Choose the day."))
        if on > today:
            raise InputError(
                msg("The day of the contact has not come yet."),
                where=Place(field="on"),
                fix=msg("Choose the day on which it was. What is planned stands in “due”."),
            )
        if way not in set(ContactWay):
            raise InputError(msg("The contact does not say how it was made."), fix=msg("Choose one of the list."))
        if person not in set(ContactPerson):
            raise InputError(msg("The contact does not say whom it was for."), fix=msg("Choose one of the list."))
        kept = plain_text(agreed, msg("What was agreed"))
        return cls(on, ContactWay(way), ContactPerson(person), was_reached, kept)

    def details(self) -> dict[str, object]:
        """As an entry keeps it."""
        return {
            "on": self.on.isoformat(),
            "way": self.way.value,
            "person": self.person.value,
            "reached": self.was_reached,
            "agreed": self.agreed,
        }


@dataclass(frozen=True, slots=True)
class CaseEntry:
    """One line of the history. `details` have no text where the viewer may not read it (`is_hidden`)."""

    seq: int
    case: str
    at: datetime
    user: str
    kind: EntryKind
    details: dict[str, Any]
    is_restricted: bool
    is_hidden: bool
    withdrawal: CaseEntry | None = None

    def contact(self) -> Contact:
        """The contact that an entry of that kind holds."""
        values = self.details
        return Contact(
            date.fromisoformat(values["on"]),
            ContactWay(values["way"]),
            ContactPerson(values["person"]),
            values["reached"],
            values["agreed"],
        )


def entry_row(
    viewer: Viewer,
    case: str,
    kind: EntryKind,
    details: dict[str, object],
    *,
    at: datetime,
    is_restricted: bool,
) -> dict[str, object]:
    """The row of the table; `case` is the id of its case."""
    return {
        "case": case,
        "at": microseconds(at),
        "user": viewer.id,
        "kind": kind.value,
        "details": json_text(details),
        "restricted": int(is_restricted),
    }


def note_details(text: str) -> dict[str, object]:
    """A note as an entry keeps it. InputError for an empty one and for what cannot be kept."""
    kept = plain_text(text, msg("Note"))
    if not kept:
        raise InputError(msg("The note is empty."), where=Place(field="text"), fix=msg("Write the note."))
    return {"text": kept}


def withdrawal_of(entry: CaseEntry | None, why: str, viewer: Viewer) -> dict[str, object]:
    """What an entry that withdraws a contact or a note keeps.

    InputError where it is not there, is withdrawn already, or was written by somebody else; an administrator may
    withdraw any.
    """
    if entry is None or entry.kind not in (EntryKind.contact, EntryKind.note) or entry.withdrawal is not None:
        raise InputError(msg("There is nothing here to withdraw."), fix=msg("Load the page again."))
    if entry.user != viewer.id and not viewer.may(Duty.administer):
        raise InputError(
            msg("Only who wrote an entry, or an administrator, may withdraw it."), fix=msg("Add a note instead.")
        )
    kept = plain_text(why, msg("Why"))
    if not kept:
        raise InputError(msg("The withdrawal says no reason."), where=Place(field="why"), fix=msg("Write it."))
    return {"seq": entry.seq, "why": kept}


def entries_of(store: Store, viewer: Viewer, case_ids: Iterable[str]) -> dict[str, list[CaseEntry]]:
    """Case → its history, the newest first. The caller has seen to it that the viewer may see these cases.

    The text of a restricted note is there for who wrote it and for administrators alone.
    """
    query = select(case_entries).where(case_entries.c.case.in_(list(case_ids))).order_by(case_entries.c.seq.desc())
    history: dict[str, list[CaseEntry]] = {}
    withdrawn: dict[int, CaseEntry] = {}
    reads_all = bool(viewer.may(Duty.administer))
    with store.reading() as connection:
        for row in connection.execute(query).mappings():
            is_hidden = bool(row["restricted"]) and row["user"] != viewer.id and not reads_all
            details = json.loads(row["details"])
            entry = CaseEntry(
                seq=row["seq"],
                case=row["case"],
                at=moment(row["at"]),
                user=row["user"],
                kind=EntryKind(row["kind"]),
                details={"seq": details.get("seq")} if is_hidden else details,
                is_restricted=bool(row["restricted"]),
                is_hidden=is_hidden,
                withdrawal=withdrawn.get(row["seq"]),
            )
            if entry.kind is EntryKind.withdrawn:
                withdrawn[details["seq"]] = entry
            else:
                history.setdefault(entry.case, []).append(entry)
    return history
