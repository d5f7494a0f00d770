"""The code of a pupil: one form for reading, linking, storing, the API and the commands.

Two sheets seldom write a code the same way: one program adds a space, another exchanges the hyphen, a third makes a
number of it. The pupil of both sheets must stay one pupil, so every code is brought to one form as it comes in.
"""

from __future__ import annotations

import re
import unicodedata

from farol.profile import is_invisible

LONGEST_CODE = 64
"""Characters that a code may have."""

_LONGEST_WRITTEN = 4 * LONGEST_CODE
"""Characters that are looked at: Unicode's normalisation takes quadratic time on a long row of combining marks."""

_SAME_CHARACTER = ("<wide>", "<narrow>", "<noBreak>", "<font>", "<compat>")
"""Unicode's tags for another shape of a character. Not `<super>`, `<sub>`, `<circle>` and `<fraction>`: the footnote in
"RA-1²" would make it the code of another pupil, "RA-12"."""

_MINUS_SIGNS = "\u2027\u2043\u2212"

_BLANK = "\u2800"
"""A pattern of Braille without a dot, which Unicode counts among the symbols."""

_LOOK_ALIKE = str.maketrans(
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
    "ABESIJKMHOPCTXABEZHIKMNOPTYX",
)
"""Cyrillic and Greek capitals that look just like Latin ones: they come from another keyboard, unseen."""

_QUOTES = "'\"`\u00b4\u2018\u2019\u201c\u201d"
"""Quotation marks and the apostrophe that a spreadsheet wants before a text of digits."""

_AROUND = f" {_QUOTES}"
_AROUND_HYPHEN = re.compile(" ?- ?")
_WHOLE_NUMBER = re.compile(r"0*([0-9]+?)(?:[.,]0{1,2})?")
"""At most two decimals: "1.000" may be a thousand with its point, and is left as written."""


def student_code(written: object) -> str | None:
    """The one form of a pupil's code; None for what is not a text or cannot be a code.

    A code has 1 to 64 printable characters. These differences do not count:

    - case: the form is in capitals;
    - invisible characters (zero-width ones, the soft hyphen, marks of direction): removed;
    - quotation marks and apostrophes around the code: removed;
    - spaces: no-break and other spaces are spaces, several are one, none stands at an end or beside a hyphen;
    - hyphens: dashes, the minus sign and the no-break hyphen are "-";
    - Cyrillic and Greek capitals that look like Latin ones: the Latin ones;
    - composed and decomposed accents, full and half width, ligatures: Unicode's composed plain form. An accent counts;
    - a code of digits alone is a number: leading zeros, and one or two decimals that are zero, are removed.
      Spreadsheets do so unasked, and one sheet alone does not tell whether they did. "1.000" stays: the point may be
      that of a thousand. Digits behind a letter stay: "RA-01" is not "RA-1".

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
    text = unicodedata.normalize("NFC", text.casefold().upper()).translate(_LOOK_ALIKE)  # ß and ẞ are both SS
    text = _AROUND_HYPHEN.sub("-", " ".join(text.split())).strip(_AROUND)
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
    if is_invisible(character) or character == _BLANK:
        return ""
    category = unicodedata.category(character)
    if unicodedata.decomposition(character).startswith(_SAME_CHARACTER):
        character = unicodedata.normalize("NFKC", character)
        category = unicodedata.category(character) if len(character) == 1 else ""
    return "-" if category == "Pd" or character in _MINUS_SIGNS else character


def _printable(text: str) -> str | None:
    return text if 1 <= len(text) <= LONGEST_CODE and text.isprintable() else None
