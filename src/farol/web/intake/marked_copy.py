"""The marked copy of a workbook, made while its sender still looks at the review, and once for each way it is read.

It takes seconds, of a large workbook minutes. Whoever asks for it before it is ready gets a page that says so.
"""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from farol.intake.child import in_child
from farol.intake.review import ReadRequest

PATIENCE = 3.0
"""Seconds that a request waits for a copy before it answers with the page that waits."""

_making: dict[Path, Future[int]] = {}
_guard = threading.Lock()


def copy_path(folder: Path, request: ReadRequest, locale: str) -> Path:
    """Where the copy of an upload stands: another one for other headers, another year and another language."""
    read = repr((request.profile, sorted(request.headers.items()), request.year, locale))
    return folder / f"marked-{hashlib.sha256(read.encode()).hexdigest()[:16]}.xlsx"


def begin_copy(request: ReadRequest, locale: str, target: Path) -> Future[int]:
    """The work on a copy: that which is going on, or that which begins now in the background."""
    with _guard:
        known = _making.get(target)
        if known is not None:
            return known
        making: Future[int] = Future()
        if target.exists():
            making.set_result(0)
            return making
        _making[target] = making
    threading.Thread(target=_make, args=(making, request, locale, target), daemon=True).start()
    return making


def _make(making: Future[int], request: ReadRequest, locale: str, target: Path) -> None:
    from farol.intake.marking import write_marked  # noqa: PLC0415  the service starts without openpyxl

    try:
        making.set_result(in_child(write_marked, request, locale, target.absolute()))
        for other in target.parent.glob("marked-*.xlsx"):  # of an earlier reading, or in another language
            if other != target:
                with suppress(OSError):
                    other.unlink()
    except Exception as error:  # noqa: BLE001  whoever asked for the copy hears of it
        making.set_exception(error)
    finally:
        with _guard:
            _making.pop(target, None)
