"""`GET /monitoring/outcomes`: what came true of the forecasts, beside what was promised."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from farol.access import access
from farol.api.answers.outcomes import OutcomesAnswer
from farol.api.errors import locale_of, refusals, unusable_parameter
from farol.api.tasks import TaskNext, task_in
from farol.api.texts import marked as _
from farol.i18n import msg
from farol.model.tasks import NEXT_YEAR
from farol.outcomes.report import outcome_report
from farol.service import Service
from farol.store.keys import Role
from farol.store.outcomes import years_of

router = APIRouter(prefix="/monitoring", tags=["monitoring"])

OneYear = Annotated[
    int | None, Query(ge=1, le=9999, description=_("The year of the sheet that said what came true; the last one."))
]


@access(Role.read)
@router.get(
    "/outcomes",
    operation_id="outcomes",
    summary=_("What came true"),
    description=_(
        "The forecasts of a task beside the next sheet, which `farol outcomes` reads: how many matched, left and are "
        "new, and every metric promised and realised, with its interval and a verdict. Counts and metrics, no pupil."
    ),
    response_description=_("The answer."),
    responses=refusals(422, 500, 503),
)
def outcomes(request: Request, task: TaskNext = None, year: OneYear = None) -> OutcomesAnswer:
    service: Service = request.app.state.service
    name = task_in(service, task, NEXT_YEAR)
    years = years_of(service.store, name)
    if year is not None and year not in years:
        names = msg("one of {names}", names=", ".join(map(str, years))) if years else None
        raise unusable_parameter("year", msg("No forecast of this question has outcomes of that year."), names)
    chosen = years[-1] if year is None and years else year
    profile = service.profile_of(name)
    report = None if chosen is None else outcome_report(service.store, service.registry, profile, name, chosen)
    return OutcomesAnswer.of(name, years, report, locale_of(request))
