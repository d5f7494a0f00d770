"""The log of predictions as CSV: for programs in the original system's columns, then ours; for people in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from zoneinfo import ZoneInfo

from farol.csv_form import PROGRAMS, CsvForm
from farol.i18n import msg
from farol.model.features import meanings_of
from farol.model.inputs import Inputs
from farol.profile import Profile
from farol.store.records import Prediction

_PIECE = 500

Column = tuple[str, Callable[[Prediction], object]]
"""A header, and what stands below it."""


def columns_of(profile: Profile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The inputs of all tasks of a profile, once each: the features, and apart from them the context."""
    tasks = profile.tasks.values()
    features = {name for task in tasks for name in task.features}
    inputs = dict.fromkeys(name for task in tasks for name in Inputs.of(profile, task).columns)
    declared = dict.fromkeys(name for task in tasks for name in task.context)
    context = dict.fromkeys((*declared, *(name for name in inputs if name not in features)))
    return tuple(name for name in inputs if name not in context), tuple(context)


def write_csv(
    rows: Iterable[Prediction], profile: Profile, timezone: str | ZoneInfo, form: CsvForm = PROGRAMS
) -> Iterator[str]:
    """The CSV in pieces of some hundred lines, the header first; memory stays constant.

    For programs: the features, prediction, prediction_label, probability, timestamp (ISO 8601 with the offset of
    `timezone`), then prediction_id, task, model_version, source, threshold, warnings (codes separated by spaces),
    student, then the context. For people: pupil, class, answer, risk, moment, question and model version, then every
    input by its meaning. An input that was missing or not given is an empty cell, and so are prediction and probability
    where there was no answer, and a student that was not given.
    """
    zone = timezone if isinstance(timezone, ZoneInfo) else ZoneInfo(timezone)
    columns = _for_people(profile, zone, form) if form.is_for_people else _for_programs(profile, zone)
    pending = iter(rows)
    text = form.start + form.lines([[header for header, _ in columns]])
    while True:
        piece = list(islice(pending, _PIECE))
        text += form.lines([cell(row) for _, cell in columns] for row in piece)
        if text:
            yield text
        if not piece:
            return
        text = ""


def _for_programs(profile: Profile, zone: ZoneInfo) -> list[Column]:
    features, context = columns_of(profile)
    return [
        *((name, _input(name)) for name in features),
        ("prediction", lambda row: row.prediction),
        ("prediction_label", lambda row: row.label),
        ("probability", lambda row: row.probability),
        ("timestamp", lambda row: row.at.astimezone(zone).isoformat()),
        ("prediction_id", lambda row: row.id),
        ("task", lambda row: row.task),
        ("model_version", lambda row: row.version),
        ("source", lambda row: row.source),
        ("threshold", lambda row: row.threshold),
        ("warnings", lambda row: " ".join(row.warnings)),
        ("student", lambda row: row.student),
        *((name, _input(name)) for name in context),
    ]


def _for_people(profile: Profile, zone: ZoneInfo, form: CsvForm) -> list[Column]:
    day = "%d/%m/%Y %H:%M" if form.locale.startswith("pt") else "%Y-%m-%d %H:%M"
    questions = {name: task.title.in_locale(form.locale) for name, task in profile.tasks.items()}
    meanings = meanings_of(profile)
    features, context = columns_of(profile)
    return [
        (msg("pupil").render(form.locale), lambda row: row.student),
        (msg("class").render(form.locale), lambda row: row.group),
        (msg("answer").render(form.locale), lambda row: row.label),
        (msg("risk").render(form.locale), lambda row: None if row.probability is None else round(row.probability, 6)),
        (msg("moment").render(form.locale), lambda row: row.at.astimezone(zone).strftime(day)),
        (msg("question").render(form.locale), lambda row: questions.get(row.task, row.task)),
        (msg("model version").render(form.locale), lambda row: row.version),
        *((meanings[name].in_locale(form.locale), _input(name)) for name in (*features, *context)),
    ]


def _input(name: str) -> Callable[[Prediction], object]:
    return lambda row: row.features.get(name)
