"""Student × year: the years' tables one under the other, with the label of the same year and of the next."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from farol.errors import InputError, Place, WorkbookError
from farol.i18n import Message, count, msg
from farol.profile import Condition, Profile, Task
from farol.workbook.account import SheetAccount
from farol.workbook.cells import Floats, Objects
from farol.workbook.copies import copied_rows
from farol.workbook.derived import holds, values_of
from farol.workbook.findings import Finding
from farol.workbook.isolated import isolated
from farol.workbook.labels import next_values
from farol.workbook.links import compare_years
from farol.workbook.raw import RawWorkbook
from farol.workbook.selection import ANY_SHEET, SheetNeeds
from farol.workbook.sheets import DEFAULT_LIMITS, Limits, read_workbook
from farol.workbook.tables import YearTable, read_table

_Array = TypeVar("_Array", Floats, Objects)


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One row for a student and a year, ordered by year and sheet row; all arrays have length n.

    `numbers` has every number column of the profile (NaN missing), `categories` every category column (None missing),
    `dates` every date column in days since 1970-01-01: dates serve to compute ages and never leave the process.
    `label` is 1 at risk, 0 not, NaN unknown; `next_label` is the same student's in the following year, NaN where
    that year has no row. `fingerprint` is a sha256 over the profile and all values. `accounts` say where the rows and
    columns of each sheet went.
    """

    profile: Profile
    student: Objects
    year: NDArray[np.int64]
    numbers: Mapping[str, Floats]
    dates: Mapping[str, Floats]
    categories: Mapping[str, Objects]
    label: Floats
    next_label: Floats
    findings: tuple[Finding, ...]
    fingerprint: str
    accounts: tuple[SheetAccount, ...] = ()

    @property
    def years(self) -> tuple[int, ...]:
        """The years present, ascending."""
        return tuple(np.unique(self.year).tolist())

    @property
    def columns(self) -> Mapping[str, Floats | Objects]:
        """The columns of numbers and of categories, from which features come."""
        return {**self.numbers, **self.categories}

    @property
    def label_values(self) -> Floats:
        """The values (n,) of the label's column; of a category, the label itself."""
        values = self.values(self.profile.label.column)
        return self.label if values.dtype == np.object_ else values.astype(np.float64)

    def values(self, name: str) -> Floats | Objects:
        """What each row (n,) has of a column, of the year, or derived by difference or table."""
        return values_of(self.profile, name, self.numbers, self.categories, self.year.astype(np.float64))

    def counts(self, task: Task) -> NDArray[np.bool_]:
        """Which rows (n,) teach and test a task: those of which all its conditions hold. An unknown one does not."""
        return self._meet(task.only)

    def asked(self, task: Task) -> NDArray[np.bool_]:
        """Of which rows (n,) a task is asked: those of which all conditions hold that are known by then."""
        return self._meet(self.profile.asked_of(task))

    def _meet(self, rules: Sequence[Condition]) -> NDArray[np.bool_]:
        meet = np.ones(len(self.year), dtype=np.bool_)
        for rule in rules:
            meet &= holds(rule, self.values(rule.column)) == 1
        return meet

    def select(self, mask: NDArray[np.bool_] | NDArray[np.int64]) -> Panel:
        """The rows where `mask` (n,) holds, or those at its positions; findings and fingerprint stay the whole's."""
        return replace(
            self,
            student=self.student[mask],
            year=self.year[mask],
            numbers={name: values[mask] for name, values in self.numbers.items()},
            dates={name: values[mask] for name, values in self.dates.items()},
            categories={name: values[mask] for name, values in self.categories.items()},
            label=self.label[mask],
            next_label=self.next_label[mask],
        )

    def of_year(self, year: int | None = None) -> Panel:
        """The rows of a year, by default the last one. Raises InputError when there is no sheet of it."""
        chosen = self.years[-1] if year is None else year
        if chosen not in self.years:
            raise InputError(
                msg("The workbook has no sheet of {year}.", year=chosen),
                expected=msg("one of {names}", names=", ".join(map(str, self.years))),
                fix=msg("Choose one of them with --year."),
            )
        return self.select(self.year == chosen)

    def known_in(self, year: int) -> Panel:
        """What was known in a year: the rows up to it, and no answer of a later one; the findings stay."""
        known = self.select(self.year <= year)
        later = {period: self.profile.period_after(period) > year for period in known.years}
        unknown = np.array([later[period] for period in known.year.tolist()], dtype=np.bool_)
        known = replace(known, next_label=np.where(unknown, np.nan, known.next_label))
        return replace(known, fingerprint=_fingerprint(known))


def read_panel(path: Path, profile: Profile, limits: Limits = DEFAULT_LIMITS, needs: SheetNeeds = ANY_SHEET) -> Panel:
    """The clean panel of a workbook. Raises `WorkbookError` for what cannot be used for what is needed of it."""
    path = Path(path)
    return panel_of(read_workbook(path, profile, limits, needs.year), path.name, profile, needs)


def panel_of(book: RawWorkbook, file: str, profile: Profile, needs: SheetNeeds = ANY_SHEET) -> Panel:
    """The clean panel of a workbook that is read already; `file` names it in errors. Raises `WorkbookError`."""
    tables = [read_table(sheet, profile, needs) for sheet in book.sheets]
    _require_any(file, profile, tables, needs.columns)
    if not any(len(table.row) for table in tables):
        raise WorkbookError(
            msg("The file has no pupil."),
            expected=msg("at least one row with a pupil's code"),
            got=msg("rows left out: {count}", count=count(sum(sum(t.account.left_out.values()) for t in tables))),
            where=Place(file=file, sheet=tables[0].sheet if len(tables) == 1 else None),
            fix=_why_nobody(tables),
        )
    student = np.concatenate([table.student for table in tables])
    year = np.concatenate([table.period for table in tables])
    label = np.concatenate([table.label for table in tables])
    by_period = [part for table in tables for part in table.by_period()] if profile.periods else tables
    panel = Panel(
        profile=profile,
        student=student,
        year=year,
        numbers=_stacked([table.numbers for table in tables]),
        dates=_stacked([table.dates for table in tables]),
        categories=_stacked([table.categories for table in tables]),
        label=label,
        next_label=next_values(profile, student, year, label),
        findings=_ordered(
            [
                *book.findings,
                *(f for table in tables for f in table.findings),
                # Where pupils have codes, a row of another code is another pupil, though as little be known of both.
                *([] if profile.follows_pupils else copied_rows(by_period)),
                *compare_years(by_period, profile),
            ]
        ),
        fingerprint="",
        accounts=tuple(table.account for table in tables),
    )
    if profile.periods is not None:
        panel = panel.select(np.argsort(year, kind="stable"))
    return replace(panel, fingerprint=_fingerprint(panel))


def _why_nobody(tables: Sequence[YearTable]) -> Message:
    """What to do about sheets of which no row is a pupil's."""
    uncalculated = [f for table in tables for f in table.findings if f.code == "uncalculated" and f.rows]
    if any(len(f.rows) == table.account.left_out.get("missing_student") for table in tables for f in uncalculated):
        return msg("The codes are formulas without a value: open the file in a spreadsheet program and save it again.")
    if any(table.account.left_out.get("other_task") for table in tables):
        return msg("The rows of this log belong to another task: choose that one with --task.")
    return msg("See whether the pupils' codes stand in the column that has their header.")


def read_panel_isolated(
    path: Path, profile: Profile, limits: Limits = DEFAULT_LIMITS, needs: SheetNeeds = ANY_SHEET
) -> Panel:
    """As `read_panel`, in a process of its own, within the limits of time and memory, too: for files of others."""
    path = Path(path)
    panel = isolated(read_panel, limits, path.name, path, profile, limits, needs)
    return replace(panel, profile=profile)


def _require_any(file: str, profile: Profile, tables: Sequence[YearTable], columns: frozenset[str]) -> None:
    present = {name for table in tables for name in table.headers}
    kinds = ("number", "category", "date")
    wanted = [c for name, c in profile.columns.items() if (name in columns if columns else c.kind in kinds)]
    if not any(column.name in present for column in wanted):
        raise WorkbookError(
            msg("The file has no column that can be used here."),
            expected=msg(
                "one or more of the headers {headers}", headers=", ".join(column.aliases[0] for column in wanted)
            ),
            where=Place(file=file),
            fix=msg("Correct the header, or add it to the aliases of the column in the profile."),
        )


def _stacked(parts: Sequence[Mapping[str, _Array]]) -> dict[str, _Array]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """In an order that the order of sheets and columns does not change."""
    return tuple(sorted(findings, key=lambda f: (f.sheet, f.code, f.column or "", f.rows)))


def _fingerprint(panel: Panel) -> str:
    digest = hashlib.sha256(panel.profile.fingerprint.encode())
    digest.update(panel.year.tobytes())
    for name, floats in sorted({**panel.numbers, **panel.dates}.items()):
        digest.update(name.encode())
        # Minus zero equals zero, and a NaN may carry any payload: both must not show in the digest.
        digest.update(np.where(np.isnan(floats), np.nan, floats + 0.0).tobytes())
    for name, texts in sorted({**panel.categories, "": panel.student}.items()):
        digest.update(f"{name}\0".encode())
        digest.update("\0".join("" if text is None else f"={text}" for text in texts).encode())
    return digest.hexdigest()
