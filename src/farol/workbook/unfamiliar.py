"""A file of which no profile knows anything: its columns by their headers, the years' sheets one under the other."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from farol.errors import Place, WorkbookError
from farol.i18n import msg
from farol.profile import Label, Periods, Profile, Text, fold
from farol.workbook.cells import Floats
from farol.workbook.headers import HeaderIndex, header_text
from farol.workbook.notes import nothing_in
from farol.workbook.raw import Cell, RawSheet, is_empty, plain_text
from farol.workbook.sheets import Limits, read_workbook
from farol.workbook.texts import NOTHING_SIGNS, date_readings, parse_number, parse_percent

_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")
_GREATEST = 1e300
_NOBODY = Text("–", "–")
_BLANK = Profile(
    name="unfamiliar",
    title=_NOBODY,
    sheet_pattern="",
    columns={},
    derived={},
    label=Label("", "==", "", minuend=None, subtrahend=None, negative=_NOBODY, positive=_NOBODY),
    tasks={},
    audit=(),
    fingerprint="",
    source=b"",
    periods=Periods("", {}),  # so that several sheets are no mistake
)
"""A profile that knows no column."""


@dataclass(frozen=True, slots=True, eq=False)
class UnfamiliarColumn:
    """One column of n rows: its spellings, its `texts` (n; None for no value) and its `numbers` (n; NaN for none).

    `nothing` are the words in it that mean no value. `dates` counts the cells that are dates.
    """

    headers: tuple[str, ...]
    texts: tuple[str | None, ...]
    numbers: Floats
    dates: int
    nothing: tuple[str, ...]

    @property
    def filled(self) -> int:
        """How many rows have a value."""
        return len(self.texts) - self.texts.count(None)


@dataclass(frozen=True, slots=True, eq=False)
class UnfamiliarTable:
    """The columns of a file. `sheets` is the profile's key of that name, empty for any; `sheet` (n) numbers the sheets.

    `unnamed` and `repeated` say which columns have no header, or that of another one: both are left out.
    """

    file: str
    sheets: str
    sheet: tuple[int, ...]
    columns: tuple[UnfamiliarColumn, ...]
    unnamed: int
    repeated: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.sheet)


def read_unfamiliar(path: Path, limits: Limits) -> UnfamiliarTable:
    """The columns of a file in any format that Farol reads: the sheets of years together, else the fullest sheet.

    Raises `WorkbookError` for what cannot be read, or has no rows below its headers.
    """
    sheets = [sheet for sheet in read_workbook(path, _BLANK, limits).sheets if len(sheet.rows) > 1]
    if not sheets:
        raise WorkbookError(
            msg("The file has no rows below its headers."),
            expected=msg("a row of headers, and a row for each pupil"),
            where=Place(file=path.name),
            fix=msg("Write the headers in one row, and one pupil in each row below it."),
        )
    pattern, chosen = _of_years(sheets)
    cells: defaultdict[str, dict[int, list[Cell]]] = defaultdict(dict)
    headers: defaultdict[str, list[str]] = defaultdict(list)
    repeated: list[str] = []
    unnamed, lengths = 0, []
    for number, sheet in enumerate(chosen):
        top = HeaderIndex(_BLANK, sheet.year).header_row(sheet.rows)
        rows = [row for row in sheet.rows[top + 1 :] if not all(map(is_empty, row))]
        lengths.append(len(rows))
        for position, cell in enumerate(sheet.rows[top]):
            # Braces stand for the year in a profile, so that a header that has them cannot be written there.
            text = " ".join(header_text(cell).split()).translate(str.maketrans("", "", "{}"))
            folded = fold(text)
            if not folded:
                unnamed += any(not is_empty(row[position]) for row in rows)
            elif number in cells[folded]:
                repeated.append(text)
            else:
                cells[folded][number] = [row[position] for row in rows]
                if all(fold(other) != fold(text) for other in headers[folded]):
                    headers[folded].append(text)
    columns = [
        _column(tuple(headers[folded]), [cell for n, rows in enumerate(lengths) for cell in parts.get(n, [""] * rows)])
        for folded, parts in cells.items()
    ]
    of_sheet = tuple(number for number, rows in enumerate(lengths) for _ in range(rows))
    several = pattern or (chosen[0].name if len(sheets) > 1 else "")
    return UnfamiliarTable(path.name, several, of_sheet, tuple(columns), unnamed, tuple(repeated))


def _of_years(sheets: Sequence[RawSheet]) -> tuple[str, list[RawSheet]]:
    """The name that the sheets of years share, with {year} in it, and those sheets; else the fullest sheet."""
    alike: defaultdict[str, list[RawSheet]] = defaultdict(list)
    names: dict[str, str] = {}
    for sheet in sheets:
        if len(_YEAR.findall(sheet.name)) == 1 and not set("{}") & set(sheet.name):
            pattern = _YEAR.sub("{year}", sheet.name)
            names.setdefault(fold(pattern), pattern)
            alike[fold(pattern)].append(replace(sheet, year=int(_YEAR.findall(sheet.name)[0])))
    folded, most = max(alike.items(), key=lambda item: len(item[1]), default=("", []))
    if len(most) > 1:
        return names[folded], sorted(most, key=lambda sheet: sheet.year)
    return "", [max(sheets, key=lambda sheet: len(sheet.rows))]


def _column(headers: tuple[str, ...], cells: Sequence[Cell]) -> UnfamiliarColumn:
    texts = [None if nothing_in(cell) is not None else plain_text(cell) for cell in cells]
    nothing = sorted({fold(text) for text in texts if text is not None and fold(text) in NOTHING_SIGNS})
    texts = [None if text is None or fold(text) in NOTHING_SIGNS else text for text in texts]
    numbers = [_number(cell) if text is not None else np.nan for cell, text in zip(cells, texts, strict=True)]
    dates = sum(isinstance(cell, dt.date) or (isinstance(cell, str) and any(date_readings(cell))) for cell in cells)
    return UnfamiliarColumn(headers, tuple(texts), np.array(numbers, dtype=np.float64), dates, tuple(nothing))


def _number(cell: Cell) -> float:
    """The number of a cell; a percentage is a number up to 100."""
    if isinstance(cell, str):
        share = parse_percent(cell)
        number = parse_number(cell) if share is None else share * 100
        return np.nan if number is None else _usable(number)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return _usable(float(cell))
    return np.nan


def _usable(number: float) -> float:
    """The number; NaN for one so great that it has no round number above."""
    return number if abs(number) < _GREATEST else np.nan
