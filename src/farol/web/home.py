"""The introduction: what Farol is, how to read an answer, and what is served now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from farol.advice.status import Standing
from farol.errors import FarolError, StoreError
from farol.model.bundle import Bundle
from farol.model.features import sheet_inputs
from farol.profile import Column, Profile
from farol.service import Service
from farol.web.advice import PATH as ADVICE
from farol.web.advice import Line, line_of, standings_of
from farol.web.locale import NOTHING, Reader
from farol.web.status import Status, status_of
from farol.web.views_service import bundles, served_years, year_names

DRIFT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric of a report with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate as a reader sees it."""

    value: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Group:
    """The estimate among some of the test rows, or without some features."""

    where: Markup
    score: Interval


@dataclass(frozen=True, slots=True)
class ServedTask:
    """One question that the service answers, as the page shows it."""

    name: str
    title: str
    question: str
    version: str
    learned: str
    checked: Markup | str
    score: Interval | None
    score_words: Markup
    notice: str | None
    groups: tuple[Group, ...]
    stored: str
    drift: Status | None
    advice: Line | None


@dataclass(frozen=True, slots=True)
class Point:
    """One thing to know before reading an answer."""

    title: Markup
    texts: tuple[Markup | str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table of routes; `link` where a browser can open it."""

    method: str
    path: str
    about: Markup
    link: str | None = None


def home_values(service: Service, reader: Reader, base: str, now: datetime) -> dict[str, object]:
    """What the template of the introduction needs; `base` is the address of the service, without a slash at the end."""
    served = bundles(service)
    known = _standings(service, now)
    return {
        "tasks": [_task(bundle, service, reader, known.get(bundle.task)) for bundle in served],
        "problems": [" ".join(problem.lines(reader.locale)) for problem in _problems(service)],
        "guide": list(_guide(service.profile, reader)),
        "drift_days": DRIFT_DAYS,
        "example": _example(service.profile, base),
        "routes": list(_routes(reader, served)),
    }


def _problems(service: Service) -> Iterator[FarolError]:
    """What keeps the service from answering all it could."""
    yield from service.problems.values()
    try:
        service.store.ping()
    except StoreError as error:
        yield error


def _task(bundle: Bundle, service: Service, reader: Reader, standing: Standing | None) -> ServedTask:
    spec, locale, _ = bundle.task_spec, reader.locale, reader.gettext
    auc = estimate(bundle.report, "test")
    return ServedTask(
        name=bundle.task,
        title=spec.title.in_locale(locale),
        question=spec.question.in_locale(locale),
        version=bundle.version,
        learned=served_years(bundle),
        checked=_checked(bundle, reader),
        score=_interval(auc, reader),
        score_words=_(
            "Of two pupils, one who turned out behind and one who did not, it puts the first one ahead in {share} of "
            "cases. Tossing a coin would in 50%.",
            share=reader.percent(auc.value if auc else None),
        ),
        notice=_in_locale(bundle.report.get("notice"), locale),
        groups=tuple(_groups(bundle, reader)),
        stored=NOTHING if standing is None else reader.number(service.store.total(bundle.task), 0),
        drift=None if standing is None or standing.drift is None else status_of(standing.drift.verdict, reader),
        advice=None if standing is None else line_of(standing, reader),
    )


def _checked(bundle: Bundle, reader: Reader) -> Markup | str:
    """The years of the test, and what the model had seen by then, where it has seen more since."""
    tested = year_names(bundle, bundle.manifest.test_years)
    before = year_names(bundle, bundle.manifest.train_years)
    if before == served_years(bundle):
        return tested
    return reader.gettext("{tested}, knowing only {before}", tested=tested, before=before)


def _standings(service: Service, now: datetime) -> dict[str, Standing]:
    """How each model stands; the page stands even while the store is down."""
    try:
        return {one.task: one for one in standings_of(service, f"{DRIFT_DAYS}d", now, deep=False)}
    except StoreError:
        return {}


def estimate(report: Mapping[str, object], part: str) -> Estimate | None:
    """The ROC AUC of a part of a report with its interval; None where the report has none."""
    match report.get(part):
        case {"roc_auc": {"value": float(value), "low": float(low), "high": float(high)}}:
            return Estimate(value, low, high)
        case _:
            return None


def _interval(estimate: Estimate | None, reader: Reader) -> Interval | None:
    if estimate is None:
        return None
    return Interval(reader.number(estimate.value), reader.number(estimate.low), reader.number(estimate.high))


def _groups(bundle: Bundle, reader: Reader) -> Iterator[Group]:
    """How good the answer is where it differs: on new and on old cases, and without what gives it away."""
    _ = reader.gettext
    groups = bundle.report.get("groups")
    parts = groups if isinstance(groups, Mapping) else {}
    for part, where in (
        (estimate(parts, "onset"), _("Among pupils not behind now")),
        (estimate(parts, "recovery"), _("Among pupils behind now")),
        (_without_hidden(bundle), _("Without {features}", features=reader.listing(bundle.task_spec.hidden))),
    ):
        score = _interval(part, reader)
        if score is not None:
            yield Group(where, score)


def _without_hidden(bundle: Bundle) -> Estimate | None:
    return estimate(bundle.report, "_".join(("without", *bundle.task_spec.hidden)).lower())


def _in_locale(texts: object, locale: str) -> str | None:
    """A text of a report, which has it in both languages."""
    match texts:
        case {"pt": str(pt), "en": str(en)}:
            return en if locale == "en" else pt
        case _:
            return None


def _guide(profile: Profile, reader: Reader) -> Iterator[Point]:
    _ = reader.gettext
    for task in profile.tasks.values():
        if task.horizon == 0:
            yield Point(
                _("The answer about this year is mostly a definition"),
                (
                    task.limits.in_locale(reader.locale),
                    _("It is here because it was asked for. Do not take its score for foresight."),
                ),
            )
    yield Point(
        _("The useful question is next year's"),
        (
            _(
                "Everything known this year, the present lag included, is fair evidence about the next. Farol is "
                "wrong more often there, because that question is a real one. Begin with it."
            ),
        ),
    )
    yield Point(
        _("Missing is not average"),
        (
            _(
                "A grade that was not given is not a middling grade. Farol treats it as missing and warns of it in the "
                "answer; the less it is told, the less the answer is worth, and told nothing it gives none."
            ),
        ),
    )
    yield Point(
        _("It speaks of pupils who stay"),
        (
            _(
                "Whoever leaves the programme has no next year in the survey, so Farol could not learn from them. "
                "Those who leave are behind more often than those who stay."
            ),
        ),
    )
    yield Point(
        _("A probability is not a destiny"),
        (
            _(
                "At 70%, about seven of ten such pupils were found behind a year later, and three were not. It says "
                "what usually happened, not what will, and not what your work can change."
            ),
        ),
    )
    yield Point(
        _("Yes or no hides the new cases"),
        (
            _(
                "The words of the answer cut the probability at one point. Pupils who are fine today rarely reach it, "
                "even those whose risk is growing. To find them, order by probability within that group."
            ),
        ),
    )


def _example(profile: Profile, base: str) -> str:
    """A curl that works as it stands: an invented pupil, the indicators alone."""
    task = max(profile.tasks.values(), key=lambda task: task.horizon)
    columns = [profile.columns[name] for name in sheet_inputs(profile, task) if name not in task.context]
    body = json.dumps({column.name: _invented(column, place) for place, column in enumerate(columns)})
    route = "forecast" if task.horizon else "predict"
    return f"curl -X POST {base}/{route} \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"


def _invented(column: Column, place: int) -> float:
    """A value somewhat above the middle, another one for each place; one of the usual ones where there are such."""
    if column.usual:
        return column.usual[len(column.usual) // 2]
    low = 0.0 if column.minimum is None else column.minimum
    high = 10.0 if column.maximum is None else column.maximum
    return round(low + (high - low) * (0.55 + 0.05 * (place * 3 % 8)), 1)


def _routes(reader: Reader, served: list[Bundle]) -> Iterator[Route]:
    _ = reader.gettext
    yield Route("POST", "/forecast", _("Will the pupil be behind next year?"))
    yield Route("POST", "/predict", _("Is the pupil behind this year?"))
    yield Route("GET", "/models", _("The models: what is served, and every version there is"), "/models")
    for bundle in served:
        path = f"/models/{bundle.task}/card"
        yield Route(
            "GET",
            path,
            _("Model card: {title}", title=bundle.task_spec.title.in_locale(reader.locale)),
            reader.url(path),
        )
    yield Route("GET", "/monitoring/predictions", _("The latest predictions"), "/monitoring/predictions?limit=20")
    yield Route("GET", "/monitoring/predictions.csv", _("All predictions as a table"), "/monitoring/predictions.csv")
    yield Route("GET", "/monitoring/drift", _("Drift, as JSON"), "/monitoring/drift")
    yield Route("GET", "/monitoring/dashboard", _("Drift, as a page with charts"), reader.url("/monitoring/dashboard"))
    yield Route("GET", "/monitoring/status", _("What to do, as JSON"), "/monitoring/status")
    yield Route("GET", ADVICE, _("What to do, as a page"), reader.url(ADVICE))
    yield Route("GET", "/health", _("Is the service alive?"), "/health")
    yield Route("GET", "/ready", _("Can it answer and store?"), "/ready")
    yield Route("GET", "/docs", _("All routes, to try in the browser"), "/docs")
