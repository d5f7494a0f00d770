"""Which column of the profile a header means, in the sheet of a given year.

Headers are resolved sheet by sheet, before anything is joined: two sheets that spell a column differently ("Mat" and
"Matem") would otherwise become two columns, each empty for a whole year.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from farol.profile import Profile, fold
from farol.workbook.raw import CellError
from farol.workbook.texts import parse_number

HEADER_SEARCH_ROWS = 20
"""A header row further down than this is not looked for, if a row above names a column."""

_FARTHEST_HEADERS = 200

Meaning = Literal["column", "history", "unknown", "blank"]

NEARLY = 1_000
"""Added to the rank of a spelling that fits but for its signs: the profile's own spellings go first."""

_MEANINGFUL_SIGNS = "%"
"""Signs that make another header: "Mat %" is not "Mat"."""

_RANGE_OF_VALUES = re.compile(
    r"\s*[(\[]\s*[0-9]+(?:[.,][0-9]+)?\s*(?:a|ate|to|-|/)\s*[0-9]+(?:[.,][0-9]+)?\s*(?:pontos|pts)?\s*[)\]]$"
)
_WORDS = re.compile(r"[^\W\d_]+|[0-9]+")
_FILLER = re.compile(
    r"codigo|notas?|medias?|valor(?:es)?|indicador|indice|disciplina|materia|prova|conceito|resultado|final|anual|geral|ano"
    r"|d[aeo]s?|n[ao]s?|em|[aeo]|alun[ao]|grades?|marks?|score|average|of|the|in|pupil|student"
)
_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")
_LIKENESS = 0.8
_LONG_WORD = 4
"""Shorter words mean too much: "por" is a grade of PEDE and a preposition."""


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

    @property
    def near(self) -> bool:
        """Whether the header is the column's but for signs, spaces and invisible characters."""
        return self.rank >= NEARLY


class HeaderIndex:
    """The headers that a profile knows, for the sheet of one year."""

    def __init__(self, profile: Profile, year: int) -> None:
        self._year = year
        self._exact: dict[str, tuple[str, int]] = {}
        self._likely: defaultdict[str, set[str]] = defaultdict(set)
        self._history: list[tuple[re.Pattern[str], str]] = []
        for name, column in profile.columns.items():
            for rank, alias in enumerate(column.aliases):
                folded = fold(alias)
                own = of_year(folded, year)
                self._exact.setdefault(own, (name, rank))
                self._likely["".join(_telling_words(own)) or own].add(name)
                if "{y" in folded:
                    self._history.append((_any_year(folded), name))
        for name, column in profile.columns.items():  # the names by which the API and the log call them
            self._exact.setdefault(fold(name), (name, len(column.aliases)))
        self._near = _without_signs(self._exact)

    def heading(self, position: int, text: str) -> Heading:
        """What the header `text` in column `position` (0-based) means."""
        folded = fold(text)
        if not folded:
            return Heading(position, text, folded, "blank")
        known = self._known(folded)
        if known is not None:
            return Heading(position, text, folded, "column", *known)
        for pattern, name in self._history:
            if pattern.fullmatch(folded) or pattern.fullmatch(" ".join(_WORDS.findall(folded))):
                return Heading(position, text, folded, "history", name)
        return Heading(position, text, folded, "unknown")

    def _known(self, folded: str) -> tuple[str, int] | None:
        return self._exact.get(folded) or self._near.get(_compact(folded))

    def likely_column(self, header: str, missing: Collection[str]) -> str | None:
        """The column of the profile, of those `missing` in the sheet, that an unknown header probably means.

        None where no column or more than one is like it. "Nota de Matemática 2024", "Matematca" and "Mate" are like
        "Matemática"; of words shorter than four letters nothing is concluded but from the whole header.
        """
        folded = fold(header)
        words = _telling_words(folded)
        if {int(year) for year in _YEAR.findall(folded)} - {self._year}:
            return None
        for columns in self._columns_like("".join(words), [word for word in words if len(word) >= _LONG_WORD]):
            columns &= set(missing)
            if columns:
                return columns.pop() if len(columns) == 1 else None
        return None

    def _columns_like(self, whole: str, words: Sequence[str]) -> Iterator[set[str]]:
        """The columns that are like a header, the surest first: by all its words or each, the same or nearly."""
        long = [alias for alias in self._likely if len(alias) >= _LONG_WORD]
        yield set(self._likely.get(whole, ()))
        yield {name for word in words for name in self._likely.get(word, ())}
        for texts in ([whole] if len(whole) >= _LONG_WORD else [], words):
            alike = {alias for text in texts for alias in get_close_matches(text, long, n=3, cutoff=_LIKENESS)}
            alike |= {alias for text in texts for alias in long if alias.startswith(text) or text.startswith(alias)}
            yield {name for alias in alike for name in self._likely[alias]}

    def headings(self, cells: Sequence[object]) -> list[Heading]:
        """The headings of a row."""
        return [self.heading(position, header_text(cell)) for position, cell in enumerate(cells)]

    def header_row(self, rows: Sequence[Sequence[object]]) -> int:
        """The index of the row that holds the headers: of the first rows, the one with most known headers."""
        first_filled = next((i for i, row in enumerate(rows) if any(header_text(cell) for cell in row)), 0)
        counts = [self.known_headers(row) for row in rows[: first_filled + HEADER_SEARCH_ROWS]]
        most = max(counts, default=0)
        if not most and self._exact:
            counts = [self.known_headers(row) for row in rows[:_FARTHEST_HEADERS]]
            most = max(counts, default=0)
        if most:
            return counts.index(most)
        return first_filled if self._exact else _fullest(rows[: first_filled + HEADER_SEARCH_ROWS])

    def known_headers(self, row: Sequence[object]) -> int:
        """How many columns of the profile a row names."""
        known = (self._known(fold(header_text(cell))) for cell in row)
        return len({name_and_rank[0] for name_and_rank in known if name_and_rank})


def _fullest(rows: Sequence[Sequence[object]]) -> int:
    """The index of the first row with the most texts: the headers of a file of which nothing is known."""
    texts = [
        sum(bool(header_text(cell).strip()) and parse_number(header_text(cell)) is None for cell in row) for row in rows
    ]
    return texts.index(max(texts)) if texts else 0


def _compact(folded: str) -> str:
    """Letters, digits and signs that mean something, but of a range of values such as "(0 a 10)"."""
    folded = _RANGE_OF_VALUES.sub("", folded)
    return "".join(character for character in folded if character in _MEANINGFUL_SIGNS or not _is_sign(character))


def _is_sign(character: str) -> bool:
    return unicodedata.category(character)[0] in "ZPC"


def _without_signs(exact: dict[str, tuple[str, int]]) -> dict[str, tuple[str, int]]:
    """The spellings without signs and spaces, but those that two columns would share."""
    alike: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for folded, known in exact.items():
        alike[_compact(folded)].append(known)
    return {
        text: (known[0][0], known[0][1] + NEARLY)
        for text, known in alike.items()
        if text and len({name for name, _ in known}) == 1
    }


def _telling_words(folded: str) -> list[str]:
    """The words of a header that say which column it is."""
    return [word for word in _WORDS.findall(folded) if not _FILLER.fullmatch(word) and not word.isdigit()]


def header_text(cell: object) -> str:
    """A header cell as text; a number such as 2023 is written without its decimals."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, CellError):
        return cell.kind
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
