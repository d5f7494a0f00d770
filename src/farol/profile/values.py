"""What a profile holds, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal["identifier", "number", "category", "date", "personal", "ignored"]
Operator = Literal["<", "<=", ">", ">=", "==", "!=", "in"]
DerivedKind = Literal["difference", "table", "expected", "chance"]
Severity = Literal["info", "warning", "error"]

NO_PERIOD = 0
"""What stands for the year where a profile has none."""

BY_ROWS = "rows"
"""The `split` of a task that is tested on rows chosen at random."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text in both languages."""

    pt: str
    en: str

    def in_locale(self, locale: str) -> str:
        """The text for a locale of `farol.i18n.LOCALES`."""
        return self.en if locale == "en" else self.pt


AT_RISK = Text("em risco", "at risk")
LEVEL = Text("nível", "level")
"""What is said where a profile has no words of its own."""


@dataclass(frozen=True, slots=True)
class Recode:
    """A rule for a text cell: `pattern` (a regular expression, whole match on the folded text) → value.

    `value` is a number or a category name; None takes group 1 of the match; `missing` makes the cell empty.
    `finding` is the code under which the doctor reports cells that the rule touched; None reports nothing.
    """

    pattern: str
    value: float | str | None
    missing: bool
    finding: str | None


@dataclass(frozen=True, slots=True)
class ZeroIsMissing:
    """Zero means "not answered": always (`column` None), or only where another column equals a value."""

    column: str | None
    equals: float | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the profile. `name` is the code name (`IAA`, `phase`, `student`)."""

    name: str
    kind: Kind
    aliases: tuple[str, ...]  # `{year}` and `{yy}` stand for the sheet's own year
    meaning: Text
    minimum: float | None
    maximum: float | None
    tolerance: float  # values this far outside the range are rounding and are clipped to it
    integer: bool
    required: bool  # training misses it: a sheet without it is a warning
    every_sheet: bool  # … and learns nothing from a sheet without it
    zero_is_missing: ZeroIsMissing | None
    dates_as_numbers: bool  # January 1900 dates are numbers formatted as dates: the day is the value
    recodes: tuple[Recode, ...]
    categories: tuple[str, ...]  # of a category: the only ones there are, empty when free
    usual: tuple[float, ...]  # the only values the programme gives (IAN: 2.5, 5, 10), empty when any
    constant: bool  # a student keeps the value over the years: a change is reported
    max_step: float | None  # a greater change from one year to the next is reported
    year_fills: str | None  # of a date: the number column whose missing values its year fills
    month_fills: str | None = None  # … and the one whose missing values its month (1–12) fills
    replacements: tuple[tuple[str, str], ...] = ()  # (pattern, text): mend a text before it is judged a number
    words: Mapping[str, Text] = field(default_factory=dict)  # what readers call a category, or a number as code

    def word(self, value: str | float) -> Text:
        """What a reader calls a value: the profile's words, or the value itself."""
        text = value if isinstance(value, str) else f"{value:g}"
        return self.words.get(text) or Text(text, text)


@dataclass(frozen=True, slots=True)
class Derived:
    """A column computed from others, row by row: `minuend − subtrahend`, a table lookup on `source`, or the age rule.

    By the rule: what the table applied in the row's year gives for the age (`expected`), or the chance of being at
    risk the year after, if the pupil goes up by `promotions` levels (`chance`).
    A derived column whose name is also a sheet column only fills that column's missing values.
    The name `year` is available as the sheet's year.
    """

    name: str
    kind: DerivedKind
    minuend: str | None
    subtrahend: str | None
    source: str | None
    table: tuple[tuple[float, float], ...]  # ascending (upper bound inclusive, value); the last bound is inf
    meaning: Text
    minimum: float | None
    maximum: float | None
    promotions: float = 0.0


@dataclass(frozen=True, slots=True)
class DatedRule:
    """The age rule as one year's sheet had it: the day on which ages were taken, and which level an age should be at.

    `written` is the table that the sheet's own words say, where it is another one than was applied.
    """

    since: int  # the year of the sheet; the tables hold until a later rule, the day for this sheet only
    month: int
    day: int
    applied: tuple[tuple[float, float], ...]  # ascending (upper bound inclusive, level); the last bound is inf
    written: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class AgeRule:
    """How `column`, which the label takes away from the level, comes from a pupil's age. `dated` is ascending."""

    column: str
    age: str
    birth_year: str | None
    birth_month: str | None
    dated: tuple[DatedRule, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """`column operator value`. The column is a number, derived, or a category; `in` has several values."""

    column: str
    operator: Operator
    value: float | str | tuple[float, ...] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Periods:
    """The year or term of each row stands in `column`. `values`: text as written → period; empty: its whole numbers."""

    column: str
    values: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Label(Condition):
    """`at_risk` is 1 where the condition holds. `difference` names (minuend, subtrahend) that must give the column."""

    minuend: str | None
    subtrahend: str | None
    negative: Text  # the words of prediction 0
    positive: Text  # the words of prediction 1
    state: Text = AT_RISK  # how a pupil is of whom the condition holds: "pupils who are …"


@dataclass(frozen=True, slots=True)
class Task:
    """A question as data: features of year t, label of year t + horizon."""

    name: str
    title: Text
    question: Text
    horizon: int  # 0 this year (or term), 1 the next
    features: tuple[str, ...]
    hidden: tuple[str, ...]  # features of which training sees every row a second time without them
    impute: bool  # median, missing indicator and scaling; without it the model takes missing values natively
    monotone: Mapping[str, int]  # feature → −1 (a higher value never raises the risk) or +1
    context: tuple[str, ...]  # optional inputs of the API besides the features that are sheet columns
    limits: Text  # what a reader must know first
    changeable: tuple[str, ...] = ()  # features that a programme can work on, unlike an age
    split: str | None = None  # how it is tested: None by time, "rows" at random over rows, else by this column's values
    only: tuple[Condition, ...] = ()  # a row counts only if all of these hold; see `Profile.asked_of`


@dataclass(frozen=True, slots=True)
class Profile:
    """A whole profile. `fingerprint` is the sha256 of the TOML's bytes, `source` those bytes."""

    name: str
    title: Text
    sheet_pattern: str  # `PEDE{year}`; without {year} the one sheet of that name; empty: any name
    columns: Mapping[str, Column]
    derived: Mapping[str, Derived]
    label: Label
    tasks: Mapping[str, Task]
    audit: tuple[str, ...]  # category columns for the fairness audit
    fingerprint: str
    source: bytes
    level: str | None = None  # the column of a pupil's stage, for tables by level
    level_name: Text = LEVEL  # what readers call a stage: "phase" of "phase 3"
    rule: AgeRule | None = None
    periods: Periods | None = None  # the column that holds each row's year or term, if sheets have no year in the name

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The columns that together are a pupil's code, in the profile's order; empty: a pupil is a row."""
        return tuple(name for name, column in self.columns.items() if column.kind == "identifier")

    def with_headers(self, headers: Mapping[str, Sequence[str]]) -> Profile:
        """The profile that also knows other `headers` of its columns; columns that it does not have are passed over.

        Source and fingerprint stay: how a header is written changes nothing about what is learned from its column.
        """
        columns = {
            name: replace(column, aliases=tuple(dict.fromkeys((*column.aliases, *headers.get(name, ())))))
            for name, column in self.columns.items()
        }
        return replace(self, columns=columns)

    @property
    def follows_pupils(self) -> bool:
        """Whether a pupil can be told again in another file: only then do answers meet outcomes later."""
        return bool(self.identifiers)

    @property
    def has_periods(self) -> bool:
        """Whether rows are of years or terms, in the sheets' names or in a column. Else all are of `NO_PERIOD`."""
        return "{year}" in self.sheet_pattern or self.periods is not None

    def asked_of(self, task: Task) -> tuple[Condition, ...]:
        """The conditions of a task that are known when its question is asked.

        Of a question about the same year, one on the label's own column says whose answer is known already: it counts
        for training and test alone, since those whose answer is not known yet are asked about.
        """
        return task.only if task.horizon else tuple(rule for rule in task.only if not self._holds_answer(rule.column))

    def _holds_answer(self, name: str, path: tuple[str, ...] = ()) -> bool:
        """Whether a column is the label's, or computed from it."""
        if name == self.label.column:
            return True
        derived = self.derived.get(name)
        if derived is None or name in path or name in self.columns:
            return False
        sources = (derived.minuend, derived.subtrahend, derived.source)
        return any(source is not None and self._holds_answer(source, (*path, name)) for source in sources)

    def period_after(self, period: int, steps: int = 1) -> int:
        """The period `steps` after `period`, or before it: of those the profile lists, else of whole numbers."""
        listed = sorted(set(self.periods.values.values())) if self.periods else []
        if period not in listed:
            return period + steps
        place = listed.index(period) + steps
        if 0 <= place < len(listed):
            return listed[place]
        return listed[0] + place if place < 0 else listed[-1] + place - len(listed) + 1

    def period_names(self, periods: Iterable[int]) -> tuple[str, ...]:
        """How readers call some periods, each once and in order; none where rows have neither year nor term."""
        return tuple(filter(None, (self.period_text(period) for period in sorted(set(periods)))))

    def period_text(self, period: int) -> str:
        """How the school writes a period: "2013B"; empty where there are none."""
        if self.periods is not None:
            return next((text for text, value in self.periods.values.items() if value == period), str(period))
        return str(period) if self.has_periods else ""
