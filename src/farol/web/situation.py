"""Where things stand, at the top of the introduction: a status, what was found, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from farol.advice.status import ModelStatus
from farol.model.counters import SCORE, SHEET_SLICE
from farol.model.reference import SCORE_BINS
from farol.model.workbook_note import WorkbookNote
from farol.service import Service
from farol.web.locale import Reader, counts_by_period
from farol.web.status import Status
from farol.web.wording import link


@dataclass(frozen=True, slots=True)
class Situation:
    """How things are, in a line each: a status, what was found, and what to do next."""

    status: Status
    facts: tuple[Markup, ...]
    steps: tuple[Markup, ...]


def situation_of(
    service: Service,
    reader: Reader,
    note: WorkbookNote | None,
    known: Mapping[str, ModelStatus],
    *,
    lists_of: int | None,
    may_send: bool,
) -> Situation | None:
    """What was found, and what to do next; None before there is a model, or while the store is down.

    `lists_of` is the year of the lists, None where there are none. `may_send`: whether the reader may send workbooks.
    """
    _ = reader.gettext
    if not service.bundles or not known:
        return None
    facts = tuple(_facts(service, reader, note, lists_of))
    to_do = [status for status in known.values() if status.to_do]
    if to_do:
        status = Status("moderate", _("There is something to do"), _("See “What to do” below, or the page of advice."))
    else:
        status = Status("none", _("All in order"), _("There is no sign of a problem with the answers."))
    steps = (
        []
        if not to_do
        else [_("A model needs a look: {link}.", link=link(reader.url("/monitoring/advice"), _("advice")))]
    )
    ahead = may_send and any(bundle.task_spec.horizon for bundle in service.bundles)
    return Situation(status, facts, (*steps, *_steps(reader, ahead=ahead, has_lists=lists_of is not None)))


def _facts(service: Service, reader: Reader, note: WorkbookNote | None, lists_of: int | None) -> Iterator[Markup]:
    _ = reader.gettext
    if note is not None and note.pupils:
        pupils = counts_by_period(service.profile, reader, note.pupils.items())
        yield _("The model learned from {file}. Pupils in it: {pupils}.", file=note.name, pupils=pupils)
        yield _(
            "Findings in that workbook: errors: {errors}, warnings: {warnings}.",
            errors=reader.number(note.findings.get("error", 0), 0),
            warnings=reader.number(note.findings.get("warning", 0), 0),
        )
    for bundle in service.bundles:
        counts = service.store.counts(bundle.task, bundle.version, date.min, date.max, SHEET_SLICE).get(SCORE, {})
        answered = {bin_: n for bin_, n in counts.items() if bin_ < SCORE_BINS}
        is_newest = lists_of is None or int(bundle.manifest.last_year) >= lists_of
        if answered and is_newest:  # else the lists above are of a later year
            yield _(
                "{title}: forecasts stored for pupils: {n}. Expected to be {state}: about {count}.",
                state=bundle.profile.label.state.in_locale(reader.locale),
                title=bundle.task_spec.title.in_locale(reader.locale),
                n=counts_by_period(bundle.profile, reader, [(bundle.manifest.last_year, sum(answered.values()))]),
                count=reader.number(sum(n * (bin_ + 0.5) / SCORE_BINS for bin_, n in answered.items()), 0),
            )


def _steps(reader: Reader, *, ahead: bool, has_lists: bool) -> Iterator[Markup]:
    """`ahead`: there is a question about next year, and the reader may send the workbook that it waits for."""
    _ = reader.gettext
    if ahead and not has_lists:
        yield _("To have the lists of whom to see first, send the year's workbook under “Workbook”.")
    yield _("Before you read an answer: {link}.", link=link("#reading", _("How to read an answer")))
    if ahead:
        yield _(
            "When next year's workbook is ready, send it under “Workbook”: Farol then says what came true, and makes "
            "the new lists."
        )
