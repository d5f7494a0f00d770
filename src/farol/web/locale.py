"""The reader of a page: their language, their numbers and dates, and links that keep their choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.numbers import format_decimal, format_percent
from markupsafe import Markup, escape
from starlette.requests import Request

from farol.i18n import LOCALES, day, negotiate, translate
from farol.model.bundle import Bundle
from farol.profile import Profile
from farol.settings import Settings

NOTHING = "–"
"""What stands in a cell without a value."""

_LANGUAGES = {"pt_BR": ("pt-BR", "Português"), "en": ("en", "English")}


@dataclass(frozen=True, slots=True)
class Language:
    """One entry of the language switch."""

    tag: str
    name: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: `chosen` is true when the address itself asks for the language."""

    locale: str
    chosen: bool
    timezone: ZoneInfo

    @property
    def tag(self) -> str:
        """The language tag of HTML: `pt-BR` or `en`."""
        return _LANGUAGES[self.locale][0]

    def gettext(self, template: str, /, **values: object) -> Markup:
        """A text in the reader's language; values are escaped unless they are markup already."""
        return escape(translate(template, self.locale)).format(**values)

    def number(self, value: float | None, digits: int = 2) -> str:
        """A number with the reader's decimal sign; a dash for nothing and NaN."""
        if value is None or math.isnan(value):
            return NOTHING
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        pattern = "#,##0." + "0" * digits if digits else "#,##0"
        return format_decimal(value, format=pattern, locale=self.locale)

    def percent(self, share: float | None, digits: int = 0) -> str:
        """A share of one as a percentage; a dash for nothing and NaN."""
        if share is None or math.isnan(share):
            return NOTHING
        return format_percent(share, format="0." + "0" * digits + "%" if digits else "0%", locale=self.locale)

    def moment(self, at: datetime) -> str:
        """A date and time as the reader writes them, in the programme's time zone."""
        there = at.astimezone(self.timezone)
        return f"{self.day(there.date())}, {there:%H:%M}"

    def day(self, on: date) -> str:
        """A date as the reader writes it, the same on pages, in commands and in cells: 31/12/2024, or 2024-12-31."""
        return day(on).render(self.locale)

    def written_date(self, iso: str) -> str:
        """The same of a date of a cell, which is kept as text."""
        return self.day(date.fromisoformat(iso))

    def listing(self, items: Iterable[object]) -> str:
        """Things in a row, with commas."""
        return ", ".join(map(str, items))

    def url(self, path: str, **query: str) -> str:
        """A link inside Farol that keeps the language the reader chose."""
        if self.chosen:
            query["lang"] = self.tag
        return f"{path}?{urlencode(query)}" if query else path


def reader_of(request: Request) -> Reader:
    """The reader behind a request: `?lang=`, else `Accept-Language`, else the language of the settings."""
    settings: Settings = request.app.state.service.settings
    default = negotiate(settings.locale)
    wanted = request.query_params.get("lang", "")
    chosen = negotiate(wanted, "") in LOCALES
    locale = negotiate(wanted) if chosen else negotiate(request.headers.get("accept-language"), default)
    return Reader(locale=locale, chosen=chosen, timezone=ZoneInfo(settings.timezone))


def languages(request: Request, reader: Reader) -> list[Language]:
    """The language switch: this very page in every language."""
    # `taken` tells of something that was just done, and not again in another language.
    kept = [(key, value) for key, value in request.query_params.multi_items() if key not in ("lang", "taken")]
    return languages_of(reader, lambda tag: f"{request.url.path}?{urlencode([*kept, ('lang', tag)])}")


def languages_of(reader: Reader, url_of: Callable[[str], str]) -> list[Language]:
    """A language switch whose links are made of the tag of a language."""
    return [
        Language(tag=tag, name=name, url=url_of(tag), current=locale == reader.locale)
        for locale, (tag, name) in _LANGUAGES.items()
    ]


def served_years(bundle: Bundle) -> str:
    """The years that the model in use learned from: after its test it is trained again with all there are."""
    return year_names(bundle, bundle.served_years)


def counts_by_period(profile: Profile, reader: Reader, counts: Iterable[tuple[int, int]]) -> str:
    """Numbers in a row, each with its year or term if there is one: `512 (2023), 498 (2024)`."""
    named = ((reader.number(n, 0), profile.period_text(int(period))) for period, n in counts)
    return str(reader.listing(f"{n} ({period})" if period else n for n, period in named))


def year_names(bundle: Bundle, years: Iterable[int]) -> str:
    """Years in a row; where the question looks ahead, each with the year of its answer: `2022 → 2023`.

    Empty where rows have neither year nor term.
    """
    ahead, profile = bundle.task_spec.horizon, bundle.profile
    if not ahead:
        return ", ".join(filter(None, map(profile.period_text, years)))
    return ", ".join(
        f"{profile.period_text(year)} → {profile.period_text(profile.period_after(year, ahead))}" for year in years
    )
