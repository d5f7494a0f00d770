"""An example of `GET /monitoring/history`, made with the code that makes the real answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from farol.alerts import event_phrases
from farol.store.events import Event

Json = dict[str, Any]

_ZONE = ZoneInfo("America/Sao_Paulo")
_AT = datetime(2026, 3, 2, 21, 24, 0, 521_000, UTC)
_EVENT = "019b0a1e-7c00-7000-8000-0000000000e0"


def history(snapshot: Json, locale: str) -> Json:
    """An answer of GET /monitoring/history."""
    details = {"version": snapshot["model_version"], "by": "promotion"}
    event = Event(_EVENT, _AT, "served", snapshot["task"], details)
    return {
        "timezone": _ZONE.key,
        "task": snapshot["task"],
        "limit": 1,
        "snapshots": [snapshot],
        "events": [event_phrases.as_dict(event, locale, _ZONE)],
    }
