"""From the cells of one column to clean values: pure functions, one column in, values and notes out.

A note says under which code which positions (0-based, within the column) are odd; the table of the sheet makes findings
of them.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from farol.i18n import Message, msg
from farol.profile import Column, fold
from farol.workbook.raw import EMPTY_TEXT, FROM_WORKBOOK, UNCALCULATED, Cell, CellError, Source, is_empty, plain_text
from farol.workbook.student_code import student_code
from farol.workbook.texts import (
    DateOrder,
    date_readings,
    error_kind,
    has_decimal_comma,
    parse_number,
    small_number_date,
)

Floats = NDArray[np.float64]
Objects = NDArray[np.object_]
Spellings = Mapping[float | str, frozenset[str]]
"""Value → the texts that stand for it in one sheet."""

NOTHING = math.nan


@dataclass(frozen=True, slots=True)
class Note:
    """What is odd about some cells: a finding's code, their positions, and words for its message."""

    code: str
    positions: tuple[int, ...]
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A number or date column: float64, NaN where there is nothing."""

    values: Floats
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Dates:
    """A date column: `values` in days since 1970-01-01, and the `years`, known also where day and month are not."""

    values: Floats
    years: Floats
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Categories:
    """A category or identifier column: text, None where there is nothing."""

    values: Objects
    notes: tuple[Note, ...]


_EPOCH = dt.date(1970, 1, 1)
_FEW_OF_ANOTHER_ORDER = 20
"""One date in twenty may be of the other order and still leave the column's order decided."""

_ORDER_WORDS: Mapping[DateOrder | None, Message] = {
    "dmy": msg("day/month/year"),
    "mdy": msg("month/day/year"),
    None: msg("each in the only way it can be read"),
}
_LAST_SMALL_DATE = 59
"""Beyond it Excel counts a 29 February 1900 that never was."""


def number_column(cells: Sequence[Cell], column: Column, source: Source = FROM_WORKBOOK) -> Numbers:
    """The numbers of a `number` column, inside its range; what cannot be read or is out of range is NaN."""
    noted = _Notes()
    plain = [cell if type(cell) is float else NOTHING for cell in cells]
    read = lru_cache(maxsize=None, typed=True)(lambda cell: _odd_number(cell, column, source))
    for position, cell in enumerate(cells):
        if type(cell) is not float and cell != "":
            plain[position], code = read(cell)
            noted.add(code, position, cell)
    return Numbers(_in_range(np.array(plain, dtype=np.float64), column, noted), noted.all())


def date_column(cells: Sequence[Cell], column: Column) -> Dates:
    """The dates of a `date` column.

    The order of day and month in dates written as text is decided from the whole column: by the dates that can be
    read in one way only. Where they do not show it, of the other dates only the year is known.

    Where a spreadsheet took dates written in another country's order, it turned into dates, with day and month
    swapped, exactly those whose day could be a month, and left the rest as text. So when every date cell has a day
    up to 12 and no text date could have been read that way, the date cells are swapped back.
    """
    noted = _Notes()
    in_text: dict[int, tuple[dt.date | None, dt.date | None]] = {}
    in_cells: dict[int, dt.date] = {}
    for position, cell in enumerate(cells):
        if isinstance(cell, dt.date):
            in_cells[position] = cell.date() if isinstance(cell, dt.datetime) else cell
        elif not noted.add_nothing(position, cell):
            readings = date_readings(cell) if isinstance(cell, str) else (None, None)
            if readings == (None, None):
                noted.add("unreadable_text", position, cell)
            else:
                in_text[position] = readings
    order = _date_order(in_text.values())
    dates, undecided = _read_dates(in_text, order)
    noted.add_all("text_date", dates)
    noted.add_all("undecided_date", undecided)
    noted.detail("text_date", {"order": _ORDER_WORDS[order]})
    if order is not None and _were_swapped(in_text.values(), in_cells.values()):
        noted.add_all("swapped_date", in_cells)
        in_cells = {at: date.replace(month=date.day, day=date.month) for at, date in in_cells.items()}
    days, years = np.full((2, len(cells)), NOTHING)
    for position, date in (dates | in_cells).items():
        days[position], years[position] = (date - _EPOCH).days, date.year
    for position, year in undecided.items():
        years[position] = year
    return Dates(days, years, noted.all())


def category_column(cells: Sequence[Cell], column: Column) -> Categories:
    """The categories of a column after the profile's recodings; what is not among its categories is None."""
    noted = _Notes()
    values = np.full(len(cells), None, dtype=np.object_)
    read = lru_cache(maxsize=None, typed=True)(lambda cell: read_category(cell, column))
    for position, cell in enumerate(cells):
        if cell != "":
            values[position], code = read(cell)
            noted.add(code, position, cell)
    return Categories(values, noted.all())


def identifier_column(cells: Sequence[Cell]) -> Categories:
    """The pupils' codes in the form of `student_code`; 12.0 is "12"; None for errors, empty and unusable cells.

    A code that is not written in its form is noted. A number is: the format has no other way to write it.
    """
    noted = _Notes()
    values = np.full(len(cells), None, dtype=np.object_)
    for position, cell in enumerate(cells):
        if noted.add_nothing(position, cell) or (isinstance(cell, float) and not math.isfinite(cell)):
            continue
        written = cell if isinstance(cell, str) else plain_text(cell)
        values[position] = code = student_code(written)
        if code is None:
            noted.add("unusable_code", position, cell)
        elif code != written:
            noted.add("folded_code", position, cell)
    return Categories(values, noted.all())


def zero_as_missing(values: Floats, where: NDArray[np.bool_]) -> Numbers:
    """`values` with NaN for the zeros of the rows `where` a zero means "not answered"."""
    noted = _Notes()
    zeros = where & (values == 0)
    noted.add_all("zero_not_answered", np.flatnonzero(zeros).tolist())
    return Numbers(np.where(zeros, NOTHING, values), noted.all())


def years_in_range(years: Floats, column: Column) -> Floats:
    """The `years` of dates, NaN outside the range of the number column they are for."""
    return _in_range(years, column, _Notes())


def months_of(days: Floats) -> Floats:
    """The months (1–12) of dates (days since 1970-01-01); NaN where the date is missing."""
    months = np.full(len(days), NOTHING)
    given = ~np.isnan(days)
    months[given] = days[given].astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    return months


def spellings_of(cells: Sequence[Cell], values: Floats | Objects) -> tuple[Spellings, tuple[int, ...]]:
    """The spellings of a column's values, and the positions of the odd ones out.

    Odd are cells whose text differs from the commonest of their column only in case, accents, signs or spaces.
    `values` (n,) are what the `cells` (n,) were read as; cells without a value (None, NaN) do not count.
    """
    texts = {at: cell for at, cell in enumerate(cells) if isinstance(cell, str) and cell and _has_value(values[at])}
    counts = Counter(texts.values())
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for text in counts:
        alike[fold(text)].append(text)
    rare = {text for group in alike.values() for text in _but_the_commonest(group, counts)}
    by_value: defaultdict[float | str, set[str]] = defaultdict(set)
    for at, text in texts.items():
        by_value[values[at]].add(text)
    odd = tuple(at for at, text in texts.items() if text in rare)
    return {value: frozenset(words) for value, words in by_value.items()}, odd


def error_notes(cells: Sequence[Cell]) -> tuple[Note, ...]:
    """Notes of the failed formulas in a column that is not read."""
    noted = _Notes()
    for position, cell in enumerate(cells):
        if isinstance(cell, CellError) and cell is not EMPTY_TEXT:
            noted.add("uncalculated" if cell is UNCALCULATED else "error_cell", position, cell)
    return noted.all()


class _Notes:
    """Positions by code while a column is read. Of the cells only error kinds are kept, never a pupil's value."""

    def __init__(self) -> None:
        self._positions: defaultdict[str, list[int]] = defaultdict(list)
        self._kinds: set[str] = set()
        self._details: dict[str, Mapping[str, object]] = {}

    def add(self, code: str | None, position: int, cell: Cell) -> None:
        """Note one cell; no code is nothing to note."""
        if code is None:
            return
        self._positions[code].append(position)
        if code == "error_cell":
            self._kinds.add(_error_kind(cell) or "")

    def add_nothing(self, position: int, cell: Cell) -> bool:
        """Whether a cell holds no value. An error and an empty text are noted."""
        code = _nothing(cell)
        self.add(code or None, position, cell)
        return code is not None

    def add_all(self, code: str, positions: Iterable[int]) -> None:
        """Note many cells."""
        for position in positions:
            self._positions[code].append(position)

    def detail(self, code: str, details: Mapping[str, object]) -> None:
        """Words for the message of a code."""
        self._details[code] = details

    def all(self) -> tuple[Note, ...]:
        """The notes, by code."""
        details = self._details | {"error_cell": {"kinds": ", ".join(sorted(self._kinds))}}
        return tuple(
            Note(code, tuple(positions), details.get(code, {})) for code, positions in sorted(self._positions.items())
        )


def _nothing(cell: Cell) -> str | None:
    """None when a cell holds a value; else the code of the note to make, "" for no note."""
    if cell is EMPTY_TEXT:
        return "empty_text"
    if cell is UNCALCULATED:
        return "uncalculated"
    if _error_kind(cell) is not None:
        return "error_cell"
    return "" if is_empty(cell) else None


def _error_kind(cell: Cell) -> str | None:
    if isinstance(cell, CellError):
        return cell.kind
    return error_kind(cell) if isinstance(cell, str) else None


def _odd_number(cell: Cell, column: Column, source: Source) -> tuple[float, str | None]:
    """The value of a cell that is not a float, and the code under which to note it."""
    nothing = _nothing(cell)
    if nothing is not None:
        return NOTHING, nothing or None
    if isinstance(cell, int) and not isinstance(cell, bool):
        return float(cell), None
    if isinstance(cell, dt.date):
        return _date_as_number(cell, column, source)
    if isinstance(cell, str):
        return _text_as_number(cell, column, source)
    return NOTHING, "unreadable_text"


def _date_as_number(cell: dt.date, column: Column, source: Source) -> tuple[float, str]:
    day = cell.date() if isinstance(cell, dt.datetime) else cell
    number = (day - source.epoch).days
    if column.dates_as_numbers and 0 <= number <= _LAST_SMALL_DATE:
        return float(number), "age_as_date"
    return NOTHING, "unreadable_text"


def _text_as_number(cell: str, column: Column, source: Source) -> tuple[float, str | None]:
    if column.replacements:
        mended = fold(cell)
        for pattern, text in column.replacements:
            mended = _compiled(pattern).sub(text, mended)
        number = parse_number(mended)
        if number is not None and mended != fold(cell):
            return number, "mended_text"
    number = parse_number(cell)
    if number is not None:
        if not source.typed:
            return number, None
        return number, "decimal_comma" if has_decimal_comma(cell) else "number_as_text"
    small = small_number_date(cell, source.epoch) if column.dates_as_numbers else None
    if small is not None:
        return small, "age_as_date"
    value, code = _recoded(cell, column)
    if isinstance(value, str):
        value = parse_number(value)
        return (NOTHING, "unreadable_text") if value is None else (value, code)
    return (NOTHING if value is None else value), code


def read_category(cell: Cell, column: Column) -> tuple[str | None, str | None]:
    """The category of a cell, and the code under which to note it: a rule's, or the category that the cell writes."""
    nothing = _nothing(cell)
    if nothing is not None:
        return None, nothing or None
    text = plain_text(cell)
    value, code = _recoded(text, column)
    if code == "unreadable_text":
        folded = fold(text)
        written = next((category for category in column.categories if fold(category) == folded), None)
        return (text, None) if not column.categories else (written, code if written is None else None)
    if column.categories and value is not None and value not in column.categories:
        return None, "unreadable_text"
    return None if value is None else str(value), code


def _recoded(text: str, column: Column) -> tuple[float | str | None, str | None]:
    """What the first of the column's rules that fits makes of a text; no rule: `unreadable_text`."""
    folded = fold(text)
    for recode in column.recodes:
        match = _compiled(recode.pattern).fullmatch(folded)
        if match:
            value = match[1] if recode.value is None and not recode.missing else recode.value
            return value, recode.finding
    return None, "unreadable_text"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _in_range(values: Floats, column: Column, noted: _Notes) -> Floats:
    """`values` clipped where rounding took them out of the range, NaN where they are no value of the column."""
    low = -np.inf if column.minimum is None else column.minimum
    high = np.inf if column.maximum is None else column.maximum
    outside = (values < low) | (values > high)
    far = (values < low - column.tolerance) | (values > high + column.tolerance) | np.isinf(values)
    broken = column.integer & ~far & (values != np.round(values)) & ~np.isnan(values)
    noted.add_all("rounded_to_range", np.flatnonzero(outside & ~far).tolist())
    noted.add_all("out_of_range", np.flatnonzero(far).tolist())
    noted.add_all("not_whole", np.flatnonzero(broken).tolist())
    kept = np.where(far | broken, NOTHING, np.clip(values, low, high))
    if column.usual:
        unusual = ~np.isnan(kept) & ~np.isin(kept, column.usual)
        noted.add_all("unusual_value", np.flatnonzero(unusual).tolist())
    return kept


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


def _but_the_commonest(group: Sequence[str], counts: Mapping[str, int]) -> Iterator[str]:
    commonest = max(group, key=lambda text: (counts[text], text))
    return (text for text in group if text != commonest)


def _has_value(value: object) -> bool:
    # NaN is the only value that differs from itself.
    return value is not None and value == value  # noqa: PLR0124
