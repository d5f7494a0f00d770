"""Work on what a page sent, in a process of its own (`farol.workbook.isolated`), a few at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from farol.errors import ServiceError
from farol.i18n import msg
from farol.intake.review import ReadRequest
from farol.workbook.isolated import isolated
from farol.workbook.limits import damaged

logger = logging.getLogger("farol.intake")

AT_ONCE = 2
"""Children of one worker at once: an upload must not take all of the machine."""
WAITING = 4
"""Others that wait for a place, each in a thread of those that answer pages; more are sent away at once."""
WAIT_SECONDS = 30.0
WAIT_AND_SEND = msg("Wait a moment, and send yours again.")

_places = threading.BoundedSemaphore(AT_ONCE)
_all = threading.BoundedSemaphore(AT_ONCE + WAITING)
_Answer = TypeVar("_Answer")


def in_child(work: Callable[..., _Answer], request: ReadRequest, *arguments: object) -> _Answer:
    """What `work(request, *arguments)` answers, within the request's limits. It blocks.

    Raises WorkbookError where the file cannot be read or a limit is met, ServiceError where too many are at work.
    """
    file = Path(request.path).name
    if not _all.acquire(blocking=False):
        raise _busy()
    try:
        if not _places.acquire(timeout=WAIT_SECONDS):
            raise _busy()
        try:
            return isolated(work, request.limits, file, request, *arguments)
        except RuntimeError as error:  # a fault of ours that this file has brought about: it says where, and no value
            logger.warning("%s", error)
            raise damaged(file) from None
        finally:
            _places.release()
    finally:
        _all.release()


def _busy() -> ServiceError:
    return ServiceError(msg("Other workbooks are being read just now."), fix=WAIT_AND_SEND)
