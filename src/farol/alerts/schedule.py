"""When a check is due: a cron expression or an interval, as one line of text.

Cron expressions are read by cronsim, which follows Debian's cron, also on the days when clocks change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from farol.errors import InputError, Place
from farol.i18n import msg

_INTERVAL = re.compile(r"([1-9]\d{0,4})([mhd])", re.ASCII)
_FIELDS = 5
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Schedule:
    """`text` is a cron expression in `timezone`, or an interval; see `parse_schedule`."""

    text: str
    timezone: ZoneInfo
    interval: timedelta | None

    def after(self, moment: datetime) -> datetime:
        """The first time that is due after a moment; both are aware."""
        if self.interval is not None:
            return moment + self.interval
        from cronsim import CronSim  # noqa: PLC0415  # only those who use it wait for it

        found: datetime = next(CronSim(self.text, moment.astimezone(self.timezone)))
        return found.astimezone(moment.tzinfo)


def parse_schedule(text: str, timezone: ZoneInfo) -> Schedule | None:
    """A schedule such as `0 6 * * *`, `30m`, `6h` or `1d`; None for an empty text. Raises InputError."""
    words = " ".join(text.split())
    if not words:
        return None
    interval = _INTERVAL.fullmatch(words)
    if interval:
        return Schedule(words, timezone, int(interval[1]) * _UNITS[interval[2]])
    from cronsim import CronSim, CronSimError  # noqa: PLC0415  # as above

    if len(words.split()) != _FIELDS:  # cronsim would take a sixth field, for seconds
        raise _unusable()
    try:
        next(CronSim(words, datetime(2024, 1, 1, tzinfo=timezone)))
    except (CronSimError, StopIteration):
        raise _unusable() from None
    return Schedule(words, timezone, None)


def _unusable() -> InputError:
    example = {"cron": "0 6 * * *", "interval": "6h"}
    return InputError(
        msg("This is not a schedule."),
        expected=msg("a cron expression such as {cron}, or an interval such as {interval}", **example),
        where=Place(field="FAROL_CHECK_SCHEDULE"),
    )
