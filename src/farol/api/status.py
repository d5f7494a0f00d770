"""`GET /monitoring/status`: what to do about each model, in plain words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from farol.advice.inputs import TO_DO
from farol.advice.status import WINDOW, real_problems, standings
from farol.api.answers import Shape, WindowAnswer
from farol.api.errors import locale_of, refusals
from farol.api.monitoring import parameter
from farol.api.service import Service
from farol.api.texts import marked as _

router = APIRouter(prefix="/monitoring", tags=["monitoring"])

Window = Annotated[str, Query(description=_("The days looked at; as for `/monitoring/drift`."))]
AdviceKind = Literal["distrust", "retrain", "look", "cohort", "too_little", "nothing"]


class AdviceAnswer(Shape):
    kind: AdviceKind
    label: str = Field(description=_("The kind in a few words, in the language of the request."))
    what: str = Field(description=_("The advice in one sentence."))
    why: list[str] = Field(description=_("The reason first, then its figures, with window and reference."))
    steps: list[str] = Field(description=_("What to do, with commands and pages."))
    feature: str | None = Field(description=_("To look at; null where the advice is about no one feature."))
    meaning: str | None
    slice: str = Field(description=_("Where it changed most, as `phase=3`; empty: in the whole window."))
    bins: list[str] = Field(description=_("What each bin holds; the last one is for missing values."))
    reference: list[float] = Field(description=_("Training values in each bin; not whole where they are weighted."))
    current: list[int] = Field(description=_("Predictions in each bin."))


class StandingAnswer(Shape):
    task: str
    title: str
    model_version: str | None
    window: WindowAnswer | None = Field(description=_("null: the model could not be checked."))
    n: int | None = Field(description=_("How many predictions were counted."))
    lead: AdviceKind = Field(description=_("The gravest advice."))
    to_do: bool = Field(description=_("Whether somebody has something to do."))
    advice: list[AdviceAnswer] = Field(description=_("The gravest first; at least one."))


class StatusAnswer(Shape):
    to_do: bool = Field(description=_("Whether somebody has something to do."))
    tasks: list[StandingAnswer]


@router.get(
    "/status",
    operation_id="status",
    summary=_("What to do"),
    description=_(
        "Each model in use, in plain words: nothing to do, look at a feature, train again, do not rely on it; each "
        "with its reason. Proposed, never done. The same as `farol status`."
    ),
    response_model=StatusAnswer,
    response_description=_("The answer."),
    responses=refusals(422, 500, 503),
)
def status(request: Request, window: Window = WINDOW) -> JSONResponse:
    service: Service = request.app.state.service
    served = [scorer.bundle for scorer in service.scorers.values()]
    problems = real_problems(service.registry, service.problems)
    with parameter("window"):
        found = standings(service.store, service.registry, served, problems, window=window, now=datetime.now(UTC))
    to_do = any(one.lead in TO_DO for one in found)
    return JSONResponse({"to_do": to_do, "tasks": [one.as_dict(locale_of(request)) for one in found]})
