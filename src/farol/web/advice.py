"""The page of advice: what to do about each model, the words first and the figures after."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from markupsafe import Markup, escape

from farol.advice.inputs import KINDS, Advice, Kind
from farol.advice.status import ModelStatus, model_statuses, real_problems
from farol.drift.baseline import slice_words
from farol.i18n import Message
from farol.service import Service
from farol.web.charts import distribution
from farol.web.dashboard import PATH as DASHBOARD
from farol.web.dashboard import BinView, bin_views, bins_of
from farol.web.locale import NOTHING, Reader

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
class AdviceLine:
    """The gravest advice in a few words, with the colour and shape of its gravity."""

    key: str
    word: str


@dataclass(frozen=True, slots=True)
class AdviceView:
    """One advice as the page shows it; `feature` is empty where there is no distribution to show."""

    key: str
    word: str
    summary: Markup
    why: tuple[Markup, ...]
    steps: tuple[Markup, ...]
    feature: str
    chart: Markup
    bins: tuple[BinView, ...]


@dataclass(frozen=True, slots=True)
class ModelStatusView:
    """A model and what to do about it."""

    anchor: str
    title: str
    version: str
    advice: tuple[AdviceView, ...]


def advice_values(service: Service, reader: Reader, window: str, now: datetime) -> dict[str, object]:
    """What the template needs. Raises InputError for a window that cannot be read; StoreError."""
    return {
        "statuses": [status_view(status, reader) for status in statuses_of(service, window, now)],
        "bar_key": Markup('<span class="key"></span>'),
        "mark_key": Markup('<span class="key mark"></span>'),
    }


def statuses_of(service: Service, window: str, now: datetime, *, deep: bool = True) -> Sequence[ModelStatus]:
    """The status of each model of a service. Raises InputError and StoreError."""
    problems = real_problems(service.registry, service.problems)
    return model_statuses(service.store, service.registry, service.bundles, problems, window=window, now=now, deep=deep)


def first_advice(service: Service, task: str, window: str, reader: Reader, now: datetime) -> AdviceView | None:
    """The gravest advice about a task's model, for its page; None where there is no status. Raises StoreError."""
    for status in statuses_of(service, window, now, deep=False):
        if status.task == task and status.advice:
            return advice_view(min(status.advice, key=lambda advice: advice.kind != status.lead), reader)
    return None


def line_of(status: ModelStatus, reader: Reader) -> AdviceLine:
    """The gravest advice, for other pages."""
    return AdviceLine(_STATUS[status.lead], KINDS[status.lead].render(reader.locale))


def status_view(status: ModelStatus, reader: Reader) -> ModelStatusView:
    """A model as the page shows it."""
    return ModelStatusView(
        anchor=f"task-{status.task}",
        title=status.task if status.title is None else status.title.in_locale(reader.locale),
        version=status.version or NOTHING,
        advice=tuple(advice_view(advice, reader) for advice in status.advice),
    )


def advice_view(advice: Advice, reader: Reader, *, linked: bool = True) -> AdviceView:
    """One advice, and the two distributions where it has a feature to look at. No links in a file alone."""
    figure = advice.figure
    bars = [] if figure is None else list(bins_of(figure, reader.locale))
    return AdviceView(
        key=_STATUS[advice.kind],
        word=KINDS[advice.kind].render(reader.locale),
        summary=_marked(advice.summary, reader, linked=linked),
        why=tuple(_marked(words, reader, linked=linked) for words in advice.why),
        steps=tuple(_marked(words, reader, linked=linked) for words in advice.steps),
        feature="" if figure is None else figure.meaning.in_locale(reader.locale),
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

    def mark(match: re.Match[str]) -> str:
        command, page = match.groups()
        if command is not None or not linked:
            return str(Markup("<code>{}</code>").format(command or page))
        path, _, query = page.partition("?")
        asked = dict(parse_qsl(query))
        return str(Markup('<a href="{}">{}</a>').format(reader.url(path, **asked), _title_of(path, asked, reader)))

    text = words.render(reader.locale)
    pieces, at = [], 0
    for match in _CODE.finditer(text):
        pieces += [escape(text[at : match.start()]), Markup(mark(match))]  # noqa: S704  # made of escaped parts just above
        at = match.end()
    return Markup().join([*pieces, escape(text[at:])])
