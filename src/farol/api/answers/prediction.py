"""The shapes of an answer for one pupil, alone, in a batch, and as it was stored."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, Self, cast
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from farol.api.answers.errors import ErrorDetail
from farol.api.answers.shape import Probability, Shape
from farol.api.texts import marked as _
from farol.api.times import both_times
from farol.model.bundle import Bundle
from farol.model.inputs import InputWarning
from farol.model.reasons import Reason
from farol.model.risk_bands import Band
from farol.model.scoring import Answer, abstention, label_text
from farol.store.records import Prediction, Source


class WarningAnswer(Shape):
    code: str = Field(description=_("Stable, for programs."))
    field: str
    message: str = Field(description=_("For people, in the language of the request."))

    @classmethod
    def of(cls, warning: InputWarning, locale: str) -> Self:
        """A warning in a language."""
        return cls(code=warning.code, field=warning.field, message=warning.message.render(locale))


class ShareRange(Shape):
    low: float
    high: float


class BandAnswer(Shape):
    low: float = Field(description=_("Lower end of the band of risk that the probability is in."))
    high: float = Field(description=_("Upper end of the band of risk."))
    expected: ShareRange = Field(
        description=_(
            "Of pupils in this band, of whom as much was known and whom the model had not seen, the share that was at "
            "risk; 95% interval, and as far as training years differ."
        )
    )

    @classmethod
    @lru_cache(maxsize=64)  # a bundle has a few
    def of(cls, band: Band) -> Self:
        """A band of a bundle's report."""
        return cls(low=band.low, high=band.high, expected=ShareRange(low=band.expected_low, high=band.expected_high))


class StandingAnswer(Shape):
    level: float = Field(description=_("The pupil's level."))
    median: float = Field(description=_("The median of training pupils of this level."))
    position: Literal["below", "at", "above"]


class ReasonAnswer(Shape):
    feature: str
    meaning: str
    value: float | str | None = Field(description=_("As the model gets it; null: not informed."))
    contribution: float = Field(
        description=_("What it adds to the log-odds of the answer: exact, and all features together give the answer.")
    )
    direction: Literal["raises", "lowers"] = Field(description=_("What it is associated with, not what it causes."))
    changeable: bool = Field(description=_("Whether a programme can work on it."))
    standing: StandingAnswer | None = Field(description=_("How the value compares with the pupil's level, if known."))
    text: str = Field(description=_("For people, in the language of the request."))

    @classmethod
    def of(cls, reason: Reason, locale: str) -> Self:
        """A reason in a language."""
        standing = reason.standing
        return cls(
            feature=reason.feature,
            meaning=reason.meaning.in_locale(locale),
            value=reason.value,
            contribution=round(reason.contribution, 6),
            direction=reason.direction,
            changeable=reason.changeable,
            standing=None
            if standing is None
            else StandingAnswer(level=standing.level, median=standing.median, position=standing.position),
            text=reason.text(locale),
        )


_Class = Literal[0, 1] | None

_ANSWER: JsonDict = {
    "prediction": 1,
    "prediction_label": "Aluno em risco",
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
            "field": "IDA",
            "message": "IDA tem um valor que nunca é atribuído; os usuais são 2,5, 5, 10.",
        }
    ],
}


class PredictionAnswer(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [_ANSWER]})

    prediction: _Class = Field(description=_("1: at risk; null: no answer."))
    prediction_label: str = Field(description=_("The prediction in words, in the language of the request."))
    probability: Probability | None = Field(description=_("Probability of being at risk; null: no answer."))
    band: BandAnswer | None = Field(
        description=_("What such a probability was worth for pupils of whom as much was known; null without an answer.")
    )
    abstained: bool = Field(description=_("Whether there is no answer because there was too little information."))
    abstention: str | None = Field(description=_("Why there is no answer, for people."))
    reasons: list[ReasonAnswer] = Field(
        description=_(
            "As many as the request asked for, the greatest first; empty without an answer. They are not stored."
        )
    )
    prediction_id: str = Field(description=_("The id of the stored prediction."))
    task: str
    model_version: str
    threshold: float = Field(
        description=_("The prediction is 1 from this probability on, for pupils of whom as much is known.")
    )
    warnings: list[WarningAnswer] = Field(description=_("What to know before using this answer."))

    @classmethod
    def of(
        cls,
        stored: Prediction,
        answer: Answer,
        reasons: Sequence[Reason],
        warnings: Sequence[InputWarning],
        *,
        bundle: Bundle,
        locale: str,
    ) -> Self:
        """The answer for one pupil: its row, and what the model that made it says besides."""
        band = None if stored.prediction is None else answer.band
        return cls(
            prediction=cast(_Class, stored.prediction),
            prediction_label=label_text(bundle, stored.prediction, locale),
            probability=stored.probability,
            band=None if band is None else BandAnswer.of(band),
            abstained=answer.abstained,
            abstention=abstention(answer, bundle.profile.label.state).render(locale) if answer.abstained else None,
            reasons=[ReasonAnswer.of(reason, locale) for reason in reasons],
            prediction_id=stored.id,
            task=stored.task,
            model_version=stored.version,
            threshold=stored.threshold,
            warnings=[WarningAnswer.of(warning, locale) for warning in warnings],
        )


_STORED: JsonDict = {
    "prediction_id": "019b0a1e-7c00-7000-8000-000000000000",
    "timestamp": "2026-03-02T18:24:00.521-03:00",
    "timestamp_utc": "2026-03-02T21:24:00.521+00:00",
    "task": "current",
    "model_version": "2024-0123456789",
    "source": "api",
    "features": {"IAA": 8.5, "IDA": 4.5},
    "prediction": 1,
    "prediction_label": "Aluno em risco",
    "probability": 0.73,
    "threshold": 0.5,
    "warnings": ["clipped"],
}


class StoredPrediction(Shape):
    prediction_id: str
    timestamp: str = Field(description=_("In the time zone of the service, with its offset."))
    timestamp_utc: str
    task: str
    model_version: str
    source: Source
    features: dict[str, float | str | None] = Field(
        description=_("As they were given; fields that did not come are not here.")
    )
    prediction: _Class = Field(description=_("1: at risk; null: no answer."))
    prediction_label: str = Field(description=_("As it was stored: in the words of the profile, in Portuguese."))
    probability: Probability | None = Field(description=_("Probability of being at risk; null: no answer."))
    threshold: float
    warnings: list[str] = Field(description=_("Codes."))

    @classmethod
    def of(cls, row: Prediction, timezone: ZoneInfo) -> Self:
        """A row of the store."""
        return cls(
            prediction_id=row.id,
            **both_times(row.at, timezone),
            task=row.task,
            model_version=row.version,
            source=row.source,
            features=dict(row.features),
            prediction=cast(_Class, row.prediction),
            prediction_label=row.label,
            probability=row.probability,
            threshold=row.threshold,
            warnings=list(row.warnings),
        )


class PredictionsAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"timezone": "America/Sao_Paulo", "limit": 1, "predictions": [_STORED]}]}
    )

    timezone: str
    limit: int
    predictions: list[StoredPrediction] = Field(description=_("The latest first."))


class RowAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"index": 0, "status": 200, "replayed": False, "answer": _ANSWER, "error": None},
                {
                    "index": 1,
                    "status": 422,
                    "replayed": False,
                    "answer": None,
                    "error": {
                        "code": "invalid_fields",
                        "message": "Alguns campos não podem ser usados.",
                        "fields": [
                            {
                                "field": "IAA",
                                "problem": "IAA está fora da faixa.",
                                "expected": "um número de 0 a 10, ou nada",
                            }
                        ],
                        "fix": "Corrija os campos indicados.",
                        "request_id": "4b399992fb24461597378cd806d60873",
                    },
                },
            ]
        }
    )

    index: int | None = Field(
        description=_(
            "Which row this is, from 0; blank lines are not counted. Null: the last line of an answer in NDJSON, which "
            "says why no more was read."
        )
    )
    status: int = Field(description=_("The status that a request for this row alone would get."))
    replayed: bool = Field(description=_("Whether this was stored and answered before, under the same key."))
    answer: PredictionAnswer | None = Field(
        description=_("The answer to a request for this row alone; null: see `error`.")
    )
    error: ErrorDetail | None = Field(description=_("Why there is no answer and nothing was stored; else null."))
