"""The list as files for a spreadsheet and on paper."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace

from farol.csv_form import Audience, CsvForm
from farol.i18n import Message, msg, translate
from farol.school.listing import ListedPupil
from farol.school.standings import natural
from farol.web.locale import Reader
from farol.web.school.lists import COLUMNS, Line, PreparedList, line_of, school_words


def table_of(pupils: Sequence[ListedPupil], made: PreparedList, reader: Reader) -> Iterator[list[str | float | None]]:
    """The rows of a file for a spreadsheet, the headings first. Names stay out: a file may go anywhere."""
    words = {
        **COLUMNS,
        "level": Message(made.profile.level_name.in_locale(reader.locale)),
        "at_risk_now": msg("{state} now", state=made.profile.label.state),
    }
    yield [heading.render(reader.locale) for heading in words.values()]
    for pupil in pupils:
        line = line_of(pupil, made, reader)
        yield [
            pupil.rank,
            pupil.student,
            pupil.group,
            pupil.level,
            None if pupil.school is None else school_words(pupil.school, made.profile, reader),
            None if pupil.probability is None else round(pupil.probability, 4),
            None if line.like_these is None else str(line.like_these),
            None if pupil.at_risk_now is None else translate("yes" if pupil.at_risk_now else "no", reader.locale),
            "; ".join(line.reasons),
            line.missing,
            line.step,
        ]


def csv_of(pupils: Sequence[ListedPupil], made: PreparedList, reader: Reader) -> bytes:
    """The list as a csv file that the spreadsheets of the reader's country open."""
    form = CsvForm(Audience.people, reader.locale)
    return (form.start + form.lines(list(table_of(pupils, made, reader)))).encode()


_WIDTHS = (8, 16, 10, 8, 16, 9, 26, 16, 70, 40, 20)
_RISK = 5


def xlsx_of(pupils: Sequence[ListedPupil], made: PreparedList, reader: Reader) -> bytes:
    """The list as an xlsx file: numbers are numbers, and no text is a formula."""
    from openpyxl import Workbook  # noqa: PLC0415  # 0.2 s that only whoever wants the file should wait for
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415

    book = Workbook(write_only=True)
    sheet = book.create_sheet(reader.gettext("List")[:31])
    sheet.freeze_panes = "C2"
    for place, width in enumerate(_WIDTHS):
        sheet.column_dimensions[chr(ord("A") + place)].width = width
    for number, row in enumerate(table_of(pupils, made, reader)):
        cells = []
        for place, value in enumerate(row):
            cell = WriteOnlyCell(sheet, value)
            if isinstance(value, str):
                cell.data_type = "s"
            if number == 0:
                cell.font = Font(bold=True)
            elif place == _RISK:
                cell.number_format = "0%"
            cell.alignment = Alignment(vertical="top", wrap_text=True)
            cells.append(cell)
        sheet.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


PRINTED_ROWS = 8
"""Pupils on a page of paper: few enough that the longest lines fit, so that we know how many pages a class takes."""
PRINTED_WORDS = 2
"""Missing values of a printed line."""


def class_sheets(
    pupils: Sequence[ListedPupil], made: PreparedList, reader: Reader, *, two_sided: bool
) -> list[dict[str, object]]:
    """The list class by class, page by page. Two-sided, a class with an odd number of pages has a blank one behind it:
    browsers do not know how to begin on the front of a sheet."""
    _ = reader.gettext
    groups: dict[str, list[ListedPupil]] = {}
    for pupil in pupils:
        groups.setdefault(pupil.group or "", []).append(pupil)
    sheets: list[dict[str, object]] = []
    for name in sorted(groups, key=lambda name: (not name, natural(name))):
        lines = [_printed(pupil, made, reader) for pupil in groups[name]]
        pages = [lines[start : start + PRINTED_ROWS] for start in range(0, len(lines), PRINTED_ROWS)]
        title = _("Class {name}", name=name) if name else _("Pupils without a class")
        sheets += [
            {
                "name": title,
                "part": _("page {page} of {pages}", page=number, pages=len(pages)) if len(pages) > 1 else "",
                "lines": page,
                "is_blank": False,
            }
            for number, page in enumerate(pages, 1)
        ]
        if two_sided and len(pages) % 2:
            sheets.append({"name": title, "part": "", "lines": [], "is_blank": True})
    return sheets


def _printed(pupil: ListedPupil, made: PreparedList, reader: Reader) -> Line:
    line = line_of(pupil, made, reader)
    names = [text.in_locale(reader.locale) for text in pupil.missing]
    more = len(names) - PRINTED_WORDS
    listed = reader.listing(names[:PRINTED_WORDS])
    missing = reader.gettext("{names} and {n} more", names=listed, n=more) if more > 0 else listed
    return replace(line, missing=missing)
