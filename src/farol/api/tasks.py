"""`GET /tasks`: the questions that are answered; and which of them a route or a parameter asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from farol.access import access
from farol.api.answers.tasks import TasksAnswer
from farol.api.errors import locale_of, refusals, unusable_parameter
from farol.api.texts import marked as _
from farol.errors import ApiError
from farol.i18n import msg
from farol.model.tasks import NEXT_YEAR, THIS_YEAR
from farol.service import SHORT_ROUTES, ServedModel, Service
from farol.store.keys import Role

router = APIRouter(tags=["predictions"])

# Which names are allowed stands in the description of the service (`farol.api.openapi`), which knows the profile.
TaskName = Annotated[str, Path(description=_("A task, as `GET /tasks` lists them."))]
AnyTask = Annotated[str | None, Query(description=_("Only this task, one of `GET /tasks`."))]
TaskNow = Annotated[
    str | None,
    Query(description=_("One of `GET /tasks`; without it, the first about this year, else the first of all.")),
]
TaskNext = Annotated[
    str | None,
    Query(description=_("One of `GET /tasks`; without it, the first about the next year, else the first of all.")),
]


@access(Role.read)
@router.get(
    "/tasks",
    operation_id="tasks",
    summary=_("The questions that are answered"),
    description=_("The tasks of the profile in force, in its order: what each asks, from what, and on which routes."),
    response_description=_("The answer."),
    responses=refusals(500),
)
def tasks(request: Request) -> TasksAnswer:
    return TasksAnswer.of(request.app.state.service, locale_of(request))


def asked_task(service: Service, route: str, name: str | None) -> str:
    """The task that a route asks: `name`, or the first one of the horizon of a short route. Raises ApiError (404)."""
    if name is not None:
        if name in service.tasks.specs:
            return name
        raise _unknown(service)
    horizon = SHORT_ROUTES[route.removesuffix("/batch")]
    task = service.tasks.first(horizon)
    if task is None:
        words = (
            msg("No task asks about the next year.") if horizon == NEXT_YEAR else msg("No task asks about this year.")
        )
        routes = ", ".join(service.routes(name)[0] for name in service.task_names())
        raise ApiError(404, "not_found", words, fix=msg("Use one of {names}.", names=routes))
    return task


def known(service: Service, name: str) -> ServedModel:
    """The model that answers for a task. ApiError (404) for an unknown task; BundleError when it has no model."""
    return service.served(asked_task(service, "", name))


def _unknown(service: Service) -> ApiError:
    names = ", ".join(service.task_names())
    return ApiError(404, "not_found", msg("There is no such task."), fix=msg("Use one of {names}.", names=names))


def task_in(service: Service, task: str | None, horizon: int = THIS_YEAR) -> str:
    """The task of a parameter; without one, the first of the horizon, else the first of all. ApiError (422)."""
    if task is None:
        return service.tasks.usual(horizon)
    if task not in service.task_names():
        expected = msg("one of {names}", names=", ".join(service.task_names()))
        raise unusable_parameter("task", msg("There is no such task."), expected)
    return task
