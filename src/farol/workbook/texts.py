"""Numbers, dates and spreadsheet errors that stand in a cell as text."""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal

from farol.profile import fold, visible

DateOrder = Literal["mdy", "dmy"]
"""How day and month stand in dates written as text."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_PLAIN = str.maketrans(
    "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff0e\uff0c\uff05\u2212\u2010\u2011\u2013\uff0d\u2019",
    "0123456789.,%-----'",
)
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:(?:\.[0-9]{3})+,[0-9]+|(?:,[0-9]{3})+\.[0-9]+)")
_DATE = re.compile(
    r"([0-9]{1,4}) ?([/.-]) ?([0-9]{1,2}) ?\2 ?([0-9]{1,4})(?:[ T][0-9:.]+(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_COMPACT_DATE = re.compile(r"((?:19|20)[0-9]{2})([01][0-9])([0-3][0-9])(?:\.0)?")
_WORDED_DATE = re.compile(r"([0-9]{1,2})[o ]*(?:de |[/.-])? ?([a-z]{3,9})\.?,? ?(?:de |[/.-])? ?([0-9]{4}|[0-9]{2})")
_MONTHS = {
    word[:3]: number
    for number, words in enumerate(
        [
            *("janeiro january", "fevereiro february", "marco march", "abril april", "maio may", "junho june"),
            *("julho july", "agosto august", "setembro september", "outubro october", "novembro november"),
            "dezembro december",
        ],
        start=1,
    )
    for word in words.split()
}
_MONTH = re.compile(
    "jan(eiro|uary)?|fev(ereiro)?|feb(ruary)?|mar(co|ch)?|abr(il)?|apr(il)?|maio?|may|jun(ho|e)?|jul(ho|y)?|ago(sto)?"
    "|aug(ust)?|set(embro)?|sep(t|tember)?|out(ubro)?|oct(ober)?|nov(embro|ember)?|dez(embro)?|dec(ember)?"
)
_ERRORS = frozenset(
    [
        "#n/a",
        "#n/d",
        "#div/0!",
        "#ref!",
        "#value!",
        "#valor!",
        "#name?",
        "#nome?",
        "#num!",
        "#núm!",
        "#null!",
        "#nulo!",
        "#spill!",
        "#calc!",
        "#getting_data",
        "#field!",
        "#blocked!",
        "#busy!",
        "#unknown!",
        "#connect!",
        "#external!",
        "#python!",
        "#despejar!",
        "#campo!",
    ]
)
_ERROR_NUMBER = re.compile(r"[Ee]rro?:[0-9]{3}")
"""How LibreOffice shows the errors that have no name."""

NOTHING_SIGNS = frozenset(
    [
        *("na", "n/a", "nan", "null", "none", "-", "--", "---", "\u2013", "\u2014", ".", "...", "\u2026", "*", "?"),
        *("s/n", "nd", "n/d"),
    ]
)
"""Texts (folded) by which files of any kind say that there is no value."""

NOTHING_WORDS = NOTHING_SIGNS | {
    *("sem nota", "sem registro", "nao se aplica", "nao avaliado", "nao avaliada", "nao fez", "nao realizou"),
    *("faltou", "falta", "ausente", "dispensado", "dispensada", "absent", "missing", "exempt"),
}
"""The same, with the words of schools."""

EPOCH_1904 = dt.date(1904, 1, 1)
"""Day 0 of the workbooks that count as the first Macintosh did."""

_DAY_0 = dt.date(1899, 12, 30)
_FIRST_DAY, _LAST_DAY = 25_569, 73_051
"""1970-01-01 and 2100-01-01 as numbers of days. Days counted from 1970, as programs do, are far below."""

_LONGEST_DATE = 40

_CENTURY_TURN = 50
"""A year written with two digits is of this century below this, else of the last."""


def parse_number(text: str) -> float | None:
    """The number a text writes, with a decimal point or comma; None when it is no plain number.

    Characters that nobody sees do not count, nor does an apostrophe in front, which a spreadsheet wants before a text.
    Wide digits and every minus sign are read.

    >>> parse_number("7,5"), parse_number(" 7.5 "), parse_number("1.234,5"), parse_number("1,234.5")
    (7.5, 7.5, 1234.5, 1234.5)
    >>> parse_number("7 ou 8"), parse_number("nan"), parse_number("1_0"), parse_number("")
    (None, None, None, None)
    """
    text = _plain(text)
    if _NUMBER.fullmatch(text):
        return float(text.replace(",", "."))
    if _GROUPED.fullmatch(text):
        whole, _, decimals = text.rpartition("," if text.rfind(",") > text.rfind(".") else ".")
        return float(f"{whole.replace('.', '').replace(',', '')}.{decimals}")
    return None


def _plain(text: str) -> str:
    """A text as a keyboard here writes it: no superscript is taken for a digit."""
    text = visible(text).strip()
    return (text if text.isascii() else text.translate(_PLAIN)).removeprefix("'")


def parse_percent(text: str) -> float | None:
    """The number behind a percentage written as text; None for any other text.

    >>> parse_percent("85%"), parse_percent("85,5 %"), parse_percent("85"), parse_percent("%")
    (0.85, 0.855, None, None)
    """
    text = _plain(text)
    number = parse_number(text[:-1]) if text.endswith("%") else None
    return None if number is None else number / 100


def has_decimal_comma(text: str) -> bool:
    """Whether a text that is a number writes its decimals after a comma."""
    return text.rfind(",") > text.rfind(".")


def parse_date(text: str, order: DateOrder | None) -> dt.date | None:
    """The date a text writes: year-month-day always, else day and month in the `order` given. None for other texts.

    A month may be a word of Portuguese or English.

    >>> parse_date("6/17/2015", "mdy"), parse_date("17/06/2015 00:00", "dmy"), parse_date("2015-06-17", None)
    (datetime.date(2015, 6, 17), datetime.date(2015, 6, 17), datetime.date(2015, 6, 17))
    >>> parse_date("17 de junho de 2015", None), parse_date("17/jun/15", None), parse_date("20150617", None)
    (datetime.date(2015, 6, 17), datetime.date(2015, 6, 17), datetime.date(2015, 6, 17))
    >>> parse_date("17/6/2015", "mdy"), parse_date("17/6/2015", None), parse_date("soon", "mdy")
    (None, None, None)
    """
    match = _DATE.fullmatch(_in_figures(visible(text).strip()))
    if match is None:
        return None
    first, middle, last = match[1], match[3], match[4]
    if len(first) == 4:
        year, month, day = first, middle, last
    elif order == "mdy":
        year, month, day = last, first, middle
    elif order == "dmy":
        year, month, day = last, middle, first
    else:
        return None
    try:
        return dt.date(whole_year(year), int(month), int(day))
    except ValueError:
        return None


def _in_figures(text: str) -> str:
    """A date without separators, or whose month is a word, with the year first; any other text as it is."""
    compact = _COMPACT_DATE.fullmatch(text)
    if compact is not None:
        return "-".join(compact.groups())
    worded = _WORDED_DATE.fullmatch(fold(text)) if len(text) <= _LONGEST_DATE else None
    if worded is None or _MONTH.fullmatch(worded[2]) is None:
        return text
    return f"{whole_year(worded[3])}-{_MONTHS[worded[2][:3]]}-{worded[1]}"


def day_number(number: float) -> dt.date | None:
    """The date that a spreadsheet counts as a number of days, of the years 1970 to 2099; None for other numbers.

    >>> day_number(42172.0), day_number(2015.0)
    (datetime.date(2015, 6, 17), None)
    """
    return _DAY_0 + dt.timedelta(days=int(number)) if _FIRST_DAY <= number < _LAST_DAY else None


def date_readings(text: str) -> tuple[dt.date | None, dt.date | None]:
    """The dates that a text writes: with its day before its month, and after it; None for no date.

    >>> date_readings("3/2/2014"), date_readings("17/6/2015")
    ((datetime.date(2014, 2, 3), datetime.date(2014, 3, 2)), (datetime.date(2015, 6, 17), None))
    """
    return parse_date(text, "dmy"), parse_date(text, "mdy")


def small_number_date(text: str, epoch: dt.date) -> float | None:
    """The number behind a text such as "1/8/1900" or "1900-01-08": a small number that was formatted as a date.

    A workbook that counts from 1904 writes "1/9/1904" for 8.

    In January one of the two parts besides the year is 1 whatever their order, so the other one is the day.
    """
    match = _DATE.fullmatch(visible(text).strip())
    if match is None:
        return None
    parts = [match[1], match[3], match[4]]
    year = next((part for part in (parts[0], parts[2]) if part in ("1900", "1904")), None)
    if year is None:
        return None
    parts.remove(year)
    month, day = sorted(map(int, parts))
    if month != 1 or not 1 <= day <= 31:
        return None
    return float((dt.date(int(year), 1, day) - (EPOCH_1904 if year == "1904" else epoch)).days)


def error_kind(text: str) -> str | None:
    """The spreadsheet error that a text is (`#N/A`, `Err:502`, in English or Portuguese), else None."""
    kind = text.strip()
    if not kind.startswith(("#", "E", "e")):
        return None
    return kind.upper() if kind.lower() in _ERRORS or _ERROR_NUMBER.fullmatch(kind) else None


def whole_year(year: str) -> int:
    """A year of two or more digits.

    >>> whole_year("24"), whole_year("99"), whole_year("2024")
    (2024, 1999, 2024)
    """
    number = int(year)
    if len(year) > 2:
        return number
    return number + (2000 if number < _CENTURY_TURN else 1900)
