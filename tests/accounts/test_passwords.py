"""Hashing is bounded: a flood of sign-ins is sent away at once and leaves the other pages their threads."""

from __future__ import annotations

import pytest

from farol.accounts import passwords
from farol.accounts.passwords import PLACES, BusyError, hashed, matches


def test_beyond_its_places_a_sign_in_is_sent_away_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAIT_SECONDS", 3600.0)  # whoever waits here waits for ever
    for _ in range(PLACES):
        assert passwords._PLACES.acquire(blocking=False)
    try:
        with pytest.raises(BusyError):
            hashed("uma senha comprida")
    finally:
        for _ in range(PLACES):
            passwords._PLACES.release()
    assert matches(hashed("uma senha comprida"), "uma senha comprida")


def test_who_waits_too_long_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAIT_SECONDS", 0.01)
    for _ in range(passwords.AT_ONCE):
        assert passwords._TURNS.acquire(blocking=False)
    try:
        for _ in range(PLACES + 1):
            with pytest.raises(BusyError):
                hashed("uma senha comprida")
    finally:
        for _ in range(passwords.AT_ONCE):
            passwords._TURNS.release()
    assert not matches(None, "uma senha comprida")
