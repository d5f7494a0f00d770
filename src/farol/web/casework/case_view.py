"""A case as pages show it: every value is a text in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import quote

from farol.accounts.viewer import Duty, Viewer
from farol.casework.cases import Case, GivenSupport
from farol.casework.entries import PERSON_NAMES, WAY_NAMES, CaseEntry, EntryKind
from farol.casework.staff import Staff
from farol.casework.steps import REASON_NAMES, STEP_NAMES, ClosingReason, Step
from farol.casework.supports import SupportKind
from farol.i18n import Message, msg
from farol.web.locale import NOTHING, Reader


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the row of steps; `state` is done, current or to-come."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class EntryView:
    """One line of the history."""

    seq: int
    at: str
    who: str
    title: str
    lines: tuple[str, ...]
    is_restricted: bool
    is_hidden: bool
    withdrawn: str
    can_withdraw: bool


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as pages show it. `support` are pairs of a kind and who gives it ("" for nobody in particular).

    `name` is the pupil's, "" where the school shows no names.
    """

    id: str
    url: str
    student: str
    name: str
    pupil_url: str
    group: str
    year: int
    step: str
    step_name: str
    steps: tuple[StepView, ...]
    owner: str
    due: str
    is_late: bool
    support: tuple[tuple[str, str], ...]
    reason: str
    opened: str
    is_closed: bool
    version: int


@dataclass(frozen=True, slots=True)
class CaseWords:
    """What turns cases into texts: the reader, the users' names, the kinds of support, the day it is, pupils' names."""

    reader: Reader
    staff: Staff
    kinds: Mapping[str, SupportKind]
    today: date
    names: Mapping[str, str] = field(default_factory=dict)

    def text(self, message: Message) -> str:
        """A text in the reader's language."""
        return message.render(self.reader.locale)

    def who(self, user: str) -> str:
        """The name of who did something."""
        return self.staff.name(user) or self.text(msg("this computer"))

    def step(self, step: Step) -> str:
        """The name of a step."""
        return self.text(STEP_NAMES[step])

    def support_name(self, kind: str) -> str:
        """The name of a kind of support, those included that are no longer in the list."""
        return self.text(self.kinds[kind].name if kind in self.kinds else SupportKind(kind).name)

    def support(self, supports: Iterable[GivenSupport]) -> str:
        """Kinds of support in a row, with who gives each; a dash for none."""
        parts = [
            f"{self.support_name(item.kind)} ({item.by})" if item.by else self.support_name(item.kind)
            for item in supports
        ]
        return ", ".join(parts) or NOTHING

    def case(self, case: Case) -> CaseView:
        """A case as pages show it."""
        reader, state = self.reader, case.state
        steps = list(Step)
        place = steps.index(state.step)
        return CaseView(
            id=case.id,
            url=reader.url(f"/cases/{case.id}"),
            student=case.student,
            name=self.names.get(case.student, ""),
            pupil_url=reader.url(pupil_path(case.student)),
            group=case.group or NOTHING,
            year=case.year,
            step=state.step.value,
            step_name=self.step(state.step),
            steps=tuple(
                StepView(self.step(step), "current" if i == place else "done" if i < place else "to-come")
                for i, step in enumerate(steps)
            ),
            owner=self.staff.name(state.owner) or NOTHING,
            due=NOTHING if state.due is None else reader.day(state.due),
            is_late=case.is_late(self.today),
            support=tuple((self.support_name(item.kind), item.by) for item in state.supports),
            reason="" if state.reason is None else self.text(REASON_NAMES[state.reason]),
            opened=reader.moment(case.opened),
            is_closed=case.closed is not None,
            version=case.version,
        )

    def entries(self, entries: Sequence[CaseEntry], viewer: Viewer) -> tuple[EntryView, ...]:
        """The history of a case."""
        return tuple(self._entry(entry, viewer) for entry in entries)

    def _entry(self, entry: CaseEntry, viewer: Viewer) -> EntryView:
        is_own = entry.user == viewer.id or bool(viewer.may(Duty.administer))
        may = is_own and bool(viewer.may(Duty.record)) and entry.kind in (EntryKind.contact, EntryKind.note)
        gone = entry.withdrawal
        withdrawn = ""
        if gone is not None:
            why, day = gone.details.get("why", NOTHING), self.reader.moment(gone.at)
            said = msg("withdrawn on {day} by {name}: {why}", day=day, name=self.who(gone.user), why=why)
            withdrawn = self.text(said)
        return EntryView(
            seq=entry.seq,
            at=self.reader.moment(entry.at),
            who=self.who(entry.user),
            title=self.text(_TITLES[entry.kind]) if entry.kind is not EntryKind.contact else self._contact_title(entry),
            lines=tuple(self._lines(entry)),
            is_restricted=entry.is_restricted,
            is_hidden=entry.is_hidden,
            withdrawn=withdrawn,
            can_withdraw=may and gone is None,
        )

    def _contact_title(self, entry: CaseEntry) -> str:
        contact = entry.contact()
        said = msg("Contact on {day}, {way}", day=self.reader.day(contact.on), way=WAY_NAMES[contact.way])
        return self.text(said)

    def _lines(self, entry: CaseEntry) -> Iterable[str]:
        if entry.is_hidden:
            return
        if entry.kind is EntryKind.note:
            yield entry.details["text"]
            return
        if entry.kind is EntryKind.contact:
            contact = entry.contact()
            person = PERSON_NAMES[contact.person]
            yield self.text(
                msg("Spoke with: {person}.", person=person)
                if contact.was_reached
                else msg("Reached nobody (it was for: {person}).", person=person)
            )
            if contact.agreed:
                yield self.text(msg("Agreed: {text}", text=contact.agreed))
            return
        yield from self.changes(entry.details["changes"])
        if entry.details["comment"]:
            yield entry.details["comment"]

    def changes(self, changes: Mapping[str, list[Any]]) -> Iterable[str]:
        """What an entry says has changed, a line each."""
        for name, (old, new) in changes.items():
            label = self.text(_FIELDS[name])
            if old is None or (name == "reason" and new is not None):
                yield f"{label}: {self._value(name, new)}"
            else:
                yield f"{label}: {self._value(name, old)} → {self._value(name, new)}"

    def _value(self, name: str, value: Any) -> str:
        if not value:
            return NOTHING
        if name == "step":
            return self.text(STEP_NAMES[Step(value)])
        if name == "reason":
            return self.text(REASON_NAMES[ClosingReason(value)])
        if name == "due":
            return self.reader.day(date.fromisoformat(value))
        if name == "owner":
            return self.staff.name(value) or NOTHING
        return self.support(GivenSupport(kind, by) for kind, by in value)


_TITLES: Mapping[EntryKind, Message] = {
    EntryKind.opened: msg("Case opened"),
    EntryKind.changed: msg("Case changed"),
    EntryKind.closed: msg("Case closed"),
    EntryKind.note: msg("Note"),
    EntryKind.contact: msg("Contact"),
    EntryKind.withdrawn: msg("Withdrawn"),
}

_FIELDS: Mapping[str, Message] = {
    "step": msg("Step"),
    "owner": msg("Responsible for the case"),
    "due": msg("Due"),
    "supports": msg("Support"),
    "reason": msg("Reason to close"),
}


def pupil_path(student: str) -> str:
    """The address of a pupil's page."""
    return f"/pupils/{quote(student, safe='')}"
