"""Decisions of the site are kept; a setting that nobody decided has its default."""

from __future__ import annotations

from datetime import UTC, datetime

from farol.accounts.site import read_setting, write_setting
from farol.store.database import Store

THEN = datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_a_setting_is_kept_and_may_change(store: Store) -> None:
    assert read_setting(store, "names", default=False) is False
    write_setting(store, "names", True, THEN)
    write_setting(store, "kinds", ["reforço", "conversa"], THEN)
    assert read_setting(store, "names", default=False) is True
    write_setting(store, "names", False, THEN)
    assert read_setting(store, "names", default=True) is False
    assert read_setting(store, "kinds", list[str]()) == ["reforço", "conversa"]
