"""How the API writes moments: in the service's time zone with its offset, and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def both_times(at: datetime, timezone: ZoneInfo) -> dict[str, str]:
    """`timestamp` and `timestamp_utc`, to the millisecond."""
    return {
        "timestamp": at.astimezone(timezone).isoformat(timespec="milliseconds"),
        "timestamp_utc": at.astimezone(UTC).isoformat(timespec="milliseconds"),
    }
