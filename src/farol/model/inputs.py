"""The inputs for one pupil: which values are allowed, and how they are cleaned. The API, commands and batches share it.

The rules are those of the sheets, since the model learned from cleaned sheets: a rounding beyond the range is clipped,
and a zero that means "not answered" is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from numbers import Real
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from farol.i18n import Message, figures, msg
from farol.model.asked import AskedOf
from farol.model.features import FeaturePlan, Floats, sheet_inputs
from farol.model.vocabulary import Given, Objects, Vocabulary, vocabularies
from farol.profile import Column, Periods, Profile, Task

_POSITIONS = (0.85, 0.72, 0.68, 0.70, 0.65, 0.78, 0.65, 0.70, 0.60, 0.80)
"""Where in its range each value of the example stands: on a scale from 0 to 10, the example of the original."""

_CONTEXT_EXAMPLE = {
    "phase": 4.0,
    "ideal_phase": 4.0,
    "age": 14.0,
    "birth_year": 2010.0,
    "birth_month": 3.0,
    "year_joined": 2021.0,
    "lag": 0.0,
}
"""An invented pupil whose context agrees with itself; another name gets a place in its range."""


@dataclass(frozen=True, slots=True)
class InputProblem:
    """Why a field cannot be used.

    `code`: unknown_field, not_a_number, not_finite, out_of_range, not_whole, not_a_text.
    """

    code: str
    field: str
    message: Message
    expected: Message


@dataclass(frozen=True, slots=True)
class InputWarning:
    """What a reader should know of an answer, because of what was given.

    `code`: missing_feature, label_feature_missing, unusual_value, clipped, zero_not_answered, unknown_category.
    """

    code: str
    field: str
    message: Message


@dataclass(frozen=True, slots=True)
class ValueRule:
    """What one value must be: a number from `lowest` to `highest`, rounding included; `low` to `high` when clipped."""

    low: float
    high: float
    lowest: float
    highest: float
    is_whole: bool
    zero_is_missing: bool
    usual: frozenset[float]

    @classmethod
    def of(cls, column: Column) -> Self:
        """The rule of a column."""
        low = -np.inf if column.minimum is None else column.minimum
        high = np.inf if column.maximum is None else column.maximum
        return cls(
            low=low,
            high=high,
            # The greatest float is the last that is finite.
            lowest=max(low - column.tolerance, -_GREATEST),
            highest=min(high + column.tolerance, _GREATEST),
            is_whole=column.integer,
            zero_is_missing=_zero_is_missing(column),
            usual=frozenset(column.usual),
        )


_GREATEST = float(np.finfo(np.float64).max)

LONGEST_WORD = 256
"""Characters that the word of a category may have."""

_REMEMBERED = 1024
"""Sets of given columns whose warnings are kept: callers who leave out the same columns get the same warnings."""


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The inputs of a task, resolved once: m sheet columns with their rules, and the plan from them to features."""

    task: Task
    columns: Mapping[str, Column]  # in the order of the rows of `clean`
    plan: FeaturePlan
    low: Floats  # (m, 1)
    high: Floats  # (m, 1)
    lowest: Floats  # (m, 1) with the tolerance, and finite: what lies beyond is missing
    highest: Floats  # (m, 1)
    zero_is_missing: NDArray[np.bool_]  # (m, 1)
    rules: Mapping[str, ValueRule]  # the same for one value at a time, of the columns of numbers
    vocabularies: Mapping[str, Vocabulary]  # of the columns that are categories
    asked: AskedOf  # of which pupils the question is asked
    periods: Periods | None  # where years or terms stand in a column: no calendar gives them
    needs_year: bool  # whether a feature or a condition depends on the year of the values
    _missing: Callable[[frozenset[str]], tuple[InputWarning, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_missing", lru_cache(maxsize=_REMEMBERED)(self._missing_among))

    @classmethod
    def of(cls, profile: Profile, task: Task) -> Self:
        """The inputs of a task: `sheet_inputs` and whatever else its features and conditions read."""
        plan, asked = FeaturePlan.of(profile, task), AskedOf.of(profile, task)
        names = dict.fromkeys((*sheet_inputs(profile, task), *plan.reads, *asked.reads))
        columns = {name: profile.columns[name] for name in names}
        rules = list(map(ValueRule.of, columns.values()))
        return cls(
            task=task,
            columns=columns,
            plan=plan,
            low=_upright([rule.low for rule in rules]),
            high=_upright([rule.high for rule in rules]),
            lowest=_upright([rule.lowest for rule in rules]),
            highest=_upright([rule.highest for rule in rules]),
            zero_is_missing=_upright([rule.zero_is_missing for rule in rules]).astype(np.bool_),
            rules={
                name: rule
                for (name, column), rule in zip(columns.items(), rules, strict=True)
                if column.kind != "category"
            },
            vocabularies=vocabularies(profile, columns),
            asked=asked,
            periods=profile.periods,
            needs_year=plan.needs_year or asked.needs_year,
        )

    def example(self) -> dict[str, float | int | str]:
        """An invented pupil, of whom the question is asked: none of the values contradicts another.

        A category without a known word is left out.
        """
        columns = enumerate(self.columns.items())
        examples = self.asked.fitting({name: _example(column, position) for position, (name, column) in columns})
        return {name: value for name, value in examples.items() if value is not None}

    def stacked(self, columns: Mapping[str, Floats | Objects], year: Floats) -> Floats:
        """Sheet columns (n,) as inputs (m, n), words as their places; what is absent is missing."""
        missing = np.full(year.shape, np.nan)
        given = [columns.get(name, missing) for name in self.columns]
        for position, name in enumerate(self.columns if self.vocabularies else ()):
            if name in self.vocabularies:
                given[position] = self.vocabularies[name].encode(given[position])
        return np.stack([values.astype(np.float64, copy=False) for values in given])

    def stacked_rows(self, rows: Sequence[Mapping[str, Given]]) -> Floats:
        """The values of n pupils as inputs (m, n), words as their places; absent and None are missing."""
        given: list[list[Any]] = [[values.get(name) for values in rows] for name in self.columns]
        for position, name in enumerate(self.columns if self.vocabularies else ()):
            if name in self.vocabularies:
                given[position] = list(map(self.vocabularies[name].place, given[position]))
        # numpy makes NaN of None.
        return np.array(given, dtype=np.float64).reshape(len(given), len(rows))

    def clean(self, values: Floats) -> Floats:
        """Inputs (m, n) as the sheets' cleaning would leave them; a value out of range is missing. Idempotent."""
        within = (values >= self.lowest) & (values <= self.highest)
        clipped = np.minimum(np.maximum(values, self.low), self.high)
        return np.where(~within | (self.zero_is_missing & (clipped == 0)), np.nan, clipped)

    def clean_columns(self, columns: Mapping[str, Floats | Objects]) -> dict[str, Floats]:
        """Sheet columns (n,) as `stacked` and `clean` would leave them, one after the other: faster for many rows.

        What is absent stays absent, and what is no input is left out.
        """
        cleaned = {}
        for place, name in enumerate(self.columns):
            values: Any = columns.get(name)
            if values is None:
                continue
            if name in self.vocabularies:
                values = self.vocabularies[name].encode(values)
            within = values >= float(self.lowest[place, 0])
            within &= values <= float(self.highest[place, 0])
            clipped = np.minimum(np.maximum(values, float(self.low[place, 0])), float(self.high[place, 0]))
            if self.zero_is_missing[place, 0]:
                within &= clipped != 0
            clipped[~within] = np.nan
            cleaned[name] = clipped
        return cleaned

    def problems(self, values: Mapping[str, object]) -> Iterator[InputProblem]:
        """Every field that cannot be used, in the order given. None is a missing value, and is no problem."""
        rules = self.rules
        for name, value in values.items():
            rule = rules.get(name)
            # The one case that nearly every value is; whatever it does not let through is looked at closely.
            if (
                rule is not None
                and type(value) is float
                and rule.lowest <= value <= rule.highest
                and (not rule.is_whole or value.is_integer())
            ):
                continue
            column = self.columns.get(name)
            if column is None:
                known = msg("one of the fields {names}", names=", ".join(self.columns))
                yield InputProblem("unknown_field", name, msg("{field} is not known here.", field=name), known)
            elif name in self.vocabularies:
                if value is not None and not _is_word(value):
                    expected = msg("a text of at most {most} characters, or nothing", most=LONGEST_WORD)
                    yield InputProblem("not_a_text", name, msg("{field} is not a text.", field=name), expected)
            elif value is not None and (problem := _problem(column, value)) is not None:
                yield InputProblem(problem[0], name, problem[1], _expected(column))

    def warnings(self, values: Mapping[str, Given]) -> tuple[InputWarning, ...]:
        """What to know of the answer for `values`, which have no problems."""
        rules = self.rules
        if self.vocabularies:
            return tuple(self._warnings(values))
        given = []
        for name, value in cast(Mapping[str, float | None], values).items():
            rule = rules.get(name)
            if value is None or rule is None:
                continue
            if not rule.low <= value <= rule.high or (value == 0 and rule.zero_is_missing):
                return tuple(self._warnings(values))
            if rule.usual and value not in rule.usual:
                return tuple(self._warnings(values))
            given.append(name)
        return self._missing(frozenset(given))

    def _warnings(self, values: Mapping[str, Given]) -> Iterator[InputWarning]:
        given = []
        for name, vocabulary in self.vocabularies.items():
            if values.get(name) is None:
                continue
            given.append(name)
            if name in self.task.features and np.isnan(vocabulary.place(values[name])):
                text = msg(
                    "{field} has a word that the model does not know, and counts as missing; it knows {words}.",
                    field=name,
                    words=", ".join(vocabulary.column.categories),
                )
                yield InputWarning("unknown_category", name, text)
        for name, rule in self.rules.items():
            value = values.get(name)
            if value is None or isinstance(value, str):
                continue
            if rule.zero_is_missing and min(max(value, rule.low), rule.high) == 0:
                yield InputWarning("zero_not_answered", name, msg("{field}: zero means not answered.", field=name))
                continue
            given.append(name)
            if not rule.low <= value <= rule.high:
                text = msg("{field} is outside its range by rounding; the limit of the range was used.", field=name)
                yield InputWarning("clipped", name, text)
            elif rule.usual and value not in rule.usual:
                usual = figures(*self.columns[name].usual)
                text = msg("{field} has an unusual value; the usual ones are {usual}.", field=name, usual=usual)
                yield InputWarning("unusual_value", name, text)
        yield from self._missing(frozenset(given))

    def _missing_among(self, known: frozenset[str]) -> tuple[InputWarning, ...]:
        return tuple(self._missing_warnings(known))

    def _missing_warnings(self, known: frozenset[str]) -> Iterator[InputWarning]:
        missing = dict.fromkeys(name for feature in self.task.features for name in self.plan.needed(feature, known))
        for name in missing:
            text = msg("{field} is missing: with less information the answer is less reliable.", field=name)
            yield InputWarning("missing_feature", name, text)
        for name in self.task.hidden:
            if name in missing:
                text = msg(
                    "Without {field}, which already holds the answer, the answer is much less certain.", field=name
                )
                yield InputWarning("label_feature_missing", name, text)


def _is_word(value: object) -> bool:
    """A text, or a number that is a code of one."""
    if isinstance(value, str):
        return len(value) <= LONGEST_WORD
    return isinstance(value, Real) and not isinstance(value, bool)


def _problem(column: Column, value: object) -> tuple[str, Message] | None:
    name = column.name
    if isinstance(value, bool) or not isinstance(value, Real):
        return "not_a_number", msg("{field} is not a number.", field=name)
    try:
        number = float(value)
    except OverflowError:  # an integer of more than 308 digits
        number = float("inf")
    if not isfinite(number):
        return "not_finite", msg("{field} is not a finite number.", field=name)
    below = column.minimum is not None and number < column.minimum - column.tolerance
    above = column.maximum is not None and number > column.maximum + column.tolerance
    if below or above:
        return "out_of_range", msg("{field} is out of its range.", field=name)
    if column.integer and not number.is_integer():
        return "not_whole", msg("{field} is not a whole number.", field=name)
    return None


def _expected(column: Column) -> Message:
    kind = msg("a whole number") if column.integer else msg("a number")
    if column.minimum is None or column.maximum is None:
        return msg("{kind}, or nothing", kind=kind)
    low, high = figures(column.minimum), figures(column.maximum)
    return msg("{kind} from {low} to {high}, or nothing", kind=kind, low=low, high=high)


def _zero_is_missing(column: Column) -> bool:
    """Whether zero always means "not answered". Where another column decides it, the sheets' reader has done so."""
    return column.zero_is_missing is not None and column.zero_is_missing.column is None


def _upright(numbers: list[float] | list[bool]) -> Floats:
    return np.array(numbers, dtype=np.float64)[:, np.newaxis]


def _example(column: Column, position: int) -> float | int | str | None:
    if column.kind == "category":
        return column.categories[0] if column.categories else None
    minimum = 0.0 if column.minimum is None else column.minimum
    maximum = minimum + 10.0 if column.maximum is None else column.maximum
    value = _CONTEXT_EXAMPLE.get(column.name, float("nan"))
    if column.usual:
        value = max(column.usual)
    elif not minimum <= value <= maximum:
        value = minimum + (maximum - minimum) * _POSITIONS[position % len(_POSITIONS)]
    return round(value) if column.integer else round(value, 2)
