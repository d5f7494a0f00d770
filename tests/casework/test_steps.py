"""The history of a case always leads to its state. A case is late exactly when it is open and overdue."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from farol.accounts.viewer import NOBODY_IN_PARTICULAR
from farol.casework.cases import CaseState, GivenSupport, change_case, find_case, open_cases
from farol.casework.entries import EntryKind, entries_of
from farol.casework.steps import NEEDS_SUPPORT, ClosingReason, Step, is_late
from farol.errors import InputError
from farol.store.database import Store
from farol.store.tables import cases
from tests.casework.site import THEN, fill

days = st.dates(date(2024, 1, 1), date(2026, 12, 31))
supports = st.builds(GivenSupport, st.sampled_from(["tutoring", "family"]), st.sampled_from(["", "Rosa"]))
states = st.builds(
    CaseState,
    st.sampled_from(Step),
    st.sampled_from(["", "u-ana", "u-bia"]),
    st.none() | days,
    st.lists(st.builds(GivenSupport, st.sampled_from(["tutoring", "family"]), st.sampled_from(["", "Rosa"]))).map(
        tuple
    ),
    st.none() | st.sampled_from(ClosingReason),
)


def plain(state: CaseState) -> dict[str, object]:
    return {
        "step": state.step,
        "owner": state.owner,
        "due": state.due and state.due.isoformat(),
        "supports": [[support.kind, support.by] for support in state.supports],
        "reason": state.reason,
    }


def test_the_history_of_a_case_leads_to_its_state(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as store:
        fill(store, with_users=False)
        every_walk(store)


def every_walk(store: Store) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(states, st.sampled_from(["", "why"])), max_size=12))
    def walk(wanted: list[tuple[CaseState, str]]) -> None:
        with store.engine.begin() as connection:
            connection.execute(delete(cases))
        id_ = open_cases(store, NOBODY_IN_PARTICULAR, ["RA-1"], 2024, CaseState(), at=THEN).new["RA-1"]
        for hour, (state, comment) in enumerate(wanted, 1):
            with suppress(InputError):
                at = THEN + timedelta(hours=hour)
                change_case(store, NOBODY_IN_PARTICULAR, id_, state, version=None, at=at, comment=comment)
        holds(store, id_)

    walk()


def holds(store: Store, id_: str) -> None:
    case = find_case(store, NOBODY_IN_PARTICULAR, id_)
    assert case is not None
    replayed = plain(CaseState())
    entries = entries_of(store, NOBODY_IN_PARTICULAR, [id_])[id_]
    for entry in reversed(entries):
        for name, (before, after) in entry.details["changes"].items():
            assert entry.kind is EntryKind.opened or replayed[name] == before
            replayed[name] = after
    assert replayed == plain(case.state)
    assert case.version == len(entries)
    is_closed = case.state.step is Step.closed
    assert is_closed == (case.closed is not None) == (case.state.reason is not None)
    assert case.state.supports or case.state.step not in NEEDS_SUPPORT


@given(st.sampled_from(Step), st.none() | days, days)
def test_late_is_open_and_due_before_today(step: Step, due: date | None, today: date) -> None:
    late = is_late(step, due, today)
    assert late == (due is not None and (today - due).days > 0 and step != "closed")
    assert not (late and is_late(step, today, today))


def test_each_step_leads_to_the_next() -> None:
    walked = [Step.flagged]
    while (after := walked[-1].next) is not None:
        walked.append(after)
    assert walked == list(Step)
    assert [str(step) for step in walked] == ["flagged", "talk", "plan", "follow-up", "closed"]
