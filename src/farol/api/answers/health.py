"""The shapes of what the service says of itself, and of the models it has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from farol.api.answers.shape import Shape
from farol.api.texts import marked as _


class TaskHealth(Shape):
    serving: str | None = Field(description=_("The version that answers; null when none does."))
    problem: str | None = Field(description=_("Why no version, or not the promoted one, is served."))


class StoreHealth(Shape):
    software: str | None = Field(description=_("The database in use and its version; null while it cannot be opened."))
    problem: str | None
    caution: str | None = Field(
        description=_("What is to be feared of this version with so many workers; null when nothing is.")
    )


class HealthAnswer(Shape):
    status: Literal["alive"]
    started_at: str
    uptime_seconds: float
    versions: dict[str, str]
    tasks: dict[str, TaskHealth]
    store: StoreHealth


class ReadyAnswer(Shape):
    ready: Literal[True]
    tasks: dict[str, TaskHealth]
    store: StoreHealth


class VersionAnswer(Shape):
    version: str
    promoted: bool
    problem: str | None = Field(description=_("Why this version cannot be used; null when it can."))
    train_years: list[int]
    test_years: list[int]
    headline: dict[str, float] = Field(description=_("Metrics on the test years."))
    features: list[str]


class TaskAnswer(Shape):
    task: str
    route: str | None
    title: str
    question: str
    limits: str = Field(description=_("What a reader must know first."))
    promoted: str | None
    serving: str | None
    problem: str | None
    versions: list[VersionAnswer]


class ModelsAnswer(Shape):
    tasks: list[TaskAnswer]
