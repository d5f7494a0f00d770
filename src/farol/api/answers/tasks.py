"""The shape of `GET /tasks`: the questions that are answered."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, Field

from farol.api.answers.health import words_of
from farol.api.answers.model import FeatureAnswer
from farol.api.answers.shape import Shape
from farol.api.texts import marked as _
from farol.service import Service


class QuestionAnswer(Shape):
    task: str
    title: str
    question: str
    limits: str = Field(description=_("What a reader must know first."))
    horizon: int = Field(description=_("0: it asks about this year; 1: about the next."))
    features: list[FeatureAnswer] = Field(description=_("What the model is made of, in its order."))
    serving: str | None = Field(description=_("The version that answers; null when none does."))
    problem: str | None = Field(description=_("Why no version, or not the promoted one, is served."))
    routes: list[str] = Field(description=_("The routes that this model answers."))

    @classmethod
    def of_all(cls, service: Service, locale: str) -> list[Self]:
        """Each task of the profile in force."""
        return [
            cls(
                task=name,
                title=spec.title.in_locale(locale),
                question=spec.question.in_locale(locale),
                limits=spec.limits.in_locale(locale),
                horizon=spec.horizon,
                features=FeatureAnswer.of_task(service.profile_of(name), spec, locale),
                serving=service.serving(name),
                problem=words_of(service.problems.get(name), locale),
                routes=service.all_routes(name),
            )
            for name, spec in service.tasks.specs.items()
        ]


class TasksAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "profile": "escola",
                    "title": "Escola",
                    "tasks": [
                        {
                            "task": "next-year",
                            "title": "Próximo ano",
                            "question": "O aluno estará em risco no próximo ano?",
                            "limits": "Foi aprendido com duas mudanças de ano.",
                            "horizon": 1,
                            "features": [{"name": "IDA", "meaning": "Indicador de aprendizagem", "changeable": True}],
                            "serving": "2024-0123456789",
                            "problem": None,
                            "routes": ["/tasks/next-year/predict", "/tasks/next-year/predict/batch"],
                        }
                    ],
                }
            ]
        }
    )

    profile: str = Field(description=_("The profile in force."))
    title: str
    tasks: list[QuestionAnswer]

    @classmethod
    def of(cls, service: Service, locale: str) -> Self:
        """The tasks of a service."""
        profile = service.profile
        title = profile.title.in_locale(locale)
        return cls(profile=profile.name, title=title, tasks=QuestionAnswer.of_all(service, locale))
