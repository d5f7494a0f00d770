"""The shapes of a report of one window."""

from __future__ import annotations

from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field

from farol import __version__
from farol.advice.report import SECTIONS, Report
from farol.api.answers.drift import FeatureDriftAnswer, ReferenceAnswer, WindowAnswer, WindowDays
from farol.api.answers.history import EventAnswer
from farol.api.answers.outcomes import OutcomeReportAnswer
from farol.api.answers.shape import Shape
from farol.api.answers.status import ADVICE_EXAMPLE, AdviceAnswer
from farol.api.texts import marked as _
from farol.drift.report import DriftReport
from farol.drift.verdicts import Verdict, verdict_label
from farol.model.bundle import Bundle
from farol.store.records import Snapshot

_EXAMPLE: dict[str, Any] = {
    "made_at": "2026-03-02T18:24:00-03:00",
    "farol": "0.1.0",
    "task": "next-year",
    "title": "Risco no próximo ano",
    "question": "O aluno estará em risco no próximo ano?",
    "model_version": "2024-0123456789",
    "sections": list(SECTIONS),
    "summary": {
        "window": {"name": "30d", "from": "2026-02-01", "to": "2026-03-02", "days": 30},
        "reference": {"n": 1842, "years": [2022, 2023], "rows": "todas as linhas de treino"},
        "n": 640,
        "verdict": "none",
        "verdict_label": "Sem drift",
        "alarm": False,
    },
    "advice": [ADVICE_EXAMPLE],
    "verdicts": [],
    "distributions": [],
    "outcomes": None,
    "history": {
        "snapshots": [
            {
                "timestamp": "2026-03-02T18:24:00-03:00",
                "model_version": "2024-0123456789",
                "window": {"from": "2026-02-01", "to": "2026-03-02"},
                "n": 640,
                "verdict": "none",
                "verdict_label": "Sem drift",
            }
        ],
        "events": [],
    },
    "model": {
        "train_years": [2022],
        "test_years": [2023],
        "headline": {"roc_auc": 0.9},
        "threshold": 0.5,
        "features": ["IAA", "IDA"],
        "limits": "Fala só de quem permanece no programa.",
    },
}
"""An invented report, in Portuguese."""


class ReportSummary(Shape):
    window: WindowAnswer
    reference: ReferenceAnswer
    n: int = Field(description=_("How many predictions were counted."))
    verdict: Verdict
    verdict_label: str = Field(description=_("The verdict in words, in the language of the request."))
    alarm: bool

    @classmethod
    def of(cls, drift: DriftReport, locale: str) -> Self:
        return cls(
            window=WindowAnswer.of(drift.window),
            reference=ReferenceAnswer.of(drift, locale),
            n=drift.n,
            verdict=drift.verdict,
            verdict_label=verdict_label(drift.verdict, locale),
            alarm=drift.alarm,
        )


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

    @classmethod
    def of(cls, bundle: Bundle, locale: str) -> Self:
        manifest = bundle.manifest
        return cls(
            train_years=list(manifest.train_years),
            test_years=list(manifest.test_years),
            headline=dict(manifest.headline),
            threshold=manifest.threshold,
            features=list(manifest.features),
            limits=bundle.task_spec.limits.in_locale(locale),
        )


class ReportAnswer(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    made_at: str
    farol: str
    task: str
    title: str
    question: str
    model_version: str
    sections: list[str] = Field(description=_("The sections, each a key of this object, in the order of the page."))
    summary: ReportSummary
    advice: list[AdviceAnswer] = Field(description=_("The most serious first; at least one."))
    verdicts: list[FeatureDriftAnswer]
    distributions: list[str] = Field(description=_("The features in alarm; their counts stand under `verdicts`."))
    outcomes: OutcomeReportAnswer | None = Field(
        description=_("Null until a sheet is read that shows what came true of forecasts.")
    )
    history: ReportHistory
    model: ReportModel

    @classmethod
    def of(cls, report: Report, timezone: ZoneInfo, locale: str) -> Self:
        drift, bundle, outcomes = report.drift, report.bundle, report.outcomes
        return cls(
            made_at=report.made.astimezone(timezone).isoformat(timespec="seconds"),
            farol=__version__,
            task=bundle.task,
            title=bundle.task_spec.title.in_locale(locale),
            question=bundle.task_spec.question.in_locale(locale),
            model_version=bundle.version,
            sections=list(SECTIONS),
            summary=ReportSummary.of(drift, locale),
            advice=[AdviceAnswer.of(advice, locale) for advice in report.advice],
            verdicts=[FeatureDriftAnswer.of(feature, locale) for feature in drift.features],
            distributions=[feature.feature for feature in drift.figures if feature.alarm],
            outcomes=None if outcomes is None else OutcomeReportAnswer.of(outcomes, locale),
            history=ReportHistory(
                snapshots=[ReportSnapshot.of(snapshot, timezone, locale) for snapshot in report.snapshots],
                events=[EventAnswer.of(event, timezone, locale) for event in report.events],
            ),
            model=ReportModel.of(bundle, locale),
        )
