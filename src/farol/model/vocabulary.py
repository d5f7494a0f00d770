"""Categories as features: each word of a column has a number, its place in the vocabulary that training froze.

The raw features hold that number, so that they stay one matrix of numbers; it is no quantity, and nothing may compare
two of them. The model gets an indicator for each word (`farol.model.features.Preprocessing`). A word that is not in the
vocabulary is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isnan
from typing import Self

import numpy as np
from numpy.typing import NDArray

from farol.profile import Column, Profile, Task, fold
from farol.workbook.cells import read_category

Floats = NDArray[np.float64]
Objects = NDArray[np.object_]
Given = float | str | None
"""What is given of one pupil in one column: a number, a category's word, or nothing."""

MOST_WORDS = 100
"""A column of more different words than this is a code or a free text, of which nothing is learned."""

_REMEMBERED = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The words of a category column, by their folded form."""

    column: Column
    places: Mapping[str, int]

    @classmethod
    @lru_cache(maxsize=256)
    def _of(cls, categories: tuple[str, ...]) -> Mapping[str, int]:
        return {fold(word): place for place, word in reversed([*enumerate(categories)])}

    @classmethod
    def of(cls, column: Column) -> Self:
        """The vocabulary of a column: its categories, in their order."""
        return cls(column, cls._of(column.categories))

    def place(self, value: object) -> float:
        """The number of a word, written as a category or in any way that the column's rules read; NaN if unknown."""
        if value is None:
            return np.nan
        place = self.places.get(fold(value)) if isinstance(value, str) else None
        if place is None:
            word, _ = read_category(value, self.column)
            place = None if word is None else self.places.get(fold(word))
        return np.nan if place is None else float(place)

    def encode(self, values: Floats | Objects) -> Floats:
        """The numbers (n,) of words (n,), None missing; what is numbers already stays."""
        if values.dtype != np.object_:
            return values.astype(np.float64)
        known = {value: self.place(value) for value in set(values.tolist())}
        return np.array([known[value] for value in values.tolist()], dtype=np.float64)


def given_in(value: float | str | None) -> Given:
    """The value of one row of a column, as a caller would give it: a float, a word, or None where it is missing."""
    if value is None or isinstance(value, str):
        return value
    return None if isnan(value) else float(value)


def vocabularies(profile: Profile, names: Iterable[str]) -> dict[str, Vocabulary]:
    """The vocabularies of those of the columns that are categories."""
    columns = [profile.columns[name] for name in names if name in profile.columns]
    return {column.name: Vocabulary.of(column) for column in columns if column.kind == "category"}


def nominal_features(profile: Profile, task: Task) -> dict[str, Column]:
    """The features of a task that are categories, in the task's order."""
    columns = {name: profile.columns[name] for name in task.features if name in profile.columns}
    return {name: column for name, column in columns.items() if column.kind == "category"}


def decoded(words: Sequence[str], values: Floats) -> Objects:
    """The words (n,) at the places (n,); None where it is missing."""
    return np.array([None if isnan(place) else words[int(place)] for place in values.tolist()], dtype=np.object_)


def words_of(values: Objects) -> tuple[str, ...]:
    """The different words of a column (n,), sorted; of those that differ as headers may, the commonest."""
    counts = Counter(str(value) for value in values if value is not None)
    commonest: dict[str, str] = {}
    for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        commonest.setdefault(fold(word), word)
    return tuple(sorted(commonest.values()))


def with_words(profile: Profile, words: Mapping[str, tuple[str, ...]]) -> Profile:
    """The profile whose category columns have exactly these words; columns that are not named stay as they are."""
    columns = {
        name: replace(column, categories=words[name]) if name in words else column
        for name, column in profile.columns.items()
    }
    return replace(profile, columns=columns)
