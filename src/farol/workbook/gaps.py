"""Gaps of a sheet's columns that its other columns fill: years and months by dates, the label by its difference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from farol.profile import Profile
from farol.workbook.cells import Floats, years_in_range
from farol.workbook.dates import months_of
from farol.workbook.open_sheet import OpenSheet


def fill_years(
    sheet: OpenSheet, known: Mapping[str, Floats], dates: Mapping[str, Floats], numbers: dict[str, Floats]
) -> set[str]:
    """Fill number columns by the years of dates; the names of those that the sheet itself does not have.

    `known` are the years of date columns, also where day and month are not known.
    """
    filled = set()
    for column in sheet.columns("date"):
        if column.year_fills is None:
            continue
        target = sheet.profile.columns[column.year_fills]
        read = years_in_range(known.get(column.name, dates[column.name]), target)
        years = read.values
        gaps = np.isnan(numbers[target.name]) & ~np.isnan(years)
        if column.name in sheet.selection.chosen:
            sheet.report_notes(column, read.notes)
        if gaps.any():
            numbers[target.name] = np.where(gaps, years, numbers[target.name])
            header = sheet.selection.chosen[column.name].text
            sheet.report("filled_from_date", header, np.flatnonzero(gaps).tolist(), {"own": sheet.own_header(target)})
            filled.add(target.name)
    return filled


def fill_months(sheet: OpenSheet, dates: Mapping[str, Floats], numbers: dict[str, Floats]) -> set[str]:
    """Fill number columns by the months of dates; their names.

    There is no finding: dates that are missing or fill a year have theirs, and no school has a column of months
    that it could miss.
    """
    filled = set()
    for column in sheet.columns("date"):
        if column.month_fills is not None:
            given = numbers[column.month_fills]
            numbers[column.month_fills] = np.where(np.isnan(given), months_of(dates[column.name]), given)
            filled.add(column.month_fills)
    return filled


def fill_label(sheet: OpenSheet, numbers: dict[str, Floats]) -> None:
    """Fill gaps of the label's column by the difference that it is, where the profile says of which columns."""
    label = sheet.profile.label
    parts = _difference(sheet.profile)
    if parts is None or label.column not in numbers:
        return
    minuend, subtrahend = parts
    difference = numbers[minuend] - numbers[subtrahend]
    gaps = np.isnan(numbers[label.column]) & ~np.isnan(difference)
    if gaps.any():
        numbers[label.column] = np.where(gaps, difference, numbers[label.column])
        names = {"own": label.column, "minuend": minuend, "subtrahend": subtrahend}
        own = {key: sheet.own_header(sheet.profile.columns[name]) for key, name in names.items()}
        sheet.report("filled_label", own["own"], np.flatnonzero(gaps).tolist(), own)


def _difference(profile: Profile) -> tuple[str, str] | None:
    """The two columns of the sheets whose difference the label's column is; None where the profile names none."""
    label, derived = profile.label, profile.derived.get(profile.label.column)
    parts = (label.minuend, label.subtrahend)
    if None in parts and derived is not None:
        parts = (derived.minuend, derived.subtrahend)
    minuend, subtrahend = parts
    if minuend is None or subtrahend is None or not {minuend, subtrahend} <= profile.columns.keys():
        return None
    return minuend, subtrahend
