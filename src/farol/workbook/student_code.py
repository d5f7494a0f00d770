"""The code of a pupil: one form for reading, linking, storing, the API and the commands.

Two sheets seldom write a code the same way: one program adds a space, another exchanges the hyphen, a third makes a
number of it. The pupil of both sheets must stay one pupil, so every code is brought to one form as it comes in.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_CODE = 64
"""Characters that a code may have."""

_LONGEST_WRITTEN = 4 * LONGEST_CODE
"""Characters that are looked at: Unicode's normalisation takes quadratic time on a long row of combining marks."""

_SAME_CHARACTER = ("<wide>", "<narrow>", "<noBreak>", "<font>", "<compat>")
"""Unicode's tags for another shape of a character. Not `<super>`, `<sub>`, `<circle>` and `<fraction>`: the footnote in
"RA-1²" would make it the code of another pupil, "RA-12"."""

_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Characters without width that Unicode does not count among the format characters (Cf)."""

_MINUS_SIGNS = "\u2043\u2212"
_AROUND_HYPHEN = re.compile(" ?- ?")
_WHOLE_NUMBER = re.compile(r"0*([0-9]+?)(?:[.,]0+)?")


def student_code(written: object) -> str | None:
    """The one form of a pupil's code; None for what is not a text or cannot be a code.

    A code has 1 to 64 printable characters. These differences do not count:

    - case: the form is in capitals;
    - invisible characters (zero-width ones, the soft hyphen, marks of direction): removed;
    - spaces: no-break and other spaces are spaces, several are one, none stands at an end or beside a hyphen;
    - hyphens: dashes, the minus sign and the no-break hyphen are "-";
    - composed and decomposed accents, full and half width, ligatures: Unicode's composed plain form. An accent counts;
    - a code of digits alone is a number: leading zeros and decimals that are zero are removed. Spreadsheets do so
      unasked, and one sheet alone does not tell whether they did. Digits behind a letter stay: "RA-01" is not "RA-1".

    Two codes of one sheet with the same form are the same pupil twice, which reading refuses. Takes linear time.

    >>> student_code(" ra\u00a0\u2011 1\u200b"), student_code("001"), student_code("1.0"), student_code("RA-01")
    ('RA-1', '1', '1', 'RA-01')
    >>> student_code(""), student_code("RA\0"), student_code("9" * 65), student_code(1)
    (None, None, None, None)
    """
    text = _bounded(written)
    if text is None:
        return None
    if not text.isascii():
        text = _plain(text)
    text = unicodedata.normalize("NFC", text.casefold().upper())  # ß and ẞ are both SS
    text = _AROUND_HYPHEN.sub("-", " ".join(text.split()))
    number = _WHOLE_NUMBER.fullmatch(text)
    return _printable(number[1] if number else text)


def class_name(written: object) -> str | None:
    """The name of a class as it is stored; None for what is not a text of 1 to 64 printable characters.

    Its spaces at the ends are removed and its accents composed. Nothing else changes: it is shown, and links no rows.
    """
    text = _bounded(written)
    return None if text is None else _printable(unicodedata.normalize("NFC", text))


def _bounded(written: object) -> str | None:
    text = written.strip() if isinstance(written, str) else ""
    return text if len(text) <= _LONGEST_WRITTEN else None


def _plain(text: str) -> str:
    """A text without invisible characters, in plain forms of its letters, digits, spaces and hyphens."""
    return "".join(_plain_character(character) for character in unicodedata.normalize("NFC", text))


def _plain_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf" or _INVISIBLE.match(character):
        return ""
    if unicodedata.decomposition(character).startswith(_SAME_CHARACTER):
        character = unicodedata.normalize("NFKC", character)
        category = unicodedata.category(character) if len(character) == 1 else ""
    return "-" if category == "Pd" or character in _MINUS_SIGNS else character


def _printable(text: str) -> str | None:
    return text if 1 <= len(text) <= LONGEST_CODE and text.isprintable() else None
