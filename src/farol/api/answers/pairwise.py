"""The shape of a pairwise report: what `farol drift --multivariate --format json` prints."""

from __future__ import annotations

from typing import Self

from farol.api.answers.drift import ReferenceAnswer, WindowAnswer
from farol.api.answers.shape import Shape
from farol.drift.pairwise import PairDrift, PairwiseReport
from farol.drift.verdicts import Band, Verdict, verdict_label


class PairReference(Shape):
    n: int
    value: float | None


class PairDriftAnswer(Shape):
    first: str
    second: str
    n: int
    value: float | None
    low: float | None
    high: float | None
    reference: PairReference
    change: float | None
    p_value: float | None
    band: Band
    verdict: Verdict
    verdict_label: str
    alarm: bool
    text: str

    @classmethod
    def of(cls, pair: PairDrift, locale: str) -> Self:
        return cls(
            first=pair.first,
            second=pair.second,
            n=pair.n,
            value=pair.value,
            low=pair.low,
            high=pair.high,
            reference=PairReference(n=pair.reference_n, value=pair.reference),
            change=pair.change,
            p_value=pair.p_value,
            band=pair.band,
            verdict=pair.verdict,
            verdict_label=verdict_label(pair.verdict, locale),
            alarm=pair.alarm,
            text=pair.words(locale),
        )


class PairwiseAnswer(Shape):
    task: str
    version: str
    window: WindowAnswer
    slice: str
    answers: int
    read: int
    n: int
    reference: ReferenceAnswer
    verdict: Verdict
    verdict_label: str
    alarm: bool
    alpha: float
    compared: int
    pairs: list[PairDriftAnswer]

    @classmethod
    def of(cls, report: PairwiseReport, locale: str) -> Self:
        return cls(
            task=report.task,
            version=report.version,
            window=WindowAnswer.of(report.window),
            slice=report.part,
            answers=report.answers,
            read=report.read,
            n=report.n,
            reference=ReferenceAnswer.of(report, locale),
            verdict=report.verdict,
            verdict_label=verdict_label(report.verdict, locale),
            alarm=report.alarm,
            alpha=report.alpha,
            compared=report.compared,
            pairs=[PairDriftAnswer.of(pair, locale) for pair in report.pairs],
        )
