"""What a workbook may weigh, and the errors for one that weighs more or is damaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from farol.errors import Place, WorkbookError
from farol.i18n import Message, count, msg

if TYPE_CHECKING:
    from farol.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """What a workbook may weigh, and reading it may take: a small file can unpack into more than a machine has.

    `max_seconds` and the bytes of `max_memory` hold where a process of its own reads it (`farol.workbook.isolated`).
    """

    max_bytes: int = 100_000_000
    max_unpacked_bytes: int = 1_000_000_000
    max_cells: int = 50_000_000
    max_seconds: float = 300
    max_memory: int = 4_000_000_000

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        return cls(
            max_bytes=settings.max_workbook_bytes,
            max_unpacked_bytes=settings.max_workbook_unpacked_bytes,
            max_cells=settings.max_workbook_cells,
            max_seconds=settings.max_workbook_seconds,
            max_memory=settings.max_workbook_memory,
        )


DEFAULT_LIMITS = Limits()


def too_large(unit: Message, limit: int, file: str, sheet: str | None = None) -> WorkbookError:
    """The error for a workbook beyond one of the limits."""
    return WorkbookError(
        msg("The workbook is too large to be read safely."),
        expected=msg("at most {limit} {unit}", limit=count(limit), unit=unit),
        where=Place(file=file, sheet=sheet),
        fix=msg(
            "Remove sheets and cells that do not belong to it. If it really is that large, raise the "
            "FAROL_MAX_WORKBOOK limits."
        ),
    )


def too_slow(seconds: float, file: str) -> WorkbookError:
    """The error for a file that is not read in time."""
    return WorkbookError(
        msg("Reading the file takes too long, so it was stopped."),
        expected=msg("at most {seconds} seconds", seconds=f"{seconds:,g}"),
        where=Place(file=file),
        fix=msg(
            "Remove sheets and cells that do not belong to it. If it really is that large, raise {setting}.",
            setting="FAROL_MAX_WORKBOOK_SECONDS",
        ),
    )


def too_much_memory(limit: int, file: str) -> WorkbookError:
    """The error for a file that fills the memory."""
    return WorkbookError(
        msg("Reading the file takes too much memory, so it was stopped."),
        expected=msg("at most {limit} {unit}", limit=count(limit), unit=msg("bytes")),
        where=Place(file=file),
        fix=msg(
            "Remove sheets and cells that do not belong to it. If it really is that large, raise {setting}.",
            setting="FAROL_MAX_WORKBOOK_MEMORY",
        ),
    )


def not_a_file(path: str) -> WorkbookError:
    """The error for a pipe or a device, which may never end."""
    return WorkbookError(
        msg("This is a pipe or a device, and no file."),
        expected=msg("a file or a folder of files"),
        where=Place(file=path),
        fix=msg("Save what comes from it into a file, and give that file."),
    )


def damaged(file: str, sheet: str | None = None) -> WorkbookError:
    """The error for a file that begins like a workbook and does not hold together."""
    return WorkbookError(
        msg("The workbook is damaged or was cut short."),
        expected=msg("a whole file"),
        where=Place(file=file, sheet=sheet),
        fix=msg("Copy or download it again, or open it in a spreadsheet program and save it again."),
    )


def misplaced_cell(file: str, sheet: str, row: int, column: str) -> WorkbookError:
    """The error for a sheet that gives a cell twice, or in a row of another number: one value would hide another."""
    return WorkbookError(
        msg("The sheet gives a cell twice, or in another row than its own."),
        expected=msg("each cell once, in its row"),
        got=msg("the cell {cell}", cell=f"{column}{row}"),
        where=Place(file=file, sheet=sheet, row=row),
        fix=msg("Open the workbook in a spreadsheet program, see whether this row is right, and save it again."),
    )


def encrypted(file: str) -> WorkbookError:
    """The error for a workbook behind a password."""
    return WorkbookError(
        msg("The workbook is protected by a password."),
        expected=msg("a workbook that opens without one"),
        where=Place(file=file),
        fix=msg("Save a copy without password."),
    )


def not_a_workbook(file: str, got: Message | None = None) -> WorkbookError:
    """The error for a file of another kind; `got` says which, where it is known."""
    return WorkbookError(
        msg("The file is not a workbook that Farol reads."),
        expected=msg("xlsx, xlsb, xls, ods, csv or parquet, or a folder of such files"),
        got=got,
        where=Place(file=file),
        fix=msg("Save the workbook as .xlsx."),
    )
