"""Which of a sheet's columns to read: one for each column of the profile, and a finding on each other one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from farol.errors import Place, WorkbookError
from farol.i18n import Message, msg
from farol.profile import Column, Profile, Severity
from farol.workbook.findings import Finding, finding
from farol.workbook.headers import HeaderIndex, Heading, column_letters
from farol.workbook.raw import Cell, RawSheet, is_empty

HEADERS_SHOWN = 60
"""An error lists no more headers than this."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """A sheet's columns: `cells[position]` is the column at a 0-based position, below the header row.

    `chosen` has, for each column of the profile that the sheet has, the heading under which it is read. `first_row`
    is the row of the first cells as a spreadsheet shows it.
    """

    headings: Sequence[Heading]
    cells: Sequence[Sequence[Cell]]
    chosen: dict[str, Heading]
    first_row: int
    findings: tuple[Finding, ...]


def select_columns(raw: RawSheet, profile: Profile) -> Selection:
    """Resolve a sheet's headers. Raises `WorkbookError` when a column that every sheet must have is not there."""
    index = HeaderIndex(profile, raw.year)
    at = index.header_row(raw.rows)
    headings = index.headings(raw.rows[at]) if raw.rows else []
    below = raw.rows[at + 1 :]
    cells: list[Sequence[Cell]] = list(zip(*below, strict=True)) if below else [() for _ in headings]
    filled = [_is_filled(column) for column in cells]
    candidates = _candidates(headings, profile)
    chosen = {name: _best(alike, cells) for name, alike in candidates.items()}
    _require_columns(raw, profile, headings, chosen)
    findings = [
        *_about_headings(raw, profile, headings, filled),
        *_about_duplicates(raw, candidates, chosen, cells, filled),
        *_about_repeats(raw, profile, headings),
    ]
    return Selection(headings, cells, chosen, at + 2, tuple(findings))


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


def _require_columns(raw: RawSheet, profile: Profile, headings: Sequence[Heading], chosen: dict[str, Heading]) -> None:
    for name, column in profile.columns.items():
        periods = profile.periods is not None and name == profile.periods.column
        needed = column.every_sheet or column.kind == "identifier" or name == profile.label.column or periods
        if needed and name not in chosen:
            raise WorkbookError(
                _missing_words(column, profile),
                expected=msg("one of the headers {headers}", headers=", ".join(column.aliases)),
                got=msg("the headers {headers}", headers=_listed([h.text for h in headings if h.folded])),
                where=Place(sheet=raw.name),
                fix=msg("Correct the header, or add it to the aliases of the column in the profile."),
            )


def _missing_words(column: Column, profile: Profile) -> Message:
    if column.kind == "identifier":
        return msg("The sheet has no column with the pupil's code.")
    if column.name == profile.label.column:
        return msg("The sheet has no column that says whether a pupil is at risk.")
    return msg("The sheet has no column for {name}.", name=column.name)


def _listed(headers: Sequence[str]) -> str:
    shown = [" ".join(header.split()) for header in headers[:HEADERS_SHOWN]]
    return ", ".join([*shown, "…"] if len(headers) > HEADERS_SHOWN else shown) or "—"


def _about_headings(
    raw: RawSheet, profile: Profile, headings: Sequence[Heading], filled: Sequence[bool]
) -> Iterator[Finding]:
    for heading in headings:
        column = profile.columns.get(heading.column or "")
        if heading.meaning == "blank":
            if filled[heading.position]:
                yield finding("unnamed_column", sheet=raw.name, column=column_letters(heading.position), count=1)
        elif not filled[heading.position]:
            grave = heading.meaning == "column" and column is not None and column.required
            severity: Severity = "warning" if grave else "info"
            yield finding("empty_column", sheet=raw.name, column=heading.text, count=1, severity=severity)
        elif heading.meaning == "unknown":
            yield finding("unknown_column", sheet=raw.name, column=heading.text, count=1)
        elif heading.meaning == "history" and column is not None:
            yield finding("history_column", sheet=raw.name, column=heading.text, count=1)


def _about_duplicates(
    raw: RawSheet,
    candidates: dict[str, list[Heading]],
    chosen: dict[str, Heading],
    cells: Sequence[Sequence[Cell]],
    filled: Sequence[bool],
) -> Iterator[Finding]:
    for name, headings in candidates.items():
        if len(headings) == 1:
            continue
        best = chosen[name]
        others = [h for h in headings if h is not best and filled[h.position]]
        conflict = any(cells[h.position] != cells[best.position] for h in others)
        yield finding(
            "duplicate_header",
            words="conflicting_header" if conflict else None,
            severity="warning" if conflict else "info",
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
    for folded, count in Counter(h.folded for h in unread).items():
        if count > 1:
            header = first[folded].text
            yield finding("duplicate_header", words="repeated_header", sheet=raw.name, column=header, count=count)


def _is_read(heading: Heading, profile: Profile) -> bool:
    return heading.meaning == "column" and profile.columns[heading.column or ""].kind != "ignored"
