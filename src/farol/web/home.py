"""The introduction: what Farol is, how to read an answer, and the models in use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from farol.accounts.viewer import Duty, Viewer
from farol.advice.status import ModelStatus, real_problems
from farol.errors import FarolError, ServiceError, StoreError
from farol.evaluation.metrics import Estimate
from farol.i18n import msg
from farol.intake.jobs import job_of_lists
from farol.model.bundle import Bundle
from farol.model.inputs import Inputs
from farol.model.workbook_note import read_note
from farol.outcomes.card_comparison import CardMetrics
from farol.profile import Profile
from farol.school.recording import latest_answers
from farol.service import ROUTE, Service
from farol.web.advice import PATH as ADVICE
from farol.web.advice import AdviceLine, line_of, statuses_of
from farol.web.locale import NOTHING, Reader, served_years, year_names
from farol.web.situation import situation_of
from farol.web.status import Status, status_of_report
from farol.web.wording import told_error

DRIFT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate as a reader sees it."""

    value: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class GroupScore:
    """The ROC AUC among some of the test rows, or without some features."""

    where: Markup
    score: Interval


@dataclass(frozen=True, slots=True)
class ServedTask:
    """One question that the service answers, as the page shows it.

    `hits` and `hit_words` say how many of ten pupils at the top of the list were behind (of those pointed out, where
    the card has no list), `lot` how many would have been by lot, `caught` how many of the pupils behind were pointed
    out; `score` is the ROC AUC.
    """

    name: str
    title: str
    question: str
    version: str
    learned: str
    checked: Markup | str
    hits: Markup | None
    hit_words: Markup
    lot: Markup | None
    caught: Markup | None
    score: Interval | None
    score_words: Markup
    notice: str | None
    groups: tuple[GroupScore, ...]
    stored: str
    drift: Status | None
    advice: AdviceLine | None


@dataclass(frozen=True, slots=True)
class TopOfList:
    """The list of a model's test: `k` of `n` pupils, the share behind among them, and by lot."""

    k: int
    n: int
    share: float
    by_lot: float


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
    about: Markup | str
    link: str | None = None


def home_values(service: Service, reader: Reader, viewer: Viewer, base: str, now: datetime) -> dict[str, object]:
    """What the template of the introduction needs; `base` is the address of the service, without a slash at the end."""
    served = service.bundles
    known = _statuses(service, now)
    note = read_note(service.settings.artifacts)
    lists = _lists(service)
    return {
        "lists": lists,
        "made_by": None if lists is None else job_of_lists(service.store),
        "situation": situation_of(
            service, reader, note, known, lists_of=lists and lists[0], may_send=bool(viewer.may(Duty.administer))
        ),
        "tasks": [_task(bundle, service, reader, known.get(bundle.task)) for bundle in served],
        "problems": [told_error(problem, reader) for problem in _problems(service)],
        "guide": list(_guide(service.profile, reader)),
        "drift_days": DRIFT_DAYS,
        "example": _example(service.profile, base),
        "state": service.profile.label.state.in_locale(reader.locale),
        "looks_ahead": any(
            task.horizon for task in [bundle.task_spec for bundle in served] or service.profile.tasks.values()
        ),
        "routes": list(_routes(service, reader, viewer, served)),
    }


def _lists(service: Service) -> tuple[int, int] | None:
    """The year of the lists and how many pupils they have; None where there are none."""
    try:
        return latest_answers(service.store)
    except StoreError:  # the page says so below
        return None


def _problems(service: Service) -> Iterator[FarolError]:
    """What keeps the service from answering all it could."""
    yield from real_problems(service.registry, service.problems).values()
    for job in service.background:
        if job.problem is not None and not isinstance(job.problem, StoreError):  # that of the store stands below
            yield ServiceError(msg("{job}: {problem}", job=job.title, problem=job.problem.problem), fix=job.problem.fix)
    if not service.bundles:  # where other models answer, these may well be copies and remains
        yield from service.unused.values()
    try:
        service.store.ping()
    except StoreError as error:
        yield error


def _task(bundle: Bundle, service: Service, reader: Reader, status: ModelStatus | None) -> ServedTask:
    spec, locale, _ = bundle.task_spec, reader.locale, reader.gettext
    state = bundle.profile.label.state.in_locale(locale)
    card = CardMetrics.of(bundle)
    metrics = {} if card is None else card.metrics
    marked, recall, auc = (metrics.get(name) for name in ("precision", "recall", "roc_auc"))
    top = top_of_list(bundle)
    hits = top.share if top is not None else marked.value if marked is not None else None
    return ServedTask(
        name=bundle.task,
        title=spec.title.in_locale(locale),
        question=spec.question.in_locale(locale),
        version=bundle.version,
        learned=served_years(bundle),
        checked=_checked(bundle, reader),
        hits=None if hits is None else _("{count} of {all}", **counted(hits)),
        hit_words=_hit_words(bundle, top, marked, state, reader),
        lot=None if top is None else _lot(top, state, reader),
        caught=None
        if recall is None
        else _("Of {all} pupils who were {state} it pointed out {count}.", state=state, **counted(recall.value)),
        score=_interval(auc, reader),
        score_words=_(
            "Of two pupils, one who turned out {state} and one who did not, it puts the first one ahead in {share} of "
            "cases. Tossing a coin would in 50%.",
            state=state,
            share=reader.percent(auc.value if auc else None),
        ),
        notice=in_locale(bundle.report.get("notice"), locale),
        groups=tuple(_groups(bundle, reader)),
        stored=NOTHING if status is None else reader.number(service.store.answered(bundle.task), 0),
        drift=None if status is None or status.drift is None else status_of_report(status.drift, reader),
        advice=None if status is None else line_of(status, reader),
    )


def counted(share: float) -> dict[str, object]:
    """A share as a number of ten pupils; of a hundred where ten would make it none or all."""
    of = 100 if 0 < share < 1 and round(10 * share) in (0, 10) else 10
    return {"count": round(of * share), "all": of}


def top_of_list(bundle: Bundle) -> TopOfList | None:
    """The list of the test, as the card has it; None where it has none."""
    match bundle.report.get("capacity"):
        case {
            "lists": {"all": {"k": int(k), "n": int(n), "by_chance": by_chance, "precision": {"value": float(share)}}}
        }:
            return TopOfList(k, n, share, by_chance / k)
        case _:
            return None


def _hit_words(bundle: Bundle, top: TopOfList | None, marked: Estimate | None, state: str, reader: Reader) -> Markup:
    _ = reader.gettext
    if top is not None:
        if bundle.task_spec.horizon:
            return _("pupils at the top of the list were {state} later", state=state)
        return _("pupils at the top of the list were {state}", state=state)
    if marked is None:
        return Markup()
    return _(
        "pupils it pointed out in the test were {state} (with 95% confidence {low} to {high})",
        state=state,
        low=reader.percent(marked.low),
        high=reader.percent(marked.high),
    )


def _lot(top: TopOfList, state: str, reader: Reader) -> Markup:
    """What a list drawn by lot would have been worth."""
    return reader.gettext(
        "In the test the list had {k} of {n} pupils. Of a list drawn by lot, {count} of {all} would have been {state}.",
        state=state,
        k=reader.number(top.k, 0),
        n=reader.number(top.n, 0),
        **counted(top.by_lot),
    )


def _checked(bundle: Bundle, reader: Reader) -> Markup | str:
    """The years of the test, and what the model had seen by then, where it has seen more since."""
    tested = year_names(bundle, bundle.manifest.test_years)
    before = year_names(bundle, bundle.manifest.train_years)
    if before == served_years(bundle):
        return tested
    return reader.gettext("{tested}, knowing only {before}", tested=tested, before=before)


def _statuses(service: Service, now: datetime) -> dict[str, ModelStatus]:
    """The status of each model; none while the store is down, so that the page still answers."""
    try:
        return {status.task: status for status in statuses_of(service, f"{DRIFT_DAYS}d", now, deep=False)}
    except StoreError:
        return {}


def _interval(estimate: Estimate | None, reader: Reader) -> Interval | None:
    if estimate is None:
        return None
    return Interval(reader.number(estimate.value), reader.number(estimate.low), reader.number(estimate.high))


def _groups(bundle: Bundle, reader: Reader) -> Iterator[GroupScore]:
    """The ROC AUC where it differs: for new and old cases, and without the features that give the answer away."""
    _, hidden = reader.gettext, bundle.task_spec.hidden
    columns, state = bundle.profile.columns, bundle.profile.label.state.in_locale(reader.locale)
    without = reader.listing(f"“{columns[name].meaning.in_locale(reader.locale)}”" for name in hidden)
    hidden_key = "_".join(("without", *hidden)).lower()  # as farol.training.report.without_key
    for card, where in (
        (CardMetrics.of(bundle, "onset"), _("Among pupils not {state} now", state=state)),
        (CardMetrics.of(bundle, "recovery"), _("Among pupils {state} now", state=state)),
        (
            CardMetrics.read(bundle.report.get(hidden_key)),
            _("Without {features}", features=without),
        ),
    ):
        score = None if card is None else _interval(card.metrics.get("roc_auc"), reader)
        if score is not None:
            yield GroupScore(where, score)


def in_locale(texts: object, locale: str) -> str | None:
    """A text of a report, which has it in both languages."""
    match texts:
        case {"pt": str(pt), "en": str(en)}:
            return en if locale == "en" else pt
        case _:
            return None


def _guide(profile: Profile, reader: Reader) -> Iterator[Point]:
    _, state = reader.gettext, profile.label.state.in_locale(reader.locale)
    ahead = [task for task in profile.tasks.values() if task.horizon]
    for task in profile.tasks.values():
        if task.horizon == 0 and task.hidden:  # a feature that is the answer in other words
            yield Point(
                _("The answer about this year is mostly a definition"),
                (
                    task.limits.in_locale(reader.locale),
                    _("It is here because it was asked for. Its high score does not mean that it can predict."),
                ),
            )
    if ahead:
        yield Point(
            _("The useful question is next year's"),
            (
                _(
                    "Everything known this year, also whether a pupil is {state} now, is fair evidence about "
                    "next year. Farol is wrong more often about next year, because that is a real question. "
                    "Begin with it.",
                    state=state,
                ),
            ),
        )
    yield Point(
        _("Missing is not average"),
        (
            _(
                "A grade that was not given is not an average grade. Farol treats it as missing and says so in the "
                "answer. The less it knows, the less the answer is worth; if it knows nothing, it gives no answer."
            ),
        ),
    )
    for task in ahead[:1]:
        yield Point(
            _("It is about pupils who stay"),
            (
                _("A pupil who leaves has no next year in the data, so Farol could not learn from them."),
                task.limits.in_locale(reader.locale),
            ),
        )
    yield Point(
        _("A probability is not a destiny"),
        (
            _(
                "At 70%, about seven of ten such pupils turned out {state}, and three did not. It says what usually "
                "happened, not what will, and not what your work can change.",
                state=state,
            ),
        ),
    )
    yield Point(
        _("Yes or no hides the new cases"),
        (
            _(
                "The answer is “yes” from one probability on. Pupils who are fine today rarely reach it, "
                "even those whose risk is growing. To find them, order by probability within that group."
            ),
        ),
    )


def _example(profile: Profile, base: str) -> str:
    """A curl that works as it stands: an invented pupil of whom all is known that the model takes."""
    task = max(profile.tasks.values(), key=lambda task: task.horizon)  # the first of them
    body = json.dumps(Inputs.of(profile, task).example())
    route = ROUTE.format(task=task.name)
    return f"curl -X POST {base}{route} \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"


def _routes(service: Service, reader: Reader, viewer: Viewer, served: list[Bundle]) -> Iterator[Route]:
    _ = reader.gettext

    def for_programs(path: str) -> str | None:
        """A session opens no route of the API: where there are users, a browser gets no further by these."""
        return path if viewer.is_everybody else None

    for name, spec in sorted(service.tasks.specs.items(), key=lambda item: -item[1].horizon):
        for path in service.routes(name):
            yield Route("POST", path, spec.question.in_locale(reader.locale))
    yield Route("GET", "/tasks", _("The questions and their routes"), for_programs("/tasks"))
    yield Route("GET", "/models", _("The models: those in use, and every version"), for_programs("/models"))
    for bundle in served:
        path = f"/models/{bundle.task}/card"
        yield Route(
            "GET",
            path,
            _("Model card: {title}", title=bundle.task_spec.title.in_locale(reader.locale)),
            reader.url(path),
        )
    yield Route(
        "GET", "/monitoring/predictions", _("The latest predictions"), for_programs("/monitoring/predictions?limit=20")
    )
    yield Route(
        "GET",
        "/monitoring/predictions.csv",
        _("All predictions as a table"),
        for_programs("/monitoring/predictions.csv"),
    )
    yield Route("GET", "/monitoring/drift", _("Drift, as JSON"), for_programs("/monitoring/drift"))
    yield Route("GET", "/monitoring/dashboard", _("Drift, as a page with charts"), reader.url("/monitoring/dashboard"))
    yield Route("GET", "/monitoring/status", _("What to do, as JSON"), for_programs("/monitoring/status"))
    yield Route("GET", ADVICE, _("What to do, as a page"), reader.url(ADVICE))
    yield Route("GET", "/health", _("Is the service alive?"), "/health")
    yield Route("GET", "/ready", _("Can it answer and store?"), "/ready")
    yield Route("GET", "/docs", _("All routes, to try in the browser"), "/docs")
