"""The page of advice: what to do about each model, the words first and the figures after."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from markupsafe import Markup, escape

from farol.advice.inputs import KINDS, Advice, Kind
from farol.advice.status import Standing, real_problems, standings
from farol.drift.baseline import slice_words
from farol.i18n import Message
from farol.service import Service
from farol.web.charts import distribution
from farol.web.dashboard import PATH as DASHBOARD
from farol.web.dashboard import BinView, bin_views, bins_of, name_of
from farol.web.locale import NOTHING, Reader
from farol.web.views_service import bundles

PATH = "/monitoring/advice"
RESULTS = "/monitoring/results"

_STATUS: dict[Kind, str] = {
    "distrust": "severe",
    "retrain": "moderate",
    "look": "moderate",
    "cohort": "none",
    "too_little": "insufficient_data",
    "nothing": "none",
}
_CODE = re.compile(r"`([^`]+)`|(/monitoring/[\w/.?&=:@%-]*[\w])")


@dataclass(frozen=True, slots=True)
class Line:
    """The gravest advice in a few words, with the colour and shape of its gravity."""

    key: str
    word: str


@dataclass(frozen=True, slots=True)
class AdviceView:
    """One advice as the page shows it; `feature` is empty where there is no distribution to show."""

    key: str
    word: str
    what: Markup
    why: tuple[Markup, ...]
    steps: tuple[Markup, ...]
    feature: str
    meaning: str
    chart: Markup
    bins: tuple[BinView, ...]


@dataclass(frozen=True, slots=True)
class StandingView:
    """A model and what to do about it."""

    anchor: str
    title: str
    version: str
    advice: tuple[AdviceView, ...]


def advice_values(service: Service, reader: Reader, window: str, now: datetime) -> dict[str, object]:
    """What the template needs. InputError for a window that is none; StoreError."""
    return {
        "standings": [standing_view(one, reader) for one in standings_of(service, window, now)],
        "bar_key": Markup('<span class="key"></span>'),
        "mark_key": Markup('<span class="key mark"></span>'),
    }


def standings_of(service: Service, window: str, now: datetime, *, deep: bool = True) -> Sequence[Standing]:
    """How the models of a service stand. Raises InputError and StoreError."""
    problems = real_problems(service.registry, service.problems)
    return standings(service.store, service.registry, bundles(service), problems, window=window, now=now, deep=deep)


def line_of(one: Standing, reader: Reader) -> Line:
    """The gravest advice, for other pages."""
    return Line(_STATUS[one.lead], KINDS[one.lead].render(reader.locale))


def standing_view(one: Standing, reader: Reader) -> StandingView:
    """A model as the page shows it."""
    return StandingView(
        anchor=f"task-{one.task}",
        title=one.task if one.title is None else one.title.in_locale(reader.locale),
        version=one.version or NOTHING,
        advice=tuple(advice_view(advice, reader) for advice in one.advice),
    )


def advice_view(one: Advice, reader: Reader, *, linked: bool = True) -> AdviceView:
    """One advice, and the two distributions where it has a feature to look at. No links in a file alone."""
    figure = one.figure
    bars = [] if figure is None else list(bins_of(figure, reader.locale))
    return AdviceView(
        key=_STATUS[one.kind],
        word=KINDS[one.kind].render(reader.locale),
        what=_marked(one.what, reader, linked=linked),
        why=tuple(_marked(words, reader, linked=linked) for words in one.why),
        steps=tuple(_marked(words, reader, linked=linked) for words in one.steps),
        feature="" if figure is None else name_of(figure, reader),
        meaning="" if figure is None else figure.meaning.in_locale(reader.locale),
        chart=Markup() if figure is None else distribution(bars, reader.locale),
        bins=() if figure is None else bin_views(figure, bars, reader),
    )


def _title_of(path: str, asked: Mapping[str, str], reader: Reader) -> str:
    """What a link to a page of ours is called."""
    titles = {DASHBOARD: reader.gettext("Monitoring"), RESULTS: reader.gettext("Results")}
    title, part = titles.get(path, path), asked.get("slice")
    if part is None:
        return title
    words = slice_words(part).render(reader.locale)
    return reader.gettext("{page}: {pupils}", page=title, pupils=words)


def _marked(words: Message, reader: Reader, *, linked: bool) -> Markup:
    """Commands as code, and pages of ours as links."""

    def mark(found: re.Match[str]) -> str:
        command, page = found.groups()
        if command is not None or not linked:
            return str(Markup("<code>{}</code>").format(command or page))
        path, _, query = page.partition("?")
        asked = dict(parse_qsl(query))
        return str(Markup('<a href="{}">{}</a>').format(reader.url(path, **asked), _title_of(path, asked, reader)))

    text = words.render(reader.locale)
    pieces, at = [], 0
    for found in _CODE.finditer(text):
        pieces += [escape(text[at : found.start()]), Markup(mark(found))]  # noqa: S704  # made of escaped parts just above
        at = found.end()
    return Markup().join([*pieces, escape(text[at:])])
