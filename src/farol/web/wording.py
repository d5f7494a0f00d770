"""Texts of other rooms as a page shows them: pages of ours are links, and what needs a terminal stands apart.

Commands, logs and pages have the same errors and advice. A page is for people: a sentence with a command in it is for
whoever looks after the computer, and is folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from markupsafe import Markup, escape

from farol.accounts.viewer import Duty, Viewer
from farol.drift.baseline import slice_words
from farol.errors import FarolError
from farol.i18n import Message, msg
from farol.web.locale import Reader

_TITLES: Mapping[str, Message] = {
    "/monitoring/dashboard": msg("Monitoring"),
    "/monitoring/results": msg("Results"),
    "/monitoring/advice": msg("Advice"),
    "/workbooks": msg("Workbook"),
    "/administration/models": msg("Models"),
}
"""Pages that texts name by their path, and what they are called."""
_PAGE = re.compile(rf"({'|'.join(map(re.escape, _TITLES))})(?![\w/])(?:\?([\w.&=:@%-]*\w))?")
_TERMINAL = re.compile(r"`|\bfarol [a-z]|\bFAROL_[A-Z]|(?<!\S)--[a-z]|\b(?:pip|make) install\b")
_SENTENCES = re.compile(r"(?<=[.!?]) +(?=[^a-zà-ú])")


@dataclass(frozen=True, slots=True)
class Told:
    """What texts tell people; and `keeper`, the sentences that only somebody at a terminal can follow."""

    words: str
    keeper: Markup


def code(text: str) -> Markup:
    """A text to type."""
    return Markup("<code>{}</code>").format(text)


def link(url: str, text: str) -> Markup:
    """A link within a sentence."""
    return Markup('<a href="{}">{}</a>').format(url, text)


def told(lines: Iterable[str]) -> Told:
    """Lines of text, parted."""
    sentences = [sentence for line in lines for sentence in _SENTENCES.split(line)]
    people = [sentence for sentence in sentences if not _TERMINAL.search(sentence)]
    keeper = [with_code(sentence) for sentence in sentences if _TERMINAL.search(sentence)]
    return Told(" ".join(people), Markup(" ").join(keeper))


def told_error(error: FarolError, reader: Reader) -> Told:
    """An error, as it stands on a page that can be used all the same."""
    return told(error.lines(reader.locale))


def with_code(text: str) -> Markup:
    """A text whose parts between backticks are to be typed."""
    parts = (code(part) if place % 2 else escape(part) for place, part in enumerate(text.split("`")))
    return Markup().join(parts)


def linked(text: str, reader: Reader, viewer: Viewer | None) -> Markup:
    """A text whose pages are links; in quotation marks for a viewer who may not open them, and in a file (None)."""
    pieces, at = [], 0
    for match in _PAGE.finditer(text):
        pieces += [escape(text[at : match.start()]), _to_page(match[1], match[2] or "", reader, viewer)]
        at = match.end()
    return Markup().join([*pieces, escape(text[at:])])


def _to_page(path: str, query: str, reader: Reader, viewer: Viewer | None) -> Markup:
    asked = dict(parse_qsl(query))
    title = _title_of(path, asked, reader)
    duty = Duty.oversee if path.startswith("/monitoring") else Duty.administer
    if viewer is None or not viewer.may(duty):
        return Markup("“{}”").format(title)
    return link(reader.url(path, **asked), title)


def _title_of(path: str, asked: Mapping[str, str], reader: Reader) -> str:
    """What a page of ours is called, and whom it is about."""
    title, part = _TITLES[path].render(reader.locale), asked.get("slice")
    if part is None:
        return title
    return reader.gettext("{page}: {pupils}", page=title, pupils=slice_words(part).render(reader.locale))
