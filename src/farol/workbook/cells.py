"""From the cells of one column to clean values: pure functions, one column in, values and notes out.

A note says under which code which positions (0-based, within the column) are odd; the table of the sheet makes findings
of them.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from farol.i18n import figures
from farol.profile import Column, fold, visible
from farol.workbook.notes import Note, Notes, nothing_in
from farol.workbook.raw import FROM_WORKBOOK, Cell, Percent, Rounded, Source, plain_text
from farol.workbook.student_code import student_code
from farol.workbook.texts import (
    EPOCH_1904,
    NOTHING_WORDS,
    has_decimal_comma,
    parse_number,
    parse_percent,
    small_number_date,
)

Floats = NDArray[np.float64]
Objects = NDArray[np.object_]
Spellings = Mapping[float | str, frozenset[str]]
"""Value → the texts that stand for it in one sheet."""

NOTHING = math.nan


@dataclass(frozen=True, slots=True)
class Numbers:
    """A number or date column: float64, NaN where there is nothing."""

    values: Floats
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Categories:
    """A category or identifier column: text, None where there is nothing."""

    values: Objects
    notes: tuple[Note, ...]


_LAST_SMALL_DATE = 59
"""Beyond it Excel counts a 29 February 1900 that never was."""

_DECIMALS_OF_A_DAY = 6
"""A day's part is read to the millisecond."""

_FIRST_INEXACT = 1e15
"""Spreadsheets keep fifteen digits of a number. Whole ones from here on may have had others at their end."""

_SCIENTIFIC = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{1,3}")
"""How a spreadsheet writes a long number that does not fit its column."""

_FAR_ABOVE_ONE = 5
_ENOUGH_SHARES = 3


def number_column(cells: Sequence[Cell], column: Column, source: Source = FROM_WORKBOOK) -> Numbers:
    """The numbers of a `number` column, inside its range; what cannot be read or is out of range is NaN."""
    noted = Notes()
    plain = [cell if type(cell) is float else NOTHING for cell in cells]
    read = lru_cache(maxsize=None, typed=True)(lambda cell: _odd_number(cell, column, source))
    percentages: dict[int, float] = {}
    for position, cell in enumerate(cells):
        if type(cell) is float or cell == "":
            continue
        share = _percentage(cell)
        if share is not None:
            percentages[position] = share
            continue
        plain[position], code = read(cell)
        noted.add(code, position, cell)
    for position, number in _read_percentages(percentages, column, noted).items():
        plain[position] = number
    values = _in_range(np.array(plain, dtype=np.float64), column, noted)
    _note_shares(values, column, noted)
    return Numbers(values, noted.all())


def category_column(cells: Sequence[Cell], column: Column) -> Categories:
    """The categories of a column after the profile's recodings; what is not among its categories is None.

    Where the profile lists no categories, words that differ only as headers may are one category: the commonest of
    them.
    """
    noted = Notes()
    values = np.full(len(cells), None, dtype=np.object_)
    read = lru_cache(maxsize=None, typed=True)(lambda cell: read_category(cell, column))
    for position, cell in enumerate(cells):
        if cell != "":
            values[position], code = read(cell)
            noted.add(code, position, cell)
    return Categories(values if column.categories else _of_one_spelling(values), noted.all())


def _of_one_spelling(values: Objects) -> Objects:
    """Words (n,), each in the commonest spelling of those that fold alike; None stays."""
    counts = Counter(value for value in values if value is not None)
    commonest: dict[str, str] = {}
    spelling: dict[object, str | None] = {None: None}
    for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        spelling[word] = commonest.setdefault(fold(word), word)
    return np.array([spelling[value] for value in values], dtype=np.object_)


_HAS_DIGIT = re.compile("[0-9]")
_NO_CODES = NOTHING_WORDS | {"sem ra", "sem codigo", "sem matricula", "sem numero", "pendente", "a definir"}


def identifier_column(cells: Sequence[Cell]) -> Categories:
    """The pupils' codes in the form of `student_code`; 12.0 is "12"; None for errors, empty and unusable cells, and for
    words that mean nothing ("-", "s/n").

    A code that is not written in its form is noted. A number is: the format has no other way to write it. A number
    that may have lost digits is noted as `inexact_code`, a date as `code_as_date`.
    """
    noted = Notes()
    values = np.full(len(cells), None, dtype=np.object_)
    for position, cell in enumerate(cells):
        if noted.add_nothing(position, cell) or (isinstance(cell, float) and not math.isfinite(cell)):
            continue
        written = cell if isinstance(cell, str) else plain_text(cell)
        code = student_code(written)
        if code is not None and not _HAS_DIGIT.search(code) and fold(code) in _NO_CODES:
            continue  # it would be one pupil, of every row and year that has no code
        values[position] = code
        if code is None:
            noted.add("unusable_code", position, cell)
        elif isinstance(cell, dt.date | dt.time):
            noted.add("code_as_date", position, cell)
        elif _has_lost_digits(cell):
            noted.add("inexact_code", position, cell)
        elif code != written:
            noted.add("folded_code", position, cell)
    return Categories(values, noted.all())


def _has_lost_digits(cell: Cell) -> bool:
    """Whether a code may be another pupil's, too: a number of more digits than its kind keeps, or 1.23E+16 as text."""
    if isinstance(cell, str):
        return _SCIENTIFIC.fullmatch(cell.strip()) is not None
    return isinstance(cell, Rounded) or (isinstance(cell, float) and abs(cell) >= _FIRST_INEXACT)


def zero_as_missing(values: Floats, where: NDArray[np.bool_]) -> Numbers:
    """`values` with NaN for the zeros of the rows `where` a zero means "not answered"."""
    noted = Notes()
    zeros = where & (values == 0)
    noted.add_all("zero_not_answered", np.flatnonzero(zeros).tolist())
    return Numbers(np.where(zeros, NOTHING, values), noted.all())


def years_in_range(years: Floats, column: Column) -> Numbers:
    """The `years` of dates, NaN outside the range of the number column they are for."""
    noted = Notes()
    return Numbers(_in_range(years, column, noted), noted.all())


def spellings_of(cells: Sequence[Cell], values: Floats | Objects) -> tuple[Spellings, tuple[int, ...]]:
    """The spellings of a column's values, and the positions of the odd ones out.

    Odd are cells whose text differs from the commonest of their column only in case, accents, signs, spaces, width or
    invisible characters.
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


def _odd_number(cell: Cell, column: Column, source: Source) -> tuple[float, str | None]:
    """The value of a cell that is not a float, and the code under which to note it."""
    nothing = nothing_in(cell)
    if nothing is not None:
        return NOTHING, nothing or None
    if isinstance(cell, int | Rounded) and not isinstance(cell, bool):
        return float(cell), None
    if isinstance(cell, dt.date):
        return _date_as_number(cell, column, source)
    if isinstance(cell, str):
        return _text_as_number(cell, column, source)
    return NOTHING, "unreadable_text"


def _date_as_number(cell: dt.date, column: Column, source: Source) -> tuple[float, str]:
    moment = cell if isinstance(cell, dt.datetime) else dt.datetime.combine(cell, dt.time())
    # No small number makes a date of 1904 where day 0 is of 1899, so that year shows the other way of counting.
    day_0 = EPOCH_1904 if moment.year == EPOCH_1904.year else source.epoch
    days = (moment.replace(tzinfo=None) - dt.datetime.combine(day_0, dt.time())) / dt.timedelta(days=1)
    number = round(days, _DECIMALS_OF_A_DAY)
    if (column.dates_as_numbers or not column.integer) and 0 <= number <= _LAST_SMALL_DATE:
        return number, "age_as_date"
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
    if code == "unreadable_text" and fold(cell) in NOTHING_WORDS:
        code = "word_for_nothing"
    if isinstance(value, str):
        value = parse_number(value)
        return (NOTHING, "unreadable_text") if value is None else (value, code)
    return (NOTHING if value is None else value), code


def read_category(cell: Cell, column: Column) -> tuple[str | None, str | None]:
    """The category of a cell, and the code under which to note it: a rule's, or the category that the cell writes."""
    nothing = nothing_in(cell)
    if nothing is not None:
        return None, nothing or None
    text = plain_text(cell)
    value, code = _recoded(text, column)
    if code == "unreadable_text":
        if not column.categories:
            return " ".join(visible(text).split()), None
        folded = fold(text)
        written = next((category for category in column.categories if fold(category) == folded), None)
        return written, code if written is None else None
    if column.categories and value is not None and value not in column.categories:
        return None, "unreadable_text"
    return None if value is None else str(value), code


def _percentage(cell: Cell) -> float | None:
    if isinstance(cell, Percent):
        return float(cell)
    return parse_percent(cell) if isinstance(cell, str) else None


def _read_percentages(percentages: Mapping[int, float], column: Column, noted: Notes) -> Mapping[int, float]:
    """Percentages as values of a column: 85% of a grade up to 10 is 8.5.

    A column without a highest value, or with 1 as the highest, takes the share itself. Where a percentage is above
    100%, the cells were formatted so by mistake, and hold the values themselves.
    """
    if not percentages:
        return {}
    highest = column.maximum if column.maximum is not None and column.maximum > 1 else 1.0
    mistaken = column.integer or max(percentages.values()) > 1 + column.tolerance
    noted.add_all("percent_format" if mistaken else "percentage", percentages)
    noted.detail("percentage", {"highest": figures(highest)})
    return percentages if mistaken else {at: share * highest for at, share in percentages.items()}


def _note_shares(values: Floats, column: Column, noted: Notes) -> None:
    """Note a column all of whose values are shares of 1, where values go up to far more."""
    given = values[~np.isnan(values)]
    if column.integer or column.maximum is None or column.maximum < _FAR_ABOVE_ONE or len(given) < _ENOUGH_SHARES:
        return
    if given.max() <= 1 and np.count_nonzero((given > 0) & (given < 1)) >= len(given) / 2:
        noted.add_all("like_shares", np.flatnonzero(~np.isnan(values)).tolist())
        noted.detail("like_shares", {"highest": figures(column.maximum)})


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


def _in_range(values: Floats, column: Column, noted: Notes) -> Floats:
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


def _but_the_commonest(group: Sequence[str], counts: Mapping[str, int]) -> Iterator[str]:
    commonest = max(group, key=lambda text: (counts[text], text))
    return (text for text in group if text != commonest)


def _has_value(value: object) -> bool:
    # NaN is the only value that differs from itself.
    return value is not None and value == value  # noqa: PLR0124
