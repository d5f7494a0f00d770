"""One raw sheet → one year's table: headers resolved, columns cleaned, findings made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from farol.errors import Place, WorkbookError
from farol.i18n import count, msg
from farol.profile import Column, Profile, Severity
from farol.profile.conditions import values_of
from farol.workbook.account import LEFT_OUT, SheetAccount, column_counts
from farol.workbook.cells import (
    Floats,
    Numbers,
    Objects,
    Spellings,
    category_column,
    number_column,
    spellings_of,
    zero_as_missing,
)
from farol.workbook.dates import date_column
from farol.workbook.findings import Finding, finding
from farol.workbook.gaps import fill_label, fill_months, fill_years
from farol.workbook.labels import at_risk, contradictions, doubtful_words
from farol.workbook.notes import error_notes
from farol.workbook.open_sheet import OpenSheet
from farol.workbook.pupil_rows import pupil_rows
from farol.workbook.raw import Cell, CellError, RawSheet
from farol.workbook.selection import ANY_SHEET, SheetNeeds


@dataclass(frozen=True, slots=True, eq=False)
class YearTable:
    """The pupils of one sheet; arrays are parallel to `row`, the row that a spreadsheet shows (1-based).

    `period` is each row's year or term: the sheet's own `year`, unless a column of the profile holds it.
    `numbers`, `dates` and `categories` have every column of their kind in the profile, all missing where the sheet
    has none; `headers` has the sheet's own headers of the columns it has, and `spellings` how the values of those with
    rules for text are written there.
    """

    sheet: str
    year: int
    row: NDArray[np.int64]
    student: Objects
    period: NDArray[np.int64]
    numbers: Mapping[str, Floats]
    dates: Mapping[str, Floats]
    categories: Mapping[str, Objects]
    label: Floats
    headers: Mapping[str, str]
    spellings: Mapping[str, Spellings]
    findings: tuple[Finding, ...]
    account: SheetAccount

    def by_period(self) -> Iterator[YearTable]:
        """A table for each year or term of the rows; findings and headers are those of the sheet."""
        for period in np.unique(self.period).tolist():
            rows = self.period == period
            yield replace(
                self,
                year=int(period),
                row=self.row[rows],
                student=self.student[rows],
                period=self.period[rows],
                numbers={name: values[rows] for name, values in self.numbers.items()},
                dates={name: values[rows] for name, values in self.dates.items()},
                categories={name: values[rows] for name, values in self.categories.items()},
                label=self.label[rows],
            )


def read_table(raw: RawSheet, profile: Profile, needs: SheetNeeds = ANY_SHEET) -> YearTable:
    """The table of a sheet.

    Raises `WorkbookError` when it has no column with the pupils' codes or a code twice, where each row must be a known
    pupil's, and when most cells of a column of numbers that is needed are no numbers.
    """
    return _Reader(OpenSheet(raw, profile, needs)).table()


class _Reader:
    """The table of one sheet, column by column."""

    def __init__(self, sheet: OpenSheet) -> None:
        self._sheet = sheet
        self._profile = sheet.profile
        self._needs = sheet.needs
        self._selection = sheet.selection
        self._spellings: dict[str, Spellings] = {}
        self._date_years: dict[str, Floats] = {}

    def table(self) -> YearTable:
        """Clean the columns, in an order in which each finds what it needs."""
        pupils = pupil_rows(self._sheet)
        numbers = {column.name: self._numbers(column) for column in self._sheet.columns("number")}
        self._drop_zeros(numbers)
        dates = {column.name: self._dates(column) for column in self._sheet.columns("date")}
        filled = fill_years(self._sheet, self._date_years, dates, numbers) | fill_months(self._sheet, dates, numbers)
        categories = {column.name: self._categories(column) for column in self._sheet.columns("category")}
        self._report_missing_columns(filled)
        self._report_mostly_missing(numbers)
        fill_label(self._sheet, numbers)
        label = at_risk(self._profile, numbers, categories, pupils.period)
        self._report_label(numbers, label)
        self._report_words(categories)
        self._report_unread_errors()
        return YearTable(
            sheet=self._sheet.raw.name,
            year=self._sheet.raw.year,
            row=self._sheet.row,
            student=pupils.student,
            period=pupils.period,
            numbers=numbers,
            dates=dates,
            categories=categories,
            label=label,
            headers=self._sheet.headers(),
            spellings=self._spellings,
            findings=tuple(self._sheet.findings),
            account=self._account(pupils.left_out),
        )

    def _account(self, left_out: Mapping[str, int]) -> SheetAccount:
        selection = self._selection
        return SheetAccount(
            sheet=self._sheet.raw.name,
            year=self._sheet.raw.year,
            rows=max(len(self._sheet.raw.rows), self._sheet.raw.formatted_rows),
            above=selection.first_row - 2,
            pupils=len(self._sheet.row),
            left_out={code: left_out[code] for code in LEFT_OUT if left_out.get(code)},
            **column_counts(selection.headings, selection.chosen, selection.filled, self._profile),
        )

    def _numbers(self, column: Column) -> Floats:
        cells = self._sheet.cells(column)
        if cells is None:
            return np.full(len(self._sheet.row), np.nan)
        read = number_column(cells, column, self._sheet.raw.source)
        self._refuse_text(column, read)
        self._sheet.report_notes(column, read.notes)
        self._note_spellings(column, cells, read.values)
        return read.values

    def _note_spellings(self, column: Column, cells: Sequence[Cell], values: Floats | Objects) -> None:
        if column.recodes or column.kind == "category":
            self._spellings[column.name], odd = spellings_of(cells, values)
            self._sheet.report("respelled", self._selection.chosen[column.name].text, odd)

    def _refuse_text(self, column: Column, read: Numbers) -> None:
        """When most values of a needed column are not numbers, values are probably under the wrong header."""
        unreadable = sum(len(note.positions) for note in read.notes if note.code == "unreadable_text")
        if unreadable > np.count_nonzero(~np.isnan(read.values)) and _is_needed(self._profile, column.name):
            raise WorkbookError(
                msg("The column does not hold numbers in most of its rows."),
                expected=msg("numbers"),
                got=msg("something else (rows: {count})", count=count(unreadable)),
                where=Place(sheet=self._sheet.raw.name, column=self._selection.chosen[column.name].text),
                fix=msg("See whether the values stand under the header of another column."),
            )

    def _drop_zeros(self, numbers: dict[str, Floats]) -> None:
        for column in self._sheet.columns("number"):
            rule = column.zero_is_missing
            if rule is None or column.name not in self._selection.chosen:
                continue
            everywhere = np.ones(len(self._sheet.row), dtype=np.bool_)
            where = everywhere if rule.column is None else numbers[rule.column] == rule.equals
            read = zero_as_missing(numbers[column.name], where)
            numbers[column.name] = read.values
            self._sheet.report_notes(column, read.notes)

    def _dates(self, column: Column) -> Floats:
        cells = self._sheet.cells(column)
        if cells is None:
            return np.full(len(self._sheet.row), np.nan)
        read = date_column(cells)
        self._date_years[column.name] = read.years
        self._sheet.report_notes(column, read.notes)
        return read.values

    def _categories(self, column: Column) -> Objects:
        cells = self._sheet.cells(column)
        if cells is None:
            return np.full(len(self._sheet.row), None, dtype=np.object_)
        read = category_column(cells, column)
        self._sheet.report_notes(column, read.notes)
        self._note_spellings(column, cells, read.values)
        return read.values

    def _report_missing_columns(self, filled: set[str]) -> None:
        for column in self._profile.columns.values():
            absent = column.name not in self._selection.chosen and column.name not in filled
            if absent and column.kind in ("number", "date", "category"):
                severity: Severity = "warning" if column.required and self._needs.wants(column.name) else "info"
                own = self._sheet.own_header(column)
                self._sheet.findings.append(
                    finding("missing_column", sheet=self._sheet.raw.name, column=own, count=1, severity=severity)
                )

    def _report_mostly_missing(self, numbers: Mapping[str, Floats]) -> None:
        for column in self._sheet.columns("number"):
            missing = np.isnan(numbers[column.name])
            known = self._selection.chosen.get(column.name)
            most = len(missing) // 2 < np.count_nonzero(missing) < len(missing)
            if known and column.required and most:
                self._sheet.report("mostly_missing", known.text, np.flatnonzero(missing).tolist())

    def _report_label(self, numbers: Mapping[str, Floats], at_risk: Floats) -> None:
        label = self._profile.label
        headers = self._sheet.headers()
        header = headers.get(label.column)
        if self._needs.wants(label.column):
            self._sheet.report("no_label", header, np.flatnonzero(np.isnan(at_risk)).tolist())
        self._sheet.report(
            "lag_contradiction",
            header,
            np.flatnonzero(contradictions(label, numbers)).tolist(),
            {
                "own": header or "",
                "minuend": headers.get(label.minuend or "", ""),
                "subtrahend": headers.get(label.subtrahend or "", ""),
            },
        )

    def _report_words(self, categories: Mapping[str, Objects]) -> None:
        label = self._profile.label
        words = {"words": ", ".join(str(word) for word in values_of(label))}
        for code, positions in doubtful_words(self._profile, categories).items():
            self._sheet.report(code, self._sheet.headers()[label.column], positions, words)

    def _report_unread_errors(self) -> None:
        """Formula errors in columns that are not read: nothing is lost, but the owner may want to correct them."""
        read = {heading.position for heading in self._selection.chosen.values()}
        for heading, cells in zip(self._selection.headings, self._selection.cells, strict=True):
            if heading.position in read or CellError not in set(map(type, cells)):
                continue
            for note in error_notes(cells):
                rows = [position + self._selection.first_row for position in note.positions]
                self._sheet.findings.append(
                    finding(
                        note.code,
                        sheet=self._sheet.raw.name,
                        column=heading.text,
                        rows=rows,
                        severity="info",
                        details=note.details,
                    )
                )


def _is_needed(profile: Profile, name: str) -> bool:
    """Whether a required column or a task rests on a column. That of the label may wait to be filled in."""
    if name == profile.label.column:
        return False
    tasks = {name for task in profile.tasks.values() for name in (*task.features, *task.context)}
    return profile.columns[name].required or name in tasks
