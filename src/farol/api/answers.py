"""The shapes of what the routes answer. They document; the routes build the values themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from farol.api.texts import marked as _

Probability = Annotated[float, Field(ge=0, le=1)]


class Shape(BaseModel):
    """What all shapes share: nothing unsaid, so that a test which reads an answer back finds what is undocumented."""

    model_config = ConfigDict(extra="forbid")


class FieldError(Shape):
    field: str = Field(description=_("The field or parameter; what does not look like a name is shown as `?`."))
    problem: str
    expected: str | None


class ErrorDetail(Shape):
    code: str = Field(description=_("Stable, for programs."))
    message: str = Field(description=_("For people, in the language of the request."))
    fields: list[FieldError]
    fix: str | None = Field(description=_("What to do about it."))
    request_id: str = Field(description=_("The `X-Request-ID` of the request; the service's log has it too."))


class ErrorAnswer(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "description": _("The one shape of every error. It never repeats a value that was sent."),
            "examples": [
                {
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
                    }
                }
            ],
        }
    )

    error: ErrorDetail


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


class TaskHealth(Shape):
    serving: str | None = Field(description=_("The version that answers; null when none does."))
    problem: str | None = Field(description=_("Why no version, or not the promoted one, is served."))


class StoreHealth(Shape):
    software: str | None = Field(description=_("The database in use and its version; null while it cannot be opened."))
    problem: str | None
    caution: str | None = Field(
        description=_("What is to be feared of this version with so many workers; null when nothing is.")
    )


class HealthAnswer(Shape):
    status: Literal["alive"]
    started_at: str
    uptime_seconds: float
    versions: dict[str, str]
    tasks: dict[str, TaskHealth]
    store: StoreHealth


class ReadyAnswer(Shape):
    ready: Literal[True]
    tasks: dict[str, TaskHealth]
    store: StoreHealth


class VersionAnswer(Shape):
    version: str
    promoted: bool
    problem: str | None = Field(description=_("Why this version cannot be used; null when it can."))
    train_years: list[int]
    test_years: list[int]
    headline: dict[str, float] = Field(description=_("Metrics on the test years."))
    features: list[str]


class TaskAnswer(Shape):
    task: str
    route: str | None
    title: str
    question: str
    limits: str = Field(description=_("What a reader must know first."))
    promoted: str | None
    serving: str | None
    problem: str | None
    versions: list[VersionAnswer]


class ModelsAnswer(Shape):
    tasks: list[TaskAnswer]


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


class SnapshotFeature(DriftFigures):
    current: list[int] = Field(description=_("Predictions in each bin."))


class Days(Shape):
    first: str | None = Field(alias="from", description=_("First day, included; null: from the beginning."))
    last: str = Field(alias="to", description=_("Last day, included."))


class WindowAnswer(Days):
    name: str
    days: int | None


class ReferenceAnswer(Shape):
    n: int = Field(description=_("How many training rows; where they are weighted, as many as they tell."))
    years: list[int]
    rows: str = Field(description=_("Which training rows, in the language of the request."))


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


class ExpectedAnswer(Shape):
    value: float | None = Field(description=_("What is expected; null where it is undefined or too little is known."))
    low: float | None = Field(description=_("Lower end of its 95% interval."))
    high: float | None = Field(description=_("Upper end of its 95% interval."))


class MeasuresAnswer(Shape):
    roc_auc: ExpectedAnswer
    precision: ExpectedAnswer
    recall: ExpectedAnswer
    f1: ExpectedAnswer
    accuracy: ExpectedAnswer
    brier_score: ExpectedAnswer


class PerformanceAnswer(Shape):
    task: str
    version: str
    window: WindowAnswer
    slice: str = Field(description=_("The part of the window, as `phase=3`; empty: all of it."))
    n: int = Field(description=_("How many answers; below 30 nothing is estimated."))
    abstained: int = Field(description=_("For how many there was no answer."))
    threshold: float
    at_risk: float | None = Field(description=_("The share of pupils expected to be at risk."))
    measures: MeasuresAnswer
    recalibrated: bool = Field(
        description=_("Whether what an answer is worth was learned from training pupils whom the model had not seen.")
    )
    assumptions: list[str] = Field(description=_("What has to hold, in the language of the request."))
