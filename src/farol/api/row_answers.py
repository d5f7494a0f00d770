"""The shape of one row's entry in the answer to a batch."""

from __future__ import annotations

from pydantic import Field

from farol.api.answers import ErrorDetail, PredictionAnswer, Shape
from farol.api.texts import marked as _


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
