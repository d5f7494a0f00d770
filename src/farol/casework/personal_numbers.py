"""Telephone numbers and CPFs in texts: neither is kept, so a text that holds one is refused."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from farol.errors import InputError, Place
from farol.i18n import Message, count, msg

LONGEST_TEXT = 2000
"""Characters of a comment, a note or what was agreed."""

_CPF = re.compile(r"(?<!\d)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)")
_DATE = re.compile(r"(?<!\d)\d{1,2}([/.-])\d{1,2}\1(?:19|20)?\d{2}(?!\d)|(?<!\d)(?:19|20)\d{2}-\d{2}-\d{2}(?!\d)")
_RUN = re.compile(r"(?<!\w)(?<![^\W\d]-)\+?\(?\d(?:[ ().\-/]{0,3}\d)+")
_AREA_CODE = re.compile(r"\(\d{2,3}\)|\+\d")
_YEAR = re.compile(r"(?:19|20)\d{2}")
_FEWEST, _MOST = 8, 13
"""Digits of a telephone number here: a landline without its area code, a mobile with +55 and its area code."""


def has_personal_number(text: str) -> bool:
    """Whether a text holds what looks like a telephone number or a CPF. Dates, years and rows of grades do not.

    A pupil's code such as RA-12345678 does not either.

    >>> has_personal_number("ligar para (11) 98765-4321"), has_personal_number("em 12/03/2025, nota 7,5")
    (True, False)
    """
    plain = unicodedata.normalize("NFKC", "".join(map(_plain_letter, text)))
    if _CPF.search(plain):
        return True
    return any(map(_is_telephone, _RUN.findall(_DATE.sub(" # ", plain))))


def plain_text(text: str, field: Message, *, longest: int = LONGEST_TEXT) -> str:
    """A text as it is kept: without spaces at its ends and control characters. InputError where it cannot be kept."""
    if len(text) > longest:
        raise InputError(
            msg("“{field}” is too long.", field=field),
            expected=msg("at most {n} characters", n=count(longest)),
            where=Place(field=str(field)),
            fix=msg("Shorten the text, or part it into two notes."),
        )
    kept = "".join(letter for letter in text.replace("\r\n", "\n") if letter == "\n" or letter.isprintable()).strip()
    if has_personal_number(kept):
        raise InputError(
            msg("“{field}” seems to hold a telephone number or a CPF. Farol does not keep these.", field=field),
            expected=msg("a text without such numbers"),
            where=Place(field=str(field)),
            fix=msg("Remove the number and save again. Keep it where the school keeps such numbers."),
        )
    return kept


def telephone(text: str) -> str:
    """A typed number as a `tel:` link wants it: digits, with a plus before them if there was one. It is never kept.

    InputError for what is no number.
    """
    written = unicodedata.normalize("NFKC", text[:40]).strip()
    digits = "".join(letter for letter in written if letter in "0123456789")
    if not 3 <= len(digits) <= 15 or not re.fullmatch(r"\+?[\d ().\-/]+", written):
        raise InputError(
            msg("This is not a telephone number."),
            expected=msg("digits, such as {example}", example="(11) 98765-4321"),
            where=Place(field="telephone"),
            fix=msg("Type the number with its area code."),
        )
    return f"+{digits}" if written.startswith("+") else digits


def parse_day(text: str, field: Message) -> date | None:
    """A day as forms send it (`2025-03-12`) or as people here type it (`12/03/2025`); None for nothing. InputError."""
    written = text.strip()[:20]
    if not written:
        return None
    match = re.fullmatch(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", written, re.ASCII)
    try:
        on = date(int(match[3]), int(match[2]), int(match[1])) if match else date.fromisoformat(written)
    except ValueError:
        on = None
    if on is None or not 1990 <= on.year <= 2099:
        raise InputError(
            msg("“{field}” is not a day.", field=field),
            expected=msg("a day such as {example}", example="12/03/2025"),
            where=Place(field=str(field)),
            fix=msg("Type the day, the month and the year with a stroke between them."),
        )
    return on


def _plain_letter(letter: str) -> str:
    if not letter.isprintable() or letter.isspace():
        return " "
    return "-" if unicodedata.category(letter) == "Pd" or letter == "\N{MINUS SIGN}" else letter


def _is_telephone(run: str) -> bool:
    digits = sum(letter.isdigit() for letter in run)
    if not _FEWEST <= digits <= _MOST:
        return False
    if _AREA_CODE.search(run):
        return True
    groups = [group for group in re.split(r"\D+", run) if len(group) >= 4]
    return any(not _YEAR.fullmatch(group) for group in groups)
