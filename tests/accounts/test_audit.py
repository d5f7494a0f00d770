"""Actions of users are kept, the newest first, also for one pupil."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from farol.accounts.audit import Action, latest, record
from farol.accounts.viewer import NOBODY_IN_PARTICULAR, User, UserRole, Viewer
from farol.store.database import Store

THEN = datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_what_was_done_is_listed_newest_first(tmp_path: Path) -> None:
    ana = Viewer(User("u1", "ana", "Ana", UserRole.reader))
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as store:
        record(store, NOBODY_IN_PARTICULAR, Action.saw, "list", at=THEN)
        record(store, ana, Action.printed, "pupil", at=THEN + timedelta(hours=1), student="RA-1", details="referral")
        assert [(line.user, line.action, line.subject) for line in latest(store, 10)] == [
            ("u1", Action.printed, "pupil"),
            ("", Action.saw, "list"),
        ]
        (own,) = latest(store, 10, student="RA-1")
        assert (own.at, own.details) == (THEN + timedelta(hours=1), "referral")
        assert len(latest(store, 1)) == 1
