"""The shapes of a drift report and its history."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from farol.api.answers.shape import Shape
from farol.api.texts import marked as _
from farol.drift.figures import FeatureDrift
from farol.drift.report import DriftReport
from farol.drift.windows import Window

Verdict = Literal["insufficient_data", "none", "moderate", "severe"]


Band = Literal["none", "moderate", "severe"]


Kind = Literal["distribution", "superiority", "missing", "unseen"]


class ShareDriftAnswer(Shape):
    value: float | None = Field(description=_("The share among the predictions; null when nothing was counted."))
    low: float = Field(description=_("Lower end of its 95% interval."))
    high: float = Field(description=_("Upper end of its 95% interval."))
    reference: float = Field(description=_("The share among the training rows."))
    chance: float = Field(description=_("How probable such a difference is by chance alone; exact."))
    alpha: float = Field(description=_("The difference is beyond chance from this probability down."))
    band: Band = Field(description=_("Of the difference alone: below 5 points of a hundred, below 15, above."))
    verdict: Verdict
    alarm: bool = Field(description=_("Beyond a band and beyond chance."))


class MovedAnswer(Shape):
    value: float = Field(description=_("The chance that a value of now is above one of training; 0.5: nothing moved."))
    low: float = Field(description=_("Lower end of its 95% interval."))
    high: float = Field(description=_("Upper end of its 95% interval."))
    critical: float | None = Field(description=_("How far from 0.5 chance alone seldom takes it."))
    band: Band = Field(description=_("Of the distance from 0.5 alone: below 0.088, below 0.138, above."))
    verdict: Verdict
    alarm: bool = Field(description=_("Beyond a band and beyond chance."))


class DriftFigures(Shape):
    feature: str
    psi: float | None = Field(description=_("Population stability index; null when nothing was counted."))
    low: float = Field(description=_("Lower end of the 95% interval of the PSI."))
    high: float | None = Field(description=_("Upper end; null when there is none."))
    critical: float | None = Field(description=_("What chance alone stays below; null when there is no such limit."))
    n: int = Field(description=_("How many predictions were counted."))
    verdict: Verdict
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))
    band: Band = Field(description=_("Of the PSI alone: below 0.1, below 0.25, above."))
    alarm: bool = Field(description=_("Any figure is beyond a band and beyond chance."))
    alarms: list[Kind] = Field(description=_("Which figures raise the alarm; `distribution` is the PSI."))
    superiority: MovedAnswer | None = Field(description=_("Whether values moved up or down; null without an order."))
    missing: ShareDriftAnswer | None = Field(description=_("What is missing; null in an older snapshot."))
    unseen: ShareDriftAnswer | None = Field(
        description=_("What training never had: values beyond its range, or none of its few; null in an older model.")
    )


class FeatureDriftAnswer(DriftFigures):
    meaning: str
    missing_share: float | None
    reference_missing_share: float
    bins: list[str] = Field(description=_("What each bin holds; the last one is for missing values."))
    reference: list[float] = Field(description=_("Training values in each bin; not whole where they are weighted."))
    current: list[int] = Field(description=_("Predictions in each bin."))

    @classmethod
    def of(cls, drift: FeatureDrift, locale: str) -> Self:
        return cls.model_validate(drift.as_dict(locale))


class SnapshotFeature(DriftFigures):
    current: list[int] = Field(description=_("Predictions in each bin."))


class Days(Shape):
    first: str | None = Field(alias="from", description=_("First day, included; null: from the beginning."))
    last: str = Field(alias="to", description=_("Last day, included."))


class WindowAnswer(Days):
    name: str
    days: int | None

    @classmethod
    def of(cls, window: Window) -> Self:
        return cls.model_validate(window.as_dict())


class ReferenceAnswer(Shape):
    n: int = Field(description=_("How many training rows; where they are weighted, as many as they tell."))
    years: list[int]
    rows: str = Field(description=_("Which training rows, in the language of the request."))

    @classmethod
    def of(cls, report: DriftReport, locale: str) -> Self:
        return cls(n=report.reference_n, years=list(report.reference_years), rows=report.basis.render(locale))


class DriftAnswer(Shape):
    task: str
    version: str
    window: WindowAnswer
    slice: str = Field(description=_("The part of the window, as `phase=3`; empty: all of it."))
    n: int = Field(description=_("How many predictions were counted."))
    reference: ReferenceAnswer
    verdict: Verdict
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))
    alarm: bool
    alpha: float = Field(description=_("Chance of any alarm in a window without drift."))
    features: list[FeatureDriftAnswer]
    score: FeatureDriftAnswer | None = Field(
        description=_("The model's own answers, as one more feature `=score`; null where they were not counted.")
    )
    rate: ShareDriftAnswer | None = Field(
        description=_("The share of answers 1 among all answers; null where they were not counted.")
    )


class SnapshotAnswer(Shape):
    snapshot_id: str
    timestamp: str = Field(description=_("In the time zone of the service, with its offset."))
    timestamp_utc: str
    task: str
    model_version: str
    window: Days
    n: int = Field(description=_("How many predictions were counted."))
    reference_n: int
    verdict: Verdict
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))
    alarm: bool
    features: list[SnapshotFeature]
    score: SnapshotFeature | None = Field(description=_("The model's own answers; null in an older snapshot."))
    rate: ShareDriftAnswer | None = Field(description=_("The share of answers 1; null in an older snapshot."))


class HistoryAnswer(Shape):
    timezone: str
    limit: int
    snapshots: list[SnapshotAnswer] = Field(description=_("The latest first."))
