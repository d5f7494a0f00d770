"""Which rows of a sheet are pupils: the code and the year or term of each, and what became of the other rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farol.errors import Place, WorkbookError
from farol.i18n import count, msg
from farol.workbook.cells import Categories, Objects, identifier_column
from farol.workbook.findings import finding
from farol.workbook.notes import Note
from farol.workbook.open_sheet import OpenSheet
from farol.workbook.periods import period_reader
from farol.workbook.raw import Cell, is_empty
from farol.workbook.rows import other_tables, rows_without_code, rows_without_pupil, second_headers
from farol.workbook.student_code import student_code

LOG_HEADERS = frozenset(("prediction_id", "model_version", "task"))
"""The headers by which a log of predictions is known, as `farol log export` writes it."""

_LONGEST_NAME = 40
"""Characters of a sheet's name in the code of a pupil who has no other: a code has 64 at most."""

ROWS_SHOWN = 20
"""An error names no more rows than this."""


@dataclass(frozen=True, slots=True, eq=False)
class PupilRows:
    """The pupils of a sheet; `left_out` counts the other rows, by the finding's code."""

    student: Objects  # (n,)
    period: NDArray[np.int64]  # (n,)
    left_out: Mapping[str, int]


def pupil_rows(sheet: OpenSheet) -> PupilRows:
    """The code of each pupil and the period of each row; from here on only rows that have both are read."""
    student, left_out = _students(sheet) if sheet.profile.follows_pupils else _row_codes(sheet)
    period = np.full(len(sheet.row), sheet.raw.year, dtype=np.int64)
    if sheet.profile.periods is not None:
        column = sheet.profile.columns[sheet.profile.periods.column]
        periods = list(map(period_reader(sheet.profile.periods), sheet.cells(column) or ()))
        known = [position for position, value in enumerate(periods) if value is not None]
        unknown = [position for position, value in enumerate(periods) if value is None]
        own = sheet.own_header(column)
        sheet.report("no_period", own, unknown, {"own": own})
        left_out["no_period"] = len(unknown)
        sheet.keep(known)
        student = student[known]
        period = np.array([value for value in periods if value is not None], dtype=np.int64)
    if sheet.profile.follows_pupils:
        _refuse_duplicates(sheet, student, period, _code_header(sheet))
    return PupilRows(student, period, left_out)


def _row_codes(sheet: OpenSheet) -> tuple[Objects, dict[str, int]]:
    """As `_students` where pupils have no code: the sheet's name and the row stand for it."""
    cells = [sheet.selection.cells[heading.position] for heading in sheet.selection.chosen.values()]
    left_out = rows_without_code([heading.text for heading in sheet.selection.chosen.values()], cells)
    blank = set(sheet.blank(range(len(sheet.row))))
    left_out = _with_strangers(left_out, _about_headers(sheet, [None] * len(sheet.row)))
    left_out = _with_strangers(left_out, sheet.selection.strangers)
    left_out = {code: [at for at in positions if at not in blank] for code, positions in left_out.items()}
    for code, positions in left_out.items():
        sheet.report(code, None, positions)
    counts = {code: len(positions) for code, positions in left_out.items()}
    counts["blank_row"] = _report_blank(sheet, blank)
    without = {*blank, *(at for positions in left_out.values() for at in positions)}
    sheet.keep([at for at in range(len(sheet.row)) if at not in without])
    name = sheet.raw.name[:_LONGEST_NAME]
    return np.array([student_code(f"{name} {row}") or f"{row}" for row in sheet.row], dtype=np.object_), counts


def _report_blank(sheet: OpenSheet, positions: Iterable[int]) -> int:
    """Note the rows with nothing in them, and those behind the last value that only have a format; how many."""
    tail = range(len(sheet.raw.rows) + 1, sheet.raw.formatted_rows + 1)
    rows = [*sheet.row[sorted(positions)].tolist(), *tail]
    if rows:
        sheet.findings.append(finding("blank_row", sheet=sheet.raw.name, rows=rows))
    return len(rows)


def _students(sheet: OpenSheet) -> tuple[Objects, dict[str, int]]:
    """The codes of the pupils, and how many rows are left out; from here on only rows that have a code are read."""
    header, cells = _code_cells(sheet)
    read = _codes(sheet, cells)
    strangers = rows_without_pupil(header, cells, read.values, sheet.selection.cells)
    strangers = _with_strangers(strangers, _about_headers(sheet, cells))
    strangers = _with_strangers(strangers, sheet.selection.strangers)
    strangers |= _of_other_tasks(sheet)
    for code, positions in strangers.items():
        sheet.report(code, header or None, positions)
    left_out = {at for code, positions in strangers.items() if code != "unlike_code" for at in positions}
    noted = {note.code: [at for at in note.positions if at not in left_out] for note in read.notes}
    read.values[sorted(left_out)] = None
    blank = set(sheet.blank([position for position, code in enumerate(read.values) if code is None]))
    if not sheet.needs.pupils:
        _number_pupils(sheet, read.values, blank | left_out)
    without = [position for position, code in enumerate(read.values) if code is None]
    blank_rows = _report_blank(sheet, blank)
    noted = {note.code: [at for at in note.positions if at not in left_out] for note in read.notes}
    for code in ("folded_code", "inexact_code", "code_as_date", "unusable_code", "uncalculated", "nested_value"):
        sheet.report(code, header or None, noted.get(code, ()))
    left_out.update(noted.get("unusable_code", ()))
    nameless = sorted(set(without) - blank - left_out)
    sheet.report("missing_student", header, nameless)
    counts = {code: len(positions) for code, positions in {**strangers, **noted}.items()}
    counts |= {"blank_row": blank_rows, "missing_student": len(nameless)}
    present = np.array([code is not None for code in read.values], dtype=np.bool_)
    sheet.keep(np.flatnonzero(present).tolist())
    student: Objects = read.values[present]
    return student, counts


def _about_headers(sheet: OpenSheet, codes: Sequence[Cell]) -> dict[str, list[int]]:
    """The positions of the rows that go on with the headers above them, and of the rows of other tables below."""
    starts = [0, *(at + 1 for at in sheet.selection.strangers.get("header_row_again", ()))]
    columns = [
        (column, cells)
        for kind in ("number", "date", "category")
        for column in sheet.columns(kind)
        if (cells := sheet.cells(column)) is not None
    ]
    kinds = {
        "second_header": second_headers(starts, codes, columns, sheet.raw.source),
        "other_headers": other_tables(codes, columns, sheet.selection.cells, sheet.raw.source),
    }
    return {code: positions for code, positions in kinds.items() if positions}


def _code_header(sheet: OpenSheet) -> str:
    chosen = sheet.selection.chosen
    return " + ".join(chosen[name].text for name in sheet.profile.identifiers if name in chosen)


def _code_cells(sheet: OpenSheet) -> tuple[str, Sequence[Cell]]:
    """The header of the pupils' codes, and the cells of its first column; empty where the sheet has none."""
    column = next(sheet.columns("identifier"))
    cells = sheet.cells(column)
    return _code_header(sheet), [None] * len(sheet.row) if cells is None else cells


def _codes(sheet: OpenSheet, first: Sequence[Cell]) -> Categories:
    """The codes of the pupils, of one column, whose cells are the `first`, or of several."""
    _, *others = sheet.columns("identifier")
    parts = [identifier_column(first)]
    parts += [identifier_column(sheet.cells(column) or [None] * len(first)) for column in others]
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


def _of_other_tasks(sheet: OpenSheet) -> dict[str, list[int]]:
    """The positions of a log's rows that are of another task than the one asked for."""
    positions = {heading.folded: heading.position for heading in sheet.selection.headings}
    if sheet.needs.task is None or not positions.keys() >= LOG_HEADERS:
        return {}
    tasks = sheet.selection.cells[positions["task"]]
    others = [at for at, task in enumerate(tasks) if not is_empty(task) and task != sheet.needs.task]
    return {"other_task": others} if others else {}


def _number_pupils(sheet: OpenSheet, codes: Objects, left_out: set[int]) -> None:
    """Give every row that has no code, or another row's, one of its own: here a row is a pupil."""
    known: set[object] = {None}
    for position, code in enumerate(codes):
        if code in known and position not in left_out:
            codes[position] = f"{sheet.raw.year}/{sheet.row[position]}"
        known.add(codes[position])


def _refuse_duplicates(sheet: OpenSheet, student: Objects, period: NDArray[np.int64], header: str) -> None:
    pupils = list(zip(student.tolist(), period.tolist(), strict=True))
    times = Counter(pupils)
    rows = [int(row) for row, pupil in zip(sheet.row, pupils, strict=True) if times[pupil] > 1]
    if rows:
        raise WorkbookError(
            msg("The sheet has the same pupil's code in several rows."),
            expected=msg("each code once"),
            got=msg(
                "codes that occur more than once: {count}, in the rows {rows}",
                count=count(sum(times[code] > 1 for code in times)),
                rows=", ".join(map(str, rows[:ROWS_SHOWN])) + (" …" if len(rows) > ROWS_SHOWN else ""),
            ),
            where=Place(sheet=sheet.raw.name, column=header),
            fix=msg(
                "Keep one row for each pupil in each year. Codes that differ only in capital letters, spaces, "
                "kinds of hyphen, invisible characters or leading zeros are the same code."
            ),
        )


def _with_strangers(kinds: Mapping[str, Sequence[int]], surer: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """The positions of rows by code, where what is `surer` goes first."""
    known = {at for positions in surer.values() for at in positions}
    others = {code: [at for at in positions if at not in known] for code, positions in kinds.items()}
    codes = {code: sorted([*others.get(code, ()), *surer.get(code, ())]) for code in (*others, *surer)}
    return {code: positions for code, positions in codes.items() if positions}
