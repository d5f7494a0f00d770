"""The lists of cases: what is open, what is due, files, and changes to several cases at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from farol.access import access
from farol.accounts.audit import Action
from farol.accounts.viewer import Duty
from farol.casework.cases import Case, CaseState, change_case, find_case, open_cases, seen_pupils
from farol.casework.entries import WAY_NAMES, CaseEntry
from farol.casework.listing import (
    MOST_ROWS,
    NOBODY,
    CaseQuery,
    classes_of_cases,
    count_cases,
    last_contacts,
    list_cases,
)
from farol.casework.personal_numbers import parse_day, plain_text
from farol.casework.steps import REASON_NAMES, STEP_NAMES, ClosingReason, Step
from farol.errors import InputError
from farol.i18n import Message, count, msg
from farol.store.keys import Role
from farol.web.casework.case_view import CaseView, CaseWords
from farol.web.casework.files import case_rows, csv_file, xlsx_file
from farol.web.casework.forms import USUAL_DAYS, Sent, choices, school_year, sent_text, sent_texts
from farol.web.casework.visit import Visit, visit
from farol.web.filters import Choice
from farol.web.frame import see_other

router = APIRouter(include_in_schema=False)

SOON = timedelta(days=7)
"""What is due by then is soon."""

MOST_AT_ONCE = 2000
"""Pupils or cases that one form changes."""

Text = Annotated[str, Query(max_length=100)]
Group = Annotated[str, Query(alias="class", max_length=64)]


def asked_cases(
    *, group: Group = "", step: Text = "", owner: Text = "", support: Text = "", late: Text = ""
) -> CaseQuery:
    """The cases that an address asks for; a step that there is not is passed over."""
    return CaseQuery(
        group=group or None,
        step=Step(step) if step in set(Step) else None,
        owner=owner or None,
        is_late=late == "1",
        support=support or None,
    )


AskedCases = Annotated[CaseQuery, Depends(asked_cases)]


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A line of a list: a case, and its last contact in words."""

    case: CaseView
    contact: str
    agreed: str


@access(Role.read, is_page=True)
@router.get("/cases")
def open_list(request: Request, wanted: AskedCases) -> Response:
    """The cases, filtered."""

    def answer(asked: Visit) -> Response:
        asked.record(Action.saw, "cases")
        return _list_page(asked, wanted)

    return visit(request, answer)


@access(Role.read, is_page=True)
@router.get("/cases.csv")
def csv_list(request: Request, wanted: AskedCases) -> Response:
    """The same as a csv file."""
    return visit(request, lambda asked: _file(asked, wanted, "csv"))


@access(Role.read, is_page=True)
@router.get("/cases.xlsx")
def xlsx_list(request: Request, wanted: AskedCases) -> Response:
    """The same as an xlsx file."""
    return visit(request, lambda asked: _file(asked, wanted, "xlsx"))


@access(Role.read, is_page=True)
@router.get("/cases/due")
def due_list(request: Request) -> Response:
    """What is late or due soon: for the reader, and for all."""

    def answer(asked: Visit) -> Response:
        asked.record(Action.saw, "cases", details="due")
        soon = asked.words.today + SOON
        due = list_cases(asked.store, asked.viewer, CaseQuery(until=soon), asked.words.today, limit=MOST_ROWS)
        is_user = asked.viewer.user is not None
        mine = [case for case in due if is_user and case.state.owner == asked.viewer.id]
        values: dict[str, object] = {
            "mine": case_lines(asked, mine),
            "others": case_lines(asked, [case for case in due if case not in mine]),
            "is_user": is_user,
            "until": asked.reader.day(soon),
        }
        return asked.page("due", values)

    return visit(request, answer)


@access(Role.manage, is_page=True, duty=Duty.record)
@router.post("/cases/bulk")
def several(request: Request, form: Sent) -> Response:
    """Flag several pupils (`student`, or `shown` if `which` says so), or change several cases (`case`)."""

    def answer(asked: Visit) -> Response:
        try:
            ids = sent_texts(form, "case")
            if ids:
                return _change_several(asked, form, ids)
            is_whole = sent_text(form, "which") == "shown"
            return _flag_several(asked, form, sent_texts(form, "shown" if is_whole else "student"))
        except InputError as error:
            lines = [error.problem, *([error.fix] if error.fix else [])]
            return _list_page(asked, CaseQuery(), 422, problems=[asked.words.text(line) for line in lines])

    return visit(request, answer)


def _flag_several(asked: Visit, form: FormData, students: Sequence[str]) -> Response:
    _require_some(students)
    with asked.store.snapshot() as connection:
        groups = seen_pupils(connection, asked.viewer, students)
    owner = sent_text(form, "owner") or asked.viewer.id
    if owner != asked.viewer.id and not all(owner in asked.words.staff.owners(group) for group in groups.values()):
        raise InputError(_NOT_FOR_THEM, fix=_ANOTHER_PERSON)
    due = parse_day(sent_text(form, "due"), msg("Due")) or asked.words.today + timedelta(days=USUAL_DAYS)
    comment = plain_text(sent_text(form, "comment"), msg("Comment"))
    year, state = school_year(sent_text(form, "year"), asked.words.today), CaseState(owner=owner, due=due)
    opened = open_cases(asked.store, asked.viewer, groups, year, state, at=asked.now, comment=comment)
    return see_other(asked.reader, "/cases", flagged=str(len(opened.new)), already=str(len(opened.already)))


def _change_several(asked: Visit, form: FormData, ids: Sequence[str]) -> Response:
    _require_some(ids)
    step, reason, owner = (sent_text(form, name) for name in ("step", "reason", "owner"))
    if (step and step not in set(Step)) or (reason and reason not in set(ClosingReason)):
        raise InputError(msg("A choice in the form no longer exists."), fix=msg("Load the page again."))
    due = parse_day(sent_text(form, "due"), msg("Due"))
    comment = plain_text(sent_text(form, "comment"), msg("Comment"))
    if not (step or owner or due or comment):
        raise InputError(msg("Nothing was chosen that could change."), fix=msg("Choose a step, a person or a day."))
    changed, problems = 0, []
    for id_ in dict.fromkeys(ids):
        case = find_case(asked.store, asked.viewer, id_)
        if case is None:
            continue
        try:
            state = _several_state(asked, case, step, reason, owner)
            state = replace(state, due=due or state.due)
            change_case(asked.store, asked.viewer, id_, state, version=case.version, at=asked.now, comment=comment)
            changed += 1
        except InputError as error:
            problems.append(f"{case.student}: {asked.words.text(error.problem)}")
    if problems:
        return _list_page(asked, CaseQuery(), 422, problems=problems, changed=changed)
    return see_other(asked.reader, "/cases", changed=str(changed))


def _several_state(asked: Visit, case: Case, step: str, reason: str, owner: str) -> CaseState:
    if owner and owner != NOBODY and owner not in asked.words.staff.owners(case.group):
        raise InputError(_NOT_FOR_THEM, fix=_ANOTHER_PERSON)
    state = case.state
    if owner:
        state = replace(state, owner="" if owner == NOBODY else owner)
    if step:
        is_closed = step == Step.closed
        state = replace(state, step=Step(step), reason=ClosingReason(reason) if is_closed and reason else None)
    return state


_NOT_FOR_THEM = msg("This person may not see the pupil, and so cannot be responsible for the case.")
_ANOTHER_PERSON = msg("Choose another person, or change the person's classes.")


def _require_some(chosen: Sequence[str]) -> None:
    if not chosen:
        raise InputError(msg("Nobody is selected."), fix=msg("Tick the pupils first, then choose what to do."))
    if len(chosen) > MOST_AT_ONCE:
        raise InputError(
            msg("These are too many at once."),
            expected=msg("at most {n}", n=count(MOST_AT_ONCE)),
            fix=msg("Filter by class, and do it class by class."),
        )


def _list_page(
    asked: Visit, wanted: CaseQuery, status: int = 200, *, problems: Sequence[str] = (), changed: int | None = None
) -> Response:
    words, today = asked.words, asked.words.today
    known = list_cases(asked.store, asked.viewer, wanted, today, limit=MOST_ROWS + 1)
    counts = count_cases(asked.store, asked.viewer, today)
    names = ((member.id, member.name) for member in words.staff.members.values())
    people = [*sorted(names, key=lambda pair: pair[1].casefold()), (NOBODY, words.text(msg("nobody")))]
    query = {
        name: value
        for name, value in {
            "class": wanted.group,
            "step": wanted.step,
            "owner": wanted.owner,
            "support": wanted.support,
            "late": "1" if wanted.is_late else None,
        }.items()
        if value
    }
    values: dict[str, object] = {
        "rows": case_lines(asked, known[:MOST_ROWS]),
        "is_cut": len(known) > MOST_ROWS,
        "most": MOST_ROWS,
        "counts": _counted(asked, counts),
        "late": counts["late"],
        "total": sum(number for step, number in counts.items() if step != "late"),
        "classes": picked(((name, name) for name in classes_of_cases(asked.store, asked.viewer)), wanted.group),
        "steps": choices(words, STEP_NAMES, wanted.step or ""),
        "owners": picked(people, wanted.owner),
        "supports": picked(((kind.id, words.text(kind.name)) for kind in words.kinds.values()), wanted.support),
        "is_late": wanted.is_late,
        "reasons": choices(words, REASON_NAMES, ""),
        "files": {kind: asked.reader.url(f"/cases.{kind}", **query) for kind in ("csv", "xlsx")},
        "problems": problems,
        "done": _done(asked, changed),
        "has_users": bool(words.staff.members),
        "is_filtered": bool(query),
    }
    return asked.page("list", values, status)


def _counted(asked: Visit, counts: Mapping[str, int]) -> list[tuple[str, int, str]]:
    """The name of each step before the last, how many cases are there, and the list of these."""
    steps = [step for step in Step if step is not Step.closed]
    return [(asked.words.step(step), counts.get(step, 0), asked.reader.url("/cases", step=step)) for step in steps]


def _done(asked: Visit, changed: int | None) -> list[str]:
    """What was just done, in words; numbers of the address that are none are passed over."""
    texts: dict[str, Message] = {
        "flagged": msg("New cases: {n}."),
        "already": msg("Had an open case already: {n}."),
        "changed": msg("Cases changed: {n}."),
    }
    asked_for = asked.request.query_params
    numbers = {name: asked_for.get(name, "") for name in texts}
    if changed is not None:
        numbers["changed"] = str(changed)
    return [
        asked.words.text(Message(text.template, {"n": int(numbers[name])}))
        for name, text in texts.items()
        if numbers[name].isascii() and numbers[name].isdigit() and len(numbers[name]) < 7
        if name != "already" or numbers[name] != "0"
    ]


def _file(asked: Visit, wanted: CaseQuery, kind: str) -> Response:
    known = list_cases(asked.store, asked.viewer, wanted, asked.words.today)
    asked.record(Action.exported, "cases", details=f"{kind}: {len(known)}")
    rows = case_rows(asked.words, known, last_contacts(asked.store, known))
    content = csv_file(asked.words, rows) if kind == "csv" else xlsx_file(asked.words, rows)
    media = {
        "csv": "text/csv; charset=utf-8",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }
    name = asked.words.text(msg("cases"))
    disposition = f'attachment; filename="farol-{name}-{asked.words.today.isoformat()}.{kind}"'
    return Response(content, media_type=media[kind], headers={"Content-Disposition": disposition})


def case_lines(asked: Visit, known: Sequence[Case]) -> list[CaseRow]:
    """The lines of a list."""
    contacts, words = last_contacts(asked.store, known), asked.naming(known)
    return [_row(words, case, contacts.get(case.id)) for case in known]


def _row(words: CaseWords, case: Case, entry: CaseEntry | None) -> CaseRow:
    if entry is None:
        return CaseRow(words.case(case), "", "")
    contact = entry.contact()
    said = msg("{day}, {way}", day=words.reader.day(contact.on), way=WAY_NAMES[contact.way])
    if not contact.was_reached:
        said = msg("{day}, {way}: nobody reached", day=words.reader.day(contact.on), way=WAY_NAMES[contact.way])
    return CaseRow(words.case(case), words.text(said), contact.agreed)


def picked(pairs: Iterable[tuple[str, str]], chosen: str | None) -> list[Choice]:
    """The options of a picker, from pairs of value and label."""
    return [Choice(value, label, value == chosen) for value, label in pairs]
