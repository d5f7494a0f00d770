"""A file that somebody else made is read in a process of its own, within limits of time and memory.

A small file can be made to take all the memory there is, or never to end, and the reader of xls and ods (calamine 0.37)
can panic: none of it may take the service, or the machine, with it.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from traceback import extract_tb
from typing import Any, BinaryIO, TypeVar

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetVisibleEnum

from farol.errors import FarolError
from farol.i18n import msg
from farol.workbook.limits import Limits, damaged, too_large, too_much_memory, too_slow
from farol.workbook.raw import Block
from farol.workbook.wire import decode, encode
from farol.workbook.years import choose_names

Rows = list[list[object]]
_Answer = TypeVar("_Answer")

_PROGRAM = "import sys; from farol.workbook.isolated import main; main(sys.stdin.buffer, sys.stdout.buffer)"
_KEPT = (str, float, int, bool, dt.date, dt.datetime)
_NO_MEMORY = (b"memory allocation of", b"bad_alloc", b"Cannot allocate memory", b"MemoryError")
"""What Python and the libraries in Rust and C++ print when memory runs out."""


class _Process:
    """What this process is."""

    is_child = False


def isolated(work: Callable[..., _Answer], limits: Limits, file: str, *arguments: object) -> _Answer:
    """What `work(*arguments)` returns or raises, called in a process of its own; within one, it is simply called.

    `work` is a function of a module, and its arguments and its answer are what `farol.workbook.wire` sends. `file` is
    named by the errors.
    Raises `WorkbookError`, besides, when it takes more time or memory than the `limits`, or ends by itself. Memory is
    bounded on Linux alone.
    """
    if _Process.is_child:
        return work(*arguments)
    request = encode((limits, work.__module__, work.__name__, arguments))
    # -P: a file in the working folder must not pass for a module. A thread each core would count as memory.
    command = [sys.executable, "-P", "-c", _PROGRAM]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    try:
        ended = subprocess.run(  # noqa: S603 - our own interpreter and program; the file only comes on its input
            command, input=request, capture_output=True, timeout=limits.max_seconds, check=False, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise too_slow(limits.max_seconds, file) from error
    if ended.returncode:
        raise _ended(ended.returncode, ended.stderr, limits, file)
    try:
        kind, answer = decode(ended.stdout)
    except (ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
        raise damaged(file) from error
    match kind:
        case "returned":
            return answer  # type: ignore[no-any-return]  # what is sent has no types
        case "refused" if isinstance(answer, FarolError):
            raise answer
        case "raised":
            raise RuntimeError(f"the process that reads failed: {answer}")
        case _:
            raise too_much_memory(limits.max_memory, file)


def _ended(code: int, said: bytes, limits: Limits, file: str) -> FarolError:
    if code == -getattr(signal, "SIGXCPU", 0):
        return too_slow(limits.max_seconds, file)
    # The system kills the process that takes most when it has no memory left: this one asks to be it.
    if code == -getattr(signal, "SIGKILL", 0) or any(words in said for words in _NO_MEMORY):
        return too_much_memory(limits.max_memory, file)
    return damaged(file)


def main(source: BinaryIO, target: BinaryIO) -> None:
    """The child process: work on `source`, what came of it on `target`."""
    _Process.is_child = True
    limits, module, name, arguments = decode(source.read())
    work = getattr(import_module(module), name)
    _limit_process(limits)
    target.write(_answered(work, arguments))
    target.flush()


def _answered(work: Callable[..., object], arguments: tuple[object, ...]) -> bytes:
    try:
        return encode(("returned", work(*arguments)))
    except FarolError as error:
        return encode(("refused", error))
    except MemoryError:
        return encode(("memory", None))
    except Exception as error:  # noqa: BLE001  a fault of ours, which is raised again where it was asked for
        places = [f"{frame.name}:{frame.lineno}" for frame in extract_tb(error.__traceback__)]
        return encode(("raised", f"{type(error).__name__} at {' '.join(places[-3:])}"))


def _limit_process(limits: Limits) -> None:
    """Bound this process for good, as far as the system can."""
    with suppress(ImportError):  # on Windows
        import resource  # noqa: PLC0415

        # Seconds of the processor end it even when whoever started it is gone.
        seconds = int(limits.max_seconds) + 1
        for kind, most in ((resource.RLIMIT_DATA, limits.max_memory), (resource.RLIMIT_CPU, seconds)):
            _, hard = resource.getrlimit(kind)
            soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (soft, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it would hold pupils
        os.nice(5)  # whoever waits for an answer goes first
    with suppress(OSError):  # Linux alone
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


@dataclass(frozen=True, slots=True)
class IsolatedSheets:
    """The names of all sheets and of the hidden ones; rows and merged cells of the sheets that `choose_names` chooses.

    Merged cells are those of xls: calamine does not report those of ods.
    """

    names: list[str]
    hidden: list[str]
    rows: dict[str, Rows]
    merged: dict[str, list[Block]]


def read_isolated(content: bytes, pattern: str, limits: Limits, file: str, year: int | None = None) -> IsolatedSheets:
    """The sheets of a workbook in xls, xlsb or ods. Raises `WorkbookError`."""
    return isolated(read_sheets, limits, file, content, pattern, limits, file, year)


def read_sheets(content: bytes, pattern: str, limits: Limits, file: str, year: int | None = None) -> IsolatedSheets:
    """As `read_isolated`, in this process."""
    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(content))
        years = choose_names(pattern, workbook.sheet_names, year).years
        sheets = {name: workbook.get_sheet_by_name(name) for name in years}
        hidden = [sheet.name for sheet in workbook.sheets_metadata if sheet.visible is not SheetVisibleEnum.Visible]
    except CalamineError as error:
        raise damaged(file) from error
    if sum(sheet.total_height * sheet.total_width for sheet in sheets.values()) > limits.max_cells:
        raise too_large(msg("cells"), limits.max_cells, file)
    rows = {name: _plain(sheet.to_python(skip_empty_area=False)) for name, sheet in sheets.items()}
    merged = {name: merged_blocks(sheet) for name, sheet in sheets.items()}
    return IsolatedSheets(workbook.sheet_names, hidden, rows, merged)


def merged_blocks(sheet: CalamineSheet) -> list[Block]:
    """The merged cells of a sheet; none in ods."""
    return [Block(*first, *last) for first, last in sheet.merged_cell_ranges or ()]


def _plain(rows: list[list[Any]]) -> Rows:
    """The cells; a value of any other type, such as a time or a duration, becomes its text."""
    return [[cell if type(cell) in _KEPT else str(cell) for cell in row] for row in rows]
