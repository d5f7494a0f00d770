"""The shapes of the performance that can be expected."""

from __future__ import annotations

from pydantic import Field

from farol.api.answers.drift import WindowAnswer
from farol.api.answers.shape import Shape
from farol.api.texts import marked as _


class ExpectedAnswer(Shape):
    value: float | None = Field(description=_("What is expected; null where it is undefined or too little is known."))
    low: float | None = Field(description=_("Lower end of its 95% interval."))
    high: float | None = Field(description=_("Upper end of its 95% interval."))


class MeasuresAnswer(Shape):
    roc_auc: ExpectedAnswer
    precision: ExpectedAnswer
    recall: ExpectedAnswer
    f1: ExpectedAnswer
    accuracy: ExpectedAnswer
    brier_score: ExpectedAnswer


class PerformanceAnswer(Shape):
    task: str
    version: str
    window: WindowAnswer
    slice: str = Field(description=_("The part of the window, as `phase=3`; empty: all of it."))
    n: int = Field(description=_("How many answers; below 30 nothing is estimated."))
    abstained: int = Field(description=_("For how many there was no answer."))
    threshold: float
    at_risk: float | None = Field(description=_("The share of pupils expected to be at risk."))
    measures: MeasuresAnswer
    recalibrated: bool = Field(
        description=_("Whether what an answer is worth was learned from training pupils whom the model had not seen.")
    )
    assumptions: list[str] = Field(description=_("What has to hold, in the language of the request."))
