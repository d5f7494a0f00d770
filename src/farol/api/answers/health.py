"""The shapes of what the service says of itself, and of the models it has."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from typing import Literal, Self

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

import farol
from farol.api.answers.shape import Shape
from farol.api.texts import marked as _
from farol.errors import BundleError, FarolError
from farol.i18n import msg
from farol.model.registry import Entry
from farol.profile import Task
from farol.service import Service

_LIBRARIES = ("fastapi", "numpy", "onnxruntime", "pydantic", "sqlalchemy", "uvicorn")

_TASKS: JsonDict = {
    "current": {"serving": "2024-0123456789", "problem": None},
    "next-year": {"serving": "2024-0123456789", "problem": None},
}
_STORE: JsonDict = {"software": "SQLite 3.51.3", "problem": None, "caution": None, "pending": None}


_JOBS: JsonDict = {"follow": {"age_seconds": 0.2, "problem": None}}


_PENDING = msg("Rows that were erased are still in the log of the database, because somebody is reading it.")


class TaskHealth(Shape):
    serving: str | None = Field(description=_("The version that answers; null when none does."))
    problem: str | None = Field(description=_("Why no version, or not the promoted one, is served."))

    @classmethod
    def of_all(cls, service: Service, locale: str) -> dict[str, Self]:
        """Every task that is served, or should be."""
        return {
            task: cls(serving=service.serving(task), problem=words_of(service.problems.get(task), locale))
            for task in service.task_names()
        }


class StoreHealth(Shape):
    software: str | None = Field(description=_("The database in use and its version; null while it cannot be opened."))
    problem: str | None
    caution: str | None = Field(
        description=_("Known faults of this version with several workers; null when there are none.")
    )

    pending: str | None = Field(description=_("What was erased and is still in a file; null when all of it is gone."))

    @classmethod
    def of(cls, service: Service, locale: str) -> Self:
        """The store of a service."""
        caution = service.store_caution
        return cls(
            software=service.store_software,
            problem=words_of(service.store_problem, locale),
            caution=None if caution is None else caution.render(locale),
            pending=_PENDING.render(locale) if service.erasing else None,
        )


class JobHealth(Shape):
    age_seconds: float = Field(description=_("Since it last went well."))
    problem: str | None = Field(description=_("Why it fails; Farol tries again."))

    @classmethod
    def of_all(cls, service: Service, locale: str) -> dict[str, Self]:
        """What the service does in the background."""
        return {
            job.name: cls(age_seconds=round(job.age, 1), problem=words_of(job.problem, locale))
            for job in service.background
        }


class HealthAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "alive",
                    "started_at": "2026-03-02T18:24:00-03:00",
                    "uptime_seconds": 12.5,
                    "versions": {"farol": "0.1.0", "python": "3.13.1"},
                    "tasks": _TASKS,
                    "store": _STORE,
                }
            ]
        }
    )

    status: Literal["alive"]
    started_at: str
    uptime_seconds: float
    versions: dict[str, str]
    tasks: dict[str, TaskHealth]
    store: StoreHealth

    @classmethod
    def of(cls, service: Service, locale: str) -> Self:
        """A running service."""
        return cls(
            status="alive",
            started_at=service.started.astimezone(service.timezone).isoformat(timespec="seconds"),
            uptime_seconds=round((datetime.now(UTC) - service.started).total_seconds(), 3),
            versions=_versions(),
            tasks=TaskHealth.of_all(service, locale),
            store=StoreHealth.of(service, locale),
        )


class ReadyAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ready": True, "tasks": _TASKS, "store": _STORE, "background": _JOBS}]}
    )

    ready: Literal[True]
    tasks: dict[str, TaskHealth]
    store: StoreHealth
    background: dict[str, JobHealth] = Field(
        description=_("What this worker does in the background, and whether it works.")
    )

    @classmethod
    def of(cls, service: Service, locale: str) -> Self:
        """A service that can answer."""
        return cls(
            ready=True,
            tasks=TaskHealth.of_all(service, locale),
            store=StoreHealth.of(service, locale),
            background=JobHealth.of_all(service, locale),
        )


class VersionAnswer(Shape):
    version: str
    promoted: bool
    problem: str | None = Field(description=_("Why this version cannot be used; null when it can."))
    train_years: list[int]
    test_years: list[int]
    headline: dict[str, float] = Field(description=_("Metrics on the test years."))
    features: list[str]

    @classmethod
    def of(cls, entry: Entry, locale: str) -> Self:
        """A version as the registry knows it."""
        manifest = entry.manifest
        return cls(
            version=entry.version,
            promoted=entry.promoted,
            problem=words_of(entry.problem, locale),
            train_years=list(manifest.train_years) if manifest else [],
            test_years=list(manifest.test_years) if manifest else [],
            headline=dict(manifest.headline) if manifest else {},
            features=list(manifest.features) if manifest else [],
        )


class TaskAnswer(Shape):
    task: str
    routes: list[str] = Field(description=_("The routes that this model answers."))
    title: str
    question: str
    limits: str = Field(description=_("What a reader must know first."))
    promoted: str | None
    serving: str | None
    problem: str | None
    versions: list[VersionAnswer]

    @classmethod
    def of(cls, service: Service, name: str, locale: str) -> Self:
        """A task with every version there is. Reads the disk."""
        inputs = service.inputs(name)
        task: Task | None = inputs.task if inputs else None
        problem: FarolError | None = service.problems.get(name) or service.unused.get(name)
        promoted, versions = None, []
        try:
            versions = service.registry.versions(name)
            promoted = service.registry.promoted(name)
        except BundleError as error:
            problem = error
        return cls(
            task=name,
            routes=service.all_routes(name) if name in service.task_names() else [],
            title=task.title.in_locale(locale) if task else name,
            question=task.question.in_locale(locale) if task else "",
            limits=task.limits.in_locale(locale) if task else "",
            promoted=promoted,
            serving=service.serving(name),
            problem=words_of(problem, locale),
            versions=[VersionAnswer.of(entry, locale) for entry in versions],
        )


class ModelsAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tasks": [
                        {
                            "task": "next-year",
                            "routes": ["/tasks/next-year/predict", "/forecast", "/v2/models/next-year/infer"],
                            "title": "Próximo ano",
                            "question": "O aluno estará em risco no próximo ano?",
                            "limits": "Foi aprendido com duas mudanças de ano.",
                            "promoted": "2024-0123456789",
                            "serving": "2024-0123456789",
                            "problem": None,
                            "versions": [
                                {
                                    "version": "2024-0123456789",
                                    "promoted": True,
                                    "problem": None,
                                    "train_years": [2022],
                                    "test_years": [2023],
                                    "headline": {"roc_auc": 0.75},
                                    "features": ["IAA", "IDA"],
                                }
                            ],
                        }
                    ]
                }
            ]
        }
    )

    tasks: list[TaskAnswer]

    @classmethod
    def of(cls, service: Service, locale: str) -> Self:
        """Every task of a service, served or not. Reads the disk."""
        names = dict.fromkeys([*service.task_names(), *service.registry.tasks()])
        return cls(tasks=[TaskAnswer.of(service, name, locale) for name in names])


@cache
def _versions() -> dict[str, str]:
    """Of what answers; looked up once, since that reads a file for each."""
    versions = {"farol": farol.__version__, "python": platform.python_version()}
    return versions | {name: metadata.version(name) for name in _LIBRARIES}


def words_of(error: FarolError | None, locale: str) -> str | None:
    """An error for a reader who may be elsewhere: what and what to do, without the paths of this machine."""
    if error is None:
        return None
    parts = [error.problem, *([error.fix] if error.fix else [])]
    return " ".join(part.render(locale) for part in parts)
