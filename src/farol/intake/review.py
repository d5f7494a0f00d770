"""What a workbook has, for its reader to look at before anything is stored: the account, and faults with their cells.

`read_upload` runs in a child process. What it answers holds values of pupils: it is kept beside the files, for the
reader's own eyes, and goes nowhere else.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from farol.errors import FarolError, WorkbookError
from farol.i18n import LOCALES, Message, in_every_locale, msg
from farol.profile import Profile, fold, parse_profile
from farol.settings import Settings
from farol.workbook.account import account_lines
from farol.workbook.doctor import summaries
from farol.workbook.findings import Finding
from farol.workbook.headers import HeaderIndex, column_letters, of_year
from farol.workbook.limits import Limits
from farol.workbook.panel import Panel, panel_of
from farol.workbook.raw import Cell, CellError, RawSheet, RawWorkbook, is_empty, plain_text
from farol.workbook.selection import SheetNeeds
from farol.workbook.sheets import read_workbook

ROWS_SHOWN = 20
"""Rows of a fault that are kept to be shown; the marked copy has all."""
CELLS_SHOWN = 6
_LONGEST_CELL = 200
MOST_UNKNOWN, MOST_FAULTS, LONGEST_TEXT = 500, 1_000, 2_000
"""Of a review: headers to ask about, faults, and characters of one text. The service has all of it in memory, and a
page shows it, however many headers a file has and however long they are."""
_READ = ("identifier", "number", "category", "date")
_ABOUT_COLUMNS = frozenset(
    {"unknown_column", "unnamed_column", "duplicate_header", "missing_column", "empty_column", "near_header"}
)

_CORRECT = msg("Correct the cells in your file; leave them empty if the value is not known.")
_MENDS: Mapping[str, Message] = {
    "out_of_range": _CORRECT,
    "not_whole": _CORRECT,
    "unreadable_text": _CORRECT,
    "error_cell": msg("Correct the formulas in your file, or write the values in their place."),
    "missing_student": msg("Write the pupil's code in these rows, or delete the rows."),
    "unusable_code": msg("Write the pupil's code without such characters, in 64 or fewer."),
    "inexact_code": msg("Write the codes as text, from the list that has all their digits."),
    "unread_sheet": msg("If it has pupils, give it a name with its year, such as PEDE2024."),
    "hidden_rows": msg("If they should not count, such as pupils who left, delete them from your file."),
    "headers_reordered": msg("Put the rows under the headers at the top of the sheet."),
    "conflicting_header": msg("Keep the right column in your file, and delete the other."),
    "missing_column": msg("Add the column to the sheet if the school has its values."),
    "empty_column": msg("Fill it in if the school has the values."),
    "summary_row": msg("If they are pupils, write their codes; else leave it so."),
    "note_row": msg("If they are pupils, write their codes; else leave it so."),
    "unnamed_column": msg("Write a header above it if it should be read."),
    "jump_between_years": msg("See whether the values are right, in both years."),
    "changed_between_years": msg("See which year is right, and correct the other."),
    "lag_contradiction": msg("See which of the three values is wrong, and correct it."),
    "unusual_value": msg("See whether the values are right."),
}
"""What the reader can do where the finding says only what was done."""
_ONE_OF_TWO = msg("If this is the right one, delete the other; if its pupils count too, move them there.")


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What the child needs: the path, the profile's source and name, the headers the site added, limits, a year."""

    path: str
    profile: str
    origin: str
    headers: Mapping[str, Sequence[str]]
    limits: Limits
    year: int | None = None

    @classmethod
    def of(
        cls, path: Path, profile: Profile, headers: Mapping[str, Sequence[str]], settings: Settings, year: int | None
    ) -> ReadRequest:
        """For a workbook of this site."""
        return cls(str(path), profile.source.decode(), profile.name, headers, Limits.of(settings), year)

    def whole_profile(self) -> Profile:
        """The profile with the site's own headers."""
        return parse_profile(self.profile.encode(), f"{self.origin}.toml").with_headers(self.headers)

    def raw(self, profile: Profile) -> RawWorkbook:
        """The raw sheets. Raises WorkbookError."""
        return read_workbook(Path(self.path), profile, self.limits, self.year)


def read_upload(request: ReadRequest) -> dict[str, Any]:
    """The review of a workbook, as JSON values of a few megabytes at most; `problem` says why it is of no use."""
    review: dict[str, Any] = _bounded(_review(request))
    return review


def _bounded(value: Any) -> Any:
    """JSON values whose texts are cut."""
    match value:
        case str():
            return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}…"
        case dict():
            return {name: _bounded(part) for name, part in value.items()}
        case list() | tuple():
            return [_bounded(part) for part in value]
        case _:
            return value


def _review(request: ReadRequest) -> dict[str, Any]:
    profile = request.whole_profile()
    file = Path(request.path).name
    try:
        book = request.raw(profile)
    except WorkbookError as error:
        return _refusal(error, asks_year=_lacks_year(request, profile))
    sheets = [_SheetView(raw, profile) for raw in book.sheets]
    unknown = list(islice((column for sheet in sheets for column in sheet.unknown()), MOST_UNKNOWN))
    try:
        panel = panel_of(book, file, profile, SheetNeeds(year=request.year))
    except WorkbookError as error:
        return _refusal(error, asks_year=False) | ({"unknown": unknown} if _headers_would_help(error, sheets) else {})
    return {
        "problem": None,
        "asks_year": False,
        "account": {locale: account_lines(panel.accounts, panel.findings, locale) for locale in LOCALES},
        "years": [asdict(summary) for summary in summaries(panel)],
        "lost": sum(account.rows_lost for account in panel.accounts),
        "unknown": unknown,
        "faults": list(islice(_faults(panel, sheets), MOST_FAULTS)),
        "fingerprint": panel.fingerprint,
    }


def _refusal(error: FarolError, *, asks_year: bool) -> dict[str, Any]:
    return {
        "problem": {
            "message": in_every_locale(error.problem),
            "where": {locale: error.where.render(locale) for locale in LOCALES},
            "expected": None if error.expected is None else in_every_locale(error.expected),
            "got": None if error.got is None else in_every_locale(error.got),
            "fix": None if error.fix is None else in_every_locale(error.fix),
        },
        "asks_year": asks_year,
        "account": {locale: [] for locale in LOCALES},
        "years": [],
        "lost": 0,
        "unknown": [],
        "faults": [],
        "fingerprint": "",
    }


def _lacks_year(request: ReadRequest, profile: Profile) -> bool:
    """Whether the file could be read if its year were known."""
    if request.year is not None or not profile.has_periods:
        return False
    try:
        read_workbook(Path(request.path), profile, request.limits, dt.date.today().year)  # noqa: DTZ011  any year would do
    except WorkbookError:
        return False
    return True


def _headers_would_help(error: WorkbookError, sheets: Sequence[_SheetView]) -> bool:
    """Whether a workbook might be used if it were known what its unknown headers are."""
    if error.where.sheet is None:
        return not any(sheet.has_values for sheet in sheets)
    return any(sheet.lacks_codes for sheet in sheets if sheet.raw.name == error.where.sheet)


class _SheetView:
    """A sheet as its reader sees it: headers, and cells by row and header."""

    def __init__(self, raw: RawSheet, profile: Profile) -> None:
        self.raw, self._profile = raw, profile
        self._index = HeaderIndex(profile, raw.year)
        self.header_at = self._index.header_row(raw.rows)
        self.headings = self._index.headings(raw.rows[self.header_at]) if raw.rows else []
        self._position = {h.text: h.position for h in reversed(self.headings)}
        self._codes = [h.position for h in self.headings if h.column and profile.columns[h.column].kind == "identifier"]
        self._personal = {
            h.position for h in self.headings if h.column and profile.columns[h.column].kind in ("personal", "date")
        }

    @property
    def lacks_codes(self) -> bool:
        """Whether no column is that of the pupils' codes, or of the years or terms."""
        needed = [*self._profile.identifiers, *([p.column] if (p := self._profile.periods) else [])]
        return bool({*needed} - {heading.column for heading in self.headings if heading.meaning == "column"})

    @property
    def has_values(self) -> bool:
        """Whether a column that tells something of a pupil is known."""
        known = (self._profile.columns.get(h.column or "") for h in self.headings if h.meaning == "column")
        return any(column is not None and column.kind in ("number", "category", "date") for column in known)

    def position(self, header: str | None) -> int | None:
        """Where a finding's column stands (0-based); None for one that the sheet does not have."""
        if header is None:
            return None
        letters = {column_letters(h.position): h.position for h in self.headings if not h.folded}
        return self._position.get(header, letters.get(header))

    def unknown(self) -> Iterator[dict[str, Any]]:
        """The headers above values that no column has, and the columns that are missing, the likeliest first."""
        present = {heading.column for heading in self.headings if heading.meaning == "column"}
        missing = [
            name for name, column in self._profile.columns.items() if column.kind in _READ and name not in present
        ]
        for heading in self.headings:
            cells = [row[heading.position] for row in self.raw.rows[self.header_at + 1 :]]
            if heading.meaning == "unknown" and not all(map(is_empty, cells)):
                yield {
                    "sheet": self.raw.name,
                    "year": self.raw.year,
                    "header": heading.text,
                    "likely": self._index.likely_column(heading.text, missing),
                    "missing": [
                        [name, of_year(self._profile.columns[name].aliases[0], self.raw.year)] for name in missing
                    ],
                }

    def row(self, number: int, header: str | None) -> dict[str, Any]:
        """A row as its reader knows it: its number, the pupil's code, the cell at fault, and where that says too little
        the first other cells. Who the pupil is, and when they were born, is left out."""
        cells = self.raw.rows[number - 1] if number <= len(self.raw.rows) else []
        at = self.position(header)
        codes = [_written(shown(cells[position])) for position in self._codes if position < len(cells)]
        is_of_row = at is None or at in self._codes
        rest = [
            shown(cell)
            for position, cell in enumerate(cells)
            if is_of_row and position not in self._personal and position not in self._codes and not is_empty(cell)
        ]
        cell = shown(cells[at]) if at is not None and at < len(cells) else ""
        return {
            "row": number,
            "code": "/".join(_written(code) for code in codes),
            "cell": cell,
            "rest": rest[:CELLS_SHOWN],
        }


def shown(cell: Cell) -> str | float | dict[str, str]:
    """A cell as JSON, not too long; a date as `{"date": "2024-03-01"}`, so that a page writes it as its reader does."""
    if is_empty(cell):
        return ""
    if isinstance(cell, CellError):
        return cell.kind
    if isinstance(cell, dt.date):
        return {"date": cell.isoformat()[:10]}
    if isinstance(cell, float) and math.isfinite(cell) and not cell.is_integer():
        return float(cell)
    text = plain_text(cell)
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"


def _written(cell: str | float | dict[str, str]) -> str:
    return cell["date"] if isinstance(cell, dict) else str(cell)


def _faults(panel: Panel, sheets: Sequence[_SheetView]) -> Iterator[dict[str, Any]]:
    views = {fold(view.raw.name): view for view in sheets}
    for finding in panel.findings:
        view = views.get(fold(finding.sheet))
        rows = [] if view is None else [view.row(number, finding.column) for number in finding.rows[:ROWS_SHOWN]]
        letters = None if view is None else view.position(finding.column)
        yield {
            "code": finding.code,
            "about_columns": finding.code in _ABOUT_COLUMNS or not finding.rows,
            "severity": finding.severity,
            "sheet": finding.sheet,
            "column": finding.column,
            "letters": None if letters is None else column_letters(letters),
            "count": _count(finding),
            "message": in_every_locale(finding.message),
            "action": in_every_locale(finding.action),
            "mend": in_every_locale(mend) if (mend := _mend(finding)) else None,
            "rows": rows,
        }


def _mend(finding: Finding) -> Message | None:
    if finding.code == "unread_sheet" and "other" in finding.message.values:  # a name with the year is what it has
        return _ONE_OF_TWO
    return _MENDS.get(finding.code)


def _count(finding: Finding) -> int:
    return len(finding.rows) or finding.count
