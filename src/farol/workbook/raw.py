"""A sheet as its file has it: cells with their places, before their columns are known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from farol.profile import is_invisible
from farol.workbook.findings import Finding

Cell = object
"""What a reader gives: text, float, int, bool, a date, `""` or None for nothing, a `CellError` for a failed formula."""


@dataclass(frozen=True, slots=True)
class CellError:
    """A cell whose formula failed; `kind` is what the spreadsheet shows, such as `#N/A`."""

    kind: str


EMPTY_TEXT = CellError("")
"""A cell that holds a text without characters: something to a spreadsheet, nothing to a reader."""


UNCALCULATED = CellError("=")
"""A cell with a formula that no spreadsheet has calculated yet: a library wrote the file."""


class Percent(float):
    """A number that the spreadsheet shows as a percentage: 0.85 is shown as 85%."""


class Footnoted(str):
    """A text whose raised or lowered characters are left out."""

    __slots__ = ()


class Rounded(float):
    """A number of which the file's format has not kept every digit: a whole one beyond what its few bytes can tell."""


class Block(NamedTuple):
    """Merged cells: their first and last row and column, 0-based."""

    top: int
    left: int
    bottom: int
    right: int


class Hidden(NamedTuple):
    """The rows and columns that a spreadsheet does not show, as spans of 0-based places."""

    rows: Sequence[range]
    columns: Sequence[range]


NOTHING_HIDDEN = Hidden((), ())


NESTED = CellError("[]")
"""A cell with a list or a record in it, as parquet files may have."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a column's cells come from.

    `typed`: the format has numbers and text, so that a number written as text is a finding.
    `epoch`: day 0 of the dates that a spreadsheet makes of small numbers.
    """

    typed: bool = True
    epoch: dt.date = dt.date(1899, 12, 31)


FROM_WORKBOOK = Source()
FROM_TEXT = Source(typed=False)


@dataclass(frozen=True, slots=True, eq=False)
class RawSheet:
    """One year's sheet: `rows[i]` is the row that a spreadsheet shows as i + 1, all of the same length.

    `formatted_rows` counts the rows up to the last one with a cell, even an empty one that only has a format.
    `notes` has the rows that did not fit, as a spreadsheet shows them, by the finding's code. `merged` has the merged
    cells, of which only the first one has a value in `rows`; `hidden` has what the spreadsheet does not show.
    """

    name: str
    year: int
    rows: Sequence[Sequence[Cell]]
    source: Source = FROM_WORKBOOK
    formatted_rows: int = 0
    notes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    merged: Sequence[Block] = ()
    hidden: Hidden = NOTHING_HIDDEN


@dataclass(frozen=True, slots=True, eq=False)
class RawWorkbook:
    """The sheets of the profile's years, the names of all sheets there are, and what is odd about the sheets."""

    names: Sequence[str]
    sheets: Sequence[RawSheet]
    findings: Sequence[Finding] = ()


def plain_text(cell: Cell) -> str:
    """A cell as a person would type it: single spaces, whole numbers without decimals."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return " ".join(str(cell).split())


def is_empty(cell: Cell) -> bool:
    """Whether a cell holds nothing that a person could see."""
    if isinstance(cell, str):
        return not cell.strip() or (not cell.isascii() and all(map(_shows_nothing, cell)))
    return cell is None or cell is EMPTY_TEXT


def _shows_nothing(character: str) -> bool:
    return character.isspace() or is_invisible(character)
