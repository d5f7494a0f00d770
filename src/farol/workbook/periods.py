"""The year or term of each row, where a column of the file holds it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from farol.profile import Periods, fold
from farol.workbook.raw import Cell, is_empty, plain_text
from farol.workbook.texts import parse_number

_MOST = 2**31
"""A whole number beyond this is no year or term."""


def period_reader(periods: Periods) -> Callable[[Cell], int | None]:
    """From a cell to the period that it writes; None for any other cell.

    A number is the same however it is written: -2.5 and "−2,5". Texts are compared like headers.
    """
    listed = {_key(text): period for text, period in periods.values.items()}

    @cache
    def read(text: str) -> int | None:
        key = _key(text)
        if listed:
            return listed.get(key)
        return int(key) if isinstance(key, float) and key.is_integer() and abs(key) < _MOST else None

    return lambda cell: None if is_empty(cell) else read(plain_text(cell))


def period_given(periods: Periods, value: object) -> int | None:
    """The period that a caller means: a text or number as the file has it, or the number that stands for it; else None.

    >>> terms = Periods("term", {"2013B": 1, "2013J": 2})
    >>> [period_given(terms, value) for value in ("2013b", 2.0, "2", 3.0, True, None)]
    [1, 2, None, None, None, None]
    """
    if isinstance(value, bool) or not isinstance(value, str | float):
        return None
    read = period_reader(periods)(value)
    if read is None and isinstance(value, float) and value in periods.values.values():
        return int(value)
    return read


def _key(text: str) -> float | str:
    number = parse_number(text.replace("−", "-"))
    return fold(text) if number is None else number
