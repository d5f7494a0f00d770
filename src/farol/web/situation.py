"""Where things stand, at the top of the introduction: a status, what was found, and what to do next."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from shlex import quote

from markupsafe import Markup

from farol.advice.status import ModelStatus
from farol.model.counters import SCORE, SHEET_SLICE
from farol.model.reference import SCORE_BINS
from farol.model.workbook_note import WorkbookNote
from farol.service import Service
from farol.settings import Settings
from farol.web.locale import Reader
from farol.web.status import Status
from farol.web.templating import code, link

_THIS_ONE = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Situation:
    """How things are, in a line each: a status, what was found, and what to do next."""

    status: Status
    facts: tuple[Markup, ...]
    steps: tuple[Markup, ...]


def situation_of(
    service: Service, reader: Reader, note: WorkbookNote | None, known: Mapping[str, ModelStatus]
) -> Situation | None:
    """What was found, and what to do next; None before there is a model, or while the store is down."""
    _ = reader.gettext
    if not service.bundles or not known:
        return None
    facts = tuple(_facts(service, reader, note))
    to_do = [status for status in known.values() if status.to_do]
    if to_do:
        status = Status("moderate", _("There is something to do"), _("See “What to do” below, or the page of advice."))
    else:
        status = Status("none", _("All in order"), _("There is no sign of a problem with the answers."))
    return Situation(status, facts, tuple(_steps(service, reader, note)))


def _facts(service: Service, reader: Reader, note: WorkbookNote | None) -> Iterator[Markup]:
    _ = reader.gettext
    if note is not None and note.pupils:
        pupils = reader.listing(f"{reader.number(n, 0)} ({year})" for year, n in note.pupils.items())
        yield _("Pupils read from {file}, by year: {pupils}.", file=note.name, pupils=pupils)
        yield _(
            "Findings in the workbook: errors: {errors}, warnings: {warnings}.",
            errors=reader.number(note.findings.get("error", 0), 0),
            warnings=reader.number(note.findings.get("warning", 0), 0),
        )
    for bundle in service.bundles:
        counts = service.store.counts(bundle.task, bundle.version, date.min, date.max, SHEET_SLICE).get(SCORE, {})
        answered = {bin_: n for bin_, n in counts.items() if bin_ < SCORE_BINS}
        if answered:
            yield _(
                "{title}: forecasts stored for pupils of {year}: {n}. Expected to be {state}: about {count}.",
                state=bundle.profile.label.state.in_locale(reader.locale),
                title=bundle.task_spec.title.in_locale(reader.locale),
                n=reader.number(sum(answered.values()), 0),
                year=bundle.manifest.last_year,
                count=reader.number(sum(n * (bin_ + 0.5) / SCORE_BINS for bin_, n in answered.items()), 0),
            )


def _steps(service: Service, reader: Reader, note: WorkbookNote | None) -> Iterator[Markup]:
    _ = reader.gettext
    path = None if note is None else Path(note.path)
    # Where other computers read this page too, no folder of this one is shown.
    file = (
        _("workbook.xlsx") if path is None else _typed(path if service.settings.host in _THIS_ONE else Path(path.name))
    )
    farol = _program()
    artifacts = service.settings.artifacts
    options = "" if artifacts == Settings.model_fields["artifacts"].default else f" --artifacts {artifacts}"
    ahead = any(bundle.task_spec.horizon for bundle in service.bundles)
    if ahead:
        yield _("Whom to look at first: {command}", command=code(f"{farol} list {file}{options}"))
    yield _("Before you read an answer: {link}.", link=link("#reading", _("How to read an answer")))
    if ahead:
        yield _(
            "When next year's sheet arrives, {outcomes} says what came true. Then train again, and "
            "forecast that sheet.",
            outcomes=code(f"{farol} outcomes {_('workbook.xlsx')}"),
        )


def _program() -> str:
    """`farol` as it is typed in the folder that the service runs in: set up by make, it stands in `.venv`."""
    own = Path(sys.executable).with_name("farol")
    return "farol" if shutil.which("farol") or not own.exists() else _typed(own)


def _typed(path: Path) -> str:
    """A path as it is typed in the folder that the service runs in."""
    folder = Path.cwd()
    return quote(str(path.relative_to(folder) if path.is_relative_to(folder) else path))
