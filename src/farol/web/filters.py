"""The filters of the drift page and their options: one GET form, without a script."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from markupsafe import Markup

from farol.drift.baseline import slice_words
from farol.drift.slices import kinds_of
from farol.drift.windows import SINCE, Window
from farol.model.bundle import Bundle
from farol.model.counters import WHOLE
from farol.profile import LEVEL, Text
from farol.store.database import Store
from farol.store.records import day_of
from farol.web.locale import Reader

WINDOW = "30d"
MOST_YEARS = 10
"""School years offered, the latest ones."""

_NO = ("", "0", "false", "no")
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a picker."""

    value: str
    label: str
    selected: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """Options of a picker that stand under one heading."""

    label: str
    options: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """A task (None: the first), a window, a slice ("": all pupils), and whether to compare with the same levels."""

    task: str | None = None
    window: str = WINDOW
    part: str = WHOLE
    same_levels: bool = False

    def query(self) -> dict[str, str]:
        """The parameters of an address; filters that are not set are left out."""
        return {
            **({} if self.task is None else {"task": self.task}),
            "window": self.window,
            **({"slice": self.part} if self.part else {}),
            **({"same_levels": "1"} if self.same_levels else {}),
        }


def is_yes(text: str) -> bool:
    """Whether a parameter such as `same_levels=1` says yes."""
    return text.strip().lower() not in _NO


def between(window: str, first: str, last: str, now: datetime) -> str:
    """The window that the fields of a form ask for: days that were filled in take precedence over the list."""
    if first and last:
        return f"{first}..{last}"
    if first:
        return f"{first}..{day_of(now).isoformat()}"
    return f"all@{last}" if last else window


def own_version(window: str, bundle: Bundle, served: Mapping[str, Bundle]) -> str:
    """The window; where it is `since:` the version of another task, since this task's version.

    So the reader can change the question and keep the window.
    """
    version = window.strip().removeprefix(SINCE)
    others = {other.version for task, other in served.items() if task != bundle.task}
    return f"{SINCE}{bundle.version}" if window.strip().startswith(SINCE) and version in others else window


def window_choices(window: Window, bundle: Bundle, store: Store, now: datetime, reader: Reader) -> list[Choice]:
    """The windows to choose from, the one that is shown among them. Raises StoreError."""
    _ = reader.gettext
    known = {
        "7d": _("The last 7 days"),
        "30d": _("The last 30 days"),
        "90d": _("The last 90 days"),
        "365d": _("The last year"),
    }
    since = store.first_day(bundle.task, bundle.version)
    if since is not None:
        last = day_of(now).year
        known |= {f"year:{year}": _("School year {year}", year=year) for year in _years(since, last)}
        known[f"{SINCE}{bundle.version}"] = _("Since this version first answered")
    known["all"] = _("All predictions")
    if window.name not in known:
        known = {window.name: period_words(window, reader)} | known
    return [Choice(value, label, value == window.name) for value, label in known.items()]


def slice_choices(part: str, sizes: Mapping[str, int], bundle: Bundle, reader: Reader) -> tuple[Choices, ...]:
    """The slices that hold predictions, kind by kind, and the one that is shown even if it holds none."""
    _ = reader.gettext
    level = bundle.profile.level_name
    headings = {"class": _("By class"), "source": _("By source")}
    named = sorted({*sizes, part} - {WHOLE}, key=_in_order)
    groups = []
    for kind in kinds_of(bundle):
        options = tuple(
            Choice(name, counted(name, sizes.get(name, 0), reader, level), name == part)
            for name in named
            if name.startswith(f"{kind}=")
        )
        if options:
            groups.append(Choices(headings.get(kind, _("By {level}", level=level.in_locale(reader.locale))), options))
    return tuple(groups)


def counted(part: str, n: int, reader: Reader, level: Text = LEVEL) -> str:
    """A slice in words, and how many predictions it has."""
    return f"{in_words(part, reader, level)} ({reader.number(n, 0)})"


def in_words(part: str, reader: Reader, level: Text = LEVEL) -> str:
    """A slice in words that begin a line."""
    words = slice_words(part, level).render(reader.locale)
    return words[:1].upper() + words[1:]


def period_words(window: Window, reader: Reader) -> Markup:
    """The days of a window."""
    if window.first is None:
        return reader.gettext("until {last}", last=reader.day(window.last))
    return reader.gettext("{first} to {last}", first=reader.day(window.first), last=reader.day(window.last))


def _years(first: date, last: int) -> Iterator[int]:
    yield from range(last, max(first.year, last - MOST_YEARS + 1) - 1, -1)


def _in_order(name: str) -> list[tuple[int, str]]:
    """Numbers by their size: class 10A after 9B."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(name)]
