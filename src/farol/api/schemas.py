"""What a task takes as input: the JSON schema that shows it, and the reading of a body by the same rules.

The rules themselves are `farol.model.inputs`, which commands and batches go by too; here they become fields of a
request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice
from typing import Any, Self, TypeGuard

from farol.api.requests import PupilInput, shown_name
from farol.errors import ApiError, FieldProblem
from farol.i18n import Message, figures, msg
from farol.model.features import YEAR
from farol.model.inputs import LONGEST_WORD, InputProblem, Inputs
from farol.profile import Column, Profile, Task
from farol.workbook.periods import period_given
from farol.workbook.student_code import LONGEST_CODE, class_name, student_code

STUDENT = "student"
GROUP = "class"

MOST_PROBLEMS = 20
"""Problems that one refusal names. Most rows have fewer fields."""

LONGEST_EXPECTED = 80
"""Characters of what was expected that may stand twice in one refusal."""

YEARS = (1990, 2100)
"""Range of the optional `year` of a task whose features depend on it."""


_FEW_PERIODS: Mapping[int | str, int] = {step: step for step in range(1, 100)}


@dataclass(frozen=True, slots=True, eq=False)
class InputForm:
    """The inputs of one task under one profile, as a request gives them.

    Not a pydantic model made from the profile: its parser keeps the last of two fields of one name without a word, and
    the rows of batches and tensors, which are read by the same rules, have no JSON text of their own.
    """

    inputs: Inputs

    @classmethod
    def of(cls, profile: Profile, task: Task) -> Self:
        """The form of a task: every sheet column it can use, and `year` where a feature is derived from it."""
        return cls(Inputs.of(profile, task))

    @property
    def takes_year(self) -> bool:
        """Whether a feature or a condition depends on the year of the values."""
        return self.inputs.needs_year

    def read(self, body: Mapping[str, Any]) -> PupilInput:
        """The values of a JSON object; ApiError (422) naming every field that cannot be used."""
        values = dict(body)
        student, group = values.pop(STUDENT, None), values.pop(GROUP, None)
        given = values.pop(YEAR, None) if YEAR in values and self.takes_year else None
        problems = self._problems(values)
        year = self._year(given)
        if year is None and (given is not None or self.needs_period):
            words = msg("{field} is not given.") if given is None else msg("{field} is not a year.")
            problems.append(FieldProblem(YEAR, Message(words.template, {"field": YEAR}), self.years_expected()))
        code = None if student is None else student_code(student)
        if student is not None and code is None:
            problems.append(_unusable(STUDENT, msg("{field} is not the code of a pupil.", field=STUDENT)))
        class_of = None if group is None else class_name(group)
        if group is not None and class_of is None:
            problems.append(_unusable(GROUP, msg("{field} is not the name of a class.", field=GROUP)))
        if problems:
            raise ApiError(
                422,
                "invalid_fields",
                msg("Some fields cannot be used."),
                fields=problems[:MOST_PROBLEMS],
                fix=msg("Correct the fields named, or leave out what is not known. GET /docs says what each takes."),
            )
        return PupilInput(values, year, code, class_of)

    def json_schema(self, title: str, locale: str) -> dict[str, Any]:
        """The schema of the object, with ranges, meanings and an example, for OpenAPI 3.1.

        `title` is the same in every language, since programs that are generated name their classes by it.
        """
        properties = {name: _property(column, locale) for name, column in self.inputs.columns.items()}
        for name, expected in self.inputs.asked.expected():
            if name in properties:
                rule = msg("This question is asked where it is: {expected}.", expected=expected)
                properties[name]["description"] += f" {rule.render(locale)}"
        if self.needs_period:
            which = msg("Year or term the values are of: {expected}.", expected=self.years_expected())
            properties[YEAR] = {"type": ["integer", "string"], "description": which.render(locale)}
        elif self.takes_year:
            meaning = msg("Year the values are of; without it, the present year.")
            properties[YEAR] = {
                "type": ["integer", "null"],
                "minimum": YEARS[0],
                "maximum": YEARS[1],
                "description": meaning.render(locale),
            }
        whose = msg(
            "The school's own code of the pupil, to find, export and erase what is stored. The model does not use it."
        )
        properties[STUDENT] = {
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": LONGEST_CODE,
            "description": whose.render(locale),
        }
        which = msg(
            "The pupil's class, as the school calls it, to tell classes apart in monitoring. The model does not use it."
        )
        properties[GROUP] = {
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": LONGEST_CODE,
            "description": which.render(locale),
        }
        return {
            "type": "object",
            "title": title,
            "description": self.inputs.task.question.in_locale(locale),
            "additionalProperties": False,
            "minProperties": 1,
            "properties": properties,
            "examples": [self.example()],
            **({"required": [YEAR]} if self.needs_period else {}),
        }

    def example(self) -> dict[str, float | int | str]:
        """An invented pupil."""
        return {**self.inputs.example(), **({YEAR: self._period_example()} if self.needs_period else {})}

    @property
    def needs_period(self) -> bool:
        """Whether a caller must say the year or term: where it stands in a column, no calendar gives it."""
        return self.inputs.periods is not None and self.takes_year

    def _year(self, given: object) -> int | None:
        if self.needs_period and self.inputs.periods is not None:
            return period_given(self.inputs.periods, given)
        return int(given) if _is_year(given) else None

    def years_expected(self) -> Message:
        """What may stand for the year."""
        periods = self.inputs.periods
        if periods is None:
            return msg("a year from {minimum} to {maximum}", minimum=YEARS[0], maximum=YEARS[1])
        if periods.values:
            return msg("one of {names}", names=", ".join(periods.values))
        return msg("a whole number, as the file has it")

    def _period_example(self) -> int | str:
        """A year or term in which the question is asked."""
        periods = self.inputs.periods
        listed: dict[int | str, int] = {} if periods is None else dict(reversed([*periods.values.items()]))
        asked = (text for text, period in (listed or _FEW_PERIODS).items() if self.inputs.asked.is_asked_in(period))
        return next(asked, 1)

    def _problems(self, values: Mapping[str, object]) -> list[FieldProblem]:
        """The first problems; what is wrong with a hundred fields helps nobody, and costs ten times what they do."""
        problems = [self._problem(problem) for problem in islice(self.inputs.problems(values), MOST_PROBLEMS)]
        # The list of all known fields is long: a refusal has it once.
        told: set[str] = set()
        for place, problem in enumerate(problems):
            expected = str(problem.expected)
            if len(expected) > LONGEST_EXPECTED and expected in told:
                problems[place] = replace(problem, expected=None)
            told.add(expected)
        return problems

    def _problem(self, problem: InputProblem) -> FieldProblem:
        if problem.code != "unknown_field":
            return FieldProblem(problem.field, problem.message, problem.expected)
        known = {name.upper(): name for name in self.inputs.columns}
        near = get_close_matches(problem.field[:40].upper(), known, n=1)
        expected = msg("perhaps {name}", name=known[near[0]]) if near else problem.expected
        return FieldProblem(shown_name(problem.field), msg("This field is not known here."), expected)


def _unusable(field: str, problem: Message) -> FieldProblem:
    return FieldProblem(field, problem, msg("a text of 1 to {most} characters", most=LONGEST_CODE))


def _is_year(value: object) -> TypeGuard[float]:
    # Bodies are read with every number as float, so a boolean is the only other thing that would compare.
    return isinstance(value, float) and YEARS[0] <= value <= YEARS[1] and value.is_integer()


def _property(column: Column, locale: str) -> dict[str, Any]:
    if column.kind == "category":
        description = " ".join(text.render(locale) for text in _description(column, locale))
        return {"type": ["string", "null"], "maxLength": LONGEST_WORD, "description": description}
    described: dict[str, Any] = {"type": ["integer" if column.integer else "number", "null"]}
    if column.minimum is not None:
        described["minimum"] = column.minimum
    if column.maximum is not None:
        described["maximum"] = column.maximum
    described["description"] = " ".join(text.render(locale) for text in _description(column, locale))
    return described


def _description(column: Column, locale: str) -> Iterator[Message]:
    yield Message(f"{column.meaning.in_locale(locale)}.")
    if column.tolerance:
        yield msg("Up to {tolerance} beyond the range counts as rounding.", tolerance=figures(column.tolerance))
    if column.categories:
        yield msg("Its words: {words}.", words="; ".join(map(_worded(column, locale), column.categories)))
    if column.usual:
        yield msg("Usual values: {values}.", values=figures(*column.usual))


def _worded(column: Column, locale: str) -> Callable[[str], str]:
    def worded(category: str) -> str:
        text = column.word(category).in_locale(locale)
        return category if text == category else f"{category} ({text})"

    return worded
