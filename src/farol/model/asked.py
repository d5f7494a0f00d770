"""Of which pupils a question is asked: the conditions of its task (`only`), for values that a caller gives.

A row of which a condition does not hold, or is not known to hold, gets no answer, whatever the model would say of it:
training has seen none like it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from farol.i18n import Figures, Listing, Message, figures, msg
from farol.model.features import FeaturePlan, Floats
from farol.model.vocabulary import Given, Objects
from farol.profile import Column, Condition, Operator, Profile, Task
from farol.profile.checking import YEAR
from farol.profile.conditions import values_of
from farol.workbook.cells import read_category
from farol.workbook.derived import holds

_WORDS: Mapping[Operator, Message] = {
    "<": msg("less than {value}"),
    "<=": msg("at most {value}"),
    ">": msg("more than {value}"),
    ">=": msg("at least {value}"),
    "==": msg("{value}"),
    "!=": msg("other than {value}"),
    "in": msg("one of {value}"),
}


@dataclass(frozen=True, slots=True, eq=False)
class AskedOf:
    """The conditions of a task that are known when it is asked, resolved once.

    `reads` are the sheet columns that decide them; `words`, those of them that are categories.
    """

    conditions: tuple[Condition, ...]
    words: Mapping[str, Column]
    _numbers: FeaturePlan

    @classmethod
    def of(cls, profile: Profile, task: Task) -> Self:
        """The conditions of a task."""
        conditions = profile.asked_of(task)
        names = dict.fromkeys(rule.column for rule in conditions)
        columns = {name: profile.columns[name] for name in names if name in profile.columns}
        words = {name: column for name, column in columns.items() if column.kind == "category"}
        numbers = tuple(name for name in names if name not in words)
        return cls(conditions, words, FeaturePlan.of(profile, replace(task, features=numbers)))

    @property
    def reads(self) -> tuple[str, ...]:
        """The sheet columns to give."""
        return (*self.words, *self._numbers.reads)

    @property
    def needs_year(self) -> bool:
        """Whether a condition depends on the year of the values."""
        return self._numbers.needs_year or YEAR in self._numbers.features

    def holds(
        self, words: Mapping[str, Floats | Objects], clean: Mapping[str, Floats], year: Floats
    ) -> NDArray[np.bool_]:
        """Which rows (n,) all conditions hold of.

        `words` are the categories as they were given, `clean` the inputs of numbers as cleaning leaves them.
        """
        met = np.ones(year.shape, dtype=np.bool_)
        if not self.conditions:
            return met
        numbers = dict(zip(self._numbers.features, self._numbers.matrix(clean, year).T, strict=True))
        given = {name: self._read(name, words.get(name), year.size) for name in self.words}
        for rule in self.conditions:
            met &= holds(rule, given[rule.column] if rule.column in given else numbers[rule.column]) == 1
        return met

    def _read(self, name: str, values: Floats | Objects | None, size: int) -> Objects:
        """The words (n,) of a column as the sheets' reader has them."""
        if values is None:
            return np.full(size, None, dtype=np.object_)
        column = self.words[name]
        known = {value: read_category(value, column)[0] for value in set(values.tolist())}
        return np.array([known[value] for value in values.tolist()], dtype=np.object_)

    def words_in(self, rows: Sequence[Mapping[str, Given]]) -> dict[str, Objects]:
        """The categories of n pupils, as they were given."""
        return {name: np.array([row.get(name) for row in rows], dtype=np.object_) for name in self.words}

    def expected(self) -> list[tuple[str, Message]]:
        """For each condition its column, and what must stand there."""
        return [
            (rule.column, Message(_WORDS[rule.operator].template, {"value": _shown(rule)})) for rule in self.conditions
        ]

    def fitting(self, example: Mapping[str, Given]) -> dict[str, Given]:
        """An invented pupil's values with those changed of which a condition on a column of its own does not hold."""
        fitted = dict(example)
        for rule in self.conditions:
            if rule.column in self.words or rule.column in example:
                fitted[rule.column] = _fitting(rule, self.words.get(rule.column), fitted.get(rule.column))
        return fitted


def _fitting(rule: Condition, column: Column | None, value: Given) -> Given:
    """The value if the condition holds of it, else a value near the condition's own of which it holds."""
    wanted: tuple[Given, ...] = values_of(rule)
    numbers = [other for other in wanted if isinstance(other, float)]
    others: list[Given] = [
        *(column.categories if column else ()),
        *(number + step for number in numbers for step in (1.0, -1.0)),
    ]
    candidates: list[Given] = [value, *wanted, *others]
    for candidate in candidates:
        values = np.array([candidate], dtype=np.float64) if numbers else np.array([candidate], dtype=np.object_)
        if holds(rule, values)[0] == 1:
            return candidate
    return value


def _shown(rule: Condition) -> Figures | Listing:
    words = tuple(value for value in values_of(rule) if isinstance(value, str))
    return Listing(words) if words else figures(*(float(value) for value in values_of(rule)))
