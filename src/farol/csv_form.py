"""How a csv file is written: for programs always the same, for people as the spreadsheets of their country open it.

Texts that others chose, such as a pupil's code, are kept from running as formulas. `unguarded` gives them back. A text
that is a number below zero stays one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from farol.i18n import Message, translate

_BEGINS = r"""["'\s]*[=+\-@＝＋－＠]"""
_BREAKS = r"""["' ]*[\t\r\n]"""
_RUNS = re.compile(f"(^(?={_BREAKS})|(?:^|[;,\\t|\\r\\n])(?={_BEGINS}))")
_GUARDED = re.compile(f"(^(?='{_BREAKS})|(?:^|[;,\\t|\\r\\n])(?='{_BEGINS}))'")
"""What begins a cell, of this file or of one that is read with another separator (OWASP, CSV injection)."""

_BELOW_ZERO = re.compile(r"-(?:0|[1-9][0-9]*)(?:[.,][0-9]+)?")

MAY_RUN = f"(?:^|[;,\\t|\\r\\n])(?:{_BEGINS})|^(?:{_BREAKS})".replace(r"\s", r"\s\pZ\x0b\x1c-\x1f\x{85}")
"""What is in every text that `guarded` changes, for engines without lookahead (RE2)."""

_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


class Audience(StrEnum):
    """For whom a csv file is written."""

    people = "people"
    programs = "programs"


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How a csv file is written: for whom, and in which locale its headers and words are."""

    audience: Audience
    locale: str

    @property
    def is_for_people(self) -> bool:
        """Whether headers are words and numbers have the locale's decimal sign."""
        return self.audience is Audience.people

    @property
    def separator(self) -> str:
        """Between cells: a semicolon where the comma stands in numbers."""
        return ";" if self.is_for_people and self.locale.startswith("pt") else ","

    @property
    def start(self) -> str:
        """What the file begins with: by this mark a spreadsheet knows UTF-8."""
        return _BYTE_ORDER_MARK if self.is_for_people else ""

    def lines(self, rows: Iterable[Sequence[object]]) -> str:
        """The rows as text (RFC 4180 but for the separator)."""
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=self.separator).writerows([self._cell(value) for value in row] for row in rows)
        return buffer.getvalue()

    def _cell(self, value: object) -> object:
        if isinstance(value, Message):
            value = value.render(self.locale)
        if isinstance(value, str):
            return guarded(value)
        if not self.is_for_people:
            return int(value) if isinstance(value, bool) else value
        if isinstance(value, bool):
            return translate("yes" if value else "no", self.locale)
        if isinstance(value, float):
            text = f"{value:.0f}" if value.is_integer() else repr(value)
            return text.replace(".", ",") if self.separator == ";" else text
        return value


PROGRAMS = CsvForm(Audience.programs, "en")


def guarded(text: str) -> str:
    """The text with an apostrophe before whatever a spreadsheet would take for the beginning of a formula.

    >>> guarded("=1+1"), guarded("-1.5"), guarded("-1+1")
    ("'=1+1", '-1.5', "'-1+1")
    """
    if _BELOW_ZERO.fullmatch(text):
        return text
    return _RUNS.sub(r"\1'", text)


def unguarded(text: str) -> str:
    """The text that `guarded` was given."""
    return _GUARDED.sub(r"\1", text)
