"""The shapes of advice and of a task's status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from pydantic import ConfigDict, Field

from farol.advice.inputs import KINDS, Advice, Kind
from farol.advice.status import ModelStatus
from farol.api.answers.drift import WindowAnswer
from farol.api.answers.shape import Shape
from farol.api.texts import marked as _

ADVICE_EXAMPLE: dict[str, Any] = {
    "kind": "look",
    "label": "Veja os dados",
    "summary": "Veja “Indicador de aprendizagem” no nível 3: ali mudou.",
    "why": [
        "Faltam 31% dos valores; no treinamento faltavam 7%.",
        "Os valores se distribuem de um jeito bem diferente do treino, mais do que o acaso explica.",
        "64 previsões de 01/02/2026 a 02/03/2026 no nível 3, comparadas com: linhas de treino do nível 3 "
        "(182, de 2022, 2023).",
    ],
    "numbers": [
        "Distância em relação ao treino (PSI): 0,31; o acaso sozinho raramente passa de 0,24. Abaixo de 0,10 não há "
        "drift; a partir de 0,25, é severo.",
    ],
    "steps": [
        "Pergunte a quem preencheu: mudou o jeito de preencher, ou os alunos são outros? Corrija, ou acompanhe.",
        "`farol drift --task next-year --slice phase=3` mostra todos os números.",
    ],
    "feature": "IDA",
    "meaning": "Indicador de aprendizagem",
    "slice": "phase=3",
    "bins": ["abaixo de 5", "5 ou mais", "sem valor"],
    "reference": [81.0, 88.0, 13.0],
    "current": [21, 23, 20],
}
"""An invented advice, in Portuguese."""
_STATUS_EXAMPLE: dict[str, Any] = {
    "task": "next-year",
    "title": "Risco no próximo ano",
    "model_version": "2024-0123456789",
    "window": {"name": "30d", "from": "2026-02-01", "to": "2026-03-02", "days": 30},
    "n": 640,
    "lead": "look",
    "to_do": True,
    "advice": [ADVICE_EXAMPLE],
}


class AdviceAnswer(Shape):
    kind: Kind
    label: str = Field(description=_("The kind in a few words, in the language of the request."))
    summary: str = Field(description=_("The advice in one sentence."))
    why: list[str] = Field(description=_("The reason in words first, then window and reference."))
    numbers: list[str] = Field(description=_("The figures for these words."))
    steps: list[str] = Field(description=_("What to do, with commands and pages."))
    feature: str | None = Field(description=_("The feature to look at; null if the advice is not about one feature."))
    meaning: str | None
    slice: str = Field(description=_("Where it changed most, as `phase=3`; empty: in the whole window."))
    bins: list[str] = Field(description=_("What each bin holds; the last one is for missing values."))
    reference: list[float] = Field(description=_("Training values in each bin; not whole where they are weighted."))
    current: list[int] = Field(description=_("Predictions in each bin."))

    @classmethod
    def of(cls, advice: Advice, locale: str) -> Self:
        figure = advice.figure
        return cls(
            kind=advice.kind,
            label=KINDS[advice.kind].render(locale),
            summary=advice.summary.render(locale),
            why=[words.render(locale) for words in advice.why],
            numbers=[words.render(locale) for words in advice.numbers],
            steps=[words.render(locale) for words in advice.steps],
            feature=None if figure is None else figure.feature,
            meaning=None if figure is None else figure.meaning.in_locale(locale),
            slice=advice.part,
            bins=[] if figure is None else list(figure.labels(locale)),
            reference=[] if figure is None else list(figure.reference),
            current=[] if figure is None else list(figure.current),
        )


class TaskStatusAnswer(Shape):
    task: str
    title: str
    model_version: str | None
    window: WindowAnswer | None = Field(description=_("null: the model could not be checked."))
    n: int | None = Field(description=_("How many predictions were counted."))
    lead: Kind = Field(description=_("The most serious advice."))
    to_do: bool = Field(description=_("Whether somebody has something to do."))
    advice: list[AdviceAnswer] = Field(description=_("The most serious first; at least one."))

    @classmethod
    def of(cls, status: ModelStatus, locale: str) -> Self:
        drift = status.drift
        return cls(
            task=status.task,
            title=status.task if status.title is None else status.title.in_locale(locale),
            model_version=status.version,
            window=None if drift is None else WindowAnswer.of(drift.window),
            n=None if drift is None else drift.n,
            lead=status.lead,
            to_do=status.to_do,
            advice=[AdviceAnswer.of(advice, locale) for advice in status.advice],
        )


class StatusAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"to_do": True, "tasks": [_STATUS_EXAMPLE]}, {"to_do": False, "tasks": []}]}
    )

    to_do: bool = Field(description=_("Whether somebody has something to do."))
    tasks: list[TaskStatusAnswer]

    @classmethod
    def of(cls, statuses: Sequence[ModelStatus], locale: str) -> Self:
        return cls(
            to_do=any(status.to_do for status in statuses),
            tasks=[TaskStatusAnswer.of(status, locale) for status in statuses],
        )
