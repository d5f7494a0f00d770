"""The shape of `GET /models/{task}`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from farol.api.answers.shape import Shape
from farol.api.texts import marked as _


class InputAnswer(Shape):
    name: str
    type: Literal["number", "integer", "string"] = Field(description=_("Besides null, which every input may be."))
    minimum: float | None
    maximum: float | None
    usual: list[float] = Field(description=_("The values that the programme gives, where they are few."))
    meaning: str


class OutputAnswer(Shape):
    name: str
    type: Literal["number", "integer", "string"]
    meaning: str


class SignatureAnswer(Shape):
    inputs: list[InputAnswer] = Field(description=_("Each may be left out."))
    outputs: list[OutputAnswer]


class FeatureAnswer(Shape):
    name: str
    meaning: str
    changeable: bool = Field(description=_("Whether a programme can work on it."))


class MetricAnswer(Shape):
    name: str
    title: str
    meaning: str
    greater_is_better: bool
    value: float | None = Field(description=_("On the test years; null where they do not have it."))
    low: float | None = Field(description=_("Lower end of the 95% interval."))
    high: float | None = Field(description=_("Upper end of the 95% interval."))


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
    task: str
    version: str = Field(description=_("The version that answers."))
    routes: list[str] = Field(description=_("The routes that this model answers."))
    title: str
    question: str
    limits: str = Field(description=_("What a reader must know first."))
    signature: SignatureAnswer
    example: dict[str, float] = Field(description=_("An invented pupil, ready to be sent."))
    features: list[FeatureAnswer] = Field(description=_("What the model is made of, in its order."))
    threshold: float = Field(description=_("The prediction is 1 from this probability on."))
    train_years: list[int]
    test_years: list[int]
    reference: TrainedAnswer = Field(description=_("The training rows that drift compares with."))
    metrics: list[MetricAnswer]
    made_with: MadeWithAnswer
    notes: list[str] = Field(description=_("Doubts that do not forbid using it."))
