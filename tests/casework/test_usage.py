"""Each week of use counts what the audit holds of it, by the days of the school's own zone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from farol.accounts.audit import Action, record
from farol.accounts.viewer import NOBODY_IN_PARTICULAR
from farol.casework.cases import CaseState, change_case, open_cases, record_entry
from farol.casework.entries import EntryKind
from farol.casework.steps import ClosingReason, Step
from farol.casework.usage import WeekOfUse, use_by_week
from farol.store.database import Store
from tests.casework.site import ana, director

ZONE = ZoneInfo("America/Sao_Paulo")
TUESDAY = datetime(2025, 3, 11, 15, tzinfo=UTC)
SUNDAY_NIGHT = datetime(2025, 3, 10, 2, 59, tzinfo=UTC)  # 23:59 of the ninth in São Paulo: the week before


def test_a_week_counts_what_was_done_in_it(store: Store) -> None:
    for action, subject, student, details in (
        (Action.saw, "list", None, "3B"),
        (Action.saw, "list", None, ""),
        (Action.saw, "cases", None, ""),
        (Action.printed, "list", None, "3B"),
        (Action.printed, "pupil", "RA-1", "referral"),
        (Action.exported, "cases", None, "csv: 3"),
        (Action.saw, "pupil", "RA-1", ""),
        (Action.saw, "pupil", "RA-1", ""),
        (Action.saw, "pupil", "RA-2", ""),
    ):
        record(store, ana, action, subject, at=TUESDAY, student=student, details=details)
    record(store, NOBODY_IN_PARTICULAR, Action.refused, "sign-in", at=TUESDAY)
    case = open_cases(store, director, ["RA-1", "RA-2"], 2024, CaseState(), at=TUESDAY).new["RA-1"]
    record_entry(store, director, case, EntryKind.contact, {}, at=TUESDAY)
    end = CaseState(Step.closed, reason=ClosingReason.moved)
    change_case(store, director, case, end, version=1, at=TUESDAY)
    record(store, director, Action.saw, "list", at=SUNDAY_NIGHT)
    this, before, *others = use_by_week(store, date(2025, 3, 16), ZONE)
    assert this == WeekOfUse(
        date(2025, 3, 10), 2, lists_seen=3, printed=2, exported=1, pupils_seen=2, opened=2, contacts=1, closed=1
    )
    assert before == WeekOfUse(date(2025, 3, 3), 1, 1, 0, 0, 0, 0, 0, 0)
    assert len(others) == 10
    assert all(week.people == week.lists_seen == 0 for week in others)
