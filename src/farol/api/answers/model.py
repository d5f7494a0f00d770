"""The shape of `GET /models/{task}`: what a program or a person must know of a model before asking it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field

from farol.api.answers.shape import Shape
from farol.api.schemas import GROUP, STUDENT, YEARS, InputForm
from farol.api.texts import marked as _
from farol.i18n import Message, msg, translate
from farol.model.bundle import Bundle
from farol.model.features import YEAR
from farol.profile import Column, Profile, Task, Text
from farol.service import Service

Kind = Literal["number", "integer", "string"]

OUTPUTS: Mapping[str, tuple[Kind, str]] = {
    "prediction": ("integer", _("1: at risk; null: no answer.")),
    "prediction_label": ("string", _("The prediction in words, in the language of the request.")),
    "probability": ("number", _("Probability of being at risk; null: no answer.")),
}
"""What an answer says first: name → type, meaning."""


class InputAnswer(Shape):
    name: str
    type: Kind = Field(description=_("Besides null, which every input may be."))
    minimum: float | None
    maximum: float | None
    usual: list[float] = Field(description=_("The only values in use, if they are few."))
    meaning: str

    @classmethod
    def of_column(cls, column: Column, locale: str) -> Self:
        """A column of the profile."""
        return cls(
            name=column.name,
            type="integer" if column.integer else "number",
            minimum=column.minimum,
            maximum=column.maximum,
            usual=list(column.usual or ()),
            meaning=column.meaning.in_locale(locale),
        )

    @classmethod
    def of_field(
        cls, name: str, kind: Kind, meaning: Message, locale: str, ends: tuple[int | None, int | None] = (None, None)
    ) -> Self:
        """A field that is no column."""
        words = meaning.render(locale)
        return cls(name=name, type=kind, minimum=ends[0], maximum=ends[1], usual=[], meaning=words)


class OutputAnswer(Shape):
    name: str
    type: Kind
    meaning: str


class SignatureAnswer(Shape):
    inputs: list[InputAnswer] = Field(description=_("Each may be left out."))
    outputs: list[OutputAnswer]

    @classmethod
    def of(cls, form: InputForm, locale: str) -> Self:
        """What a model takes and gives."""
        outputs = [
            OutputAnswer(name=name, type=kind, meaning=translate(meaning, locale))
            for name, (kind, meaning) in OUTPUTS.items()
        ]
        return cls(inputs=list(_inputs(form, locale)), outputs=outputs)


def _inputs(form: InputForm, locale: str) -> Iterator[InputAnswer]:
    for column in form.inputs.columns.values():
        yield InputAnswer.of_column(column, locale)
    if form.needs_period:
        which = msg("Year or term the values are of: {expected}.", expected=form.years_expected())
        yield InputAnswer.of_field(YEAR, "string", which, locale)
    elif form.takes_year:
        when = msg("Year the values are of; without it, the present year.")
        yield InputAnswer.of_field(YEAR, "integer", when, locale, YEARS)
    whose = msg(
        "The school's own code of the pupil, to find, export and erase what is stored. The model does not use it."
    )
    yield InputAnswer.of_field(STUDENT, "string", whose, locale)
    group = msg(
        "The pupil's class, as the school calls it, to tell classes apart in monitoring. The model does not use it."
    )
    yield InputAnswer.of_field(GROUP, "string", group, locale)


class FeatureAnswer(Shape):
    name: str
    meaning: str
    changeable: bool = Field(description=_("Whether the school can work on it."))

    @classmethod
    def of_task(cls, profile: Profile, task: Task, locale: str) -> list[Self]:
        """The features of a task, in its order."""
        return [
            cls(name=name, meaning=_meaning(profile, name).in_locale(locale), changeable=name in task.changeable)
            for name in task.features
        ]


class MetricAnswer(Shape):
    name: str
    title: str
    meaning: str
    greater_is_better: bool
    value: float | None = Field(description=_("On the test years; null if they do not have it."))
    low: float | None = Field(description=_("Lower end of the 95% interval."))
    high: float | None = Field(description=_("Upper end of the 95% interval."))

    @classmethod
    def of_report(cls, report: Mapping[str, Any], locale: str) -> Iterator[Self]:
        """The figures of the test years that a bundle's report has; shorter reports may have none."""
        language = "en" if locale == "en" else "pt"
        for name, measure in report.get("measures", {}).items():
            figure = report["test"].get(name)
            if figure is not None:
                yield cls(
                    name=name,
                    title=measure["title"][language],
                    meaning=measure["meaning"][language],
                    greater_is_better=measure["greater_is_better"],
                    value=figure["value"],
                    low=figure["low"],
                    high=figure["high"],
                )


class MadeWithAnswer(Shape):
    farol: str
    libraries: dict[str, str]
    seed: int
    data_fingerprint: str = Field(description=_("SHA-256 of the cleaned training data: the same data gives the same."))
    profile_fingerprint: str


class TrainedAnswer(Shape):
    n: int
    years: list[int]


class ModelAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "task": "current",
                    "version": "2024-0123456789",
                    "routes": ["/tasks/current/predict", "/tasks/current/predict/batch", "/v2/models/current/infer"],
                    "title": "Este ano",
                    "question": "O aluno está em risco neste ano?",
                    "limits": "Falta de nota não é nota média.",
                    "signature": {
                        "inputs": [
                            {
                                "name": "IDA",
                                "type": "number",
                                "minimum": 0.0,
                                "maximum": 10.0,
                                "usual": [],
                                "meaning": "Indicador de aprendizagem",
                            }
                        ],
                        "outputs": [
                            {
                                "name": "probability",
                                "type": "number",
                                "meaning": "De estar em risco; null: não há resposta.",
                            }
                        ],
                    },
                    "example": {"IDA": 6.5},
                    "features": [{"name": "IDA", "meaning": "Indicador de aprendizagem", "changeable": True}],
                    "threshold": 0.5,
                    "train_years": [2022, 2023],
                    "test_years": [2024],
                    "reference": {"n": 1842, "years": [2022, 2023]},
                    "metrics": [
                        {
                            "name": "roc_auc",
                            "title": "ROC AUC",
                            "meaning": "Chance de um aluno em risco ter probabilidade maior que um que não está.",
                            "greater_is_better": True,
                            "value": 0.75,
                            "low": 0.71,
                            "high": 0.79,
                        }
                    ],
                    "made_with": {
                        "farol": "0.1.0",
                        "libraries": {"numpy": "2.4.6"},
                        "seed": 0,
                        "data_fingerprint": "0" * 64,
                        "profile_fingerprint": "0" * 64,
                    },
                    "notes": [],
                }
            ]
        }
    )

    task: str
    version: str = Field(description=_("The version that answers."))
    routes: list[str] = Field(description=_("The routes that this model answers."))
    title: str
    question: str
    limits: str = Field(description=_("What a reader must know first."))
    signature: SignatureAnswer
    example: dict[str, int | float | str] = Field(description=_("An invented pupil, ready to be sent."))
    features: list[FeatureAnswer] = Field(description=_("What the model is made of, in its order."))
    threshold: float = Field(description=_("The prediction is 1 from this probability on."))
    train_years: list[int]
    test_years: list[int]
    reference: TrainedAnswer = Field(description=_("The training rows that drift compares with."))
    metrics: list[MetricAnswer]
    made_with: MadeWithAnswer
    notes: list[str] = Field(description=_("Doubts that do not prevent its use."))

    @classmethod
    def of(cls, service: Service, bundle: Bundle, locale: str) -> Self:
        """A bundle that is served."""
        manifest, task, form = bundle.manifest, bundle.task_spec, InputForm(bundle.inputs)
        return cls(
            task=bundle.task,
            version=bundle.version,
            routes=service.all_routes(bundle.task),
            title=task.title.in_locale(locale),
            question=task.question.in_locale(locale),
            limits=task.limits.in_locale(locale),
            signature=SignatureAnswer.of(form, locale),
            example=form.example(),
            features=FeatureAnswer.of_task(bundle.profile, task, locale),
            threshold=manifest.threshold,
            train_years=list(manifest.train_years),
            test_years=list(manifest.test_years),
            reference=TrainedAnswer(n=bundle.reference.n, years=list(bundle.served_years)),
            metrics=list(MetricAnswer.of_report(bundle.report, locale)),
            made_with=MadeWithAnswer(
                farol=manifest.farol,
                libraries=dict(manifest.libraries),
                seed=manifest.seed,
                data_fingerprint=manifest.data_fingerprint,
                profile_fingerprint=manifest.profile_fingerprint,
            ),
            notes=[note.render(locale) for note in bundle.notes],
        )


def _meaning(profile: Profile, feature: str) -> Text:
    column = profile.columns.get(feature)
    return profile.derived[feature].meaning if column is None else column.meaning
