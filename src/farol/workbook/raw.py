"""A sheet as it stands in its file: cells with their places, before anybody knows what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from farol.workbook.cells import FROM_WORKBOOK, Cell, Source


@dataclass(frozen=True, slots=True, eq=False)
class RawSheet:
    """One year's sheet: `rows[i]` is the row that a spreadsheet shows as i + 1, all of the same length.

    `formatted_rows` counts the rows up to the last one with a cell, be it only a formatted one.
    """

    name: str
    year: int
    rows: Sequence[Sequence[Cell]]
    source: Source = FROM_WORKBOOK
    formatted_rows: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class RawWorkbook:
    """The sheets of the profile's years, in any order, and the names of all sheets there are."""

    names: Sequence[str]
    sheets: Sequence[RawSheet]
