"""What a workbook may weigh, and the errors for one that weighs more or is damaged."""

from __future__ import annotations

from dataclasses import dataclass

from farol.errors import Place, WorkbookError
from farol.i18n import Message, msg


@dataclass(frozen=True, slots=True)
class Limits:
    """What a workbook may weigh: a small file can unpack into more than a machine has."""

    max_bytes: int = 100_000_000
    max_unpacked_bytes: int = 1_000_000_000
    max_cells: int = 50_000_000


DEFAULT_LIMITS = Limits()


def too_large(unit: Message, limit: int, file: str, sheet: str | None = None) -> WorkbookError:
    """The error for a workbook beyond one of the limits."""
    return WorkbookError(
        msg("The workbook is too large to be read safely."),
        expected=msg("at most {limit} {unit}", limit=f"{limit:,}", unit=unit),
        where=Place(file=file, sheet=sheet),
        fix=msg(
            "Remove sheets and cells that do not belong to it. If it really is that large, raise the "
            "FAROL_MAX_WORKBOOK limits."
        ),
    )


def damaged(file: str, sheet: str | None = None) -> WorkbookError:
    """The error for a file that begins like a workbook and does not hold together."""
    return WorkbookError(
        msg("The workbook is damaged or was cut short."),
        expected=msg("a whole file"),
        where=Place(file=file, sheet=sheet),
        fix=msg("Copy or download it again, or open it in a spreadsheet program and save it again."),
    )


def encrypted(file: str) -> WorkbookError:
    """The error for a workbook behind a password."""
    return WorkbookError(
        msg("The workbook is protected by a password."),
        expected=msg("a workbook that opens without one"),
        where=Place(file=file),
        fix=msg("Save a copy without password."),
    )


def not_a_workbook(file: str) -> WorkbookError:
    """The error for a file of another kind."""
    return WorkbookError(
        msg("The file is not a workbook that Farol reads."),
        expected=msg("xlsx, xlsb, xls, ods, csv or parquet, or a folder of such files"),
        where=Place(file=file),
        fix=msg("Save the workbook as .xlsx."),
    )
