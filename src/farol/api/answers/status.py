"""The shapes of advice and of a task's status."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from farol.api.answers.drift import WindowAnswer
from farol.api.answers.shape import Shape
from farol.api.texts import marked as _

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


class TaskStatusAnswer(Shape):
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
    tasks: list[TaskStatusAnswer]
