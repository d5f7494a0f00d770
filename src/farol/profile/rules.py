"""Tables by age, and the dated rule that says which level an age should be at: their TOML into frozen values."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from datetime import date

from farol.i18n import msg
from farol.profile.table import MISSING, Table, is_number
from farol.profile.values import AgeRule, DatedRule

_LEAP_YEAR = 2024


def age_rule(table: Table) -> AgeRule:
    """The rule of a `[rule]` table, its `[[rule.dated]]` in the order of their years."""
    rule = AgeRule(
        column=table.string("column"),
        age=table.string("age"),
        birth_year=table.string("birth_year") if "birth_year" in table else None,
        birth_month=table.string("birth_month") if "birth_month" in table else None,
        dated=tuple(_dated(table)),
    )
    table.close()
    return rule


def _dated(table: Table) -> Iterator[DatedRule]:
    before = 0
    items = list(table.tables("dated"))
    if not items:
        raise table.wrong("dated", msg("at least one dated rule"))
    for item in items:
        since = item.integer("from", 1900, 9999)
        if since <= before:
            raise item.wrong("from", msg("a later year than the rule before it has"))
        month, day = _day(item)
        applied = steps(item, "table")
        yield DatedRule(since, month, day, applied, steps(item, "written") if "written" in item else applied)
        item.close()
        before = since


def _day(table: Table) -> tuple[int, int]:
    text = table.string("day")
    expected = msg("a day of the year as {example}", example="MM-DD")
    if not re.fullmatch(r"\d\d-\d\d", text):
        raise table.wrong("day", expected)
    month, day = int(text[:2]), int(text[3:])
    try:
        date(_LEAP_YEAR, month, day)
    except ValueError as error:
        raise table.wrong("day", expected) from error
    return month, day


def steps(table: Table, key: str) -> tuple[tuple[float, float], ...]:
    """A table of pairs (upper bound inclusive, value), bounds ascending and the last one inf."""
    expected = msg("pairs [upper bound, value], bounds ascending, the last one inf")
    value = table.raw(key, MISSING, expected)
    if not isinstance(value, list) or not all(_is_step(step) for step in value):
        raise table.wrong(key, expected)
    bounds = [float(bound) for bound, _ in value]
    ascending = all(low < high for low, high in itertools.pairwise(bounds))
    if not bounds or not ascending or bounds[-1] != math.inf:
        raise table.wrong(key, expected)
    return tuple((float(bound), float(result)) for bound, result in value)


def _is_step(step: object) -> bool:
    if not isinstance(step, list) or len(step) != 2 or not all(is_number(item) for item in step):
        return False
    return not math.isnan(step[0]) and math.isfinite(step[1])
