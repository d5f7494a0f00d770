"""The shapes of an answer for one pupil, alone, in a batch, and as it was stored."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field

from farol.api.answers.errors import ErrorDetail
from farol.api.answers.shape import Probability, Shape
from farol.api.texts import marked as _
from farol.model.reasons import Reason
from farol.model.risk_bands import Band


class WarningAnswer(Shape):
    code: str = Field(description=_("Stable, for programs."))
    field: str
    message: str = Field(description=_("For people, in the language of the request."))


class ShareRange(Shape):
    low: float
    high: float


class BandAnswer(Shape):
    low: float = Field(description=_("The band of risk that the probability is in: from here."))
    high: float = Field(description=_("To here."))
    expected: ShareRange = Field(
        description=_("Of pupils in this band, whom the model had not seen, the share that was behind; 95% interval.")
    )

    @classmethod
    def of(cls, band: Band) -> Self:
        """A band of a bundle's report."""
        return cls(low=band.low, high=band.high, expected=ShareRange(low=band.expected_low, high=band.expected_high))


class StandingAnswer(Shape):
    level: float = Field(description=_("The pupil's level in the programme."))
    median: float = Field(description=_("The middle value of training pupils of this level."))
    position: Literal["below", "at", "above"]


class ReasonAnswer(Shape):
    feature: str
    meaning: str
    value: float | None = Field(description=_("As the model takes it; null: not informed."))
    contribution: float = Field(
        description=_("What it adds to the log-odds of the answer: exact, and all features together give the answer.")
    )
    direction: Literal["raises", "lowers"] = Field(description=_("What it is associated with, not what it causes."))
    changeable: bool = Field(description=_("Whether a programme can work on it."))
    standing: StandingAnswer | None = Field(description=_("Where the value stands at the pupil's level, if known."))
    text: str = Field(description=_("For people, in the language of the request."))

    @classmethod
    def of(cls, reason: Reason, locale: str) -> Self:
        """A reason in a language."""
        return cls.model_validate(reason.as_dict(locale))


class PredictionAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "prediction": 1,
                    "prediction_label": "Aluno possui risco de defasagem",
                    "probability": 0.73,
                    "band": {"low": 0.7, "high": 0.9, "expected": {"low": 0.71, "high": 0.88}},
                    "abstained": False,
                    "abstention": None,
                    "reasons": [
                        {
                            "feature": "IDA",
                            "meaning": "Indicador de aprendizagem",
                            "value": 4.5,
                            "contribution": 0.62,
                            "direction": "raises",
                            "changeable": True,
                            "standing": None,
                            "text": "Indicador de aprendizagem: 4,5. Isso se associa a um risco maior.",
                        }
                    ],
                    "prediction_id": "019b0a1e-7c00-7000-8000-000000000000",
                    "task": "current",
                    "model_version": "2024-0123456789",
                    "threshold": 0.5,
                    "warnings": [
                        {
                            "code": "unusual_value",
                            "field": "IAN",
                            "message": "IAN tem um valor que o programa nunca dá; ele dá 2,5, 5, 10.",
                        }
                    ],
                }
            ]
        }
    )

    prediction: Literal[0, 1] | None = Field(description=_("1: at risk; null: no answer."))
    prediction_label: str = Field(description=_("The prediction in words, in the language of the request."))
    probability: Probability | None = Field(description=_("Of being at risk; null: no answer."))
    band: BandAnswer | None = Field(description=_("What such a probability was worth; null where it is not known."))
    abstained: bool = Field(description=_("Whether there is no answer because too little was given."))
    abstention: str | None = Field(description=_("Why there is no answer, for people."))
    reasons: list[ReasonAnswer] = Field(
        description=_("As many as were asked for, the greatest first; none for no answer. They are not stored.")
    )
    prediction_id: str = Field(description=_("Under which the prediction is stored."))
    task: str
    model_version: str
    threshold: float = Field(description=_("The prediction is 1 from this probability on."))
    warnings: list[WarningAnswer] = Field(description=_("What to know before using this answer."))


class StoredPrediction(Shape):
    prediction_id: str
    timestamp: str = Field(description=_("In the time zone of the service, with its offset."))
    timestamp_utc: str
    task: str
    model_version: str
    source: Literal["api", "batch", "v2", "simulation", "command"]
    features: dict[str, float | None] = Field(description=_("As they were given; what was absent is absent."))
    prediction: Literal[0, 1] | None = Field(description=_("1: at risk; null: no answer."))
    prediction_label: str = Field(description=_("As it was stored: in the words of the profile, in Portuguese."))
    probability: Probability | None = Field(description=_("Of being at risk; null: no answer."))
    threshold: float
    warnings: list[str] = Field(description=_("Codes."))


class PredictionsAnswer(Shape):
    timezone: str
    limit: int
    predictions: list[StoredPrediction] = Field(description=_("The latest first."))


class RowAnswer(Shape):
    index: int | None = Field(
        description=_(
            "Which row this is, from 0; blank lines are not counted. Null: the last line of an answer in NDJSON, which "
            "says why no more was read."
        )
    )
    status: int = Field(description=_("What the status of an answer to this row alone would be."))
    replayed: bool = Field(description=_("Whether this was stored and answered before, under the same key."))
    answer: PredictionAnswer | None = Field(description=_("As of a request for this row alone; null: see `error`."))
    error: ErrorDetail | None = Field(description=_("Why there is no answer and nothing was stored; else null."))
