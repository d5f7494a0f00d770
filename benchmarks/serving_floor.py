"""The floor of `serving.py`: FastAPI routes with the request and response models of Farol's, and no work."""

from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, create_model

from farol.api.answers.prediction import PredictionAnswer
from farol.api.schemas import InputForm
from farol.profile import load_profile

PEDE = load_profile("pede")

ANSWER = PredictionAnswer.model_validate(
    {
        "prediction": 1,
        "prediction_label": "Aluno possui risco de defasagem",
        "probability": 0.73,
        "band": {"low": 0.7, "high": 0.9, "expected": {"low": 0.71, "high": 0.88}},
        "abstained": False,
        "abstention": None,
        "reasons": [],
        "prediction_id": "0192d1c2-0000-7000-8000-000000000000",
        "task": "current",
        "model_version": "2024-0123456789",
        "threshold": 0.5,
        "warnings": [],
    }
)


def body_of(task: str) -> type[BaseModel]:
    """The inputs of a task as a pydantic model."""
    fields: dict[str, Any] = {"year": (int | None, None), "student": (str | None, None)}
    for name, column in InputForm.of(PEDE, PEDE.tasks[task]).inputs.columns.items():
        kind: Any = int if column.integer else float
        fields[name] = (Annotated[kind | None, Field(ge=column.minimum, le=column.maximum)], None)
    return create_model(task, __config__=ConfigDict(extra="forbid"), **fields)


app = FastAPI()
CURRENT, NEXT = body_of("current"), body_of("next-year")


@app.post("/predict", response_model=PredictionAnswer)
async def predict(given: CURRENT) -> PredictionAnswer:  # type: ignore[valid-type]  # made above
    """No work."""
    return ANSWER


@app.post("/forecast", response_model=PredictionAnswer)
async def forecast(given: NEXT) -> PredictionAnswer:  # type: ignore[valid-type]
    """No work."""
    return ANSWER
