"""Which of a sheet's columns to read: one for each column of the profile, and a finding on each other one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from farol.errors import Place, WorkbookError
from farol.i18n import Message, count, msg
from farol.profile import Column, Profile, Severity
from farol.workbook.findings import Finding, finding
from farol.workbook.headers import HEADER_SEARCH_ROWS, NEARLY, HeaderIndex, Heading, column_letters, of_year
from farol.workbook.hidden import about_hidden
from farol.workbook.merged import repeated_downward, repeated_values
from farol.workbook.raw import Cell, RawSheet, is_empty
from farol.workbook.texts import date_readings, parse_number

HEADERS_SHOWN = 60
"""An error lists no more headers than this."""

_ENOUGH_HEADERS = 3
"""A row that names fewer columns is a pupil's, or a title."""

_READ = ("identifier", "number", "category", "date")
_NOT_KEPT: Mapping[str, str] = {"ignored": "unused_column", "personal": "personal_column"}


@dataclass(frozen=True, slots=True)
class SheetNeeds:
    """What is asked of a workbook; whatever else it has is read too, and what it lacks is a finding.

    `pupils`: each row must have a pupil's code; without, a row that has none counts as a pupil of its own. `columns`:
    at least one of them must be in some sheet, and others may be missing without a warning. `year` is that of a single
    sheet or file whose name has none. `task`: of a log of predictions, as `farol log export` writes it, only this
    task's rows are read.
    """

    pupils: bool = True
    columns: frozenset[str] = frozenset()
    year: int | None = None
    task: str | None = None

    def wants(self, name: str) -> bool:
        """Whether it matters that a column of the profile is missing."""
        return not self.columns or name in self.columns


ANY_SHEET = SheetNeeds()


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """A sheet's columns: `cells[position]` is the column at a 0-based position, below the header row.

    `chosen` has, for each column of the profile that the sheet has, the heading under which it is read. `filled` says
    which columns have a value below the headers. `first_row` is the row of the first cells as a spreadsheet shows it.
    `strangers` has the positions (0-based) of rows that are no pupils, by the finding's code: headers further down, and
    what stands below headers of another table.
    """

    headings: Sequence[Heading]
    cells: Sequence[Sequence[Cell]]
    chosen: dict[str, Heading]
    filled: Sequence[bool]
    first_row: int
    strangers: Mapping[str, Sequence[int]]
    findings: tuple[Finding, ...]


def select_columns(raw: RawSheet, profile: Profile, needs: SheetNeeds = ANY_SHEET) -> Selection:
    """Resolve a sheet's headers. Raises `WorkbookError` when there is no column of codes, where they are needed."""
    index = HeaderIndex(profile, raw.year)
    upper = repeated_downward(raw.rows, raw.merged, 2 * HEADER_SEARCH_ROWS)
    at = index.header_row(upper)
    headings = index.headings(_with_headers_above(upper, at, index)) if upper else []
    codes = {h.position for h in headings if h.column and profile.columns[h.column].kind == "identifier"}
    rows, merged = repeated_values(raw.rows, raw.merged, at + 1, codes)
    again = _headers_again(index, headings, rows[at + 1 :])
    below = again.rows
    cells: list[Sequence[Cell]] = list(zip(*below, strict=True)) if below else [() for _ in headings]
    filled = [_is_filled(column) for column in cells]
    candidates = _candidates(headings, profile)
    chosen = {name: _best(alike, cells) for name, alike in candidates.items()}
    missing = [
        name
        for name, column in profile.columns.items()
        if name not in chosen and column.kind in _READ and (needs.pupils or needs.wants(name))
    ]
    likely = {
        heading.position: name
        for heading in headings
        if heading.meaning == "unknown"
        and filled[heading.position]
        and (name := index.likely_column(heading.text, missing)) is not None
    }
    if needs.pupils:
        _require_codes(raw, profile, headings, chosen, likely)
    findings = [
        *_about_headings(raw, profile, headings, filled, likely, needs=needs),
        *_about_duplicates(raw, profile, candidates, chosen, cells=cells, filled=filled),
        *_about_repeats(raw, profile, headings),
        *_above_headers(raw, at, headings, index),
        *_about_exchanged(raw, again, at + 2),
        *_about_merged(raw, headings, merged),
        *about_hidden(raw, at + 2, (chosen[name] for name in chosen if profile.columns[name].kind in _READ)),
    ]
    return Selection(headings, cells, chosen, filled, at + 2, again.strangers, tuple(findings))


@dataclass(frozen=True, slots=True, eq=False)
class HeadersAgain:
    """The rows below the headers, each with its cells in the order of the headers.

    `reordered` are the positions of the header rows whose order is another; `strangers` as in a `Selection`.
    """

    rows: Sequence[Sequence[Cell]]
    reordered: Sequence[int]
    strangers: Mapping[str, Sequence[int]]


def _headers_again(index: HeaderIndex, headings: Sequence[Heading], rows: Sequence[Sequence[Cell]]) -> HeadersAgain:
    """Find header rows further down, and bring what is below them under the headers that it has.

    Below the same headers in another order, cells are moved; what is below others is no row of this table.
    """
    usual = _meanings(headings)
    order: list[int] | None = None
    foreign = False
    placed: list[Sequence[Cell]] = []
    reordered: list[int] = []
    strangers: defaultdict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        if _is_header_row(index, row):
            meanings = _meanings(index.headings(row))
            foreign = sorted(meanings) != sorted(usual)
            order = None if foreign or meanings == usual else _order(usual, meanings)
            strangers["other_headers" if foreign else "header_row_again"].append(at)
            if order is not None:
                reordered.append(at)
        elif foreign and not all(map(is_empty, row)):
            strangers["other_headers"].append(at)
        placed.append(row if order is None else [row[position] for position in order])
    return HeadersAgain(placed, reordered, strangers)


def _is_header_row(index: HeaderIndex, row: Sequence[Cell]) -> bool:
    """Whether a row names columns and has hardly anything else."""
    # The types of the cells alone show most pupils' rows: there are many.
    texts = sum(isinstance(cell, str) and cell != "" and not cell[0].isdigit() for cell in row)
    filled = sum(cell is not None and cell != "" for cell in row)
    if texts < _ENOUGH_HEADERS or 2 * texts < filled:
        return False
    known = index.known_headers(row)
    return known >= _ENOUGH_HEADERS and 2 * known >= filled


def _meanings(headings: Sequence[Heading]) -> list[str]:
    """What each heading means, so that two spellings of a column are alike."""
    return [heading.column or heading.folded for heading in headings]


def _order(usual: Sequence[str], meanings: Sequence[str]) -> list[int]:
    """For each of the usual headings, the position of its like; of several alike, one after the other."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for position, meaning in enumerate(meanings):
        places[meaning].append(position)
    return [places[meaning].pop(0) for meaning in usual]


def _about_exchanged(raw: RawSheet, again: HeadersAgain, first_row: int) -> Iterator[Finding]:
    rows = [position + first_row for position in again.reordered]
    if rows:
        yield finding("headers_reordered", sheet=raw.name, rows=rows)


def _with_headers_above(rows: Sequence[Sequence[Cell]], at: int, index: HeaderIndex) -> Sequence[Cell]:
    """The header row, where it is empty filled with the row above, if that names columns too: headers of two rows."""
    if at == 0 or not _is_header_row(index, rows[at - 1]):
        return rows[at]
    pairs = zip(rows[at - 1], rows[at], strict=True)
    return [above if is_empty(cell) and index.known_headers([above]) else cell for above, cell in pairs]


def _above_headers(raw: RawSheet, at: int, headings: Sequence[Heading], index: HeaderIndex) -> Iterator[Finding]:
    """Rows above the headers: a title as a rule, but pupils where somebody sorted the headers with them."""
    filled = {number: sum(not is_empty(cell) for cell in row) for number, row in enumerate(raw.rows[:at], start=1)}
    rows = [number for number, n in filled.items() if n]
    if rows:
        filled = {number: 0 if _is_header_row(index, raw.rows[number - 1]) else n for number, n in filled.items()}
        full = max(filled.values()) > sum(heading.meaning != "blank" for heading in headings) / 2
        yield finding("above_headers", sheet=raw.name, rows=rows, severity="error" if full else "info")


def _about_merged(raw: RawSheet, headings: Sequence[Heading], merged: Mapping[int, list[int]]) -> Iterator[Finding]:
    for position, places in merged.items():
        header = headings[position].text if headings[position].folded else column_letters(position)
        yield finding("merged_cells", sheet=raw.name, column=header, rows=[place + 1 for place in places])


def _is_filled(cells: Sequence[Cell]) -> bool:
    return cells.count("") < len(cells) and any(not is_empty(cell) for cell in cells)


def _candidates(headings: Sequence[Heading], profile: Profile) -> dict[str, list[Heading]]:
    candidates: defaultdict[str, list[Heading]] = defaultdict(list)
    for heading in headings:
        if heading.meaning == "column" and heading.column and profile.columns[heading.column].kind != "ignored":
            candidates[heading.column].append(heading)
    return dict(candidates)


def _best(headings: Sequence[Heading], cells: Sequence[Sequence[Cell]]) -> Heading:
    """The heading to read a column under: one with values, then the profile's first spelling, then the fullest."""
    if len(headings) == 1:
        return headings[0]
    filled = {h.position: sum(not is_empty(cell) for cell in cells[h.position]) for h in headings}
    # The order of columns must not matter, so a position decides last.
    return min(headings, key=lambda h: (filled[h.position] == 0, h.rank, -filled[h.position], h.position))


def _require_codes(
    raw: RawSheet,
    profile: Profile,
    headings: Sequence[Heading],
    chosen: dict[str, Heading],
    likely: Mapping[int, str],
) -> None:
    shown = [] if _may_be_pupils(headings) else headings
    for name, column in profile.columns.items():
        holds_period = profile.periods is not None and name == profile.periods.column
        if (column.kind == "identifier" or holds_period) and name not in chosen:
            raise WorkbookError(
                msg("The sheet has no column that says the year or term.")
                if holds_period
                else msg("The sheet has no column with the pupil's code."),
                expected=msg("one of the headers {headers}", headers=", ".join(column.aliases)),
                got=_headers_shown(headings),
                where=Place(sheet=raw.name),
                fix=_mend([h.text for h in shown if likely.get(h.position) == name], column, raw.year),
            )


def _mend(alike: Sequence[str], column: Column, year: int) -> Message:
    if not alike:
        return msg("Correct the header, or add it to the aliases of the column in the profile.")
    return msg(
        "This is probably the header {header}: rename it to {column}, or add it to the aliases of "
        "the column in the profile.",
        header=alike[0],
        column=of_year(column.aliases[0], year),
    )


def _headers_shown(headings: Sequence[Heading]) -> Message:
    """The headers, but of a row that may be a pupil's only how many cells it has."""
    texts = [heading.text for heading in headings if heading.folded]
    if _may_be_pupils(headings):
        return msg("a first row without any known header (cells: {count})", count=count(len(texts)))
    return msg("the headers {headers}", headers=_listed(texts))


def _may_be_pupils(headings: Sequence[Heading]) -> bool:
    """Whether no header of a row is known, and one is a number or a date."""
    return not any(heading.column for heading in headings) and any(_is_value(heading.text) for heading in headings)


def _is_value(text: str) -> bool:
    return parse_number(text) is not None or date_readings(text) != (None, None)


def _listed(headers: Sequence[str]) -> str:
    shown = [" ".join(header.split()) for header in headers[:HEADERS_SHOWN]]
    return ", ".join([*shown, "…"] if len(headers) > HEADERS_SHOWN else shown) or "—"


def _about_headings(
    raw: RawSheet,
    profile: Profile,
    headings: Sequence[Heading],
    filled: Sequence[bool],
    likely: Mapping[int, str],
    *,
    needs: SheetNeeds,
) -> Iterator[Finding]:
    for heading in headings:
        column = profile.columns.get(heading.column or "")
        if heading.meaning == "blank":
            if filled[heading.position]:
                yield finding("unnamed_column", sheet=raw.name, column=column_letters(heading.position), count=1)
        elif not filled[heading.position]:
            grave = heading.meaning == "column" and column is not None and column.required and needs.wants(column.name)
            severity: Severity = "warning" if grave else "info"
            yield finding("empty_column", sheet=raw.name, column=heading.text, count=1, severity=severity)
        elif heading.meaning == "unknown":
            yield _unknown(raw, heading, profile.columns.get(likely.get(heading.position, "")))
        elif heading.meaning == "history" and column is not None:
            yield finding("history_column", sheet=raw.name, column=heading.text, count=1)
        elif column is not None and column.kind in _NOT_KEPT:
            yield finding(_NOT_KEPT[column.kind], sheet=raw.name, column=heading.text, count=1)
        if heading.near and column is not None and column.kind in _READ:
            expected = of_year(column.aliases[heading.rank % NEARLY], raw.year)
            yield finding("near_header", sheet=raw.name, column=heading.text, count=1, details={"expected": expected})


def _unknown(raw: RawSheet, heading: Heading, likely: Column | None) -> Finding:
    """An unknown header, with the missing column that it probably means."""
    if likely is None:
        return finding("unknown_column", sheet=raw.name, column=heading.text, count=1)
    severity: Severity = "error" if likely.required else "warning"
    details = {"likely": of_year(likely.aliases[0], raw.year)}
    return finding(
        "unknown_column",
        words="likely_column",
        severity=severity,
        sheet=raw.name,
        column=heading.text,
        count=1,
        details=details,
    )


def _about_duplicates(
    raw: RawSheet,
    profile: Profile,
    candidates: dict[str, list[Heading]],
    chosen: dict[str, Heading],
    *,
    cells: Sequence[Sequence[Cell]],
    filled: Sequence[bool],
) -> Iterator[Finding]:
    """Columns that mean the same. Where they are codes and differ, pupils may stand in a table beside: an error."""
    codes = {name for name in candidates if profile.columns[name].kind == "identifier"}
    for name, headings in candidates.items():
        if len(headings) == 1:
            continue
        best = chosen[name]
        others = [h for h in headings if h is not best and filled[h.position]]
        conflict = any(cells[h.position] != cells[best.position] for h in others)
        yield finding(
            "duplicate_header",
            words="conflicting_header" if conflict else None,
            severity="info" if not conflict else "error" if name in codes else "warning",
            sheet=raw.name,
            column=best.text,
            count=len(headings),
            details={
                "headers": ", ".join(f"{h.text} ({column_letters(h.position)})" for h in headings),
                "chosen": column_letters(best.position),
            },
        )


def _about_repeats(raw: RawSheet, profile: Profile, headings: Sequence[Heading]) -> Iterator[Finding]:
    """Headers that stand twice although no column of the profile is read from them."""
    unread = [h for h in headings if h.folded and not _is_read(h, profile)]
    first = {heading.folded: heading for heading in reversed(unread)}
    for folded, n in Counter(h.folded for h in unread).items():
        if n > 1:
            header = first[folded].text
            yield finding("duplicate_header", words="repeated_header", sheet=raw.name, column=header, count=n)


def _is_read(heading: Heading, profile: Profile) -> bool:
    return heading.meaning == "column" and profile.columns[heading.column or ""].kind != "ignored"
