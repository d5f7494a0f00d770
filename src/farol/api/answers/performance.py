"""The shapes of the performance that can be expected."""

from __future__ import annotations

from typing import Any, Self

from pydantic import ConfigDict, Field

from farol.api.answers.drift import WindowAnswer
from farol.api.answers.shape import Shape
from farol.api.texts import marked as _
from farol.drift.windows import Window
from farol.model.bundle import Bundle
from farol.outcomes.estimation import Estimation, ExpectedMeasure

_EXAMPLE: dict[str, Any] = {
    "task": "next-year",
    "version": "2024-0123456789",
    "window": {"name": "30d", "from": "2026-02-01", "to": "2026-03-02", "days": 30},
    "slice": "",
    "n": 640,
    "abstained": 0,
    "threshold": 0.5,
    "at_risk": 0.31,
    "measures": {
        "roc_auc": {"value": 0.914, "low": 0.891, "high": 0.936},
        "precision": {"value": 0.748, "low": 0.676, "high": 0.819},
        "recall": {"value": 0.552, "low": 0.481, "high": 0.624},
        "f1": {"value": 0.635, "low": 0.573, "high": 0.694},
        "accuracy": {"value": 0.867, "low": 0.841, "high": 0.892},
        "brier_score": {"value": 0.093, "low": 0.078, "high": 0.109},
    },
    "calibrated": True,
    "assumptions": [
        "Uma resposta vale agora o que valia para alunos do treino que o modelo não tinha visto.",
        "O que põe um aluno em risco não mudou; só os alunos são outros.",
    ],
}
"""An invented estimate, in Portuguese."""


class ExpectedAnswer(Shape):
    value: float | None = Field(description=_("null if it is undefined, or too little is known."))
    low: float | None = Field(description=_("Lower end of its 95% interval."))
    high: float | None = Field(description=_("Upper end of its 95% interval."))

    @classmethod
    def of(cls, measure: ExpectedMeasure) -> Self:
        return cls(value=measure.value, low=measure.low, high=measure.high)


class MeasuresAnswer(Shape):
    roc_auc: ExpectedAnswer
    precision: ExpectedAnswer
    recall: ExpectedAnswer
    f1: ExpectedAnswer
    accuracy: ExpectedAnswer
    brier_score: ExpectedAnswer


class PerformanceAnswer(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    task: str
    version: str
    window: WindowAnswer
    slice: str = Field(description=_("The part of the window, as `phase=3`; empty: all of it."))
    n: int = Field(description=_("How many answers; below 30 nothing is estimated."))
    abstained: int = Field(description=_("How many pupils got no answer."))
    threshold: float
    at_risk: float | None = Field(description=_("The share of pupils expected to be at risk."))
    measures: MeasuresAnswer
    calibrated: bool = Field(
        description=_(
            "Whether it was measured, with training pupils that the model had not seen, how much an answer is worth."
        )
    )
    assumptions: list[str] = Field(description=_("The conditions of the estimate, in the language of the request."))

    @classmethod
    def of(cls, bundle: Bundle, window: Window, part: str, estimation: Estimation, locale: str) -> Self:
        return cls(
            task=bundle.task,
            version=bundle.version,
            window=WindowAnswer.of(window),
            slice=part,
            n=estimation.n,
            abstained=estimation.abstained,
            threshold=estimation.threshold,
            at_risk=estimation.at_risk,
            measures=MeasuresAnswer(
                **{name: ExpectedAnswer.of(measure) for name, measure in estimation.measures.items()}
            ),
            calibrated=estimation.calibrated,
            assumptions=[words.render(locale) for words in estimation.assumptions],
        )
