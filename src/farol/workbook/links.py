"""The same pupil in one year and the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from farol.i18n import figures
from farol.profile import Column, Profile, fold
from farol.workbook.cells import Floats, Objects, Spellings
from farol.workbook.findings import Finding, finding
from farol.workbook.headers import of_year
from farol.workbook.rows import code_shape
from farol.workbook.tables import YearTable

USUAL_LINK_SHARE = 0.5
"""Of the smaller of two following years' sheets. In PEDE's it is 0.67 to 0.75."""

MIN_SHARED = 30
"""Two sheets that share fewer pupils are not taken for copies of one another."""

REPEATED_SHARE = 0.95
"""From this share of pupils with the same values a sheet repeats another: after pasting, some rows may be mended."""

MIN_COMBINATIONS = 10
"""Different pupils' numbers that a sheet must have: the same few flags in two years are no sign of a copy."""


def compare_years(tables: Sequence[YearTable], profile: Profile) -> Iterator[Finding]:
    """What is odd between years' sheets: who is gone, what changed that should not, and which repeats another."""
    if not profile.follows_pupils:
        return
    followed = any(task.horizon for task in profile.tasks.values())
    by_year = {table.year: table for table in tables}
    for earlier in tables:
        later = by_year.get(profile.period_after(earlier.year))
        if later is None:
            continue
        before, after = _common(earlier.student, later.student)
        gone = np.ones(len(earlier.row), dtype=np.bool_)
        gone[before] = False
        if followed and gone.any():
            rows = earlier.row[gone].tolist()
            yield finding("unlinked", sheet=earlier.sheet, rows=rows, details={"later": _name(later, profile)})
        if followed:
            yield from _few_linked(earlier, later, len(before), profile)
        yield from _renamed(earlier, later)
        yield from _respelled_values(earlier, later)
        for column in profile.columns.values():
            yield from _changes(column, earlier, later, before, after)
    in_order = sorted(tables, key=lambda table: table.year)
    for earlier, later in combinations(in_order, 2):
        yield from _repeated(earlier, later, profile)
    for earlier, later in pairwise(in_order):
        expected = profile.period_after(earlier.year)
        if later.year > expected:
            missing = profile.period_text(expected)
            yield finding("year_gap", sheet=later.sheet, details={"earlier": earlier.sheet, "missing": missing})


def _common(earlier: Objects, later: Objects) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The positions of the same students in both."""
    place = {student: position for position, student in enumerate(later)}
    pairs = [(position, place[student]) for position, student in enumerate(earlier) if student in place]
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _few_linked(earlier: YearTable, later: YearTable, linked: int, profile: Profile) -> Iterator[Finding]:
    """A warning where less than half of the smaller sheet's pupils are in the other one."""
    pupils = min(len(earlier.student), len(later.student))
    if linked < USUAL_LINK_SHARE * pupils:
        yield finding(
            "few_linked",
            sheet=earlier.sheet,
            column=earlier.headers[profile.identifiers[0]],
            count=pupils - linked,
            details={
                "linked": linked,
                "pupils": pupils,
                "later": _name(later, profile),
                "here": _usual_pattern(earlier.student),
                "there": _usual_pattern(later.student),
            },
        )


def _repeated(earlier: YearTable, later: YearTable, profile: Profile) -> Iterator[Finding]:
    """An error where nearly all pupils of both have the same values in all columns that may change."""
    before, after = _common(earlier.student, later.student)
    shared = [column for column in profile.columns.values() if not column.constant and column.name in later.headers]
    shared = [column for column in shared if column.name in earlier.headers]
    equal, numbers, known = np.ones(len(before), dtype=np.bool_), [], np.zeros(len(before), dtype=np.bool_)
    for column in shared:
        if column.kind == "number":
            first, second = earlier.numbers[column.name][before], later.numbers[column.name][after]
            if _grows_by(later.year - earlier.year, first, second):
                continue
            numbers.append(second)
            known |= ~np.isnan(first) & ~np.isnan(second)
            equal &= (first == second) | (np.isnan(first) & np.isnan(second))
        elif column.kind == "category":
            equal &= earlier.categories[column.name][before] == later.categories[column.name][after]
    pupils, same = int(known.sum()), int((known & equal).sum())
    if pupils < MIN_SHARED or same < REPEATED_SHARE * pupils:
        return
    if len(np.unique(np.column_stack(numbers)[known], axis=0)) < MIN_COMBINATIONS:
        return
    yield finding(
        "repeated_sheet",
        sheet=later.sheet,
        rows=sorted(later.row[after[known & equal]].tolist()),
        details={
            "later": _name(later, profile),
            "earlier": _name(earlier, profile),
            "same": same,
            "pupils": pupils,
            "year": later.year,
        },
    )


def _grows_by(years: int, first: Floats, second: Floats) -> bool:
    """Whether most values grew by just the years between: an age or a year, which grows in a copy too."""
    known = ~np.isnan(first) & ~np.isnan(second)
    return bool(np.count_nonzero(second[known] - first[known] == years) > known.sum() / 2)


def _name(table: YearTable, profile: Profile) -> str:
    """What tells a table from those of other years: its sheet's name, or the term in its column."""
    return profile.period_text(table.year) if profile.periods is not None else table.sheet


def _usual_pattern(codes: Objects) -> str:
    """How most codes look, with A for letters and 9 for digits; no pupil's own code."""
    patterns = Counter(map(code_shape, codes))
    return max(patterns, key=lambda pattern: (patterns[pattern], pattern), default="")


def _renamed(earlier: YearTable, later: YearTable) -> Iterator[Finding]:
    for name, header in later.headers.items():
        before = earlier.headers.get(name)
        if before is not None and _without_year(before, earlier.year) != _without_year(header, later.year):
            details = {"earlier": earlier.sheet, "before": before}
            yield finding("renamed_column", sheet=later.sheet, column=header, count=1, details=details)


def _respelled_values(earlier: YearTable, later: YearTable) -> Iterator[Finding]:
    for name, words in later.spellings.items():
        changed = respelled_values(earlier.spellings.get(name, {}), words)
        if changed:
            header = later.headers[name]
            values = (later.numbers if name in later.numbers else later.categories)[name]
            rows = [row for row, value in zip(later.row.tolist(), values, strict=True) if value in changed]
            details = {"own": header, "earlier": earlier.sheet, "count": len(changed)}
            yield finding("respelled_between_years", sheet=later.sheet, column=header, rows=rows, details=details)


def _without_year(header: str, year: int) -> str:
    return fold(header).replace(str(year), "").replace(f"{year % 100:02}", "")


def _changes(
    column: Column,
    earlier: YearTable,
    later: YearTable,
    before: NDArray[np.int64],
    after: NDArray[np.int64],
) -> Iterator[Finding]:
    if column.kind == "number":
        first, second = earlier.numbers[column.name][before], later.numbers[column.name][after]
        known = ~np.isnan(first) & ~np.isnan(second)
        step = np.abs(np.where(known, second - first, 0.0))
        moved = {
            "changed_between_years": step > 0 if column.constant else None,
            "jump_between_years": step > column.max_step if column.max_step is not None else None,
        }
    elif column.kind == "category" and column.constant:
        old, new = earlier.categories[column.name][before], later.categories[column.name][after]
        moved = {"changed_between_years": (old != new) & ~_absent(old) & ~_absent(new)}
    else:
        return
    for code, mask in moved.items():
        if mask is not None and mask.any():
            header = later.headers.get(column.name)
            rows = sorted(later.row[after[mask]].tolist())
            details = {
                "own": header or of_year(column.aliases[0], later.year),
                "earlier": earlier.sheet,
                "step": figures(column.max_step) if column.max_step is not None else "",
            }
            yield finding(code, sheet=later.sheet, column=header, rows=rows, details=details)


def _absent(values: Objects) -> NDArray[np.bool_]:
    return np.array([value is None for value in values], dtype=np.bool_)


def respelled_values(earlier: Spellings, later: Spellings) -> frozenset[float | str]:
    """The values of both years of which no spelling is common to them."""
    return frozenset(value for value in earlier.keys() & later.keys() if not earlier[value] & later[value])
