"""A pupil as the reader sees them: the answer with its reasons, the years, what came of forecasts, and what if."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from farol.accounts.purpose import purpose_words
from farol.casework.cases import seen_pupils
from farol.errors import InputError
from farol.model.features import meanings_of
from farol.model.reasons import Reason, number_text
from farol.model.scoring import Answer, Scorer
from farol.profile import Column, Profile, Task
from farol.school.pupil import PupilRecord, PupilYear, Quartiles, quartiles, read_pupil, scenario
from farol.school.recording import stored_reasons
from farol.web.casework.panel import case_panel
from farol.web.charts import PeerPoint, beside_peers
from farol.web.locale import NOTHING, Reader
from farol.web.school.answering import Asking
from farol.web.school.lists import answered_tasks, pupil_url
from farol.web.school.words import in_ten, level_words
from farol.workbook.student_code import student_code

MOST_CHARTS = 12


@dataclass(frozen=True, slots=True)
class ScenarioField:
    """A field of the form that asks what if: what is known, and what the reader put in its place."""

    name: str
    label: str
    known: str
    given: str
    least: str
    most: str
    problem: Markup | None = None


def seen_pupil(asking: Asking, written: str) -> PupilRecord | None:
    """The pupil, if there is one that this person may see. Raises StoreError."""
    student = student_code(written)
    if student is None:
        return None
    # Whom they may not see is looked up no further than who does not exist: else the time it takes would tell.
    with asking.store.snapshot() as connection:
        if student not in seen_pupils(connection, asking.viewer, [student]):
            return None
    record = read_pupil(asking.store, student, with_name=asking.with_names)
    return record if record is not None and asking.viewer.sees(record.group) else None


def pupil_values(asking: Asking, record: PupilRecord) -> dict[str, object]:
    """What the page of a pupil shows. Raises StoreError."""
    reader, tasks = asking.reader, answered_tasks(asking)
    task = next((name for name in tasks if record.answer(name) is not None), tasks[0] if tasks else None)
    profile = asking.service.profile if task is None else asking.profile(task)
    values: dict[str, object] = {
        **_head(asking, record, profile),
        "why": asking.viewer.sees(record.group).reason.render(reader.locale),
        "state": profile.label.state.in_locale(reader.locale),
        "answer": None if task is None else _answer(record, task, profile, reader),
        "past": list(_past(record, asking)),
        **_years(asking, record, profile, task),
        **scenario_values(asking, record, {}),
        **case_panel(asking.service, reader, asking.viewer, record.student, record.present.year),
    }
    return values


def referral_values(asking: Asking, record: PupilRecord, audience: str) -> dict[str, object]:
    """What the sheet to hand on shows. Raises StoreError."""
    tasks = answered_tasks(asking)
    task = next((name for name in tasks if record.answer(name) is not None), None)
    profile = asking.service.profile if task is None else asking.profile(task)
    shown = None if task is None else _answer(record, task, profile, asking.reader)
    return {
        **_head(asking, record, profile),
        "state": profile.label.state.in_locale(asking.reader.locale),
        "audience": audience if audience in AUDIENCES else AUDIENCES[0],
        "answer": shown,
        **{
            side: [] if shown is None else [reason["fact"] for reason in shown[side] if reason["tells"]]
            for side in ("raising", "lowering")
        },
        "purpose": purpose_words(asking.store, asking.reader.locale),
        "foot": asking.by_whom(),
    }


AUDIENCES = ("family", "school", "council")
"""For whom a sheet can be made."""


def scenario_values(asking: Asking, record: PupilRecord, given: Mapping[str, str]) -> dict[str, object]:
    """The form that asks what if, with the answer where something was changed. Nothing is stored. Raises StoreError."""
    reader = asking.reader
    scorer = _scorer(asking, record)
    if scorer is None:
        return {"changes": [], "before": None, "after": None, "pupil_path": pupil_url(record.student, reader)}
    task, profile = scorer.bundle.task_spec, scorer.bundle.profile
    columns = [profile.columns[name] for name in task.changeable if name in profile.columns]
    changes = [_change(column, record.present, given, reader) for column in columns if column.kind == "number"]
    changed = {
        change.name: number
        for change in changes
        if change.problem is None and change.given != change.known and (number := _typed(change.given)) is not None
    }
    try:
        before, after = scenario(scorer, record.present, changed)
    except InputError:
        return {"changes": [], "before": None, "after": None, "pupil_path": pupil_url(record.student, reader)}
    return {
        "changes": changes,
        "before": _scenario_words(before, reader),
        "after": _scenario_words(after, reader) if changed else None,
        "pupil_path": pupil_url(record.student, reader),
        "state": profile.label.state.in_locale(reader.locale),
    }


def _scorer(asking: Asking, record: PupilRecord) -> Scorer | None:
    for task in answered_tasks(asking):
        if record.answer(task) is not None and task in asking.service.scorers:
            return asking.service.scorers[task]
    return None


def _change(column: Column, year: PupilYear, given: Mapping[str, str], reader: Reader) -> ScenarioField:
    value = year.values.get(column.name)
    known = number_text(float(value), reader.locale) if isinstance(value, int | float) else ""
    written = given.get(column.name, known).strip()[:20]
    number, problem = _typed(written), None
    low, high = column.minimum, column.maximum
    bounds = {"low": NOTHING if low is None else f"{low:g}", "high": NOTHING if high is None else f"{high:g}"}
    is_outside = number is not None and ((low is not None and number < low) or (high is not None and number > high))
    if is_outside or (written and number is None):
        problem = reader.gettext("Write a number from {low} to {high}.", **bounds)
    return ScenarioField(
        column.name, column.meaning.in_locale(reader.locale), known, written, bounds["low"], bounds["high"], problem
    )


def _typed(text: str) -> float | None:
    """A number as people here write it."""
    try:
        return float(text.replace(",", ".").replace("\u2212", "-"))
    except ValueError:
        return None


def _scenario_words(answer: Answer, reader: Reader) -> dict[str, object]:
    band = None if answer.abstained else answer.band
    return {
        "risk": None if answer.probability is None else reader.percent(answer.probability),
        "like_these": None if band is None else in_ten(band.expected_low, band.expected_high, reader),
    }


def _head(asking: Asking, record: PupilRecord, profile: Profile) -> dict[str, object]:
    reader, present = asking.reader, record.present
    return {
        "student": record.student,
        "name": record.name,
        "group": present.group,
        "level": level_words(present.level, profile, reader),
        "year": profile.period_text(present.year),
        "referral_url": pupil_url(record.student, reader, "/referral"),
        "pupil_path": pupil_url(record.student, reader),
    }


def _answer(record: PupilRecord, task: str, profile: Profile, reader: Reader) -> dict[str, Any] | None:
    answer = record.answer(task)
    if answer is None:
        return None
    spec = profile.tasks[task]
    meanings = meanings_of(profile)
    reasons = stored_reasons(answer.reasons, profile, spec.changeable)
    return {
        "question": spec.question.in_locale(reader.locale),
        "limits": spec.limits.in_locale(reader.locale),
        "at": reader.moment(answer.at),
        "version": answer.version,
        "risk": None if answer.probability is None else reader.percent(answer.probability),
        "like_these": None if answer.expected is None else in_ten(*answer.expected, reader),
        "now": answer.at_risk_now,
        "raising": [_reason(reason, spec, reader) for reason in reasons if reason.direction == "raises"],
        "lowering": [_reason(reason, spec, reader) for reason in reasons if reason.direction == "lowers"],
        "missing": [meanings[name].in_locale(reader.locale) for name in answer.missing if name in meanings],
    }


def _reason(reason: Reason, task: Task, reader: Reader) -> dict[str, object]:
    """A reason in words. `tells`: it says something to whoever gets a sheet about the pupil.

    What cannot be worked on helps nobody there, and a grade above what is usual is no worry, though the model would
    have had it higher still.
    """
    worse = {-1: "below", 1: "above"}.get(task.monotone.get(reason.feature, 0))
    better = {-1: "above", 1: "below"}.get(task.monotone.get(reason.feature, 0))
    against = better if reason.direction == "raises" else worse
    is_odd = reason.standing is not None and reason.standing.position == against
    return {
        "fact": reason.fact(reader.locale).render(reader.locale),
        "changeable": reason.changeable,
        "tells": reason.changeable and reason.value is not None and not is_odd,
    }


def _past(record: PupilRecord, asking: Asking) -> Iterator[dict[str, object]]:
    reader = asking.reader
    for forecast in record.past:
        profile = asking.profile(forecast.task)
        if forecast.task not in profile.tasks:
            continue
        label = profile.label
        came = {True: label.positive, False: label.negative}
        yield {
            "year": profile.period_text(forecast.year),
            "question": profile.tasks[forecast.task].title.in_locale(reader.locale),
            "at": reader.day(forecast.at.astimezone(reader.timezone).date()),
            "risk": reader.percent(forecast.probability) if forecast.probability is not None else None,
            "came": None if forecast.came is None else came[forecast.came].in_locale(reader.locale),
        }


def _years(asking: Asking, record: PupilRecord, profile: Profile, task: str | None) -> dict[str, object]:
    """The charts of what can be worked on, and the table of all that is known, year by year."""
    reader = asking.reader
    features = () if task is None else profile.tasks[task].features
    columns = [profile.columns[name] for name in features if name in profile.columns]
    numbers = [column for column in columns if column.kind == "number"]
    known = [column for column in numbers if any(column.name in year.values for year in record.years)]
    peers = [
        quartiles(asking.store, year, [column.name for column in known], asking.viewer.classes) for year in record.years
    ]
    changeable = () if task is None else profile.tasks[task].changeable
    drawn = [column for column in known if column.name in changeable][:MOST_CHARTS]
    return {
        "periods": [profile.period_text(year.year) for year in record.years],
        "charts": [_chart(column, record, profile, peers, reader) for column in drawn],
        "table": [
            {
                "name": column.meaning.in_locale(reader.locale),
                "cells": [
                    {"value": _value(year, column.name, reader), "peers": _peer_words(middle.get(column.name), reader)}
                    for year, middle in zip(record.years, peers, strict=True)
                ],
            }
            for column in known
        ],
        "states": [
            NOTHING
            if year.label is None
            else (profile.label.positive if year.label else profile.label.negative).in_locale(reader.locale)
            for year in record.years
        ],
        "places": [f"{year.group or NOTHING} · {level_words(year.level, profile, reader)}" for year in record.years],
    }


def _chart(
    column: Column, record: PupilRecord, profile: Profile, peers: list[dict[str, Quartiles]], reader: Reader
) -> dict[str, object]:
    points = []
    for year, middle in zip(record.years, peers, strict=True):
        value, others = year.values.get(column.name), middle.get(column.name)
        points.append(
            PeerPoint(
                profile.period_text(year.year),
                float(value) if isinstance(value, int | float) else None,
                None if others is None else (others.low, others.median, others.high),
            )
        )
    domain = None if column.minimum is None or column.maximum is None else (column.minimum, column.maximum)
    return {"name": column.meaning.in_locale(reader.locale), "drawing": beside_peers(points, reader.locale, domain)}


def _value(year: PupilYear, name: str, reader: Reader) -> str:
    value = year.values.get(name)
    return number_text(float(value), reader.locale) if isinstance(value, int | float) else NOTHING


def _peer_words(middle: Quartiles | None, reader: Reader) -> Markup | None:
    if middle is None:
        return None
    low, high = (number_text(value, reader.locale) for value in (middle.low, middle.high))
    return reader.gettext("half of {n}: {low} to {high}", n=middle.n, low=low, high=high)
