"""`GET /monitoring/status`: what to do about each model, in plain words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request

from farol.access import access
from farol.advice.status import WINDOW, model_statuses, real_problems
from farol.api.answers.status import StatusAnswer
from farol.api.errors import locale_of, refusals
from farol.api.monitoring import parameter
from farol.api.texts import marked as _
from farol.service import Service
from farol.store.keys import Role

router = APIRouter(prefix="/monitoring", tags=["monitoring"])

Window = Annotated[str, Query(description=_("The days looked at; as for `/monitoring/drift`."))]


@access(Role.read)
@router.get(
    "/status",
    operation_id="status",
    summary=_("What to do"),
    description=_(
        "Each model in use, in plain words: nothing to do, look at a feature, train again, do not "
        "rely on it; each with its reason. Farol only proposes. The same as `farol status`."
    ),
    response_description=_("The answer."),
    responses=refusals(422, 500, 503),
)
def status(request: Request, window: Window = WINDOW) -> StatusAnswer:
    service: Service = request.app.state.service
    served = [scorer.bundle for scorer in service.scorers.values()]
    problems = real_problems(service.registry, service.problems)
    with parameter("window"):
        statuses = model_statuses(
            service.store, service.registry, served, problems, window=window, now=datetime.now(UTC)
        )
    return StatusAnswer.of(statuses, locale_of(request))
