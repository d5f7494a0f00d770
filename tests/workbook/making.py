"""Small workbooks in the shape of PEDE, made by hand for each test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from openpyxl import Workbook

from farol.errors import WorkbookError
from farol.profile import Profile, load_profile
from farol.workbook.findings import Finding
from farol.workbook.panel import Panel, read_panel

Rows = Sequence[Sequence[object]]

PEDE = load_profile("pede")

PUPIL: Mapping[str, object] = {
    "Fase": 2,
    "Fase ideal": "Fase 3 (7º e 8º ano)",
    "Defas": -1,
    "IAA": 8.5,
    "IEG": 7.25,
    "IPS": 6.5,
    "IPP": 7.5,
    "IDA": 5.5,
    "IPV": 7.0,
    "IAN": 5.0,
    "Portug": 6.0,
    "Matem": 4.5,
    "Inglês": 5.0,
}
"""One ordinary pupil; every column that some sheet must have."""


def pupils(
    count: int = 3, columns: Mapping[str, Sequence[object]] = MappingProxyType({}), *, without: Sequence[str] = ()
) -> list[list[object]]:
    """A header row and `count` ordinary pupils "RA-1", "RA-2", …; `columns` replaces or adds whole columns."""
    table: dict[str, Sequence[object]] = {"RA": [f"RA-{number + 1}" for number in range(count)]}
    table |= {header: [value] * count for header, value in PUPIL.items() if header not in without}
    table |= dict(columns)
    return [list(table), *(list(row) for row in zip(*table.values(), strict=True))]


def write_xlsx(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """A workbook with these sheets; None is an empty cell, a text that begins with # is an error cell."""
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    workbook.save(path)
    return path


def panel_of(folder: Path, sheets: Mapping[str, Rows], profile: Profile = PEDE) -> Panel:
    """The panel of a workbook with these sheets."""
    return read_panel(write_xlsx(folder / "book.xlsx", sheets), profile)


def read(folder: Path, rows: Rows, year: int = 2022, profile: Profile = PEDE) -> Panel:
    """The panel of one sheet."""
    return panel_of(folder, {f"PEDE{year}": rows}, profile)


def refused(folder: Path, rows: Rows) -> str:
    """The error for a sheet that cannot be used."""
    with pytest.raises(WorkbookError) as error:
        read(folder, rows)
    assert error.value.lines("pt_BR")
    return str(error.value)


def values(panel: Panel, name: str) -> list[float | None]:
    """A number column, None for missing."""
    return [None if np.isnan(value) else value for value in panel.numbers[name].tolist()]


def findings_of(panel: Panel, code: str, sheet: str | None = None) -> list[Finding]:
    """The findings of a code, of one sheet or of all."""
    return [f for f in panel.findings if f.code == code and sheet in (None, f.sheet)]


def only(panel: Panel, code: str, sheet: str | None = None) -> Finding:
    """The single finding of a code."""
    (finding,) = findings_of(panel, code, sheet)
    return finding


def changed(profile: Profile, old: str, new: str) -> bytes:
    """The profile's TOML with one passage replaced, which must be there."""
    source = profile.source.decode()
    assert source.count(old) >= 1, old
    return source.replace(old, new, 1).encode()
