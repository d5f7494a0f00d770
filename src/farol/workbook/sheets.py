"""Open a workbook safely, whatever its format: raw cells with their places.

Nothing here knows what a column means; cells come out as they stand, with failed formulas marked.
"""

from __future__ import annotations

import stat
from collections import Counter
from dataclasses import replace
from pathlib import Path

from farol.errors import Place, WorkbookError, reason_of
from farol.i18n import msg
from farol.profile import Profile
from farol.workbook.csv_parquet import decoded, other_format, read_delimited, read_parquet
from farol.workbook.findings import finding
from farol.workbook.headers import HeaderIndex
from farol.workbook.limits import DEFAULT_LIMITS, Limits, encrypted, not_a_file, not_a_workbook, too_large
from farol.workbook.raw import FROM_TEXT, RawSheet, RawWorkbook, is_empty
from farol.workbook.spreadsheets import read_xls, read_zip
from farol.workbook.years import Fit, about_names, choose_names, unread, year_name

__all__ = ["DEFAULT_LIMITS", "Limits", "RawSheet", "read_workbook"]

NAMES_SHOWN = 20

_ZIP, _OLE, _PARQUET = b"PK", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PAR1"
_ENCRYPTED_PARQUET = b"PARE"
_SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_BLANK = b"\xef\xbb\xbf \t\r\n\x1a"
_SAMPLE_BYTES = 1_000
_TABLES = (".csv", ".tsv", ".txt", ".parquet")
"""Files that are one sheet, whose year stands in their own name."""


def read_workbook(
    path: Path, profile: Profile, limits: Limits = DEFAULT_LIMITS, year: int | None = None
) -> RawWorkbook:
    """The sheets of the profile's years, in the order of the years, and what is odd about all the sheets.

    `path` is an xlsx, xls or ods workbook, a csv or parquet file whose name (without extension) is a year's, or a
    folder of such workbooks and files. The format is known by the content, not by the extension. `year` is that of a
    single sheet or file whose name has none. Raises `WorkbookError` for what is no such thing, is damaged, is protected
    by a password, is beyond the `limits`, or has no year.
    """
    workbook = (_read_folder if _is_folder(path) else _read_file)(path, profile, limits, year)
    workbook = _without_summaries(workbook, profile)
    if not workbook.sheets:
        names = [*workbook.names[:NAMES_SHOWN], *(["…"] if len(workbook.names) > NAMES_SHOWN else [])]
        raise WorkbookError(
            msg("The workbook has no sheet of a year."),
            expected=msg("sheets (or csv and parquet files) named {pattern}", pattern=_example(profile)),
            got=msg("{names}", names=", ".join(names) or "—"),
            where=Place(file=path.name),
            fix=msg(
                "Rename the sheets, or use the profile that describes this workbook. The year of a single sheet or "
                "file can also be given with --year."
            ),
        )
    if profile.periods is not None:
        return workbook
    workbook = _with_year_of_name(workbook, year)
    years = Counter(sheet.year for sheet in workbook.sheets)
    for of_sheet, count in years.items():
        if count > 1 and not profile.has_periods:
            raise WorkbookError(
                msg("Several sheets can be read, and the profile has no years to tell them apart."),
                expected=msg("one sheet"),
                got=msg("{names}", names=", ".join(sheet.name for sheet in workbook.sheets)),
                where=Place(file=path.name),
                fix=msg("Name the sheet in the profile, with the key sheets."),
            )
        if count > 1:
            raise WorkbookError(
                msg("Several sheets are of the year {year}.", year=of_sheet),
                expected=msg("one sheet a year"),
                got=msg("{names}", names=", ".join(s.name for s in workbook.sheets if s.year == of_sheet)),
                where=Place(file=path.name),
                fix=msg("Put the pupils of a year into one sheet, and call the other sheets otherwise."),
            )
    return replace(workbook, sheets=sorted(workbook.sheets, key=lambda sheet: sheet.year))


def _with_year_of_name(workbook: RawWorkbook, year: int | None) -> RawWorkbook:
    """The workbook with a finding where another year than that of its only sheet's name was given."""
    if year is None or len(workbook.names) > 1 or workbook.sheets[0].year == year:
        return workbook
    (sheet,) = workbook.sheets
    details = {"year": str(sheet.year), "given": str(year)}
    return replace(workbook, findings=[*workbook.findings, finding("year_in_name", sheet=sheet.name, details=details)])


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that is too long, or has a zero byte: reading says so
        return False


def _without_summaries(workbook: RawWorkbook, profile: Profile) -> RawWorkbook:
    """Without blank sheets and those that have only their year in the name and no column of codes, if others remain.

    Where names have no year, without those that have no column of the profile.
    """
    doubtful = {sheet.name: unread(sheet.name, "unread_blank") for sheet in workbook.sheets if _is_blank(sheet)}
    for sheet in workbook.sheets:
        if not _is_certain(sheet, profile):
            doubtful.setdefault(sheet.name, unread(sheet.name, "unread_no_code"))
    sheets = [sheet for sheet in workbook.sheets if sheet.name not in doubtful]
    if not sheets:
        return workbook
    kept = [about for about in workbook.findings if about.sheet not in doubtful]
    return replace(workbook, sheets=sheets, findings=[*kept, *doubtful.values()])


def _is_blank(sheet: RawSheet) -> bool:
    return all(is_empty(cell) for row in sheet.rows for cell in row)


def _is_certain(sheet: RawSheet, profile: Profile) -> bool:
    index = HeaderIndex(profile, sheet.year)
    if "{year}" in profile.sheet_pattern:
        name = year_name(profile.sheet_pattern, sheet.name)
        if name is None or name.fit is not Fit.year_only:
            return True
        sought = set(profile.identifiers)
    else:
        sought = set(profile.columns)
    headings = index.headings(sheet.rows[index.header_row(sheet.rows)]) if sheet.rows else []
    return any(heading.column in sought for heading in headings)


def _example(profile: Profile) -> str:
    return profile.sheet_pattern.replace("{year}", "2024") or "*"


def _read_folder(path: Path, profile: Profile, limits: Limits, year: int | None) -> RawWorkbook:
    entries = sorted(file for file in path.iterdir() if not file.name.startswith((".", "~")))
    books = [file for file in entries if file.suffix.lower() in _SPREADSHEETS and file.is_file()]
    files = [file for file in entries if file.suffix.lower() in _TABLES and file.is_file()]
    findings = [unread(entry.name, "unread_kind") for entry in entries if entry not in files and entry not in books]
    choice = choose_names(profile.sheet_pattern, [file.stem for file in files], year)
    years = choice.years
    wanted = [*books, *(file for file in files if file.stem in years)]
    names = {file.stem: file.name for file in files}
    findings += [replace(about, sheet=names[about.sheet]) for about in choice.findings]
    size = sum(file.stat().st_size for file in wanted)
    if size > limits.max_bytes:
        raise too_large(msg("bytes"), limits.max_bytes, path.name)
    blank = [file for file in wanted if file in files and not file.stat().st_size]
    if len(blank) < len(wanted):  # as an empty sheet of a workbook
        wanted = [file for file in wanted if file not in blank]
        findings += [unread(file.name, "unread_blank") for file in blank]
    read = [_read_file(file, profile, limits, year) for file in wanted]
    return RawWorkbook(
        [file.name for file in (*books, *files)],
        [sheet for book in read for sheet in book.sheets],
        [*findings, *(about for book in read for about in book.findings)],
    )


def _read_file(path: Path, profile: Profile, limits: Limits, given: int | None) -> RawWorkbook:
    content = _content(path, limits)
    if content.startswith(_ZIP):
        return read_zip(content, profile.sheet_pattern, limits, path.name, given)
    if content.startswith(_OLE):
        return read_xls(content, profile.sheet_pattern, limits, path.name, given)
    if content.startswith(_ENCRYPTED_PARQUET) and content.endswith(_ENCRYPTED_PARQUET):
        raise encrypted(path.name)
    if path.suffix.lower() in _SPREADSHEETS:  # text under a spreadsheet's extension: it is not read as csv
        beginning = content[:_SAMPLE_BYTES].decode("utf-8", "replace").lstrip("\ufeff")
        raise not_a_workbook(path.name, other_format(beginning) or msg("a file of another kind under that name"))
    choice = choose_names(profile.sheet_pattern, [path.stem], given)
    year = choice.years.get(path.stem)
    if year is None:
        decoded(content, path.name)  # raises if it is not a text: then it is not a csv of another name
        return RawWorkbook([path.name], [])
    if content.startswith(_PARQUET):
        sheet = RawSheet(path.stem, year, read_parquet(content, limits, path.name))
    else:
        text = read_delimited(content, HeaderIndex(profile, year), limits, path.name)
        sheet = RawSheet(path.stem, year, text.rows, FROM_TEXT, notes=text.notes)
    return RawWorkbook([path.name], [sheet], about_names(choice, profile.sheet_pattern))


def _content(path: Path, limits: Limits) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise not_a_file(str(path))
        with path.open("rb") as file:
            content = file.read(limits.max_bytes + 1)
    except FileNotFoundError as error:
        raise WorkbookError(
            msg("There is no such file."), where=Place(file=str(path)), fix=msg("Check the path and the name.")
        ) from error
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else type(error).__name__
        raise WorkbookError(
            msg("The file cannot be opened: {reason}", reason=reason),
            where=Place(file=str(path)),
            fix=msg("Close it in other programs, and check that you may read it."),
        ) from error
    if len(content) > limits.max_bytes:
        raise too_large(msg("bytes"), limits.max_bytes, path.name)
    if not content.strip(_BLANK):
        raise WorkbookError(
            msg("The file is empty."),
            expected=msg("a workbook"),
            where=Place(file=path.name),
            fix=msg("Save the workbook again, or choose the file that has the pupils."),
        )
    return content
