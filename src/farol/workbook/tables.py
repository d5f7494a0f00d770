"""One raw sheet → one year's table: headers resolved, columns cleaned, findings made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from farol.errors import Place, WorkbookError
from farol.i18n import msg
from farol.profile import Column, Kind, Profile, Severity
from farol.workbook.account import LEFT_OUT, SheetAccount, column_counts
from farol.workbook.cells import (
    Categories,
    Floats,
    Numbers,
    Objects,
    Spellings,
    category_column,
    identifier_column,
    number_column,
    spellings_of,
    years_in_range,
    zero_as_missing,
)
from farol.workbook.dates import date_column, months_of
from farol.workbook.findings import Finding, finding
from farol.workbook.headers import of_year
from farol.workbook.labels import at_risk, contradictions
from farol.workbook.notes import Note, error_notes
from farol.workbook.periods import period_reader
from farol.workbook.raw import Cell, CellError, RawSheet, is_empty
from farol.workbook.rows import rows_without_code, rows_without_pupil
from farol.workbook.selection import ANY_SHEET, SheetNeeds, select_columns
from farol.workbook.student_code import student_code

_NO_DETAILS: Mapping[str, object] = MappingProxyType({})

LOG_HEADERS = frozenset(("prediction_id", "model_version", "task"))
"""The headers by which a log of predictions is known, as `farol log export` writes it."""

_LONGEST_NAME = 40
"""Characters of a sheet's name in the code of a pupil who has no other: a code has 64 at most."""

ROWS_SHOWN = 20
"""An error names no more rows than this."""


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
    return _Reader(raw, profile, needs).table()


class _Reader:
    """One sheet being read: the rows kept, and what was found so far."""

    def __init__(self, raw: RawSheet, profile: Profile, needs: SheetNeeds) -> None:
        self._raw = raw
        self._profile = profile
        self._needs = needs
        self._selection = select_columns(raw, profile, needs)
        self._findings = [
            *self._selection.findings,
            *(finding(code, sheet=raw.name, rows=rows) for code, rows in raw.notes.items()),
        ]
        self._left_out: dict[str, int] = {}
        self._spellings: dict[str, Spellings] = {}
        self._date_years: dict[str, Floats] = {}
        self._row = np.arange(len(raw.rows) + 1, dtype=np.int64)[self._selection.first_row :]
        self._kept: list[int] | None = None  # positions of the rows with a pupil; None is all of them

    def table(self) -> YearTable:
        """Clean the columns, in an order in which each finds what it needs."""
        student, period = self._pupils()
        numbers = {column.name: self._numbers(column) for column in self._columns("number")}
        self._drop_zeros(numbers)
        dates = {column.name: self._dates(column) for column in self._columns("date")}
        filled = self._fill_years(dates, numbers) | self._fill_months(dates, numbers)
        categories = {column.name: self._categories(column) for column in self._columns("category")}
        self._report_missing_columns(filled)
        self._report_mostly_missing(numbers)
        self._fill_label(numbers)
        label = at_risk(self._profile, numbers, categories, period)
        self._report_label(numbers, label)
        self._report_unread_errors()
        return YearTable(
            sheet=self._raw.name,
            year=self._raw.year,
            row=self._row,
            student=student,
            period=period,
            numbers=numbers,
            dates=dates,
            categories=categories,
            label=label,
            headers=self._headers(),
            spellings=self._spellings,
            findings=tuple(self._findings),
            account=self._account(),
        )

    def _account(self) -> SheetAccount:
        selection = self._selection
        return SheetAccount(
            sheet=self._raw.name,
            year=self._raw.year,
            rows=max(len(self._raw.rows), self._raw.formatted_rows),
            above=selection.first_row - 2,
            pupils=len(self._row),
            left_out={code: self._left_out[code] for code in LEFT_OUT if self._left_out.get(code)},
            **column_counts(selection.headings, selection.chosen, selection.filled, self._profile),
        )

    def _columns(self, kind: Kind) -> Iterator[Column]:
        return (column for column in self._profile.columns.values() if column.kind == kind)

    def _headers(self) -> dict[str, str]:
        return {name: heading.text for name, heading in self._selection.chosen.items()}

    def _own_header(self, column: Column) -> str:
        """What the school calls a column: the sheet's own header, else the profile's first."""
        heading = self._selection.chosen.get(column.name)
        return heading.text if heading else of_year(column.aliases[0], self._raw.year)

    def _cells(self, column: Column) -> Sequence[Cell] | None:
        """The cells of a column in the rows kept; None when the sheet does not have it."""
        heading = self._selection.chosen.get(column.name)
        if heading is None:
            return None
        cells = self._selection.cells[heading.position]
        return cells if self._kept is None else [cells[position] for position in self._kept]

    def _report(
        self, code: str, header: str | None, positions: Iterable[int], details: Mapping[str, object] = _NO_DETAILS
    ) -> None:
        rows = self._row[list(positions)].tolist()
        if rows:
            self._findings.append(finding(code, sheet=self._raw.name, column=header, rows=rows, details=details))

    def _report_notes(self, column: Column, notes: Iterable[Note]) -> None:
        header = self._selection.chosen[column.name].text
        for note in notes:
            self._report(note.code, header, note.positions, note.details)

    def _pupils(self) -> tuple[Objects, NDArray[np.int64]]:
        """The code of each pupil and the period of each row; from here on only rows that have both are read."""
        student = self._students() if self._profile.follows_pupils else self._row_codes()
        period = np.full(len(self._row), self._raw.year, dtype=np.int64)
        if self._profile.periods is not None:
            column = self._profile.columns[self._profile.periods.column]
            periods = list(map(period_reader(self._profile.periods), self._cells(column) or ()))
            known = [position for position, value in enumerate(periods) if value is not None]
            unknown = [position for position, value in enumerate(periods) if value is None]
            own = self._own_header(column)
            self._report("no_period", own, unknown, {"own": own})
            self._keep(known)
            student = student[known]
            period = np.array([value for value in periods if value is not None], dtype=np.int64)
        if self._profile.follows_pupils:
            self._refuse_duplicates(student, period, self._code_header())
        return student, period

    def _keep(self, positions: Sequence[int]) -> None:
        """Read only these of the rows that are read so far."""
        if len(positions) < len(self._row):
            self._kept = [*positions] if self._kept is None else [self._kept[position] for position in positions]
            self._row = self._row[list(positions)]

    def _row_codes(self) -> Objects:
        """Where pupils have no code, the sheet's name and the row stand for it."""
        cells = [self._selection.cells[heading.position] for heading in self._selection.chosen.values()]
        left_out = rows_without_code([heading.text for heading in self._selection.chosen.values()], cells)
        left_out = _with_strangers(left_out, self._selection.strangers)
        blank = sorted(self._blank(range(len(self._row))))
        for code, positions in left_out.items():
            self._report(code, None, [at for at in positions if at not in set(blank)])
        self._report("blank_row", None, blank)
        without = {*blank, *(at for positions in left_out.values() for at in positions)}
        self._keep([at for at in range(len(self._row)) if at not in without])
        name = self._raw.name[:_LONGEST_NAME]
        return np.array([student_code(f"{name} {row}") or f"{row}" for row in self._row], dtype=np.object_)

    def _code_header(self) -> str:
        chosen = self._selection.chosen
        return " + ".join(chosen[name].text for name in self._profile.identifiers if name in chosen)

    def _codes(self, first: Sequence[Cell]) -> Categories:
        """The codes of the pupils, of one column, whose cells are the `first`, or of several."""
        _, *others = self._columns("identifier")
        parts = [identifier_column(first)]
        parts += [identifier_column(self._cells(column) or [None] * len(first)) for column in others]
        if len(parts) == 1:
            return parts[0]
        rows = zip(*(part.values for part in parts), strict=True)
        joined = [None if None in codes else "/".join(codes) for codes in rows]
        values = np.array([student_code(code) for code in joined], dtype=np.object_)
        too_long = {at for at, code in enumerate(joined) if code is not None and values[at] is None}
        notes: dict[str, set[int]] = {"unusable_code": too_long}
        for note in (note for part in parts for note in part.notes):
            notes.setdefault(note.code, set()).update(note.positions)
        return Categories(values, tuple(Note(code, tuple(sorted(at))) for code, at in notes.items()))

    def _students(self) -> Objects:
        """The codes of the pupils; from here on only rows that have one are read."""
        header, cells = self._code_cells()
        read = self._codes(cells)
        strangers = rows_without_pupil(header, cells, read.values, self._selection.cells)
        strangers = _with_strangers(strangers, self._selection.strangers)
        strangers |= self._of_other_tasks()
        for code, positions in strangers.items():
            self._report(code, header or None, positions)
        left_out = {at for code, positions in strangers.items() if code != "unlike_code" for at in positions}
        noted = {note.code: [at for at in note.positions if at not in left_out] for note in read.notes}
        read.values[sorted(left_out)] = None
        blank = set(self._blank([position for position, code in enumerate(read.values) if code is None]))
        if not self._needs.pupils:
            self._number_pupils(read.values, blank | left_out)
        without = [position for position, code in enumerate(read.values) if code is None]
        tail = range(len(self._raw.rows) + 1, self._raw.formatted_rows + 1)
        rows = [*self._row[sorted(blank)].tolist(), *tail]
        if rows:
            self._findings.append(finding("blank_row", sheet=self._raw.name, rows=rows))
        noted = {note.code: [at for at in note.positions if at not in left_out] for note in read.notes}
        for code in ("folded_code", "inexact_code", "code_as_date", "unusable_code", "uncalculated", "nested_value"):
            self._report(code, header or None, noted.get(code, ()))
        left_out.update(noted.get("unusable_code", ()))
        nameless = sorted(set(without) - blank - left_out)
        self._report("missing_student", header, nameless)
        self._left_out = {code: len(positions) for code, positions in {**strangers, **noted}.items()}
        self._left_out |= {"blank_row": len(rows), "missing_student": len(nameless)}
        present = np.array([code is not None for code in read.values], dtype=np.bool_)
        if without:
            self._kept = np.flatnonzero(present).tolist()
        self._row = self._row[present]
        student: Objects = read.values[present]
        return student

    def _code_cells(self) -> tuple[str, Sequence[Cell]]:
        """The header of the pupils' codes, and the cells of its first column; empty where the sheet has none."""
        column = next(self._columns("identifier"))
        cells = self._cells(column)
        return self._code_header(), [None] * len(self._row) if cells is None else cells

    def _of_other_tasks(self) -> dict[str, list[int]]:
        """The positions of a log's rows that are of another task than the one asked for."""
        positions = {heading.folded: heading.position for heading in self._selection.headings}
        if self._needs.task is None or not positions.keys() >= LOG_HEADERS:
            return {}
        tasks = self._selection.cells[positions["task"]]
        others = [at for at, task in enumerate(tasks) if not is_empty(task) and task != self._needs.task]
        return {"other_task": others} if others else {}

    def _number_pupils(self, codes: Objects, left_out: set[int]) -> None:
        """Give every row that has no code, or another row's, one of its own: here a row is a pupil."""
        known: set[object] = {None}
        for position, code in enumerate(codes):
            if code in known and position not in left_out:
                codes[position] = f"{self._raw.year}/{self._row[position]}"
            known.add(codes[position])

    def _blank(self, positions: Iterable[int]) -> Iterator[int]:
        for position in positions:
            if all(is_empty(cells[position]) for cells in self._selection.cells):
                yield position

    def _refuse_duplicates(self, student: Objects, period: NDArray[np.int64], header: str) -> None:
        pupils = list(zip(student.tolist(), period.tolist(), strict=True))
        times = Counter(pupils)
        rows = [int(row) for row, pupil in zip(self._row, pupils, strict=True) if times[pupil] > 1]
        if rows:
            raise WorkbookError(
                msg("The sheet has the same pupil's code in several rows."),
                expected=msg("each code once"),
                got=msg(
                    "codes that occur more than once: {count}, in the rows {rows}",
                    count=sum(times[code] > 1 for code in times),
                    rows=", ".join(map(str, rows[:ROWS_SHOWN])) + (" …" if len(rows) > ROWS_SHOWN else ""),
                ),
                where=Place(sheet=self._raw.name, column=header),
                fix=msg(
                    "Keep one row for each pupil in each year. Codes that differ only in capital letters, spaces, "
                    "kinds of hyphen, invisible characters or leading zeros are the same code."
                ),
            )

    def _numbers(self, column: Column) -> Floats:
        cells = self._cells(column)
        if cells is None:
            return np.full(len(self._row), np.nan)
        read = number_column(cells, column, self._raw.source)
        self._refuse_text(column, read)
        self._report_notes(column, read.notes)
        self._note_spellings(column, cells, read.values)
        return read.values

    def _note_spellings(self, column: Column, cells: Sequence[Cell], values: Floats | Objects) -> None:
        if column.recodes or column.kind == "category":
            self._spellings[column.name], odd = spellings_of(cells, values)
            self._report("respelled", self._selection.chosen[column.name].text, odd)

    def _refuse_text(self, column: Column, read: Numbers) -> None:
        """When most values of a needed column are not numbers, values are probably under the wrong header."""
        unreadable = sum(len(note.positions) for note in read.notes if note.code == "unreadable_text")
        if unreadable > np.count_nonzero(~np.isnan(read.values)) and _is_needed(self._profile, column.name):
            raise WorkbookError(
                msg("The column does not hold numbers in most of its rows."),
                expected=msg("numbers"),
                got=msg("something else (rows: {count})", count=unreadable),
                where=Place(sheet=self._raw.name, column=self._selection.chosen[column.name].text),
                fix=msg("See whether the values stand under the header of another column."),
            )

    def _drop_zeros(self, numbers: dict[str, Floats]) -> None:
        for column in self._columns("number"):
            rule = column.zero_is_missing
            if rule is None or column.name not in self._selection.chosen:
                continue
            everywhere = np.ones(len(self._row), dtype=np.bool_)
            where = everywhere if rule.column is None else numbers[rule.column] == rule.equals
            read = zero_as_missing(numbers[column.name], where)
            numbers[column.name] = read.values
            self._report_notes(column, read.notes)

    def _dates(self, column: Column) -> Floats:
        cells = self._cells(column)
        if cells is None:
            return np.full(len(self._row), np.nan)
        read = date_column(cells)
        self._date_years[column.name] = read.years
        self._report_notes(column, read.notes)
        return read.values

    def _fill_years(self, dates: Mapping[str, Floats], numbers: dict[str, Floats]) -> set[str]:
        """Fill number columns by the years of dates; the names of those that the sheet itself does not have."""
        filled = set()
        for column in self._columns("date"):
            if column.year_fills is None:
                continue
            target = self._profile.columns[column.year_fills]
            read = years_in_range(self._date_years.get(column.name, dates[column.name]), target)
            years = read.values
            gaps = np.isnan(numbers[target.name]) & ~np.isnan(years)
            if column.name in self._selection.chosen:
                self._report_notes(column, read.notes)
            if gaps.any():
                numbers[target.name] = np.where(gaps, years, numbers[target.name])
                header = self._selection.chosen[column.name].text
                self._report(
                    "filled_from_date", header, np.flatnonzero(gaps).tolist(), {"own": self._own_header(target)}
                )
                filled.add(target.name)
        return filled

    def _fill_months(self, dates: Mapping[str, Floats], numbers: dict[str, Floats]) -> set[str]:
        """Fill number columns by the months of dates; their names.

        There is no finding: dates that are missing or fill a year have theirs, and no school has a column of months
        that it could miss.
        """
        filled = set()
        for column in self._columns("date"):
            if column.month_fills is not None:
                given = numbers[column.month_fills]
                numbers[column.month_fills] = np.where(np.isnan(given), months_of(dates[column.name]), given)
                filled.add(column.month_fills)
        return filled

    def _categories(self, column: Column) -> Objects:
        cells = self._cells(column)
        if cells is None:
            return np.full(len(self._row), None, dtype=np.object_)
        read = category_column(cells, column)
        self._report_notes(column, read.notes)
        self._note_spellings(column, cells, read.values)
        return read.values

    def _report_missing_columns(self, filled: set[str]) -> None:
        for column in self._profile.columns.values():
            absent = column.name not in self._selection.chosen and column.name not in filled
            if absent and column.kind in ("number", "date", "category"):
                severity: Severity = "warning" if column.required and self._needs.wants(column.name) else "info"
                own = self._own_header(column)
                self._findings.append(
                    finding("missing_column", sheet=self._raw.name, column=own, count=1, severity=severity)
                )

    def _report_mostly_missing(self, numbers: Mapping[str, Floats]) -> None:
        for column in self._columns("number"):
            missing = np.isnan(numbers[column.name])
            known = self._selection.chosen.get(column.name)
            most = len(missing) // 2 < np.count_nonzero(missing) < len(missing)
            if known and column.required and most:
                self._report("mostly_missing", known.text, np.flatnonzero(missing).tolist())

    def _fill_label(self, numbers: dict[str, Floats]) -> None:
        """Fill gaps of the label's column by the difference that it is, where the profile says of which columns."""
        label = self._profile.label
        parts = _difference(self._profile)
        if parts is None or label.column not in numbers:
            return
        minuend, subtrahend = parts
        difference = numbers[minuend] - numbers[subtrahend]
        gaps = np.isnan(numbers[label.column]) & ~np.isnan(difference)
        if gaps.any():
            numbers[label.column] = np.where(gaps, difference, numbers[label.column])
            names = {"own": label.column, "minuend": minuend, "subtrahend": subtrahend}
            own = {key: self._own_header(self._profile.columns[name]) for key, name in names.items()}
            self._report("filled_label", own["own"], np.flatnonzero(gaps).tolist(), own)

    def _report_label(self, numbers: Mapping[str, Floats], at_risk: Floats) -> None:
        label = self._profile.label
        headers = self._headers()
        header = headers.get(label.column)
        if self._needs.wants(label.column):
            self._report("no_label", header, np.flatnonzero(np.isnan(at_risk)).tolist())
        self._report(
            "lag_contradiction",
            header,
            np.flatnonzero(contradictions(label, numbers)).tolist(),
            {
                "own": header or "",
                "minuend": headers.get(label.minuend or "", ""),
                "subtrahend": headers.get(label.subtrahend or "", ""),
            },
        )

    def _report_unread_errors(self) -> None:
        """Formula errors in columns that are not read: nothing is lost, but the owner may want to correct them."""
        read = {heading.position for heading in self._selection.chosen.values()}
        for heading, cells in zip(self._selection.headings, self._selection.cells, strict=True):
            if heading.position in read or CellError not in set(map(type, cells)):
                continue
            for note in error_notes(cells):
                rows = [position + self._selection.first_row for position in note.positions]
                self._findings.append(
                    finding(
                        note.code,
                        sheet=self._raw.name,
                        column=heading.text,
                        rows=rows,
                        severity="info",
                        details=note.details,
                    )
                )


def _with_strangers(kinds: Mapping[str, Sequence[int]], surer: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """The positions of rows by code, where what is `surer` goes first."""
    known = {at for positions in surer.values() for at in positions}
    others = {code: [at for at in positions if at not in known] for code, positions in kinds.items()}
    codes = {code: sorted([*others.get(code, ()), *surer.get(code, ())]) for code in (*others, *surer)}
    return {code: positions for code, positions in codes.items() if positions}


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


def _is_needed(profile: Profile, name: str) -> bool:
    """Whether a required column or a task rests on a column. That of the label may wait to be filled in."""
    if name == profile.label.column:
        return False
    tasks = {name for task in profile.tasks.values() for name in (*task.features, *task.context)}
    return profile.columns[name].required or name in tasks
