"""Work on files of strangers, in a process of its own with limits of time and memory.

A damaged or hostile file may make a reader panic, ask for terabytes or never end. Then the child ends, and the service
goes on. No fork: the child is a new interpreter, which gets its request as JSON on its input and answers with JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO

from farol.errors import ServiceError, WorkbookError
from farol.i18n import msg

SECONDS = 120.0
MEMORY = 4 * 2**30
"""Bytes of address space; reading 100 MB of workbook takes a fourth of it."""
AT_ONCE = 2
"""Children of one worker at once: an upload must not take all of the machine."""
WAIT_SECONDS = 30.0

_PROGRAM = (
    "import sys; from farol.intake.{module} import {name}; from farol.intake.child import serve; "
    "serve({name}, sys.stdin.buffer, sys.stdout)"
)
_places = threading.BoundedSemaphore(AT_ONCE)

Request = dict[str, Any]


def in_child(module: str, name: str, request: Request, *, seconds: float = SECONDS) -> Any:
    """What the function `name` of `farol.intake.<module>` answers to a request. It blocks.

    Raises WorkbookError where the child breaks down or takes too long, ServiceError where too many are at work.
    """
    # -P: a file in the working folder must not pass for a module.
    command = [sys.executable, "-P", "-c", _PROGRAM.format(module=module, name=name)]
    with _a_place():
        try:
            done = subprocess.run(  # noqa: S603  our own interpreter and program
                command, input=json.dumps(request).encode(), capture_output=True, timeout=seconds, check=True
            )
            return json.loads(done.stdout)
        except (subprocess.SubprocessError, json.JSONDecodeError) as error:
            took_too_long = isinstance(error, subprocess.TimeoutExpired)
            raise _broke_down(took_too_long=took_too_long) from None


def serve(answer: Callable[[Request], object], source: BinaryIO, target: TextIO) -> None:
    """The child's side: one request, one answer, within the limits."""
    limit_memory(MEMORY)
    json.dump(answer(json.loads(source.read())), target)


def limit_memory(most: int) -> None:
    """Let this process have no more than `most` bytes of addresses, where the system can do that."""
    try:
        import resource  # noqa: PLC0415  Windows has none
    except ModuleNotFoundError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY or soft > most:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


@contextmanager
def _a_place() -> Iterator[None]:
    if not _places.acquire(timeout=WAIT_SECONDS):
        raise ServiceError(
            msg("Other workbooks are being read just now."), fix=msg("Wait a moment, and send yours again.")
        )
    try:
        yield
    finally:
        _places.release()


def _broke_down(*, took_too_long: bool) -> WorkbookError:
    return WorkbookError(
        msg("Reading the file took too long.")
        if took_too_long
        else msg("The file cannot be read: reading it broke off."),
        expected=msg("a workbook as a spreadsheet program saves it"),
        fix=msg("Open it in a spreadsheet program, save it as .xlsx under another name, and send that file."),
    )
