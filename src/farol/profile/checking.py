"""What must hold between the parts of a profile: names that are used exist, and headers mean one thing."""

from __future__ import annotations

from collections.abc import Iterable

from farol.i18n import msg
from farol.profile.conditions import check_condition
from farol.profile.folding import fold
from farol.profile.table import Table
from farol.profile.values import BY_ROWS, Kind, Profile, Task

YEAR = "year"
"""The name by which derived columns and conditions use the row's year or term."""

WHOSE = ("student", "class")
"""Fields by which a caller says who the pupil is: columns of these names can be neither features nor the label."""


def check_references(profile: Profile, top: Table) -> None:
    """Raise `ProfileError` for the first unknown name, and for a header that two columns have."""
    _check_names(profile, top)
    _check_periods(profile, top)
    _check_aliases(profile, top)
    numbers = _of_kind(profile, "number")
    for name, column in profile.columns.items():
        place = top.table("columns").table(name)
        if column.zero_is_missing and column.zero_is_missing.column is not None:
            require_known(place, "zero_is_missing", [column.zero_is_missing.column], numbers)
        if column.year_fills is not None:
            require_known(place, "year_fills", [column.year_fills], numbers)
        if column.month_fills is not None:
            require_known(place, "month_fills", [column.month_fills], numbers)
    _check_derived(profile, top, numbers)
    label = profile.label
    _check_whose(top.table("label"), "column", [label.column])
    check_condition(top.table("label"), label, profile.columns, _of_rows(profile))
    require_known(top.table("label"), "difference", _present(label.minuend, label.subtrahend), numbers)
    require_known(top, "level", _present(profile.level), numbers)
    _check_rule(profile, top, numbers)
    for name, task in profile.tasks.items():
        _check_task(profile, top.table("tasks").table(name), task)
    require_known(top, "audit", profile.audit, _of_kind(profile, "category"))


def _check_task(profile: Profile, place: Table, task: Task) -> None:
    numbers, categories = _of_kind(profile, "number"), _of_kind(profile, "category")
    require_known(place, "features", task.features, [*numbers, *profile.derived, *categories])
    require_known(place, "context", task.context, numbers)
    _check_whose(place, "features", task.features)
    for name in task.monotone:
        if name in categories:
            raise place.wrong("monotone", msg("columns of numbers: categories have no order"), name)
    for rule, table in zip(task.only, place.tables("only", ()), strict=True):
        check_condition(table, rule, profile.columns, _of_rows(profile))
    if task.horizon and not profile.follows_pupils:
        raise place.wrong("horizon", msg("0: without a column of kind identifier no pupil can be followed"))
    if task.horizon and not profile.has_periods:
        raise place.wrong("horizon", msg("0: without years or terms there is no next one"))
    if task.split is None and not profile.has_periods:
        expected = msg('"{rows}", or a column to split by: without years nothing can be tested by time', rows=BY_ROWS)
        raise place.wrong("split", expected)
    if task.split not in (None, BY_ROWS):
        require_known(place, "split", [task.split], [BY_ROWS, *categories, *numbers])


def _check_whose(place: Table, key: str, names: Iterable[str]) -> None:
    for name in names:
        if name in WHOSE:
            expected = msg(
                "a column of another name: {name} says who the pupil is, on pages and in requests", name=name
            )
            raise place.wrong(key, expected, name)


def _of_rows(profile: Profile) -> list[str]:
    """What has a number in each row by the sheets alone: number columns, what is computed from them, and the year."""
    derived = [name for name, column in profile.derived.items() if column.kind in ("difference", "table")]
    return [YEAR, *_of_kind(profile, "number"), *derived]


def _check_names(profile: Profile, top: Table) -> None:
    for key, names in (("columns", profile.columns), ("derived", profile.derived)):
        if YEAR in names:
            expected = msg("another name: {year} stands for the year or term of a row", year=YEAR)
            raise top.table(key).wrong(YEAR, expected, YEAR)


def _check_periods(profile: Profile, top: Table) -> None:
    if profile.periods is not None:
        kinds = [*_of_kind(profile, "number"), *_of_kind(profile, "category"), *profile.identifiers]
        require_known(top.table("periods"), "column", [profile.periods.column], kinds)


def _check_aliases(profile: Profile, top: Table) -> None:
    owner: dict[str, str] = {}
    for name, column in profile.columns.items():
        for alias in column.aliases:
            if "{" in alias and "{year}" not in profile.sheet_pattern:
                expected = msg("a header without braces: the names of sheets have no year")
                raise top.table("columns").table(name).wrong("aliases", expected, alias)
            other = owner.setdefault(fold(alias), name)
            if other != name:
                expected = msg("a header that no other column has ({other} has it too)", other=other)
                raise top.table("columns").table(name).wrong("aliases", expected, alias)


def _check_rule(profile: Profile, top: Table, numbers: Iterable[str]) -> None:
    rule = profile.rule
    if rule is None:
        for name, derived in profile.derived.items():
            if derived.kind in ("expected", "chance"):
                raise top.table("derived").table(name).wrong("rule", msg("a profile with a [rule] of ages"))
        return
    place = top.table("rule")
    for key, column in (("age", rule.age), ("birth_year", rule.birth_year), ("birth_month", rule.birth_month)):
        require_known(place, key, _present(column), numbers)
    # The chance of being at risk is that of this very difference: with another one it would speak of something else.
    label = profile.label
    if profile.level is None or (label.minuend, label.subtrahend) != (profile.level, rule.column):
        raise place.wrong("column", msg("the column that the label's difference takes away from the level"))
    if not isinstance(label.value, float) or label.operator in ("!=", "in"):
        raise top.table("label").wrong("operator", msg("a comparison with one number, where there is a rule of ages"))
    level = profile.columns[profile.level]
    if not level.integer or level.minimum is None:
        raise top.wrong("level", msg("a column of whole numbers with a range, where a rule of ages looks levels up"))


def _check_derived(profile: Profile, top: Table, numbers: Iterable[str]) -> None:
    # A derived column may use those above it, so that one pass in the file's order computes them all.
    known = [*([YEAR] if profile.has_periods else []), *numbers]
    for name, derived in profile.derived.items():
        place = top.table("derived").table(name)
        others = [other for other in known if other != name]
        require_known(place, "difference", _present(derived.minuend, derived.subtrahend), others)
        require_known(place, "source", _present(derived.source), others)
        known.append(name)


def require_known(table: Table, key: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise `ProfileError` at the first of `names`, the value of `key`, that is not among `known`."""
    for name in names:
        if name not in known:
            raise table.unknown(key, known, value=name)


def _of_kind(profile: Profile, kind: Kind) -> list[str]:
    return [name for name, column in profile.columns.items() if column.kind == kind]


def _present(*names: str | None) -> list[str]:
    return [name for name in names if name is not None]
