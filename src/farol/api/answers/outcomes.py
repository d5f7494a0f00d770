"""The shapes of what `/monitoring/outcomes` answers. They document; `farol.outcomes.report` builds the values."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from farol.api.answers.performance import ExpectedAnswer
from farol.api.answers.shape import Shape
from farol.api.texts import marked as _


class IntervalAnswer(Shape):
    value: float
    low: float = Field(description=_("Lower end of the 95% interval."))
    high: float = Field(description=_("Upper end."))


class ComparisonAnswer(Shape):
    metric: str
    title: str
    greater_is_better: bool
    promised: IntervalAnswer | None = Field(description=_("On the model's card; null where it does not say."))
    realised: IntervalAnswer | None = Field(description=_("What came true; null where these pupils do not have it."))
    difference: IntervalAnswer | None = Field(
        description=_("Realised minus promised, with an interval wide enough for all these metrics together.")
    )
    verdict: Literal["within", "better", "worse", "unknown"]
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))
    reason: str | None = Field(description=_("Why nothing can be told."))


class PrevalenceAnswer(Shape):
    promised: IntervalAnswer | None
    realised: IntervalAnswer


class PartAnswer(Shape):
    name: str
    n: int = Field(description=_("Pupils of whom both are known: the answer given, and what came true."))
    positives: int = Field(description=_("Of them, those at risk in the end."))
    confusion: dict[str, int]
    promised_n: int | None = Field(description=_("Pupils that the card was measured on."))
    prevalence: PrevalenceAnswer = Field(description=_("The share at risk, on the card and in the end."))
    metrics: list[ComparisonAnswer]


class OutcomeCounts(Shape):
    forecast: int = Field(description=_("Pupils with a forecast that counts: matched and left together."))
    pupils: int = Field(description=_("Pupils in the sheet: matched and new together."))
    matched: int
    left: int = Field(description=_("Forecast, and no longer in the sheet."))
    new: int = Field(description=_("In the sheet, and never forecast."))
    without_label: int = Field(description=_("Matched, but the sheet does not say whether they are behind."))
    unanswered: int = Field(description=_("Matched, but too little was known for an answer."))
    measured: int = Field(description=_("Matched, with an answer on both sides: those in the metrics."))
    replaced: int = Field(description=_("Answers that a later one for the same pupil stands for."))


class GroupFigures(Shape):
    name: str
    n: int
    positives: int
    flagged: int
    recall: IntervalAnswer | None = Field(description=_("Null: too few pupils to tell."))
    false_positive_rate: IntervalAnswer | None
    precision: IntervalAnswer | None
    calibration: IntervalAnswer | None = Field(description=_("Mean probability said minus share that came true."))


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


class WorthAnswer(Shape):
    low: float
    high: float
    n: int
    said: float | None = Field(description=_("Mean probability said."))
    came: IntervalAnswer | None = Field(description=_("Share at risk in the end."))
    expected: IntervalAnswer | None = Field(description=_("Share that the card expects in this band."))
    kept: bool | None = Field(description=_("Whether the two are compatible."))


class LeaversAnswer(Shape):
    left_n: int
    stayed_n: int
    left: IntervalAnswer | None = Field(description=_("Mean probability that had been given to those who left."))
    stayed: IntervalAnswer | None
    difference: IntervalAnswer | None


class ExpectedBefore(Shape):
    n: int = Field(description=_("Pupils whom this version answered; below 30 nothing is estimated."))
    at_risk: ExpectedAnswer = Field(description=_("The share of these pupils expected to be at risk."))
    measures: dict[str, ExpectedAnswer] = Field(
        description=_("What the probabilities alone let expect; null: undefined.")
    )
    realised: dict[str, IntervalAnswer | None] = Field(
        description=_("The same figures as they came true, of the same pupils.")
    )
    assumptions: list[str] = Field(description=_("What has to hold, in the language of the request."))


class RealisedAnswer(Shape):
    task: str
    year: int = Field(description=_("Of the sheet that said what came true."))
    forecast_year: int = Field(description=_("Of the sheet the forecasts were made from."))
    first_recorded: str = Field(description=_("When the sheet was first read: no later forecast counts."))
    last_changed: str
    counts: OutcomeCounts
    model_version: str | None = Field(description=_("That gave most of the answers; its card is the promise."))
    together: PartAnswer = Field(description=_("The last forecast of each pupil, whichever version gave it."))
    groups: list[PartAnswer] = Field(description=_("Those behind, and not behind, when the forecast was made."))
    versions: list[PartAnswer] = Field(description=_("Where several versions answered: each by its own card."))
    divisions: list[DivisionAnswer] = Field(description=_("By level and by the audit columns."))
    calibration: list[WorthAnswer]
    leavers: LeaversAnswer
    expected_before: ExpectedBefore = Field(
        description=_("The estimate that could be made before the sheet was there.")
    )
    notes: list[str] = Field(description=_("What the figures cannot say by themselves."))


class OutcomesAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"task": "next-year", "years": [], "outcomes": None}]},
    )

    task: str
    years: list[int] = Field(description=_("The years that have outcomes for this task."))
    outcomes: RealisedAnswer | None = Field(description=_("Null while no sheet was read that answers forecasts."))
