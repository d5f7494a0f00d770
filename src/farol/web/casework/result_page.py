"""What came of the pupils with a case a year later, by kind of support, with what the forecast had expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from farol.access import access
from farol.accounts.audit import Action
from farol.casework.results import NO_CASE, NO_SUPPORT, SupportOutcome, outcomes_by_support, years_of_results
from farol.evaluation.metrics import Estimate
from farol.i18n import msg
from farol.model.tasks import NEXT_YEAR
from farol.store.keys import Role
from farol.web.casework.visit import Visit, visit
from farol.web.filters import Choice
from farol.web.locale import NOTHING

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A line of the table; every value is a text."""

    name: str
    pupils: str
    known: str
    came: str
    share: str
    expected: str
    is_apart: bool


@access(Role.read, is_page=True)
@router.get("/cases/results")
def results(request: Request, year: Annotated[str, Query(max_length=4)] = "") -> Response:
    """The page; of the newest year that has outcomes, or the one asked for."""

    def answer(asked: Visit) -> Response:
        asked.record(Action.saw, "case-results")
        years = years_of_results(asked.store, asked.viewer)
        task = asked.service.tasks.first(NEXT_YEAR)
        wanted = [number for number in years if not year or str(number) == year]
        rows: list[SupportOutcome] = []
        shown = None if task is None else next(iter(wanted), None)
        for number in wanted if task is not None else ():  # the newest of which something is known
            rows = outcomes_by_support(asked.store, asked.viewer, str(task), number)
            if any(row.known for row in rows):
                shown = number
                break
        values: dict[str, object] = {
            "years": [Choice(str(number), str(number), number == shown) for number in years],
            "year": shown,
            "after": None if shown is None else shown + 1,
            "is_known": any(row.known for row in rows),
            "rows": [_row(asked, row) for row in rows],
            "state": asked.service.profile.label.state.in_locale(asked.reader.locale),
        }
        return asked.page("results", values)

    return visit(request, answer)


def _row(asked: Visit, row: SupportOutcome) -> ResultRow:
    names = {NO_SUPPORT: msg("with a case, without support"), NO_CASE: msg("without a case")}
    reader = asked.reader
    return ResultRow(
        name=asked.words.text(names[row.kind]) if row.kind in names else asked.words.support_name(row.kind),
        pupils=reader.number(row.pupils, 0),
        known=reader.number(row.known, 0),
        came=reader.number(row.at_risk, 0) if row.known else NOTHING,
        share=_percents(asked, row.share),
        expected=_numbers(asked, row.expected),
        is_apart=row.kind in names,
    )


def _percents(asked: Visit, figure: Estimate | None) -> str:
    if figure is None:
        return NOTHING
    value, low, high = (asked.reader.percent(part) for part in (figure.value, figure.low, figure.high))
    return asked.words.text(msg("{value} ({low} to {high})", value=value, low=low, high=high))


def _numbers(asked: Visit, figure: Estimate | None) -> str:
    if figure is None:
        return NOTHING
    value, low, high = (asked.reader.number(part, 0) for part in (figure.value, figure.low, figure.high))
    return asked.words.text(msg("{value} ({low} to {high})", value=value, low=low, high=high))
