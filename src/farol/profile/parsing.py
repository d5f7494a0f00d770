"""A profile TOML into frozen values. Every wrong key, value or type is a `ProfileError` that names it."""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import cast, get_args

from farol.errors import Place, ProfileError
from farol.i18n import count, msg
from farol.profile.checking import check_references, require_known
from farol.profile.conditions import condition, conditions
from farol.profile.rules import age_rule, steps
from farol.profile.table import Table, is_number
from farol.profile.values import (
    AT_RISK,
    LEVEL,
    Column,
    Derived,
    DerivedKind,
    Kind,
    Label,
    Periods,
    Profile,
    Recode,
    Task,
    Text,
    ZeroIsMissing,
)

FORMAT = 1
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
"""How tomllib says where a text breaks off; the rest of what it says is English."""

_BUILT_IN = resources.files("farol.profile") / "builtin"

ALL_TASKS = "all"
"""What commands call all tasks together, so that none can have this name."""

_TASK_NAME = re.compile(r"(?=.{1,40}$)[a-z0-9]+(-[a-z0-9]+)*")
"""A task's name stands in addresses, folders and commands."""

_ONLY_FOR: dict[str, tuple[Kind, ...]] = {
    "integer": ("number",),
    "range": ("number",),
    "tolerance": ("number",),
    "zero_is_missing": ("number",),
    "dates_as_numbers": ("number",),
    "usual": ("number",),
    "max_step": ("number",),
    "categories": ("category",),
    "year_fills": ("date",),
    "month_fills": ("date",),
    "recode": ("number", "category"),
    "constant": ("number", "category"),
    "replace": ("number",),
    "words": ("number", "category"),
}
"""Keys of a column that make sense for some kinds only."""


MOST_BYTES = 1_000_000
"""Of a profile. The largest that we know has 20 kB."""


def load_profile(name_or_path: str | Path) -> Profile:
    """The built-in profile of that name, or the one in the file at that path.

    Raises `ProfileError` when there is neither, when the file is not TOML, and for anything wrong inside it.
    """
    built_in = _BUILT_IN / f"{name_or_path}.toml"
    if isinstance(name_or_path, str) and re.fullmatch(r"[a-z0-9-]+", name_or_path) and built_in.is_file():
        return parse_profile(built_in.read_bytes(), f"{name_or_path}.toml")
    path = Path(name_or_path)
    try:
        with path.open("rb") as file:
            source = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        names = sorted(item.name.removesuffix(".toml") for item in _BUILT_IN.iterdir())
        raise ProfileError(
            msg("There is no profile {name}.", name=repr(str(name_or_path))),
            expected=msg("a built-in profile ({names}) or the path of a profile TOML", names=", ".join(names)),
            fix=msg("Check the path and the name."),
        ) from error
    return parse_profile(source, path.name)


def parse_profile(source: bytes, origin: str) -> Profile:
    """The profile that the bytes of a TOML file describe; `origin` names the file in errors."""
    if len(source) > MOST_BYTES:
        raise ProfileError(
            msg("The profile is too large."),
            expected=msg("at most {bytes} bytes", bytes=count(MOST_BYTES)),
            where=Place(file=origin),
            fix=msg("Check that this is the profile; then remove what it does not need."),
        )
    try:
        values = tomllib.loads(source.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also a number without end, or tables in tables without end
        raise _not_toml(error, origin) from error
    top = Table(values, "", origin)
    top.integer("format", FORMAT, FORMAT)
    profile = _profile(top, source)
    check_references(profile, top)
    return profile


def _not_toml(error: Exception, origin: str) -> ProfileError:
    """The error for a file that is no TOML: where it breaks off, in the reader's language."""
    if isinstance(error, UnicodeDecodeError):
        return ProfileError(
            msg("The profile is not text in UTF-8."),
            expected=msg("a TOML file"),
            where=Place(file=origin),
            fix=msg("Name the profile, not the workbook. Save the profile as text in UTF-8."),
        )
    place = _PLACE.search(str(error))
    if place is None:
        return ProfileError(
            msg("The profile is not a TOML file."),
            where=Place(file=origin),
            fix=msg("Check that this is the profile; `farol profile new` writes one to begin with."),
        )
    return ProfileError(
        msg("The profile is not a TOML file: line {line}, column {column}.", line=place[1], column=place[2]),
        where=Place(file=origin),
        fix=msg("See that quotation marks and brackets are closed there, and that no key stands twice."),
    )


def _profile(top: Table, source: bytes) -> Profile:
    columns, derived = top.table("columns"), top.table("derived", {})
    profile = Profile(
        name=top.string("name"),
        title=top.text("title"),
        sheet_pattern=_sheet_pattern(top),
        columns={name: _column(name, table) for name, table in columns.named()},
        derived={name: _derived(name, table) for name, table in derived.named()},
        label=_label(top.table("label")),
        tasks=_tasks(top),
        audit=top.strings("audit", ()),
        fingerprint=hashlib.sha256(source).hexdigest(),
        source=source,
        level=top.string("level") if "level" in top else None,
        level_name=top.text("level_name") if "level_name" in top else LEVEL,
        rule=age_rule(top.table("rule")) if "rule" in top else None,
        periods=_periods(top.table("periods")) if "periods" in top else None,
    )
    top.close()
    return profile


def _sheet_pattern(top: Table) -> str:
    pattern = top.string("sheets", "")
    if "{year}" in pattern and "periods" in top:
        raise top.wrong("periods", msg("no column of years where the names of sheets have the year"))
    if pattern.count("{year}") > 1 or set("{}") & set(pattern.replace("{year}", "")):
        expected = msg("a sheet name, with {year} in the year's place if it has one, once", year="{year}")
        raise top.wrong("sheets", expected)
    return pattern


def _periods(table: Table) -> Periods:
    expected = msg("a whole number for each text: {example}", example='{ "2013B" = 1, "2013J" = 2 }')
    values = table.raw("values", {}, expected)
    if not isinstance(values, dict) or not all(type(value) is int for value in values.values()):
        raise table.wrong("values", expected)
    periods = Periods(column=table.string("column"), values=values)
    table.close()
    return periods


def _column(name: str, table: Table) -> Column:
    kind = cast(Kind, table.choice("kind", get_args(Kind)))
    for key, kinds in _ONLY_FOR.items():
        if key in table and kind not in kinds:
            raise table.wrong(key, msg("a key that a column of kind {kind} has", kind=kind))
    required = table.choice("required", ("every", "some"), "")
    minimum, maximum = _range(table)
    column = Column(
        name=name,
        kind=kind,
        aliases=_aliases(table),
        meaning=table.text("meaning"),
        minimum=minimum,
        maximum=maximum,
        tolerance=table.number("tolerance", 0.0, minimum=0.0),
        integer=table.boolean("integer", False),
        required=bool(required),
        every_sheet=required == "every",
        zero_is_missing=_zero_is_missing(table),
        dates_as_numbers=table.boolean("dates_as_numbers", False),
        recodes=tuple(_recode(item, kind) for item in table.tables("recode", ())),
        categories=table.strings("categories", ()),
        usual=table.numbers("usual", ()),
        constant=table.boolean("constant", False),
        max_step=table.number("max_step", minimum=0.0) if "max_step" in table else None,
        year_fills=table.string("year_fills") if "year_fills" in table else None,
        month_fills=table.string("month_fills") if "month_fills" in table else None,
        replacements=_replacements(table),
        words=_words(table.table("words", {})),
    )
    table.close()
    _check_categories(table, column)
    return column


def _aliases(table: Table) -> tuple[str, ...]:
    aliases = table.strings("aliases")
    expected = msg("at least one header, with no braces but {year} and {yy}", year="{year}", yy="{yy}")
    if not aliases:
        raise table.wrong("aliases", expected)
    for alias in aliases:
        if set("{}") & set(alias.replace("{year}", "").replace("{yy}", "")):
            raise table.wrong("aliases", expected, alias)
    return aliases


def _range(table: Table) -> tuple[float | None, float | None]:
    limits = table.numbers("range", ())
    if "range" not in table:
        return None, None
    if len(limits) != 2 or limits[0] >= limits[1]:
        raise table.wrong("range", msg("two numbers, the lower first"))
    return limits


def _zero_is_missing(table: Table) -> ZeroIsMissing | None:
    expected = msg("true, false, or {example}", example='{ column = "…", equals = … }')
    value = table.raw("zero_is_missing", False, expected)
    if isinstance(value, bool):
        return ZeroIsMissing(column=None, equals=None) if value else None
    if not isinstance(value, dict):
        raise table.wrong("zero_is_missing", expected)
    inner = table.table("zero_is_missing")
    rule = ZeroIsMissing(column=inner.string("column"), equals=inner.number("equals"))
    inner.close()
    return rule


def _replacements(table: Table) -> tuple[tuple[str, str], ...]:
    expected = msg("pairs of texts, [regular expression, what stands in its place]")
    pairs = table.list_of("replace", _is_replacement, expected)
    for pattern, text in pairs:
        _compiled(table, "replace", pattern)
        try:
            # The text is looked at only where something fits, and an empty alternative always does.
            re.compile(f"{pattern}|").sub(text, "")
        except (re.error, IndexError) as error:
            raise table.wrong("replace", expected, text) from error
    return tuple((pattern, text) for pattern, text in pairs)


def _words(table: Table) -> dict[str, Text]:
    return {value: table.text(value) for value in table}


def _is_replacement(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(item, str) for item in value)


def _compiled(table: Table, key: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise table.wrong(key, msg("a regular expression ({reason})", reason=str(error)), pattern) from error


def _recode(table: Table, kind: Kind) -> Recode:
    pattern = table.string("pattern")
    groups = _compiled(table, "pattern", pattern).groups
    missing = table.boolean("missing", False)
    finding = table.string("finding") if "finding" in table else None
    value = _recode_value(table, kind)
    table.close()
    if missing and value is not None:
        raise table.wrong("value", msg("no value beside missing = true"))
    if not missing and value is None and groups == 0:
        raise table.wrong("pattern", msg("a pattern with a group, or a value, or missing = true"))
    return Recode(pattern=pattern, value=value, missing=missing, finding=finding)


def _recode_value(table: Table, kind: Kind) -> float | str | None:
    expected = msg("a number") if kind == "number" else msg("a text that is not empty")
    value = table.raw("value", None, expected)
    if value is None:
        return None
    if kind == "number" and is_number(value) and math.isfinite(value):
        return float(value)
    if kind != "number" and isinstance(value, str) and value.strip():
        return value
    raise table.wrong("value", expected)


def _check_categories(table: Table, column: Column) -> None:
    if column.categories:
        require_known(table, "words", column.words, column.categories)
    for recode in column.recodes:
        if column.categories and isinstance(recode.value, str) and recode.value not in column.categories:
            raise table.unknown("recode", column.categories, value=recode.value)


def _derived(name: str, table: Table) -> Derived:
    if sum(key in table for key in ("difference", "table", "rule")) != 1:
        raise table.wrong("difference", msg("either difference, or source with table, or rule"))
    minuend, subtrahend = _pair(table, "difference")
    lookup = steps(table, "table") if "table" in table else ()
    kind = table.choice("rule", ("expected", "chance")) if "rule" in table else "table" if lookup else "difference"
    minimum, maximum = _range(table)
    derived = Derived(
        name=name,
        kind=cast(DerivedKind, kind),
        minuend=minuend,
        subtrahend=subtrahend,
        source=table.string("source") if lookup else None,
        table=lookup,
        meaning=table.text("meaning"),
        minimum=minimum,
        maximum=maximum,
        promotions=float(table.integer("promotions", 0, 3)) if kind == "chance" else 0.0,
    )
    table.close()
    return derived


def _pair(table: Table, key: str) -> tuple[str | None, str | None]:
    names = table.strings(key, ())
    if key not in table:
        return None, None
    if len(names) != 2:
        raise table.wrong(key, msg("two column names: from which, and which is taken away"))
    return names


def _label(table: Table) -> Label:
    minuend, subtrahend = _pair(table, "difference")
    rule = condition(table)
    label = Label(
        column=rule.column,
        operator=rule.operator,
        value=rule.value,
        minuend=minuend,
        subtrahend=subtrahend,
        negative=table.text("negative"),
        positive=table.text("positive"),
        state=table.text("state") if "state" in table else AT_RISK,
    )
    table.close()
    return label


def _tasks(top: Table) -> dict[str, Task]:
    tasks = top.table("tasks")
    if not list(tasks):
        raise top.wrong("tasks", msg("at least one task"))
    for name in tasks:
        if not _TASK_NAME.fullmatch(name) or name == ALL_TASKS:
            expected = msg("a name of lower-case letters, digits and single hyphens, such as next-year")
            raise tasks.wrong(name, expected, name)
    return {name: _task(name, table) for name, table in tasks.named()}


def _task(name: str, table: Table) -> Task:
    features = table.strings("features")
    if not features:
        raise table.wrong("features", msg("at least one column"))
    task = Task(
        name=name,
        title=table.text("title"),
        question=table.text("question"),
        horizon=table.integer("horizon", 0, 1),
        features=features,
        hidden=table.strings("hidden", ()),
        impute=table.boolean("impute"),
        monotone=_monotone(table.table("monotone", {}), features),
        context=table.strings("context", ()),
        limits=table.text("limits"),
        changeable=table.strings("changeable", ()),
        split=table.string("split") if "split" in table else None,
        only=conditions(table, "only"),
    )
    require_known(table, "hidden", task.hidden, features)
    require_known(table, "changeable", task.changeable, features)
    table.close()
    return task


def _monotone(table: Table, features: Iterable[str]) -> dict[str, int]:
    signs: dict[str, int] = {}
    for feature in table:
        if feature not in features:
            raise table.unknown(feature, features)
        signs[feature] = table.integer(feature, -1, 1)
        if signs[feature] == 0:
            raise table.wrong(feature, msg("-1 or 1"))
    return signs
