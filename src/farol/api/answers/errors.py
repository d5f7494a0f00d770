"""The one shape of an error."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from farol.api.answers.shape import Shape
from farol.api.texts import marked as _


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
