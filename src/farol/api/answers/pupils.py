"""The shapes of `farol list`, `farol explain` and `farol forecast` as JSON."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from farol.api.answers.prediction import BandAnswer, ReasonAnswer
from farol.api.answers.shape import Shape
from farol.api.texts import marked as _
from farol.pupils.explain import Explanation
from farol.pupils.forecast import Forecasts
from farol.pupils.ranking import ExpectedCases, PupilList, RankedPupil


class ExpectedCasesAnswer(Shape):
    n: int
    value: float = Field(description=_("How many of them are expected at risk: the sum of their probabilities."))
    low: int = Field(description=_("Lower end of its 95% interval."))
    high: int = Field(description=_("Upper end of its 95% interval."))

    @classmethod
    def of(cls, cases: ExpectedCases) -> Self:
        return cls(n=cases.n, value=round(cases.value, 3), low=cases.low, high=cases.high)


class LevelCasesAnswer(ExpectedCasesAnswer):
    level: float


class RankedPupilAnswer(Shape):
    rank: int
    student: str
    group: str | None = Field(alias="class")
    level: float | None
    probability: float
    at_risk_now: bool | None
    tied: bool = Field(description=_("Whether the pupil shares the last place of the list with others."))
    reasons: list[str]

    @classmethod
    def of(cls, pupil: RankedPupil, locale: str) -> Self:
        return cls(
            rank=pupil.rank,
            **{"class": pupil.group},
            student=pupil.student,
            level=pupil.level,
            probability=round(pupil.probability, 6),
            at_risk_now=pupil.at_risk_now,
            tied=pupil.tied,
            reasons=[reason.text(locale) for reason in pupil.reasons],
        )


class PupilListAnswer(Shape):
    task: str
    model_version: str
    year: int
    by: str
    places: int
    expected: ExpectedCasesAnswer = Field(description=_("Among the pupils on the list."))
    group: ExpectedCasesAnswer = Field(description=_("Among all pupils that the list was made of."))
    marked: int = Field(description=_("How many of the group are marked at risk, by the threshold."))
    levels: list[LevelCasesAnswer]
    notes: list[str]
    unanswered: list[str]
    pupils: list[RankedPupilAnswer]

    @classmethod
    def of(cls, ranked: PupilList, locale: str) -> Self:
        return cls(
            task=ranked.bundle.task,
            model_version=ranked.bundle.version,
            year=ranked.year,
            by=ranked.by.value,
            places=ranked.places,
            expected=ExpectedCasesAnswer.of(ranked.expected),
            group=ExpectedCasesAnswer.of(ranked.group),
            marked=ranked.marked,
            levels=[
                LevelCasesAnswer(level=level, **ExpectedCasesAnswer.of(cases).model_dump())
                for level, cases in ranked.levels
            ],
            notes=[note.render(locale) for note in ranked.notes()],
            unanswered=list(ranked.unanswered),
            pupils=[RankedPupilAnswer.of(pupil, locale) for pupil in ranked.pupils],
        )


class ExplanationAnswer(Shape):
    student: str
    year: int
    task: str
    model_version: str
    prediction: int | None
    prediction_label: str
    probability: float | None
    band: BandAnswer | None
    abstained: bool
    reasons: list[ReasonAnswer]
    missing: list[str]
    is_new: bool = Field(description=_("Whether no earlier year of the workbook has this pupil."))

    @classmethod
    def of(cls, explanation: Explanation, locale: str) -> Self:
        answer = explanation.answer
        return cls(
            student=explanation.student,
            year=explanation.year,
            task=explanation.bundle.task,
            model_version=explanation.bundle.version,
            prediction=answer.prediction,
            prediction_label=answer.label.in_locale(locale),
            probability=answer.probability,
            band=None if explanation.band is None else BandAnswer.of(explanation.band),
            abstained=answer.abstained,
            reasons=[ReasonAnswer.of(reason, locale) for reason in explanation.reasons],
            missing=[text.in_locale(locale) for text in explanation.missing],
            is_new=explanation.is_new,
        )


class ForecastsAnswer(Shape):
    task: str
    model_version: str
    year: int
    pupils: int
    stored: int
    already_stored: int
    at_risk: int = Field(description=_("How many pupils are marked at risk, by the threshold."))
    expected: ExpectedCasesAnswer = Field(description=_("Among the pupils with an answer."))
    unanswered: int
    unusable_codes: int

    @classmethod
    def of(cls, forecasts: Forecasts) -> Self:
        return cls(
            task=forecasts.bundle.task,
            model_version=forecasts.bundle.version,
            year=forecasts.year,
            pupils=len(forecasts.rows) + forecasts.unusable,
            stored=forecasts.stored,
            already_stored=len(forecasts.rows) - forecasts.stored,
            at_risk=forecasts.at_risk,
            expected=ExpectedCasesAnswer.of(forecasts.expected),
            unanswered=forecasts.unanswered,
            unusable_codes=forecasts.unusable,
        )
