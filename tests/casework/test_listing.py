"""Lists of cases hold what was asked for and nothing outside what the viewer may see, what is due first at the top."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from farol.accounts.viewer import NOBODY_IN_PARTICULAR
from farol.casework.cases import CaseState, GivenSupport, change_case, open_cases, record_entry
from farol.casework.entries import Contact, ContactPerson, ContactWay, EntryKind, entries_of
from farol.casework.listing import NOBODY, CaseQuery, classes_of_cases, count_cases, last_contacts, list_cases
from farol.casework.steps import ClosingReason, Step
from farol.store.database import Store
from tests.casework.site import THEN, ana, bia, director

TODAY = date(2025, 3, 10)
TUTORING = (GivenSupport("tutoring"),)
STATES = {
    "RA-1": CaseState(owner="u-ana", due=TODAY - timedelta(1)),
    "RA-2": CaseState(Step.plan, "u-bia", TODAY, TUTORING),
    "RA-3": CaseState(Step.follow_up, "u-bia", TODAY - timedelta(9), TUTORING),
    "RA-5": CaseState(Step.talk),
}


@pytest.fixture
def ids(store: Store) -> dict[str, str]:
    """Four open cases and, of RA-4, a closed one."""
    ids: dict[str, str] = {}
    for student, state in STATES.items():
        ids |= open_cases(store, director, [student], 2024, state, at=THEN).new
    closed = open_cases(store, director, ["RA-4"], 2024, CaseState(due=TODAY - timedelta(20)), at=THEN).new["RA-4"]
    end = CaseState(Step.closed, due=TODAY - timedelta(20), reason=ClosingReason.moved)
    change_case(store, director, closed, end, version=1, at=THEN)
    return ids | {"RA-4": closed}


@pytest.mark.usefixtures("ids")
def test_each_filter_gives_its_cases_in_order_of_due_date(store: Store) -> None:
    def listed(viewer: object = director, **wanted: object) -> list[str]:
        return [case.student for case in list_cases(store, viewer, CaseQuery(**wanted), TODAY)]  # type: ignore[arg-type]

    assert listed() == ["RA-3", "RA-1", "RA-2", "RA-5"]
    assert listed(is_late=True) == ["RA-3", "RA-1"]
    assert listed(step=Step.plan) == ["RA-2"]
    assert listed(step=Step.closed) == ["RA-4"]
    assert listed(step=Step.closed, is_late=True) == []
    assert listed(owner="u-bia", support="tutoring") == ["RA-3", "RA-2"]
    assert listed(owner=NOBODY) == ["RA-5"]
    assert listed(group="3B") == ["RA-1", "RA-2"]
    assert listed(until=TODAY) == ["RA-3", "RA-1", "RA-2"]
    assert listed(ana) == ["RA-1", "RA-2"]
    assert listed(ana, group="3C") == listed(ana, step=Step.closed) == []
    assert listed(bia, is_late=True) == ["RA-3", "RA-1"]
    assert listed(NOBODY_IN_PARTICULAR) == listed()
    assert len(list_cases(store, director, CaseQuery(), TODAY, limit=2)) == 2


@pytest.mark.usefixtures("ids")
def test_counts_and_classes_tell_of_seen_pupils_alone(store: Store) -> None:
    everywhere = {"flagged": 1, "talk": 1, "plan": 1, "follow-up": 1, "late": 2}
    assert count_cases(store, director, TODAY) == everywhere
    assert count_cases(store, ana, TODAY) == {"flagged": 1, "plan": 1, "late": 1}
    assert classes_of_cases(store, director) == ["3B", "3C", "4A"]
    assert classes_of_cases(store, ana) == ["3B"]


def test_the_last_contact_is_the_last_that_stands(store: Store, ids: dict[str, str]) -> None:
    id_ = ids["RA-1"]
    for number in (5, 3):
        contact = Contact(TODAY - timedelta(number), ContactWay.phone, ContactPerson.guardian, True, str(number))
        record_entry(store, ana, id_, EntryKind.contact, contact.details(), at=THEN)
    known = list_cases(store, ana, CaseQuery(), TODAY)
    assert last_contacts(store, known)[id_].contact().agreed == "3"
    newest = entries_of(store, ana, [id_])[id_][0]
    record_entry(store, ana, id_, EntryKind.withdrawn, {"seq": newest.seq, "why": "x"}, at=THEN)
    contacts = last_contacts(store, known)
    assert (contacts[id_].contact().agreed, list(contacts)) == ("5", [id_])
