"""From the cells of a date column to days and years."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from farol.i18n import Message, msg
from farol.workbook.cells import Floats
from farol.workbook.notes import Note, Notes
from farol.workbook.raw import Cell, plain_text
from farol.workbook.texts import DateOrder, date_readings, day_number

_EPOCH = dt.date(1970, 1, 1)
_FEW_OF_ANOTHER_ORDER = 20
"""One date in twenty may be of the other order and still leave the column's order decided."""

_DAYS = re.compile(r"[0-9]{5}")
_YEAR_FIRST = re.compile(r"\s*[0-9]{4}-")
_ENOUGH_YEAR_FIRST = 8
"""Among this number of dates, one time in 1,500 none has a day beyond 12."""

_ORDER_WORDS: Mapping[DateOrder | None, Message] = {
    "dmy": msg("day/month/year"),
    "mdy": msg("month/day/year"),
    None: msg("each in the only way it can be read"),
}


@dataclass(frozen=True, slots=True)
class Dates:
    """A date column: `values` in days since 1970-01-01, and the `years`, known also where day and month are not."""

    values: Floats
    years: Floats
    notes: tuple[Note, ...]


def date_column(cells: Sequence[Cell]) -> Dates:
    """The dates of a `date` column.

    The order of day and month in dates written as text is decided from the whole column: by the dates that can be
    read in one way only. Where they do not show it, of the other dates only the year is known.

    Where a spreadsheet took dates written in another country's order, it turned into dates, with day and month
    swapped, exactly those whose day could be a month, and left the rest as text. So when every date cell has a day
    up to 12 and no text date could have been read that way, the date cells are swapped back. A csv file has such cells
    as texts that begin with the year: they are taken for date cells where there are enough of them for chance to give
    days up to 12 alone hardly ever.

    A number is a date where it counts the days of one of the years 1970 to 2099 as spreadsheets do, or has its digits
    (20150617).
    """
    noted = Notes()
    in_text: dict[int, tuple[dt.date | None, dt.date | None]] = {}
    in_cells: dict[int, dt.date] = {}
    in_days: dict[int, dt.date] = {}
    for position, cell in enumerate(cells):
        if isinstance(cell, dt.date):
            in_cells[position] = cell.date() if isinstance(cell, dt.datetime) else cell
        elif not noted.add_nothing(position, cell):
            day = _counted_day(cell)
            readings = (None, None) if isinstance(cell, bool) else date_readings(plain_text(cell))
            if day is not None:
                in_days[position] = day
            elif readings == (None, None):
                noted.add("unreadable_text", position, cell)
            else:
                in_text[position] = readings
    noted.add_all("day_number", in_days)
    if not in_cells:
        in_cells = _like_cells(in_text, cells)
        in_text = {at: readings for at, readings in in_text.items() if at not in in_cells}
    order = _date_order(in_text.values())
    dates, undecided = _read_dates(in_text, order)
    noted.add_all("text_date", dates)
    noted.add_all("undecided_date", undecided)
    noted.detail("text_date", {"order": _ORDER_WORDS[order]})
    if order is not None and _were_swapped(in_text.values(), in_cells.values()):
        noted.add_all("swapped_date", in_cells)
        in_cells = {at: date.replace(month=date.day, day=date.month) for at, date in in_cells.items()}
    days, years = np.full((2, len(cells)), np.nan)
    for position, date in (dates | in_cells | in_days).items():
        days[position], years[position] = (date - _EPOCH).days, date.year
    for position, year in undecided.items():
        years[position] = year
    return Dates(days, years, noted.all())


def _counted_day(cell: Cell) -> dt.date | None:
    """The date that a number of days is, as a spreadsheet shows a date whose format is lost."""
    if isinstance(cell, str):
        return day_number(float(cell)) if _DAYS.fullmatch(cell.strip()) else None
    return day_number(float(cell)) if isinstance(cell, int | float) else None


def months_of(days: Floats) -> Floats:
    """The months (1–12) of dates (days since 1970-01-01); NaN where the date is missing."""
    months = np.full(len(days), np.nan)
    given = ~np.isnan(days)
    months[given] = days[given].astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    return months


def _like_cells(
    in_text: Mapping[int, tuple[dt.date | None, dt.date | None]], cells: Sequence[Cell]
) -> dict[int, dt.date]:
    """The texts that begin with the year, where they look as a spreadsheet writes its swapped date cells to a file."""
    dates = {at: date for at, (date, _) in in_text.items() if date is not None and _YEAR_FIRST.match(str(cells[at]))}
    others = [readings for at, readings in in_text.items() if at not in dates]
    enough = len(dates) >= _ENOUGH_YEAR_FIRST and _date_order(others) is not None
    return dates if enough and _were_swapped(others, dates.values()) else {}


def _date_order(readings: Iterable[tuple[dt.date | None, dt.date | None]]) -> DateOrder | None:
    """The order that the dates of a column show; None where none shows one, or too many show the other one."""
    by_day = by_month = 0
    for day_first, month_first in readings:
        by_day += month_first is None
        by_month += day_first is None
    if min(by_day, by_month) * _FEW_OF_ANOTHER_ORDER > max(by_day, by_month) or by_day == by_month:
        return None
    return "dmy" if by_day > by_month else "mdy"


def _read_dates(
    in_text: Mapping[int, tuple[dt.date | None, dt.date | None]], order: DateOrder | None
) -> tuple[dict[int, dt.date], dict[int, int]]:
    """The dates by their positions, and the years of those that can be read in two ways."""
    dates: dict[int, dt.date] = {}
    undecided: dict[int, int] = {}
    for position, both in in_text.items():
        readings = [date for date in both if date is not None]  # at least one
        if order is None and len(set(readings)) > 1:
            undecided[position] = readings[0].year
        else:
            dates[position] = readings[-1] if order == "mdy" else readings[0]
    return dates, undecided


def _were_swapped(in_text: Collection[tuple[dt.date | None, dt.date | None]], in_cells: Collection[dt.date]) -> bool:
    return (
        bool(in_text)
        and bool(in_cells)
        and all(day_first is None or month_first is None for day_first, month_first in in_text)
        and all(date.day <= 12 for date in in_cells)
    )
