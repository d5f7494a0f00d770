"""Windows of time: days of America/Sao_Paulo, both ends included."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from farol.errors import InputError
from farol.i18n import msg
from farol.store.database import Store
from farol.store.records import day_of

LONGEST_WINDOW = 3_660

_DAY = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
WINDOW_PATTERN = (
    rf"^(((3660|36[0-5][0-9]|3[0-5][0-9]{{2}}|[12][0-9]{{3}}|[1-9][0-9]{{0,2}})d|all)(@{_DAY})?"
    rf"|year:[0-9]{{4}}|{_DAY}\.\.{_DAY}|since:.+)$"
)
"""What a window looks like, for readers of schemas; that a day exists and a range is in order, no pattern says."""

_DAYS = re.compile(r"(\d{1,4})d", re.ASCII)
_YEAR = re.compile(r"year:(\d{4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Window:
    """Days of America/Sao_Paulo, both ends included; `first` None: from the beginning. `name`: how it was asked for."""

    name: str
    first: date | None
    last: date

    @property
    def days(self) -> int | None:
        """How many days; None without a beginning."""
        return None if self.first is None else (self.last - self.first).days + 1

    def as_dict(self) -> dict[str, object]:
        """For JSON: `name`, `from` and `to` as ISO dates, `days`."""
        first = None if self.first is None else self.first.isoformat()
        return {"name": self.name, "from": first, "to": self.last.isoformat(), "days": self.days}


def parse_window(text: str, *, now: datetime) -> Window:
    """A window as it is asked for; `now` is aware. Raises InputError.

    `7d`, `30d`, `90d` (any number of days) and `all` end today, or on a day: `30d@2024-06-30`. `year:2024` is a school
    year, which is a calendar year; `2024-03-01..2024-05-31` is from a day to a day, both included.
    """
    name = text.strip().lower()
    if match := _YEAR.fullmatch(name):
        year = int(match[1])
        if year == 0:
            raise _no_window()
        return Window(text, date(year, 1, 1), date(year, 12, 31))
    if ".." in name:
        first, _, last = (part.strip() for part in name.partition(".."))
        return _between(text, _day(first, "2024-03-01..2024-05-31"), _day(last, "2024-03-01..2024-05-31"))
    span, at, day = name.partition("@")
    match = _DAYS.fullmatch(span)
    days = int(match[1]) if match else 0
    if span != "all" and not 1 <= days <= LONGEST_WINDOW:
        raise _no_window()
    last_day = _day(day, "30d@2024-06-30") if at else day_of(now)
    if span == "all":
        return Window(text, None, last_day)
    if days > last_day.toordinal():
        raise InputError(
            msg("This window begins before the calendar does."), fix=msg("Choose fewer days, or a later last day.")
        )
    return Window(text, last_day - timedelta(days=days - 1), last_day)


SINCE = "since:"


def window_of(text: str, *, store: Store, task: str, now: datetime) -> Window:
    """Like `parse_window`, and `since:VERSION`: from the first day on which that version of the task answered.

    Raises InputError, also for a version that never answered; StoreError.
    """
    name = text.strip()
    if not name.startswith(SINCE):
        return parse_window(text, now=now)
    first = store.first_day(task, name.removeprefix(SINCE))
    if first is None:
        raise InputError(
            msg("This version has not answered yet."),
            expected=msg("a version of task {task} whose answers are stored", task=task),
            fix=msg("Choose another version, or a number of days such as 30d."),
        )
    return Window(text, first, max(first, day_of(now)))


def _between(text: str, first: date, last: date) -> Window:
    if first > last:
        raise InputError(msg("This window ends before it begins."), fix=msg("Write the earlier day first."))
    return Window(text, first, last)


def _no_window() -> InputError:
    return InputError(
        msg("This is not a window of time."),
        expected=msg(
            "7d, 30d, 90d or another number of days up to {most}d, all, year:2024, "
            "2024-03-01..2024-05-31, or since:VERSION",
            most=LONGEST_WINDOW,
        ),
        fix=msg("Write the window in one of these ways."),
    )


def _day(text: str, example: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(
            msg("This is not the last day of a window.") if "@" in example else msg("This is not a day of a window."),
            expected=msg("a date like {example}", example=example),
            fix=msg("Write year, month and day, with hyphens between them."),
        ) from None
