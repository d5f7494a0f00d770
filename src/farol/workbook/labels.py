"""The label: who is at risk by the profile's rule, this year and the next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from farol.profile import Label, Profile, fold, stem
from farol.profile.conditions import values_of as values_in
from farol.workbook.cells import Floats, Objects
from farol.workbook.derived import holds, values_of

OPEN_RESULT = re.compile(
    r"(?:enrol|cursando|em curso|em andamento|ativ|active|matriculad|transf|pendent|pending|sem resultado).*"
)
"""Words (folded) for a result that is not known yet."""

_LONG = 4
_LIKENESS = 0.8


def at_risk(
    profile: Profile, numbers: Mapping[str, Floats], categories: Mapping[str, Objects], year: NDArray[np.int64]
) -> Floats:
    """1 where the label's rule says at risk (n,), 0 where not, NaN where its column has no value."""
    label = profile.label
    return holds(label, values_of(profile, label.column, numbers, categories, year.astype(np.float64)))


def doubtful_words(profile: Profile, categories: Mapping[str, Objects]) -> dict[str, list[int]]:
    """The positions of rows whose word for the label may mean something else than the rule takes it for, by the
    finding's code.

    Only where the profile lists no `categories` of the label's column. `other_form`: the rule's word in another gender
    or number, which counts as that word. `like_label_word`: a word like one of the rule's, which does not count as it.
    `open_result`: a word for a result that is not known yet, which counts as not at risk.
    """
    label = profile.label
    column = profile.columns.get(label.column)
    if column is None or column.kind != "category" or column.categories or label.column not in categories:
        return {}
    rules = [label, *(rule for task in profile.tasks.values() for rule in task.only if rule.column == label.column)]
    named = [str(word) for rule in rules for word in values_in(rule)]
    values = categories[label.column]
    code_of = {word: _doubt(word, named) for word in {str(value) for value in values if value is not None}}
    doubtful: dict[str, list[int]] = {}
    for at, value in enumerate(values):
        code = None if value is None else code_of[str(value)]
        if code is not None:
            doubtful.setdefault(code, []).append(at)
    return doubtful


def _doubt(word: str, named: Sequence[str]) -> str | None:
    folded = fold(word)
    if folded in map(fold, named):
        return None
    if stem(word) in map(stem, named):
        return "other_form"
    if any(_is_like(folded, fold(other)) for other in named):
        return "like_label_word"
    return "open_result" if OPEN_RESULT.fullmatch(folded) else None


def _is_like(word: str, other: str) -> bool:
    """Whether a word begins with another one, shortens it, or is a misspelling of it."""
    if len(word) < _LONG or len(other) < _LONG or word[:3] != other[:3]:
        return False
    shorter, longer = sorted((word.rstrip("."), other), key=len)
    return longer.startswith(shorter) or SequenceMatcher(None, word, other).ratio() >= _LIKENESS


def contradictions(label: Label, numbers: Mapping[str, Floats]) -> NDArray[np.bool_]:
    """Where the label's column is not the difference that it should be; nowhere when the profile names none."""
    if label.minuend is None or label.subtrahend is None or label.column not in numbers:
        return np.zeros(len(next(iter(numbers.values()), ())), dtype=np.bool_)
    values = numbers[label.column]
    difference = numbers[label.minuend] - numbers[label.subtrahend]
    return ~np.isnan(values) & ~np.isnan(difference) & ~np.isclose(values, difference)


def next_values(profile: Profile, student: Objects, year: NDArray[np.int64], values: Floats) -> Floats:
    """For each row (n,), the value of the same student in the following period; NaN where there is no such row."""
    if not profile.follows_pupils:
        return np.full(len(values), np.nan)
    years = year.tolist()
    place = {key: position for position, key in enumerate(zip(student, years, strict=True))}
    later = {period: profile.period_after(period) for period in set(years)}
    following = [place.get((code, later[period]), -1) for code, period in zip(student, years, strict=True)]
    row = np.array(following, dtype=np.int64)
    return np.where(row >= 0, np.append(values, np.nan)[row], np.nan)
