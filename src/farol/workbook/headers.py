"""Which column of the profile a header means, in the sheet of a given year.

Headers are resolved sheet by sheet, before anything is joined: two sheets that spell a column differently ("Mat" and
"Matem") would otherwise become two columns, each empty for a whole year.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from farol.profile import Profile, fold

HEADER_SEARCH_ROWS = 20
"""A header row further down than this is not looked for."""

Meaning = Literal["column", "history", "unknown", "blank"]


@dataclass(frozen=True, slots=True)
class Heading:
    """One header: where it stands, what it says, and what that means in its sheet.

    `column` names the profile's column for the meanings `column` and `history` (that column in another year).
    `rank` orders a column's spellings as the profile does.
    """

    position: int
    text: str
    folded: str
    meaning: Meaning
    column: str | None = None
    rank: int = 0


class HeaderIndex:
    """The headers that a profile knows, for the sheet of one year."""

    def __init__(self, profile: Profile, year: int) -> None:
        self._exact: dict[str, tuple[str, int]] = {}
        self._history: list[tuple[re.Pattern[str], str]] = []
        for name, column in profile.columns.items():
            for rank, alias in enumerate(column.aliases):
                folded = fold(alias)
                self._exact.setdefault(of_year(folded, year), (name, rank))
                if "{y" in folded:
                    self._history.append((_any_year(folded), name))

    def heading(self, position: int, text: str) -> Heading:
        """What the header `text` in column `position` (0-based) means."""
        folded = fold(text)
        if not folded:
            return Heading(position, text, folded, "blank")
        if folded in self._exact:
            name, rank = self._exact[folded]
            return Heading(position, text, folded, "column", name, rank)
        for pattern, name in self._history:
            if pattern.fullmatch(folded):
                return Heading(position, text, folded, "history", name)
        return Heading(position, text, folded, "unknown")

    def headings(self, cells: Sequence[object]) -> list[Heading]:
        """The headings of a row."""
        return [self.heading(position, header_text(cell)) for position, cell in enumerate(cells)]

    def header_row(self, rows: Sequence[Sequence[object]]) -> int:
        """The index of the row that holds the headers: of the first rows, the one with most known headers."""
        first_filled = next((i for i, row in enumerate(rows) if any(header_text(cell) for cell in row)), 0)
        counts = [self.known_headers(row) for row in rows[: first_filled + HEADER_SEARCH_ROWS]]
        most = max(counts, default=0)
        return counts.index(most) if most else first_filled

    def known_headers(self, row: Sequence[object]) -> int:
        """How many columns of the profile a row names."""
        return len({self._exact.get(fold(header_text(cell)), ("",))[0] for cell in row} - {""})


def header_text(cell: object) -> str:
    """A header cell as text; a number such as 2023 is written without its decimals."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell)


def column_letters(position: int) -> str:
    """How a spreadsheet names the column at a 0-based position.

    >>> column_letters(0), column_letters(25), column_letters(26), column_letters(701), column_letters(702)
    ('A', 'Z', 'AA', 'ZZ', 'AAA')
    """
    letters = ""
    number = position + 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def sheet_year(pattern: str, name: str) -> int | None:
    """The year of a sheet (or of a file without its extension) whose name fits a profile's `sheet_pattern`, or None."""
    match = _any_year(fold(pattern)).fullmatch(fold(name)) if "{year}" in pattern else None
    return int(match.group("year")) if match else None


def of_year(header: str, year: int) -> str:
    """A header of the profile as the sheet of a year writes it."""
    return header.replace("{year}", str(year)).replace("{yy}", f"{year % 100:02}")


def _any_year(folded: str) -> re.Pattern[str]:
    pattern = re.escape(folded).replace(re.escape("{year}"), r"(?P<year>[0-9]{4})")
    return re.compile(pattern.replace(re.escape("{yy}"), r"[0-9]{2}"))
