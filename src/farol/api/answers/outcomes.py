"""The shapes of `/monitoring/outcomes`: the forecasts of a year beside what came true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pydantic import ConfigDict, Field

from farol.api.answers.performance import ExpectedAnswer
from farol.api.answers.shape import Shape
from farol.api.texts import marked as _
from farol.evaluation.fairness import Division
from farol.evaluation.metrics import MEASURES, Estimate
from farol.outcomes.calibration import BandCalibration
from farol.outcomes.card_comparison import WORDS, MetricComparison, Verdict
from farol.outcomes.estimate_vs_actual import EstimateVsActual
from farol.outcomes.matching import PupilCounts
from farol.outcomes.report import Leavers, OutcomeReport, Part
from farol.store.records import utc_text

_PART_EXAMPLE: dict[str, Any] = {
    "name": "all",
    "n": 500,
    "positives": 150,
    "confusion": {"true_positive": 100, "false_positive": 88, "true_negative": 262, "false_negative": 50},
    "promised_n": 600,
    "prevalence": {
        "promised": {"value": 0.28, "low": 0.246, "high": 0.317},
        "realised": {"value": 0.3, "low": 0.262, "high": 0.342},
    },
    "metrics": [
        {
            "metric": "roc_auc",
            "title": "ROC AUC",
            "greater_is_better": True,
            "promised": {"value": 0.81, "low": 0.78, "high": 0.84},
            "realised": {"value": 0.79, "low": 0.75, "high": 0.83},
            "difference": {"value": -0.02, "low": -0.088, "high": 0.048},
            "verdict": "within",
            "verdict_label": "como prometido",
            "reason": None,
        }
    ],
}
_REPORT_EXAMPLE: dict[str, Any] = {
    "task": "next-year",
    "year": 2025,
    "forecast_year": 2024,
    "first_recorded": "2026-03-02T21:24:00+00:00",
    "last_changed": "2026-03-02T21:24:00+00:00",
    "counts": {
        "forecast": 600,
        "pupils": 650,
        "matched": 510,
        "left": 90,
        "new": 140,
        "without_label": 8,
        "unanswered": 2,
        "measured": 500,
        "replaced": 12,
    },
    "model_version": "2024-0123456789",
    "together": _PART_EXAMPLE,
    "groups": [],
    "versions": [],
    "divisions": [],
    "calibration": [
        {
            "low": 0.7,
            "high": 0.9,
            "n": 60,
            "said": 0.78,
            "came": {"value": 0.75, "low": 0.628, "high": 0.842},
            "expected": {"value": 0.76, "low": 0.7, "high": 0.82},
            "kept": True,
        }
    ],
    "leavers": {
        "left_n": 90,
        "stayed_n": 510,
        "left": {"value": 0.41, "low": 0.36, "high": 0.46},
        "stayed": {"value": 0.33, "low": 0.31, "high": 0.35},
        "difference": {"value": 0.08, "low": 0.026, "high": 0.134},
    },
    "expected_before": {
        "n": 500,
        "at_risk": {"value": 0.33, "low": 0.3, "high": 0.36},
        "measures": {"roc_auc": {"value": 0.79, "low": 0.75, "high": 0.83}},
        "realised": {
            "at_risk": {"value": 0.3, "low": 0.262, "high": 0.342},
            "roc_auc": {"value": 0.79, "low": 0.75, "high": 0.83},
        },
        "assumptions": ["O que põe um aluno em risco não mudou; só os alunos são outros."],
    },
    "notes": ["Os alunos que saíram não estão em nenhum número, e podem ser diferentes dos que ficaram."],
}
"""An invented report, in Portuguese."""


class IntervalAnswer(Shape):
    value: float
    low: float = Field(description=_("Lower end of the 95% interval."))
    high: float = Field(description=_("Upper end."))

    @classmethod
    def of(cls, estimate: Estimate) -> Self:
        """To six decimals."""
        value, low, high = (round(figure, 6) + 0.0 for figure in (estimate.value, estimate.low, estimate.high))
        return cls(value=value, low=low, high=high)

    @classmethod
    def maybe(cls, estimate: Estimate | None) -> Self | None:
        """Null for an undefined figure."""
        return None if estimate is None else cls.of(estimate)


class ComparisonAnswer(Shape):
    metric: str
    title: str
    greater_is_better: bool
    promised: IntervalAnswer | None = Field(description=_("On the model's card; null if the card does not say."))
    realised: IntervalAnswer | None = Field(description=_("What came true; null if these pupils do not have it."))
    difference: IntervalAnswer | None = Field(
        description=_(
            "What came true minus what was promised, with an interval wide enough for all these metrics together."
        )
    )
    verdict: Verdict
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))
    reason: str | None = Field(description=_("Why there is no verdict."))

    @classmethod
    def of(cls, comparison: MetricComparison, locale: str) -> Self:
        measure = MEASURES[comparison.metric]
        return cls(
            metric=comparison.metric,
            title=measure.title.render(locale),
            greater_is_better=measure.greater_is_better,
            promised=IntervalAnswer.maybe(comparison.promised),
            realised=IntervalAnswer.maybe(comparison.realised),
            difference=IntervalAnswer.maybe(comparison.difference),
            verdict=comparison.verdict,
            verdict_label=WORDS[comparison.verdict].render(locale),
            reason=None if comparison.reason is None else comparison.reason.render(locale),
        )


class PrevalenceAnswer(Shape):
    promised: IntervalAnswer | None
    realised: IntervalAnswer


class PartAnswer(Shape):
    name: str
    n: int = Field(description=_("Pupils with both an answer and a label."))
    positives: int = Field(description=_("Of them, those at risk in the end."))
    confusion: dict[str, int]
    promised_n: int | None = Field(description=_("Pupils that the card was measured on."))
    prevalence: PrevalenceAnswer = Field(description=_("The share at risk, on the card and in the end."))
    metrics: list[ComparisonAnswer]

    @classmethod
    def of(cls, part: Part, locale: str) -> Self:
        before, came = part.prevalence
        return cls(
            name=part.name,
            n=part.evaluation.n,
            positives=part.evaluation.positives,
            confusion=dict(part.evaluation.confusion),
            promised_n=None if part.card is None else part.card.n,
            prevalence=PrevalenceAnswer(promised=IntervalAnswer.maybe(before), realised=IntervalAnswer.of(came)),
            metrics=[ComparisonAnswer.of(comparison, locale) for comparison in part.comparisons],
        )


class OutcomeCounts(Shape):
    forecast: int = Field(description=_("Pupils with a forecast that counts: matched and left together."))
    pupils: int = Field(description=_("Pupils in the sheet: matched and new together."))
    matched: int
    left: int = Field(description=_("Forecast, and no longer in the sheet."))
    new: int = Field(description=_("In the sheet, and never forecast."))
    without_label: int = Field(description=_("Matched, but the sheet does not say whether they are at risk."))
    unanswered: int = Field(description=_("Matched, but too little was known for an answer."))
    measured: int = Field(description=_("Matched, with an answer on both sides: those in the metrics."))
    replaced: int = Field(description=_("Answers that a later one for the same pupil replaced."))

    @classmethod
    def of(cls, counts: PupilCounts) -> Self:
        return cls(**{name: getattr(counts, name) for name in cls.model_fields})


class GroupFigures(Shape):
    name: str
    n: int
    positives: int
    flagged: int
    recall: IntervalAnswer | None = Field(description=_("null: too few pupils to say."))
    false_positive_rate: IntervalAnswer | None
    precision: IntervalAnswer | None
    calibration: IntervalAnswer | None = Field(description=_("Mean probability minus the share at risk in the end."))


class GapAnswer(Shape):
    measure: str
    most: str
    least: str
    difference: IntervalAnswer
    shown: bool = Field(description=_("Whether the interval leaves out zero."))


class DivisionAnswer(Shape):
    column: str
    groups: list[GroupFigures]
    gaps: list[GapAnswer]

    @classmethod
    def of(cls, division: Division) -> Self:
        return cls(
            column=division.column,
            groups=[
                GroupFigures(
                    name=group.name,
                    n=group.n,
                    positives=group.positives,
                    flagged=group.flagged,
                    **{name: IntervalAnswer.maybe(figure) for name, figure in group.figures.items()},
                )
                for group in division.groups
            ],
            gaps=[
                GapAnswer(
                    measure=gap.measure,
                    most=gap.most,
                    least=gap.least,
                    difference=IntervalAnswer.of(gap.difference),
                    shown=gap.shown,
                )
                for gap in division.gaps
            ],
        )


class CalibrationBandAnswer(Shape):
    low: float
    high: float
    n: int
    said: float | None = Field(description=_("Mean probability."))
    came: IntervalAnswer | None = Field(description=_("Share at risk in the end."))
    expected: IntervalAnswer | None = Field(description=_("Share that the card expects in this band."))
    kept: bool | None = Field(description=_("Whether the two are compatible."))

    @classmethod
    def of(cls, band: BandCalibration) -> Self:
        return cls(
            low=band.low,
            high=band.high,
            n=band.n,
            said=None if band.said is None else round(band.said, 6),
            came=IntervalAnswer.maybe(band.came),
            expected=IntervalAnswer.maybe(band.expected),
            kept=band.kept,
        )


class LeaversAnswer(Shape):
    left_n: int
    stayed_n: int
    left: IntervalAnswer | None = Field(description=_("Mean probability of the pupils who left."))
    stayed: IntervalAnswer | None = Field(description=_("Mean probability of the pupils who stayed."))
    difference: IntervalAnswer | None

    @classmethod
    def of(cls, leavers: Leavers) -> Self:
        return cls(
            left_n=leavers.left_n,
            stayed_n=leavers.stayed_n,
            left=IntervalAnswer.maybe(leavers.left),
            stayed=IntervalAnswer.maybe(leavers.stayed),
            difference=IntervalAnswer.maybe(leavers.difference),
        )


class ExpectedBefore(Shape):
    n: int = Field(description=_("Pupils whom this version answered; below 30 nothing is estimated."))
    at_risk: ExpectedAnswer = Field(description=_("The share of these pupils expected to be at risk."))
    measures: dict[str, ExpectedAnswer] = Field(
        description=_("The measures estimated from the probabilities alone; null: undefined.")
    )
    realised: dict[str, IntervalAnswer | None] = Field(
        description=_("The same measures as they came true, of the same pupils.")
    )
    assumptions: list[str] = Field(description=_("The conditions of the estimate, in the language of the request."))

    @classmethod
    def of(cls, estimate: EstimateVsActual, locale: str) -> Self:
        return cls(
            n=estimate.n,
            at_risk=ExpectedAnswer.of(estimate.at_risk.expected),
            measures={pair.measure: ExpectedAnswer.of(pair.expected) for pair in estimate.measures},
            realised={pair.measure: IntervalAnswer.maybe(pair.realised) for pair in estimate.pairs},
            assumptions=[words.render(locale) for words in estimate.assumptions],
        )


class OutcomeReportAnswer(Shape):
    task: str
    year: int = Field(description=_("Of the sheet that said what came true."))
    forecast_year: int = Field(description=_("Of the sheet the forecasts were made from."))
    first_recorded: str = Field(description=_("When the sheet was first read: no later forecast counts."))
    last_changed: str
    counts: OutcomeCounts
    model_version: str | None = Field(description=_("The version that gave most of the answers; its card is compared."))
    together: PartAnswer = Field(description=_("The last forecast of each pupil, whichever version gave it."))
    groups: list[PartAnswer] = Field(description=_("Those at risk, and not at risk, when the forecast was made."))
    versions: list[PartAnswer] = Field(description=_("Where several versions answered: each by its own card."))
    divisions: list[DivisionAnswer] = Field(description=_("By level and by the audit columns."))
    calibration: list[CalibrationBandAnswer]
    leavers: LeaversAnswer
    expected_before: ExpectedBefore = Field(description=_("The estimate that could be made before the sheet arrived."))
    notes: list[str] = Field(description=_("What the figures cannot say by themselves."))

    @classmethod
    def of(cls, report: OutcomeReport, locale: str) -> Self:
        return cls(
            task=report.task,
            year=report.year,
            forecast_year=report.forecast_year,
            first_recorded=utc_text(report.first),
            last_changed=utc_text(report.changed),
            counts=OutcomeCounts.of(report.counts),
            model_version=report.version,
            together=PartAnswer.of(report.together, locale),
            groups=[PartAnswer.of(part, locale) for part in report.groups],
            versions=[PartAnswer.of(part, locale) for part in report.versions],
            divisions=[DivisionAnswer.of(division) for division in report.divisions],
            calibration=[CalibrationBandAnswer.of(band) for band in report.bands],
            leavers=LeaversAnswer.of(report.leavers),
            expected_before=ExpectedBefore.of(report.expected_before, locale),
            notes=[note.render(locale) for note in report.notes],
        )


class OutcomesAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"task": "next-year", "years": [2025], "outcomes": _REPORT_EXAMPLE},
                {"task": "next-year", "years": [], "outcomes": None},
            ]
        },
    )

    task: str
    years: list[int] = Field(description=_("The years that have outcomes for this task."))
    outcomes: OutcomeReportAnswer | None = Field(
        description=_("Null until a sheet is read that shows what came true of forecasts.")
    )

    @classmethod
    def of(cls, task: str, years: Sequence[int], report: OutcomeReport | None, locale: str) -> Self:
        outcomes = None if report is None else OutcomeReportAnswer.of(report, locale)
        return cls(task=task, years=list(years), outcomes=outcomes)
