"""Cases are opened, changed and closed by those who see the pupil; nothing is lost when two people change one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from farol.accounts.audit import Action, latest
from farol.accounts.viewer import NOBODY_IN_PARTICULAR, User, UserRole, Viewer
from farol.casework.cases import (
    Case,
    CaseState,
    GivenSupport,
    StaleCaseError,
    cases_of_pupil,
    change_case,
    find_case,
    open_cases,
    record_entry,
)
from farol.casework.entries import (
    Contact,
    ContactPerson,
    ContactWay,
    EntryKind,
    entries_of,
    note_details,
    withdrawal_of,
)
from farol.casework.staff import staff
from farol.casework.steps import ClosingReason, Step
from farol.errors import InputError
from farol.store.database import Store
from farol.store.tables import case_entries, cases
from tests.casework.site import ANA, DIR, THEN, ana, bia, director, leo

LATER = THEN + timedelta(days=1)
GIVEN = (GivenSupport("tutoring", "Ms. Rosa"), GivenSupport("family"))
PLAN = CaseState(Step.plan, ANA.id, date(2025, 3, 20), GIVEN)


def opened(store: Store, student: str = "RA-1", state: CaseState | None = None) -> Case:
    """A new case of 2024."""
    new = open_cases(store, director, [student], 2024, state or CaseState(owner=ANA.id), at=THEN).new
    case = find_case(store, director, new[student])
    assert case is not None
    return case


def test_a_case_is_opened_once_for_a_pupil_and_year(store: Store) -> None:
    first = open_cases(store, ana, ["RA-2", "RA-1", "RA-2"], 2024, CaseState(), at=THEN)
    assert list(first.new) == ["RA-2", "RA-1"]
    again = open_cases(store, ana, ["RA-1"], 2024, CaseState(), at=THEN)
    assert (again.new, again.already) == ({}, ("RA-1",))
    assert list(open_cases(store, ana, ["RA-1"], 2025, CaseState(), at=THEN).new) == ["RA-1"]
    assert [case.year for case in cases_of_pupil(store, ana, "RA-1")] == [2025, 2024]


def test_nobody_opens_or_sees_cases_outside_their_classes(store: Store) -> None:
    """The class is that of the latest year: RA-3 was in 3B once, and RA-1 was not."""
    assert list(open_cases(store, ana, ["RA-3", "RA-5", "RA-99", "RA-1"], 2024, CaseState(), at=THEN).new) == ["RA-1"]
    case = opened(store, "RA-3")
    assert find_case(store, ana, case.id) is None
    assert cases_of_pupil(store, ana, "RA-3") == []
    assert change_case(store, ana, case.id, PLAN, version=None, at=LATER) is None
    assert not record_entry(store, ana, case.id, EntryKind.note, {"text": "x"}, at=LATER)
    nowhere = Viewer(User("u", "u", "U", UserRole.coordinator))
    assert cases_of_pupil(store, nowhere, "RA-1") == []
    for viewer in (bia, leo, director, NOBODY_IN_PARTICULAR):
        seen = find_case(store, viewer, case.id)
        assert seen is not None
        assert seen.group == "3C"


def test_each_change_stands_in_history_and_audit(store: Store) -> None:
    case = opened(store)
    changed = change_case(store, ana, case.id, PLAN, version=1, at=LATER, comment="agreed with the class teacher")
    assert changed is not None
    assert changed == find_case(store, ana, case.id)
    assert (changed.state, changed.version, changed.changed) == (PLAN, 2, LATER)
    newest, first = entries_of(store, ana, [case.id])[case.id]
    assert newest.details == {
        "changes": {
            "step": ["flagged", "plan"],
            "due": [None, "2025-03-20"],
            "supports": [[], [["tutoring", "Ms. Rosa"], ["family", ""]]],
        },
        "comment": "agreed with the class teacher",
        "version": 2,
    }
    assert first.details["changes"] == {"step": [None, "flagged"], "owner": [None, ANA.id]}
    assert [(told.user, told.action, told.subject, told.student, told.details) for told in latest(store, 5)] == [
        (ANA.id, Action.changed, "case", "RA-1", "changed"),
        (DIR.id, Action.changed, "case", "RA-1", "opened"),
    ]


def test_the_same_again_changes_nothing(store: Store) -> None:
    case = opened(store)
    assert change_case(store, ana, case.id, case.state, version=1, at=LATER) == case
    assert len(entries_of(store, ana, [case.id])[case.id]) == 1


def test_a_case_is_closed_with_its_reason_and_opened_again(store: Store) -> None:
    case = opened(store, state=PLAN)
    done = replace(PLAN, step=Step.closed, reason=ClosingReason.done)
    closed = change_case(store, ana, case.id, done, version=1, at=LATER)
    assert closed is not None
    assert (closed.closed, closed.state.reason) == (LATER, ClosingReason.done)
    assert entries_of(store, ana, [case.id])[case.id][0].kind is EntryKind.closed
    other = opened(store)  # a new one may be opened beside the closed one, but not two open ones
    with pytest.raises(InputError, match="another open case"):
        change_case(store, ana, case.id, PLAN, version=2, at=LATER)
    mistake = CaseState(Step.closed, reason=ClosingReason.mistake)
    assert change_case(store, ana, other.id, mistake, version=1, at=LATER)
    again = change_case(store, ana, case.id, PLAN, version=2, at=LATER)
    assert again is not None
    assert again.closed is None
    assert again == find_case(store, ana, case.id)
    assert [case.id for case in cases_of_pupil(store, ana, "RA-1")] == [case.id, other.id]


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        (CaseState(Step.closed), "choose the reason"),
        (CaseState(Step.talk, reason=ClosingReason.moved), "not “closed”"),
        (CaseState(Step.plan), "which support"),
        (CaseState(Step.follow_up), "which support"),
        (CaseState(Step.closed, reason=ClosingReason.done), "could be complete"),
        (CaseState(Step.closed, reason=ClosingReason.other), "write it"),
        (CaseState(supports=tuple(GivenSupport(f"kind-{n}") for n in range(11))), "at most 10"),
    ],
)
def test_a_state_that_no_case_can_be_in_is_refused(store: Store, state: CaseState, problem: str) -> None:
    case = opened(store)
    with pytest.raises(InputError, match=problem):
        change_case(store, ana, case.id, state, version=1, at=LATER)
    assert find_case(store, ana, case.id) == case
    with pytest.raises(InputError):
        open_cases(store, ana, ["RA-2"], 2024, state, at=THEN)
    assert cases_of_pupil(store, ana, "RA-2") == []


def test_a_change_to_an_outdated_case_is_refused(store: Store) -> None:
    case = opened(store)
    change_case(store, bia, case.id, PLAN, version=1, at=LATER)
    with pytest.raises(StaleCaseError, match="Nothing was saved yet") as stale:
        change_case(store, ana, case.id, CaseState(Step.talk), version=1, at=LATER)
    assert stale.value.case.state == PLAN
    assert len(entries_of(store, ana, [case.id])[case.id]) == 2


def test_of_two_changes_at_once_one_is_kept_and_one_refused(store: Store) -> None:
    case = opened(store)
    start, ends = Barrier(2), []

    def change(viewer: Viewer, step: Step) -> None:
        start.wait()
        try:
            change_case(
                store, viewer, case.id, replace(case.state, step=step, supports=PLAN.supports), version=1, at=LATER
            )
            ends.append("kept")
        except StaleCaseError:
            ends.append("told")

    threads = [Thread(target=change, args=pair) for pair in ((ana, Step.talk), (bia, Step.plan))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["kept", "told"]
    now = find_case(store, ana, case.id)
    assert now is not None
    assert now.version == 2
    assert len(entries_of(store, ana, [case.id])[case.id]) == 2


def test_two_who_flag_a_pupil_at_once_open_one_case(store: Store) -> None:
    start = Barrier(2)

    def flag(viewer: Viewer) -> None:
        start.wait()
        open_cases(store, viewer, ["RA-1", "RA-2"], 2024, CaseState(), at=THEN)

    threads = [Thread(target=flag, args=(viewer,)) for viewer in (ana, bia)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.engine.connect() as connection:
        assert sorted(connection.execute(select(cases.c.student)).scalars()) == ["RA-1", "RA-2"]
        assert len(connection.execute(select(case_entries.c.seq)).all()) == 2


def test_a_restricted_note_is_read_by_its_author_alone(store: Store) -> None:
    case = opened(store)
    record_entry(store, ana, case.id, EntryKind.note, note_details("  at home: a loss  "), at=LATER, is_restricted=True)
    for viewer, text in ((ana, "at home: a loss"), (director, "at home: a loss"), (bia, None), (leo, None)):
        note = entries_of(store, viewer, [case.id])[case.id][0]
        assert note.is_restricted
        assert (note.details.get("text"), note.is_hidden) == (text, text is None)


def test_what_was_recorded_wrongly_is_crossed_out_and_stays(store: Store) -> None:
    case = opened(store)
    record_entry(store, ana, case.id, EntryKind.note, note_details("of another pupil"), at=LATER, is_restricted=True)
    written = entries_of(store, bia, [case.id])[case.id][0]
    with pytest.raises(InputError, match="Only who wrote"):
        withdrawal_of(written, "not mine", bia)
    with pytest.raises(InputError, match="says no reason"):
        withdrawal_of(written, " ", ana)
    with pytest.raises(InputError, match="nothing here"):
        withdrawal_of(entries_of(store, ana, [case.id])[case.id][1], "the opening", ana)
    details = withdrawal_of(written, "wrong pupil", director)
    record_entry(store, director, case.id, EntryKind.withdrawn, details, at=LATER, is_restricted=True)
    by_ana, by_bia = (entries_of(store, viewer, [case.id])[case.id][0] for viewer in (ana, bia))
    assert by_ana.withdrawal is not None
    assert by_bia.withdrawal is not None
    assert (by_ana.details["text"], by_bia.withdrawal.details) == ("of another pupil", {"seq": by_ana.seq})
    with pytest.raises(InputError, match="nothing here"):
        withdrawal_of(by_ana, "again", ana)


def test_a_contact_says_day_way_person_and_what_was_agreed(store: Store) -> None:
    case = opened(store)
    today = date(2025, 3, 10)
    contact = Contact.of(
        on=today, way="visit", person="guardian", was_reached=False, agreed=" call again ", today=today
    )
    assert contact == Contact(today, ContactWay.visit, ContactPerson.guardian, False, "call again")
    record_entry(store, ana, case.id, EntryKind.contact, contact.details(), at=LATER)
    assert entries_of(store, leo, [case.id])[case.id][0].contact() == contact


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"on": None}, "has no day"),
        ({"on": date(2025, 3, 11)}, "has not come yet"),
        ({"way": "pigeon"}, "how it was made"),
        ({"person": ""}, "whom it was for"),
        ({"agreed": "call (11) 98765-4321"}, "telephone number"),
    ],
)
def test_a_contact_that_cannot_be_is_refused(values: dict[str, object], problem: str) -> None:
    today = date(2025, 3, 10)
    good: dict[str, object] = {"on": today, "way": "phone", "person": "pupil", "was_reached": True, "agreed": ""}
    with pytest.raises(InputError, match=problem):
        Contact.of(**good | values, today=today)  # type: ignore[arg-type]


def test_only_who_may_record_and_sees_the_class_owns_a_case(store: Store) -> None:
    people = staff(store)
    assert people.owners("3C") == {"u-bia": "Bia Reis", "u-dir": "Dora Dias"}
    assert people.owners(None) == {"u-dir": "Dora Dias"}
    assert (people.name("u-leo"), people.name("u-gone")) == ("Leo Reader", "")
