"""The page of advice: what to do about each model, the words first and the figures after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from farol.accounts.viewer import Viewer
from farol.advice.inputs import KINDS, Advice, Kind
from farol.advice.status import WINDOW, ModelStatus, model_statuses, real_problems
from farol.i18n import Message
from farol.service import Service
from farol.web.charts import distribution
from farol.web.dashboard import BinView, bin_views, bins_of
from farol.web.locale import NOTHING, Reader
from farol.web.wording import code, linked, told

PATH = "/monitoring/advice"

_STATUS: dict[Kind, str] = {
    "distrust": "severe",
    "retrain": "moderate",
    "look": "moderate",
    "cohort": "none",
    "too_little": "insufficient_data",
    "nothing": "none",
}


@dataclass(frozen=True, slots=True)
class AdviceLine:
    """The gravest advice in a few words, with the colour and shape of its gravity."""

    key: str
    word: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A model whose answers are not to be relied on for now, and why."""

    title: str
    summary: Markup


@dataclass(frozen=True, slots=True)
class AdviceView:
    """One advice as the page shows it; `feature` is empty where there is no distribution to show.

    `keeper` has the steps that need a terminal, `numbers` what stands behind the words.
    """

    key: str
    word: str
    summary: Markup
    why: tuple[Markup, ...]
    steps: tuple[Markup, ...]
    keeper: tuple[Markup, ...]
    numbers: tuple[Markup, ...]
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


def advice_values(service: Service, reader: Reader, viewer: Viewer, window: str, now: datetime) -> dict[str, object]:
    """What the template needs. Raises InputError for a window that cannot be read; StoreError."""
    views = [status_view(status, reader, viewer) for status in statuses_of(service, window, now)]
    steps = (step for view in views for advice in view.advice for step in advice.keeper)
    return {
        "statuses": views,
        "keeper": [
            reader.gettext("{command} says the same as this page.", command=code("farol status")),
            *dict.fromkeys(steps),
        ],
        "bar_key": Markup('<span class="key"></span>'),
        "mark_key": Markup('<span class="key mark"></span>'),
    }


def statuses_of(service: Service, window: str, now: datetime, *, deep: bool = True) -> Sequence[ModelStatus]:
    """The status of each model of a service. Raises InputError and StoreError."""
    problems = real_problems(service.registry, service.problems)
    return model_statuses(service.store, service.registry, service.bundles, problems, window=window, now=now, deep=deep)


def first_advice(service: Service, task: str, window: str, now: datetime) -> Advice | None:
    """The gravest advice about a task's model, for its page; None where there is no status. Raises StoreError."""
    for status in statuses_of(service, window, now, deep=False):
        if status.task == task and status.advice:
            return min(status.advice, key=lambda advice: advice.kind != status.lead)
    return None


def look(service: Service) -> None:
    """Notes how the models are, for the pages of pupils: with many outcomes it takes too long for each of them."""
    service.statuses = statuses_of(service, WINDOW, datetime.now(UTC), deep=False)


def doubts(service: Service, reader: Reader, viewer: Viewer) -> tuple[Doubt, ...]:
    """Why not to rely on answers, for the pages that show them; as of the last `look`."""
    return tuple(
        Doubt(_title(status, reader), linked(advice.summary.render(reader.locale), reader, viewer))
        for status in service.statuses
        for advice in status.advice
        if advice.kind == "distrust"
    )


def line_of(status: ModelStatus, reader: Reader) -> AdviceLine:
    """The gravest advice, for other pages."""
    return AdviceLine(_STATUS[status.lead], KINDS[status.lead].render(reader.locale))


def status_view(status: ModelStatus, reader: Reader, viewer: Viewer) -> ModelStatusView:
    """A model as the page shows it."""
    return ModelStatusView(
        anchor=f"task-{status.task}",
        title=_title(status, reader),
        version=status.version or NOTHING,
        advice=tuple(advice_view(advice, reader, viewer) for advice in status.advice),
    )


def _title(status: ModelStatus, reader: Reader) -> str:
    return status.task if status.title is None else status.title.in_locale(reader.locale)


def advice_view(advice: Advice, reader: Reader, viewer: Viewer | None) -> AdviceView:
    """One advice, and the two distributions where it has a feature to look at. No links in a file (no viewer)."""

    def page(words: Message) -> Markup:
        return linked(words.render(reader.locale), reader, viewer)

    parts = [told([words.render(reader.locale)]) for words in advice.steps]
    figure = advice.figure
    bars = [] if figure is None else list(bins_of(figure, reader.locale))
    return AdviceView(
        key=_STATUS[advice.kind],
        word=KINDS[advice.kind].render(reader.locale),
        summary=page(advice.summary),
        why=tuple(map(page, advice.why)),
        steps=tuple(linked(part.words, reader, viewer) for part in parts if part.words),
        keeper=tuple(part.keeper for part in parts if part.keeper),
        numbers=tuple(map(page, advice.numbers)),
        feature="" if figure is None else figure.meaning.in_locale(reader.locale),
        chart=Markup() if figure is None else distribution(bars, reader.locale),
        bins=() if figure is None else bin_views(figure, bars, reader),
    )
