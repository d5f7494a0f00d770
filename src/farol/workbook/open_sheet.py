"""A sheet while it is read: its columns, the rows that are kept so far, and the findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from farol.profile import Column, Kind, Profile
from farol.workbook.findings import finding
from farol.workbook.headers import of_year
from farol.workbook.notes import Note
from farol.workbook.raw import Cell, RawSheet, is_empty
from farol.workbook.selection import SheetNeeds, select_columns

_NO_DETAILS: Mapping[str, object] = MappingProxyType({})


class OpenSheet:
    """One sheet being read: the rows kept, and what is found so far.

    `row` are the rows (n,) that are read, as a spreadsheet shows them; positions of cells and notes count these rows.
    """

    def __init__(self, raw: RawSheet, profile: Profile, needs: SheetNeeds) -> None:
        self.raw = raw
        self.profile = profile
        self.needs = needs
        self.selection = select_columns(raw, profile, needs)
        self.findings = [
            *self.selection.findings,
            *(finding(code, sheet=raw.name, rows=rows) for code, rows in raw.notes.items()),
        ]
        self.row = np.arange(len(raw.rows) + 1, dtype=np.int64)[self.selection.first_row :]
        self._kept: list[int] | None = None  # positions of the rows that are kept; None is all of them

    def columns(self, kind: Kind) -> Iterator[Column]:
        """The profile's columns of a kind."""
        return (column for column in self.profile.columns.values() if column.kind == kind)

    def headers(self) -> dict[str, str]:
        """The sheet's own headers of the columns it has."""
        return {name: heading.text for name, heading in self.selection.chosen.items()}

    def own_header(self, column: Column) -> str:
        """What the school calls a column: the sheet's own header, else the profile's first."""
        heading = self.selection.chosen.get(column.name)
        return heading.text if heading else of_year(column.aliases[0], self.raw.year)

    def cells(self, column: Column) -> Sequence[Cell] | None:
        """The cells of a column in the rows kept; None when the sheet does not have it."""
        heading = self.selection.chosen.get(column.name)
        if heading is None:
            return None
        cells = self.selection.cells[heading.position]
        return cells if self._kept is None else [cells[position] for position in self._kept]

    def report(
        self, code: str, header: str | None, positions: Iterable[int], details: Mapping[str, object] = _NO_DETAILS
    ) -> None:
        """Note a finding on rows, by their positions; none where there are none."""
        rows = self.row[list(positions)].tolist()
        if rows:
            self.findings.append(finding(code, sheet=self.raw.name, column=header, rows=rows, details=details))

    def report_notes(self, column: Column, notes: Iterable[Note]) -> None:
        """Note the findings of a column of the sheet."""
        header = self.selection.chosen[column.name].text
        for note in notes:
            self.report(note.code, header, note.positions, note.details)

    def keep(self, positions: Sequence[int]) -> None:
        """Read only these of the rows that are read so far."""
        if len(positions) < len(self.row):
            self._kept = [*positions] if self._kept is None else [self._kept[position] for position in positions]
            self.row = self.row[list(positions)]

    def blank(self, positions: Iterable[int]) -> Iterator[int]:
        """Which of the positions have nothing in any column."""
        for position in positions:
            if all(is_empty(cells[position]) for cells in self.selection.cells):
                yield position
