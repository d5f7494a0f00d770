"""Two voices: every text a person reads is written once, in English, and translated through gettext.

We build texts lazily: an error is raised deep inside the reader, long before anybody knows in which
language it will be read, so it carries a `Message` and is rendered at the edge (CLI, API, page).
"""

from __future__ import annotations

import gettext as _gettext
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Protocol, runtime_checkable

LOCALES = ("pt_BR", "en")
"""The locales we speak, the default first."""

_CATALOGS = Path(__file__).parent / "locale"


@runtime_checkable
class Localised(Protocol):
    """A value with a text for each locale, such as a text of the profile."""

    def in_locale(self, locale: str) -> str:
        """The text in `locale`."""


@dataclass(frozen=True, slots=True)
class Message:
    """An English template and its values; `str()` gives English, `render` any locale."""

    template: str
    values: Mapping[str, object] = field(default_factory=dict)

    def render(self, locale: str) -> str:
        """The text in `locale` (one of `LOCALES`); values that have texts of their own are rendered too."""
        text = translate(self.template, locale)
        if not self.values:
            return text
        return text.format_map({key: _in_locale(value, locale) for key, value in self.values.items()})

    def __str__(self) -> str:
        return self.render("en")


_LINE_ENDS = "\n\r\x0b\x0c\x85\u2028\u2029"
_HIDDEN = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_MARKS, _MARKS_AND_ENDS = re.compile(f"[{_HIDDEN}]"), re.compile(f"[{_HIDDEN}{_LINE_ENDS}]")


def visible(text: str, *, one_line: bool = False, as_json: bool = False) -> str:
    r"""The text with what would act on its reader's screen written out: controls and marks of direction, as a name of a
    file may have them (Unicode TR 36, section 3.3). In `one_line`, ends of lines too; `as_json`, as JSON has it.

    >>> visible("PEDE\x1b[31m\u202e2024.xlsx")
    'PEDE\\x1b[31m\\u202e2024.xlsx'
    """
    written = "\\u{:04x}".format if as_json else lambda number: ascii(chr(number))[1:-1]
    return (_MARKS_AND_ENDS if one_line else _MARKS).sub(lambda mark: written(ord(mark[0])), text)


def _in_locale(value: object, locale: str) -> object:
    if isinstance(value, Message):
        return value.render(locale)
    if isinstance(value, str):
        return visible(value, one_line=True)
    if isinstance(value, int | float):
        return value
    return value.in_locale(locale) if isinstance(value, Localised) else value


def msg(template: str, /, **values: object) -> Message:
    """A `Message`; the template is a literal, so that the catalogue can be extracted from the source."""
    return Message(template, values)


def in_every_locale(message: Message) -> dict[str, str]:
    """Locale → text, to be kept: who reads it later chooses."""
    return {locale: message.render(locale) for locale in LOCALES}


@dataclass(frozen=True, slots=True)
class Listing:
    """Texts one after the other, with commas between them, as a value of a `Message`."""

    parts: tuple[Localised | str, ...]

    def in_locale(self, locale: str) -> str:
        """The text in `locale`."""
        return ", ".join(str(_in_locale(part, locale)) for part in self.parts)


def decimal(value: float, digits: int = 2) -> Message:
    """A figure with the reader's decimal sign."""
    whole, _, parts = f"{value:.{digits}f}".partition(".")
    return msg("{whole}.{parts}", whole=whole, parts=parts)


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures written with a decimal point, as a value of a `Message`: the reader gets the sign of the locale."""

    text: str

    def in_locale(self, locale: str) -> str:
        """The figures in `locale`."""
        return self.text if locale == "en" else self.text.replace(".", ",")

    def __str__(self) -> str:
        return self.text


def figures(*values: float) -> Figures:
    """Numbers without needless decimals, with semicolons between them."""
    return Figures("; ".join(f"{value:g}" for value in values))


@dataclass(frozen=True, slots=True)
class Count:
    """A number of things as a value of a `Message`, with the reader's sign between thousands."""

    n: int

    def in_locale(self, locale: str) -> str:
        """The number in `locale`."""
        return f"{self.n:,}" if locale == "en" else f"{self.n:,}".replace(",", ".")

    def __str__(self) -> str:
        return self.in_locale("en")


def count(n: int) -> Count:
    """A number of things, not a year or the number of a row."""
    return Count(n)


def day(on: date) -> Message:
    """A day as the reader writes it."""
    return msg("{year}-{month}-{day}", year=on.year, month=f"{on.month:02}", day=f"{on.day:02}")


@lru_cache(maxsize=len(LOCALES))
def catalog(locale: str) -> _gettext.NullTranslations:
    """The gettext catalogue of a locale; English is the source language and needs none."""
    if locale == "en":
        return _gettext.NullTranslations()
    return _gettext.translation("farol", localedir=_CATALOGS, languages=[locale], fallback=True)


def translate(text: str, locale: str) -> str:
    """One source text in a locale; a text the catalogue lacks comes back as written."""
    return catalog(locale).gettext(text) if text else text


def negotiate(wanted: str | None, default: str = LOCALES[0]) -> str:
    """The locale for an `Accept-Language` value, a POSIX locale or a bare tag such as `en` or `pt-BR`.

    Quality values are honoured; what we do not speak is passed over; nothing usable gives `default`.
    """
    offers: list[tuple[float, int, str]] = []
    for position, part in enumerate((wanted or "").split(",")):
        tag, _, parameters = part.partition(";")
        language = tag.strip().replace("_", "-").split("-")[0].split(".")[0].lower()
        match = next((locale for locale in LOCALES if locale.split("_")[0] == language), None)
        if match is None:
            continue
        name, _, value = parameters.strip().partition("=")
        try:
            quality = float(value) if name == "q" else 1.0
        except ValueError:
            quality = 0.0
        if quality > 0:
            offers.append((-quality, position, match))
    return min(offers)[2] if offers else default


def terminal_locale(environ: Mapping[str, str] = os.environ) -> str:
    """The locale of a command: `FAROL_LOCALE`, else what the terminal says, else Portuguese."""
    for name in ("FAROL_LOCALE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environ.get(name)
        if value and value.split(".")[0] not in ("C", "POSIX"):
            return negotiate(value)
    return LOCALES[0]
