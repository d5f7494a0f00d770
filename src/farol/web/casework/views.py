"""The pages of one case. A case outside what the viewer may see is answered like one that does not exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import Response

from farol.access import access
from farol.accounts.audit import Action
from farol.accounts.viewer import Duty
from farol.casework.cases import (
    Case,
    StaleCaseError,
    cases_of_pupil,
    change_case,
    find_case,
    open_cases,
    record_entry,
    seen_pupils,
)
from farol.casework.entries import Contact, EntryKind, entries_of, note_details, withdrawal_of
from farol.casework.personal_numbers import parse_day, plain_text, telephone
from farol.casework.steps import Step
from farol.errors import InputError
from farol.i18n import msg
from farol.store.keys import Role
from farol.web.casework import lists, meeting, result_page, site_pages
from farol.web.casework.forms import (
    Sent,
    Typed,
    case_form,
    contact_form,
    first_state,
    refused,
    school_year,
    sent_text,
    state_of,
)
from farol.web.casework.visit import Visit, visit
from farol.web.frame import see_other

router = APIRouter(include_in_schema=False)
for module in (lists, meeting, result_page, site_pages):  # before /cases/{id}, which would match theirs too
    router.routes.extend(module.router.routes)


@access(Role.manage, is_page=True, duty=Duty.record)
@router.post("/pupils/{student:path}/cases")
def open_case(request: Request, student: str, form: Sent) -> Response:
    """Open a case for a pupil; where one is open already, show that one."""

    def answer(asked: Visit) -> Response:
        with asked.store.snapshot() as connection:
            groups = seen_pupils(connection, asked.viewer, [student])
        if student not in groups:
            return asked.nothing()
        state = first_state(form, asked.words, groups[student], asked.viewer.id)
        comment = plain_text(sent_text(form, "comment"), msg("Why, or what to do first"))
        year = school_year(sent_text(form, "year"), asked.words.today)
        open_cases(asked.store, asked.viewer, [student], year, state, at=asked.now, comment=comment)
        current = next(case for case in cases_of_pupil(asked.store, asked.viewer, student) if case.year == year)
        return see_other(asked.reader, f"/cases/{current.id}")

    return visit(request, answer)


@access(Role.read, is_page=True)
@router.get("/cases/{id_}")
def show_case(request: Request, id_: str) -> Response:
    """One case: where it stands, what can be recorded, its history."""

    def answer(asked: Visit) -> Response:
        case = find_case(asked.store, asked.viewer, id_)
        if case is None:
            return asked.nothing()
        asked.record(Action.saw, "case", student=case.student)
        return case_page(asked, case, Typed())

    return visit(request, answer)


@access(Role.manage, is_page=True, duty=Duty.record)
@router.post("/cases/{id_}")
def change(request: Request, id_: str, form: Sent) -> Response:
    """Another step, owner, due date or support."""

    def answer(asked: Visit, case: Case) -> Response:
        version = sent_text(form, "version")
        seen = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0
        try:
            state = state_of(form, asked.words, case.group, case.state)
            comment = plain_text(sent_text(form, "comment"), msg("Comment"))
            change_case(asked.store, asked.viewer, case.id, state, version=seen, at=asked.now, comment=comment)
        except StaleCaseError as error:
            entries = entries_of(asked.store, asked.viewer, [case.id])[case.id]
            newer = [entry for entry in entries if entry.details.get("version", 0) > seen]
            lines = [
                f"{asked.words.who(entry.user)}: {line}"
                for entry in reversed(newer)
                for line in asked.words.changes(entry.details["changes"])
            ]
            typed = replace(refused(asked.words, error), case=form, changes=tuple(lines))
            return case_page(asked, error.case, typed, 409)
        except InputError as error:
            return case_page(asked, case, replace(refused(asked.words, error), case=form), 422)
        return see_other(asked.reader, f"/cases/{case.id}", taken="changed")

    return _with_case(request, id_, answer)


@access(Role.manage, is_page=True, duty=Duty.record)
@router.post("/cases/{id_}/contacts")
def add_contact(request: Request, id_: str, form: Sent) -> Response:
    """Record a contact, or an attempt at one."""

    def answer(asked: Visit, case: Case) -> Response:
        try:
            contact = Contact.of(
                on=parse_day(sent_text(form, "on"), msg("Day")),
                way=sent_text(form, "way"),
                person=sent_text(form, "person"),
                was_reached=sent_text(form, "reached") == "yes",
                agreed=sent_text(form, "agreed"),
                today=asked.words.today,
            )
        except InputError as error:
            return case_page(asked, case, replace(refused(asked.words, error), contact=form), 422)
        record_entry(asked.store, asked.viewer, case.id, EntryKind.contact, contact.details(), at=asked.now)
        return see_other(asked.reader, f"/cases/{case.id}", taken="contact")

    return _with_case(request, id_, answer)


@access(Role.manage, is_page=True, duty=Duty.record)
@router.post("/cases/{id_}/notes")
def add_note(request: Request, id_: str, form: Sent) -> Response:
    """Record a note, for all who see the pupil or restricted."""

    def answer(asked: Visit, case: Case) -> Response:
        text, is_restricted = sent_text(form, "text"), sent_text(form, "restricted") == "yes"
        try:
            details = note_details(text)
        except InputError as error:
            typed = replace(refused(asked.words, error), note=text, is_restricted=is_restricted)
            return case_page(asked, case, typed, 422)
        record_entry(
            asked.store, asked.viewer, case.id, EntryKind.note, details, at=asked.now, is_restricted=is_restricted
        )
        return see_other(asked.reader, f"/cases/{case.id}", taken="note")

    return _with_case(request, id_, answer)


@access(Role.manage, is_page=True, duty=Duty.record)
@router.post("/cases/{id_}/withdrawals")
def withdraw(request: Request, id_: str, form: Sent) -> Response:
    """Cross out a contact or a note that was wrong; it stays in the history."""

    def answer(asked: Visit, case: Case) -> Response:
        seq = sent_text(form, "seq")
        entries = entries_of(asked.store, asked.viewer, [case.id])[case.id]
        entry = next((entry for entry in entries if str(entry.seq) == seq), None)
        try:
            details = withdrawal_of(entry, sent_text(form, "why"), asked.viewer)
        except InputError as error:
            return case_page(asked, case, refused(asked.words, error), 422)
        is_restricted = entry is not None and entry.is_restricted
        record_entry(
            asked.store, asked.viewer, case.id, EntryKind.withdrawn, details, at=asked.now, is_restricted=is_restricted
        )
        return see_other(asked.reader, f"/cases/{case.id}", taken="withdrawn")

    return _with_case(request, id_, answer)


@access(Role.manage, is_page=True, duty=Duty.record)
@router.post("/cases/{id_}/call")
def call(request: Request, id_: str, form: Sent) -> Response:
    """The page of a case with a link that calls a number; the number is kept nowhere."""

    def answer(asked: Visit, case: Case) -> Response:
        try:
            number = telephone(sent_text(form, "number"))
        except InputError as error:
            return case_page(asked, case, refused(asked.words, error), 422)
        asked.record(Action.saw, "case", student=case.student)
        return case_page(asked, case, Typed(), number=number)

    return _with_case(request, id_, answer)


def case_page(asked: Visit, case: Case, typed: Typed, status: int = 200, *, number: str = "") -> Response:
    """The page of a case; what was typed and refused stands in its forms."""
    entries = entries_of(asked.store, asked.viewer, [case.id]).get(case.id, [])
    after = case.state.step.next
    suggested = case.state if after in (None, Step.closed) else replace(case.state, step=after or case.state.step)
    sees = asked.viewer.sees(case.group).reason.render(asked.reader.locale)
    values: dict[str, object] = {
        "case": asked.naming([case]).case(case),
        "entries": asked.words.entries(entries, asked.viewer),
        "form": case_form(asked.words, case.group, suggested, case.version, typed.case),
        "contact": contact_form(asked.words, typed.contact),
        "typed": typed,
        "number": number,
        "reason_seen": sees,
        "taken": asked.request.query_params.get("taken", ""),
        "after": "" if after is None else asked.words.step(after),
    }
    return asked.page("case", values, status)


def _with_case(request: Request, id_: str, make: Callable[[Visit, Case], Response]) -> Response:
    def answer(asked: Visit) -> Response:
        case = find_case(asked.store, asked.viewer, id_)
        return asked.nothing() if case is None else make(asked, case)

    return visit(request, answer)
