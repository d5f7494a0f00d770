"""Cases as files for people: csv as the spreadsheets of the reader's country open it, and xlsx.

Notes are in no file, restricted or not: they are read where it can be seen who reads them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, cast

from farol.casework.cases import Case
from farol.casework.entries import PERSON_NAMES, WAY_NAMES, CaseEntry
from farol.casework.steps import REASON_NAMES, STEP_NAMES
from farol.csv_form import Audience, CsvForm
from farol.i18n import msg
from farol.web.casework.case_view import CaseWords
from farol.web.locale import NOTHING

CaseLine = list[str | int | date | None]
"""A row of a file."""

_HEADINGS = (
    (msg("Pupil"), 16),
    (msg("Class"), 10),
    (msg("Year"), 8),
    (msg("Step"), 20),
    (msg("Late"), 10),
    (msg("Responsible for the case"), 24),
    (msg("Due"), 12),
    (msg("Support"), 50),
    (msg("Opened on"), 12),
    (msg("Last contact"), 12),
    (msg("Way of the contact"), 18),
    (msg("With whom"), 26),
    (msg("Somebody was reached"), 14),
    (msg("Closed on"), 12),
    (msg("Reason to close"), 28),
)


def case_rows(words: CaseWords, known: Sequence[Case], contacts: Mapping[str, CaseEntry]) -> Iterator[CaseLine]:
    """A heading and a row a case; days are dates, and what is missing is None."""
    yield [words.text(name) for name, _width in _HEADINGS]
    zone = words.reader.timezone
    for case in known:
        state, entry = case.state, contacts.get(case.id)
        contact = None if entry is None else entry.contact()
        support = words.support(state.supports)
        yield [
            case.student,
            case.group,
            case.year,
            words.text(STEP_NAMES[state.step]),
            words.text(msg("yes") if case.is_late(words.today) else msg("no")),
            words.staff.name(state.owner) or None,
            state.due,
            None if support == NOTHING else support,
            case.opened.astimezone(zone).date(),
            None if contact is None else contact.on,
            None if contact is None else words.text(WAY_NAMES[contact.way]),
            None if contact is None else words.text(PERSON_NAMES[contact.person]),
            None if contact is None else words.text(msg("yes") if contact.was_reached else msg("no")),
            None if case.closed is None else case.closed.astimezone(zone).date(),
            None if state.reason is None else words.text(REASON_NAMES[state.reason]),
        ]


def csv_file(words: CaseWords, rows: Iterator[CaseLine]) -> bytes:
    """The rows as csv; days as people of the reader's country write them."""
    form = CsvForm(Audience.people, words.reader.locale)
    pattern = "%d/%m/%Y" if words.reader.locale.startswith("pt") else "%Y-%m-%d"
    plain = ([value.strftime(pattern) if isinstance(value, date) else value for value in row] for row in rows)
    return (form.start + form.lines(plain)).encode()


def xlsx_file(words: CaseWords, rows: Iterator[CaseLine]) -> bytes:
    """The rows as xlsx: days are days, and no text is a formula."""
    from openpyxl import Workbook  # noqa: PLC0415  # 0.2 s that only whoever wants the file should wait for
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415

    book = Workbook(write_only=True)
    sheet = book.create_sheet(words.text(msg("Cases")))
    sheet.freeze_panes = "B2"
    for place, (_name, width) in enumerate(_HEADINGS):
        sheet.column_dimensions[chr(ord("A") + place)].width = width
    for number, row in enumerate(rows):
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, cast(Any, value))  # a date is not in openpyxl's annotation
            if isinstance(value, str):
                cell.data_type = "s"
            elif isinstance(value, date):
                cell.number_format = "DD/MM/YYYY"
            if number == 0:
                cell.font = Font(bold=True)
            cell.alignment = Alignment(vertical="top", wrap_text=True)
            cells.append(cell)
        sheet.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
