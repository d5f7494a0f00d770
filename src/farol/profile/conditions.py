"""Conditions on columns, `{ column, operator, value }`: who is at risk, and which rows count."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import cast, get_args

from farol.i18n import msg
from farol.profile.folding import fold
from farol.profile.table import MISSING, Table, is_number
from farol.profile.values import Column, Condition, Operator

ANY_KIND: tuple[Operator, ...] = ("==", "!=", "in")
"""The operators that words have too."""


def condition(table: Table) -> Condition:
    """The condition of a table; its other keys are left to be taken."""
    operator = cast(Operator, table.choice("operator", get_args(Operator)))
    column = table.string("column")
    if operator == "in":
        expected = msg("a list of numbers, or of texts")
        value = table.raw("value", MISSING, expected)
        items = value if isinstance(value, list) else []
        if items and all(isinstance(item, str) and item.strip() for item in items):
            return Condition(column, operator, tuple(items))
        if items and all(map(_is_finite, items)):
            return Condition(column, operator, tuple(float(item) for item in items))
        raise table.wrong("value", expected)
    expected = msg("a number or a text") if operator in ANY_KIND else msg("a number")
    value = table.raw("value", MISSING, expected)
    if isinstance(value, str) and value.strip() and operator in ANY_KIND:
        return Condition(column, operator, value)
    if is_number(value) and math.isfinite(value):
        return Condition(column, operator, float(value))
    raise table.wrong("value", expected)


def conditions(table: Table, key: str) -> tuple[Condition, ...]:
    """The conditions of a list of tables."""
    read = []
    for item in table.tables(key, ()):
        read.append(condition(item))
        item.close()
    return tuple(read)


def check_condition(
    table: Table, rule: Condition, columns: Mapping[str, Column], numbers: Iterable[str], key: str = "column"
) -> None:
    """Raise `ProfileError` unless the column is known and the value is of its kind.

    `numbers` are the names that have numbers; a category is compared with words, of its categories if it lists them.
    """
    column = columns.get(rule.column)
    if column is None or column.kind != "category":
        names = [*numbers, *(name for name, other in columns.items() if other.kind == "category")]
        if rule.column not in names:
            raise table.unknown(key, names, value=rule.column)
        if not all(map(is_number, values_of(rule))):
            raise table.wrong("value", msg("a number, as {column} is no category", column=rule.column))
        return
    if rule.operator not in ANY_KIND:
        raise table.wrong("operator", msg("one of {choices}, as {column} is a category", choices=", ".join(ANY_KIND),
                                          column=rule.column))  # fmt: skip
    words = [value for value in values_of(rule) if isinstance(value, str)]
    if len(words) < len(values_of(rule)):
        raise table.wrong("value", msg("a text, as {column} is a category", column=rule.column))
    known = {fold(category) for category in column.categories}
    for word in words:
        if known and fold(word) not in known:
            raise table.unknown("value", column.categories, value=word)


def values_of(rule: Condition) -> tuple[float | str, ...]:
    """The value of a condition, or its values."""
    return rule.value if isinstance(rule.value, tuple) else (rule.value,)


def _is_finite(value: object) -> bool:
    return is_number(value) and math.isfinite(value)
