"""The marked copy of a workbook, made while its sender still looks at the review, and once for each way it is read.

It takes seconds, of a large workbook minutes. Whoever asks for it before it is ready gets a page that says so.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from farol.access import access
from farol.accounts.audit import Action
from farol.intake.child import in_child
from farol.intake.columns import headers_of
from farol.intake.review import ReadRequest
from farol.intake.uploads import MARKED, Upload, folder_of, workbook_of
from farol.store.keys import Role
from farol.web.frame import see_other
from farol.web.intake.visit import PATH, UploadVisit, with_upload

router = APIRouter(include_in_schema=False)

PATIENCE = 3.0
"""Seconds that a request waits for a copy before it answers with the page that waits."""
PIECE = 65_536
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_making: dict[Path, Future[int]] = {}
_guard = threading.Lock()


@access(Role.manage, is_page=True)
@router.get(f"{PATH}/{{upload}}/{MARKED}")
def marked(request: Request, upload: str) -> Response:
    """The workbook with its faulty cells coloured and commented."""

    def answer(visit: UploadVisit, known: Upload) -> Response:
        if not workbook_of(visit.settings, known).exists():
            return see_other(visit.reader, f"{PATH}/{known.id}")
        target, making = begin_copy(visit, known, known.review.get("year"))
        try:
            making.result(PATIENCE)
        except TimeoutError:
            return visit.page("marking", {"upload": known}, 202)
        visit.note(Action.exported, "workbook")
        try:
            copy = target.open("rb")  # open, it can be sent whatever is deleted or written anew meanwhile
        except OSError:
            return see_other(visit.reader, f"{PATH}/{known.id}")
        stem = known.files[0].name.rpartition(".")[0] or known.files[0].name
        words = visit.reader.gettext("marked")
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{stem} ({words}).xlsx')}",
            "Content-Length": str(os.fstat(copy.fileno()).st_size),
        }
        return StreamingResponse(_pieces(copy), headers=headers, media_type=XLSX)

    return with_upload(request, upload, answer)


def _pieces(copy: BinaryIO) -> Iterator[bytes]:
    with copy:
        yield from iter(lambda: copy.read(PIECE), b"")


def begin_copy(visit: UploadVisit, upload: Upload, year: int | None) -> tuple[Path, Future[int]]:
    """Where the marked copy of an upload stands, and the work on it."""
    profile, locale = visit.service.profile, visit.reader.locale
    headers = headers_of(visit.store, profile)
    read = ReadRequest.of(workbook_of(visit.settings, upload), profile, headers, visit.settings, year)
    target = _copy_path(folder_of(visit.settings, upload.id), read, locale)
    return target, _making_of(read, locale, target)


def _copy_path(folder: Path, request: ReadRequest, locale: str) -> Path:
    """Where the copy of an upload stands: another one for other headers, another year and another language."""
    read = repr((request.profile, sorted(request.headers.items()), request.year, locale))
    return folder / f"marked-{hashlib.sha256(read.encode()).hexdigest()[:16]}.xlsx"


def _making_of(request: ReadRequest, locale: str, target: Path) -> Future[int]:
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
