"""The shapes of a drift report."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field

from farol.api.answers.shape import Shape
from farol.api.texts import marked as _
from farol.drift.figures import FeatureDrift
from farol.drift.pairwise import PairwiseReport
from farol.drift.proportions import ProportionDrift
from farol.drift.report import DriftReport
from farol.drift.verdicts import ALPHA, Band, Verdict, verdict_label
from farol.drift.windows import Window

AlarmKind = Literal["distribution", "superiority", "missing", "unseen"]


class ProportionDriftAnswer(Shape):
    value: float | None = Field(description=_("The share among the predictions; null when nothing was counted."))
    low: float = Field(description=_("Lower end of its 95% interval."))
    high: float = Field(description=_("Upper end of its 95% interval."))
    reference: float = Field(description=_("The share among the training rows."))
    p_value: float = Field(description=_("Of the difference, by Fisher's exact test."))
    alpha: float = Field(description=_("The difference is beyond chance up to this p-value."))
    band: Band = Field(description=_("Of the difference alone: below 5 percentage points, below 15, above."))
    verdict: Verdict
    alarm: bool = Field(description=_("Beyond a band and beyond chance."))

    @classmethod
    def of(cls, drift: ProportionDrift) -> Self:
        return cls.model_validate(drift.as_dict())


class SuperiorityAnswer(Shape):
    value: float = Field(
        description=_("Probability that a value of this period is above a training value; 0.5: no drift.")
    )
    low: float = Field(description=_("Lower end of its 95% interval."))
    high: float = Field(description=_("Upper end of its 95% interval."))
    critical: float | None = Field(description=_("The distance from 0.5 that chance alone seldom exceeds."))
    band: Band = Field(description=_("Of the distance from 0.5 alone: below 0.088, below 0.138, above."))
    verdict: Verdict
    alarm: bool = Field(description=_("Beyond a band and beyond chance."))


class DriftFigures(Shape):
    """What a report and a snapshot both say of a feature."""

    feature: str
    psi: float | None = Field(description=_("Population stability index; null when nothing was counted."))
    low: float = Field(description=_("Lower end of the 95% interval of the PSI."))
    high: float | None = Field(description=_("Upper end; null when it has no limit."))
    critical: float | None = Field(description=_("The PSI that chance alone seldom exceeds; null: no such limit."))
    n: int = Field(description=_("How many predictions were counted."))
    verdict: Verdict
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))
    band: Band = Field(description=_("Of the PSI alone: below 0.1, below 0.25, above."))
    alarm: bool = Field(description=_("Some figure is beyond a band and beyond chance."))
    alarms: list[AlarmKind] = Field(description=_("Which figures raise the alarm; `distribution` is the PSI."))
    superiority: SuperiorityAnswer | None = Field(description=_("Whether values moved up or down; null: no order."))
    missing: ProportionDriftAnswer = Field(description=_("Missing values; for the score, no answer."))
    unseen: ProportionDriftAnswer | None = Field(
        description=_("Values that training never had: beyond its range, or none of its few; null for the score.")
    )
    current: list[int] = Field(description=_("Predictions in each bin."))


class FeatureDriftAnswer(DriftFigures):
    meaning: str
    bins: list[str] = Field(description=_("What each bin holds; the last one is for missing values."))
    reference: list[float] = Field(description=_("Training values in each bin; not whole where they are weighted."))

    @classmethod
    def of(cls, drift: FeatureDrift, locale: str) -> Self:
        return cls.model_validate(
            drift.as_dict()
            | {
                "verdict_label": verdict_label(drift.verdict, locale),
                "meaning": drift.meaning.in_locale(locale),
                "bins": list(drift.labels(locale)),
                "reference": [round(count, 1) for count in drift.reference],
            }
        )


class WindowDays(Shape):
    first: str | None = Field(alias="from", description=_("First day, included; null: from the beginning."))
    last: str = Field(alias="to", description=_("Last day, included."))


class WindowAnswer(WindowDays):
    name: str
    days: int | None

    @classmethod
    def of(cls, window: Window) -> Self:
        return cls.model_validate(window.as_dict())


class ReferenceAnswer(Shape):
    n: int = Field(description=_("How many training rows; where they are weighted, the effective number."))
    years: list[int]
    rows: str = Field(description=_("Which training rows, in the language of the request."))

    @classmethod
    def of(cls, report: DriftReport | PairwiseReport, locale: str) -> Self:
        return cls(n=report.reference_n, years=list(report.reference_years), rows=report.baseline.render(locale))


EXAMPLE: dict[str, Any] = {
    "task": "current",
    "version": "2024-0123456789",
    "window": {"name": "30d", "from": "2026-02-01", "to": "2026-03-02", "days": 30},
    "slice": "",
    "n": 640,
    "reference": {"n": 1842, "years": [2022, 2023], "rows": "todas as linhas de treino"},
    "verdict": "none",
    "verdict_label": "Sem drift",
    "alarm": False,
    "alpha": 0.01,
    "features": [
        {
            "feature": "IDA",
            "psi": 0.031,
            "low": 0.012,
            "high": 0.062,
            "critical": 0.044,
            "n": 640,
            "verdict": "none",
            "verdict_label": "Sem drift",
            "band": "none",
            "alarm": False,
            "alarms": [],
            "superiority": {
                "value": 0.52,
                "low": 0.49,
                "high": 0.55,
                "critical": 0.056,
                "band": "none",
                "verdict": "none",
                "alarm": False,
            },
            "missing": {
                "value": 0.02,
                "low": 0.012,
                "high": 0.034,
                "reference": 0.03,
                "p_value": 0.21,
                "alpha": 0.0001,
                "band": "none",
                "verdict": "none",
                "alarm": False,
            },
            "unseen": None,
            "current": [310, 317, 13],
            "meaning": "Indicador de aprendizagem",
            "bins": ["abaixo de 5", "5 ou mais", "sem valor"],
            "reference": [900.0, 887.0, 55.0],
        }
    ],
    "score": None,
    "rate": None,
}
"""An invented report, in Portuguese."""


class DriftAnswer(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    task: str
    version: str
    window: WindowAnswer
    slice: str = Field(description=_("The part of the window, as `phase=3`; empty: all of it."))
    n: int = Field(description=_("How many predictions were counted."))
    reference: ReferenceAnswer
    verdict: Verdict
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))
    alarm: bool
    alpha: float = Field(description=_("Probability of any alarm in a window without drift."))
    features: list[FeatureDriftAnswer]
    score: FeatureDriftAnswer | None = Field(
        description=_("The model's own answers, as one more feature `=score`; null where none were counted.")
    )
    rate: ProportionDriftAnswer | None = Field(
        description=_("The share of answers 1 among all answers; null where none were counted.")
    )

    @classmethod
    def of(cls, report: DriftReport, locale: str) -> Self:
        return cls(
            task=report.task,
            version=report.version,
            window=WindowAnswer.of(report.window),
            slice=report.part,
            n=report.n,
            reference=ReferenceAnswer.of(report, locale),
            verdict=report.verdict,
            verdict_label=verdict_label(report.verdict, locale),
            alarm=report.alarm,
            alpha=ALPHA,
            features=[FeatureDriftAnswer.of(feature, locale) for feature in report.features],
            score=None if report.score is None else FeatureDriftAnswer.of(report.score, locale),
            rate=None if report.rate is None else ProportionDriftAnswer.of(report.rate),
        )
