"""Names of pupils, if the school wants them: kept in a table of their own, on this computer, and shown to people.

Reading a workbook drops names at the door. Only while an administrator has turned names on are they read, here, from
the profile's personal column `name`, and only of pupils whose rows are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, func, select

from farol.accounts.site import read_setting, write_setting
from farol.errors import Place, WorkbookError
from farol.i18n import msg
from farol.profile import Profile, fold, visible
from farol.store.database import Store
from farol.store.privacy import pend_erasing
from farol.store.tables import pupil_names, pupil_years
from farol.workbook.cells import identifier_column
from farol.workbook.limits import DEFAULT_LIMITS, Limits
from farol.workbook.raw import RawSheet
from farol.workbook.selection import select_columns
from farol.workbook.sheets import read_workbook
from farol.workbook.student_code import student_code

SETTING = "names"
"""The site setting that says whether names are kept."""

NAME = "name"
"""The personal column, if a profile has it, of a pupil's name."""

LONGEST_NAME = 200
"""Characters of a name that are kept."""

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class KeptNames:
    """How many names were kept, and how many came with a code that no pupil of this site has."""

    kept: int
    strangers: int


def names_are_on(store: Store) -> bool:
    """Whether this site keeps and shows names. Raises StoreError."""
    return read_setting(store, SETTING, default=False)


def turn_names(store: Store, *, on: bool, at: datetime) -> None:
    """Turn names on or off. Turned off, they are no longer read or shown; what is kept stays until it is erased."""
    write_setting(store, SETTING, on, at)


def names_in(
    path: Path, profile: Profile, *, year: int | None = None, limits: Limits = DEFAULT_LIMITS
) -> dict[str, str]:
    """Code → name, of the newest sheet that has the pupil, from a workbook or a file of two columns.

    `year`: any, of a file whose name has none. Raises WorkbookError where the file cannot be read, or no sheet has both
    a column of codes and the profile's column `name`.
    """
    if NAME not in profile.columns or not profile.identifiers:
        raise WorkbookError(
            msg("This school's profile has no column of names."),
            expected=msg("a column called {name} of the kind personal, and one of the pupils' codes", name=NAME),
            fix=msg("Describe these columns in the profile, under [columns]."),
        )
    names: dict[str, str] = {}
    has_columns = False
    for sheet in read_workbook(path, profile, limits, year).sheets:  # the oldest first: a newer name takes its place
        pairs = _pairs(sheet, profile)
        if pairs is not None:
            has_columns = True
            names |= dict(pairs)
    if not has_columns:
        raise WorkbookError(
            msg("There is no column of names beside the codes."),
            expected=msg("columns called {names}", names=", ".join(_headers(profile))),
            where=Place(file=path.name),
            fix=msg("Write these words into the first row, above the codes and the names."),
        )
    return names


def keep_names(store: Store, names: Mapping[str, str]) -> KeptNames:
    """Keep the names of pupils whose rows are kept, in place of those there were. Raises StoreError."""
    students = sorted(names)
    with store.transaction() as connection:
        known = [student for start in range(0, len(students), _AT_ONCE)
                 for student in _known(connection, students[start : start + _AT_ONCE])]  # fmt: skip
        for start in range(0, len(known), _AT_ONCE):
            some = known[start : start + _AT_ONCE]
            connection.execute(delete(pupil_names).where(pupil_names.c.student.in_(some)))
            rows = [{"student": code, "name": names[code], "folded": fold(names[code])} for code in some]
            connection.execute(pupil_names.insert(), rows)
    return KeptNames(len(known), len(students) - len(known))


def count_names(store: Store) -> int:
    """How many names are kept. Raises StoreError."""
    with store.snapshot() as connection:
        return int(connection.execute(select(func.count()).select_from(pupil_names)).scalar_one())


def erase_names(store: Store) -> int:
    """Erase all names; how many. Raises StoreError.

    The bytes go as those of an erased pupil: see `farol.store.privacy.finish_erasing`.
    """
    with store.exclusive() as connection:
        erased = connection.execute(delete(pupil_names)).rowcount
        pend_erasing(connection)
    return int(erased)


def names_of(connection: Connection, students: Sequence[str]) -> dict[str, str]:
    """The names that are kept of these pupils."""
    names: dict[str, str] = {}
    for start in range(0, len(students), _AT_ONCE):
        some = pupil_names.c.student.in_(students[start : start + _AT_ONCE])
        query = select(pupil_names.c.student, pupil_names.c.name).where(some)
        names |= {row.student: row.name for row in connection.execute(query)}
    return names


def _known(connection: Connection, students: Sequence[str]) -> Sequence[str]:
    query = select(pupil_years.c.student).where(pupil_years.c.student.in_(students)).distinct()
    return connection.execute(query).scalars().all()


def _pairs(sheet: RawSheet, profile: Profile) -> Iterator[tuple[str, str]] | None:
    selection = select_columns(sheet, profile)
    places = {heading.column: heading.position for heading in selection.headings if heading.meaning == "column"}
    if NAME not in places or not set(profile.identifiers) <= places.keys():
        return None
    codes = [identifier_column(selection.cells[places[name]]).values for name in profile.identifiers]
    rows = zip(*codes, selection.cells[places[NAME]], strict=True)
    joined = ((None if None in code else student_code("/".join(code)), cell) for *code, cell in rows)
    # A cell of another kind than text is an error or a number, and no name.
    named = ((code, _name(cell)) for code, cell in joined if code is not None and isinstance(cell, str))
    return ((code, name) for code, name in named if name)


def _name(written: str) -> str:
    return " ".join(visible(written).split())[:LONGEST_NAME]


def _headers(profile: Profile) -> list[str]:
    return [next(iter(profile.columns[name].aliases), name) for name in (*profile.identifiers, NAME)]
