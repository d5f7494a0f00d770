"""The forms of case work: what they hold when they are shown, and what comes of what they sent.

A form that is refused is shown again with all that was typed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData

from farol.casework.cases import CaseState, GivenSupport
from farol.casework.entries import PERSON_NAMES, WAY_NAMES
from farol.casework.personal_numbers import parse_day, plain_text
from farol.casework.steps import REASON_NAMES, STEP_NAMES, ClosingReason, Step
from farol.errors import InputError
from farol.i18n import Message, msg
from farol.web.casework.case_view import CaseWords
from farol.web.filters import Choice

USUAL_DAYS = 14
"""Days until a new case is due, where nobody says otherwise."""

LONGEST_GIVER = 80

MOST_FIELDS = 5000
"""Fields of a form: a list has a box to tick for each pupil."""


async def _read(request: Request) -> FormData:
    return await request.form(max_files=0, max_fields=MOST_FIELDS)


Sent = Annotated[FormData, Depends(_read)]
"""What a form sent."""


def sent_text(form: FormData, name: str) -> str:
    """The text of a field; empty where it is missing."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def sent_texts(form: FormData, name: str) -> list[str]:
    """The texts of a field that may come several times."""
    return [value for value in form.getlist(name) if isinstance(value, str)]


@dataclass(frozen=True, slots=True)
class SupportChoice:
    """A kind of support to tick, and who gives it."""

    kind: str
    name: str
    is_chosen: bool
    by: str


@dataclass(frozen=True, slots=True)
class CaseForm:
    """The form that opens or changes a case."""

    steps: tuple[Choice, ...]
    owners: tuple[Choice, ...]
    due: str
    supports: tuple[SupportChoice, ...]
    reasons: tuple[Choice, ...]
    comment: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class ContactForm:
    """The form of a contact."""

    on: str
    last: str
    ways: tuple[Choice, ...]
    persons: tuple[Choice, ...]
    was_reached: bool = True
    agreed: str = ""


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed into the forms of a page and could not be saved, with the problem."""

    problem: str = ""
    fix: str = ""
    case: FormData | None = None
    contact: FormData | None = None
    note: str = ""
    is_restricted: bool = False
    changes: tuple[str, ...] = ()


def choices(words: CaseWords, names: Mapping[Any, Message], chosen: str) -> tuple[Choice, ...]:
    """The options of a picker, in the order of their names."""
    return tuple(Choice(str(item), words.text(name), item == chosen) for item, name in names.items())


def case_form(words: CaseWords, group: str | None, state: CaseState, version: int, sent: FormData | None) -> CaseForm:
    """The form of a case in a state, or with what was `sent` and refused."""
    step, owner, reason = state.step.value, state.owner, state.reason.value if state.reason else ""
    due = "" if state.due is None else state.due.isoformat()
    chosen = {support.kind: support.by for support in state.supports}
    comment = ""
    if sent is not None:
        step, owner, reason = (sent_text(sent, name) for name in ("step", "owner", "reason"))
        due, comment = sent_text(sent, "due"), sent_text(sent, "comment")
        chosen = {kind: sent_text(sent, f"by-{kind}") for kind in sent_texts(sent, "support")}
    owners = words.staff.owners(group)
    if state.owner and state.owner not in owners and words.staff.name(state.owner):
        owners = {state.owner: words.staff.name(state.owner), **owners}
    offered = [kind for kind in words.kinds.values() if kind.is_offered or kind.id in chosen]
    return CaseForm(
        steps=choices(words, STEP_NAMES, step),
        owners=tuple(Choice(id_, name, id_ == owner) for id_, name in owners.items()),
        due=due,
        supports=tuple(
            SupportChoice(kind.id, words.text(kind.name), kind.id in chosen, chosen.get(kind.id, ""))
            for kind in offered
        ),
        reasons=tuple(
            Choice(item.value, words.text(REASON_NAMES[item]), item.value == reason) for item in ClosingReason
        ),
        comment=comment,
        version=version,
    )


def contact_form(words: CaseWords, sent: FormData | None) -> ContactForm:
    """The form of a contact, empty or with what was `sent` and refused."""
    on, way, person, agreed, was_reached = words.today.isoformat(), "", "", "", True
    if sent is not None:
        on, way, person, agreed = (sent_text(sent, name) for name in ("on", "way", "person", "agreed"))
        was_reached = sent_text(sent, "reached") == "yes"
    return ContactForm(
        on=on,
        last=words.today.isoformat(),
        ways=tuple(Choice(item.value, words.text(name), item.value == way) for item, name in WAY_NAMES.items()),
        persons=tuple(
            Choice(item.value, words.text(name), item.value == person) for item, name in PERSON_NAMES.items()
        ),
        was_reached=was_reached,
        agreed=agreed,
    )


def first_state(form: FormData, words: CaseWords, group: str | None, owner: str) -> CaseState:
    """The state that a form opens a case in; `owner` where it names nobody. InputError."""
    asked = state_of(form, words, group, CaseState(owner=owner))
    due = asked.due or words.today + timedelta(days=USUAL_DAYS)
    return CaseState(asked.step, asked.owner or owner, due, asked.supports, asked.reason)


def state_of(form: FormData, words: CaseWords, group: str | None, before: CaseState) -> CaseState:
    """The state that a form asks for. InputError for a value that is not among the choices."""
    step = _one_of(sent_text(form, "step") or before.step.value, {item.value for item in Step})
    reason = sent_text(form, "reason") if step == Step.closed else ""
    if reason:
        _one_of(reason, {item.value for item in ClosingReason})
    owner = sent_text(form, "owner")
    if owner and owner != before.owner:
        _one_of(owner, words.staff.owners(group).keys())
    known = words.kinds.keys() | {support.kind for support in before.supports}
    giver = msg("Who gives it")
    supports = tuple(
        GivenSupport(_one_of(kind, known), plain_text(sent_text(form, f"by-{kind}"), giver, longest=LONGEST_GIVER))
        for kind in dict.fromkeys(sent_texts(form, "support"))
    )
    return CaseState(
        step=Step(step),
        owner=owner,
        due=_due(sent_text(form, "due"), before.due, words.today),
        supports=supports,
        reason=ClosingReason(reason) if reason else None,
    )


def _due(text: str, before: date | None, today: date) -> date | None:
    due = parse_day(text, msg("Due"))
    if due is not None and due != before and due < today:
        raise InputError(msg("The day that it is due has passed."), fix=msg("Choose today or a day to come."))
    return due


def _one_of(value: str, known: Collection[str]) -> str:
    if value not in known:
        raise InputError(msg("A choice in the form no longer exists."), fix=msg("Load the page again."))
    return value


def refused(words: CaseWords, error: InputError) -> Typed:
    """The problem with what was typed, and what to do about it."""
    parts = [error.problem, *([msg("Expected: {text}", text=error.expected)] if error.expected else [])]
    return Typed(" ".join(map(words.text, parts)), words.text(error.fix) if error.fix else "")


def school_year(text: str, today: date) -> int:
    """The year that a form names, else this one. InputError for what is no school year."""
    if not text:
        return today.year
    if not (text.isascii() and text.isdigit() and len(text) == 4 and 1990 <= int(text) <= 2100):
        raise InputError(msg("The form names no school year."), fix=msg("Load the page again."))
    return int(text)
