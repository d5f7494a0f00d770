"""The shapes of a report of one window."""

from __future__ import annotations

from typing import Self
from zoneinfo import ZoneInfo

from pydantic import Field

from farol import __version__
from farol.advice.report import SECTIONS, Report
from farol.api.answers.drift import FeatureDriftAnswer, ReferenceAnswer, WindowAnswer, WindowDays
from farol.api.answers.history import EventAnswer
from farol.api.answers.outcomes import RealisedAnswer
from farol.api.answers.shape import Shape
from farol.api.answers.status import AdviceAnswer
from farol.api.texts import marked as _
from farol.drift.verdicts import Verdict, verdict_label
from farol.store.records import Snapshot


class ReportSummary(Shape):
    window: WindowAnswer
    reference: ReferenceAnswer
    n: int = Field(description=_("How many predictions were counted."))
    verdict: Verdict
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))
    alarm: bool


class ReportSnapshot(Shape):
    timestamp: str = Field(description=_("In the time zone of the service, with its offset."))
    model_version: str
    window: WindowDays
    n: int = Field(description=_("How many predictions were counted."))
    verdict: Verdict
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))

    @classmethod
    def of(cls, snapshot: Snapshot, timezone: ZoneInfo, locale: str) -> Self:
        verdict = str(snapshot.payload["verdict"])
        return cls.model_validate(
            {
                "timestamp": snapshot.at.astimezone(timezone).isoformat(timespec="seconds"),
                "model_version": snapshot.version,
                "window": {"from": snapshot.first and snapshot.first.isoformat(), "to": snapshot.last.isoformat()},
                "n": snapshot.payload["n"],
                "verdict": verdict,
                "verdict_label": verdict_label(verdict, locale),
            }
        )


class ReportHistory(Shape):
    snapshots: list[ReportSnapshot] = Field(description=_("The latest first."))
    events: list[EventAnswer] = Field(description=_("The latest first."))


class ReportModel(Shape):
    train_years: list[int]
    test_years: list[int]
    headline: dict[str, float] = Field(description=_("Metrics on the test years."))
    threshold: float
    features: list[str]
    limits: str = Field(description=_("What a reader must know first."))


class ReportAnswer(Shape):
    made_at: str
    farol: str
    task: str
    title: str
    question: str
    model_version: str
    sections: list[str] = Field(description=_("The sections, each a key of this object, in the order of the page."))
    summary: ReportSummary
    advice: list[AdviceAnswer] = Field(description=_("The gravest first; at least one."))
    verdicts: list[FeatureDriftAnswer]
    distributions: list[str] = Field(description=_("The features in alarm; their counts stand under `verdicts`."))
    outcomes: RealisedAnswer | None = Field(description=_("Null while no sheet was read that answers forecasts."))
    history: ReportHistory
    model: ReportModel

    @classmethod
    def of(cls, report: Report, timezone: ZoneInfo, locale: str) -> Self:
        drift, bundle, task = report.drift, report.bundle, report.bundle.task_spec
        manifest = bundle.manifest
        return cls(
            made_at=report.made.astimezone(timezone).isoformat(timespec="seconds"),
            farol=__version__,
            task=bundle.task,
            title=task.title.in_locale(locale),
            question=task.question.in_locale(locale),
            model_version=bundle.version,
            sections=list(SECTIONS),
            summary=ReportSummary(
                window=WindowAnswer.of(drift.window),
                reference=ReferenceAnswer.of(drift, locale),
                n=drift.n,
                verdict=drift.verdict,
                verdict_label=verdict_label(drift.verdict, locale),
                alarm=drift.alarm,
            ),
            advice=[AdviceAnswer.model_validate(advice.as_dict(locale)) for advice in report.advice],
            verdicts=[FeatureDriftAnswer.of(feature, locale) for feature in drift.features],
            distributions=[feature.feature for feature in drift.figures if feature.alarm],
            outcomes=None
            if report.realised is None
            else RealisedAnswer.model_validate(report.realised.as_dict(locale)),
            history=ReportHistory(
                snapshots=[ReportSnapshot.of(each, timezone, locale) for each in report.snapshots],
                events=[EventAnswer.of(each, timezone, locale) for each in report.events],
            ),
            model=ReportModel(
                train_years=list(manifest.train_years),
                test_years=list(manifest.test_years),
                headline=dict(manifest.headline),
                threshold=manifest.threshold,
                features=list(manifest.features),
                limits=task.limits.in_locale(locale),
            ),
        )
