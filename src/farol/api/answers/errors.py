"""The one shape of an error, and the shape that the Open Inference Protocol prescribes below /v2."""

from __future__ import annotations

from typing import Self

from pydantic import ConfigDict, Field

from farol.api.answers.shape import Shape
from farol.api.texts import marked as _
from farol.errors import ApiError, FieldProblem
from farol.i18n import Message, msg


class FieldError(Shape):
    field: str = Field(description=_("The field or parameter; what does not look like a name is shown as `?`."))
    problem: str
    expected: str | None

    @classmethod
    def of(cls, problem: FieldProblem, locale: str) -> Self:
        """A problem in a language."""
        expected = problem.expected.render(locale) if problem.expected else None
        return cls(field=problem.field, problem=problem.problem.render(locale), expected=expected)


class ErrorDetail(Shape):
    code: str = Field(description=_("Stable, for programs."))
    message: str = Field(description=_("For people, in the language of the request."))
    fields: list[FieldError]
    fix: str | None = Field(description=_("What to do about it."))
    request_id: str = Field(description=_("The `X-Request-ID` of the request; the service's log has it too."))

    @classmethod
    def of(cls, error: ApiError, locale: str, request_id: str) -> Self:
        """An error in a language."""
        return cls(
            code=error.code,
            message=error.message.render(locale),
            fields=[FieldError.of(problem, locale) for problem in error.fields],
            fix=error.fix.render(locale) if error.fix else None,
            request_id=request_id,
        )


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


class V2Error(Shape):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"error": "Alguns campos não podem ser usados. IAA está fora da faixa. Esperado: um número de 0 a 10."}
            ]
        }
    )

    error: str = Field(description=_("For people, in the language of the request. It never repeats a value sent."))

    @classmethod
    def of(cls, error: ApiError, locale: str) -> Self:
        """All of an error in one text."""
        fix = [error.fix] if error.fix else []
        parts = [error.message, *map(_in_one, error.fields), *fix]
        return cls(error=" ".join(part.render(locale) for part in parts))


def _in_one(problem: FieldProblem) -> Message:
    if problem.expected is None:
        return problem.problem
    return msg("{problem} Expected: {expected}.", problem=problem.problem, expected=problem.expected)
