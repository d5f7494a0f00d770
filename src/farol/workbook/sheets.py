"""Open a workbook safely, whatever its format: raw cells with their places.

Nothing here knows what a column means; cells come out as they stand, with formula errors marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook

from farol.errors import Place, WorkbookError
from farol.i18n import msg
from farol.profile import Profile
from farol.workbook.cells import FROM_WORKBOOK, Cell, Source
from farol.workbook.headers import sheet_year


@dataclass(frozen=True, slots=True)
class Limits:
    """What a workbook may weigh: a small file can unpack into more than a machine has."""

    max_bytes: int = 100_000_000
    max_unpacked_bytes: int = 1_000_000_000
    max_cells: int = 50_000_000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True, eq=False)
class RawSheet:
    """One year's sheet: `rows[i]` is the row that a spreadsheet shows as i + 1; cells as the reader gives them.

    `blank_tail` has the numbers (1-based) of formatted rows without values after the last one.
    """

    name: str
    year: int
    rows: Sequence[Sequence[Cell]]
    source: Source = FROM_WORKBOOK
    blank_tail: tuple[int, ...] = ()


def read_sheets(path: Path, profile: Profile, limits: Limits = DEFAULT_LIMITS) -> tuple[RawSheet, ...]:
    """The sheets of the profile's years, in the order of the years."""
    try:
        names = CalamineWorkbook.from_path(path).sheet_names
    except (CalamineError, OSError) as error:
        raise WorkbookError(msg("The file is not a workbook."), where=Place(file=path.name)) from error
    years = {name: year for name in names if (year := sheet_year(profile, name)) is not None}

    def read(name: str) -> RawSheet:
        rows = CalamineWorkbook.from_path(path).get_sheet_by_name(name).to_python(skip_empty_area=False)
        return RawSheet(name, years[name], rows)

    with ThreadPoolExecutor(max_workers=2) as threads:
        return tuple(sorted(threads.map(read, years), key=lambda sheet: sheet.year))
