"""The page that takes workbooks: it keeps the files aside, reads them in a child process, and lists what was sent."""

from __future__ import annotations

import asyncio
import logging
from typing import BinaryIO

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from farol.access import access
from farol.errors import FarolError, InputError, ServiceError, WorkbookError
from farol.i18n import msg
from farol.intake.child import WAIT_AND_SEND, in_child
from farol.intake.columns import headers_of, kept_columns
from farol.intake.jobs import active_job, latest_jobs
from farol.intake.review import ReadRequest, read_upload
from farol.intake.uploads import (
    MOST_FILES,
    Upload,
    cannot_keep,
    list_uploads,
    remove_files,
    remove_upload,
    set_state,
    stage,
    workbook_of,
    write_review,
)
from farol.settings import Settings
from farol.store.keys import Role
from farol.web.error_pages import Failure, failed, failure_in
from farol.web.frame import see_other
from farol.web.intake.marked_copy import begin_copy
from farol.web.intake.visit import PATH, UploadVisit, answered
from farol.web.locale import reader_of
from farol.web.wording import told_error

logger = logging.getLogger("farol.web")
router = APIRouter(include_in_schema=False)

MULTIPART = "multipart/form-data"
FRAME_BYTES = 100_000
"""What a form adds to its files."""
MOST_BESIDE, LONGEST_BESIDE = 10, 10_000
"""Fields beside the files of an upload, and the bytes of one: they stand in memory, and files do not."""
UNDER_WAY = 4
"""Uploads that one worker receives and reads at once: each may fill 100 MB of the disk while it comes."""
JOBS_SHOWN = 10
MARKED_FAULTS = ("error", "warning")
SOON_BYTES = 3_000_000
"""Of workbooks up to this size the marked copy is made before anybody asks for it: it takes a few seconds."""

_under_way = asyncio.Semaphore(UNDER_WAY)


def upload_bytes(settings: Settings) -> int:
    """The largest body of an upload."""
    return settings.max_workbook_bytes + FRAME_BYTES


@access(Role.manage, is_page=True)
@router.get(PATH)
def workbooks(request: Request) -> Response:
    """Send a workbook; those that were sent, and the work they led to."""
    return answered(request, lambda visit: visit.page("workbooks", _list_values(visit, None)))


def _list_values(visit: UploadVisit, error: FarolError | None) -> dict[str, object]:
    store = visit.store
    return {
        "error": None if error is None else told_error(error, visit.reader),
        "uploads": list_uploads(store),
        "active": active_job(store),
        "jobs": latest_jobs(store, JOBS_SHOWN),
        "kept": len(kept_columns(store)),
        "days": visit.settings.upload_days,
        "most_bytes": visit.settings.max_workbook_bytes,
        "most_files": MOST_FILES,
        "is_served": bool(visit.service.bundles),
    }


@access(Role.manage, is_page=True, most_bytes=upload_bytes)
@router.post(PATH)
async def send(request: Request) -> Response:
    """Keep the files aside, read them in a child process, and show what they have."""
    refusal = _not_now(request)
    if refusal is not None:
        return failed(request, reader_of(request), refusal)
    async with _under_way:
        try:
            async with request.form(
                max_files=MOST_FILES + 1, max_fields=MOST_BESIDE, max_part_size=LONGEST_BESIDE
            ) as form:
                files = [
                    (part.filename, part.file)
                    for part in form.getlist("files")
                    if isinstance(part, UploadFile) and part.filename
                ]
                return await run_in_threadpool(answered, request, lambda visit: _taken(visit, files))
        except OSError as error:
            logger.warning("An upload cannot be kept while it comes: %s", type(error).__name__)
            return failed(request, reader_of(request), failure_in(cannot_keep(error)))


def _not_now(request: Request) -> Failure | None:
    """Why a body is not even read: it is another kind of form, which may take long, or others are sending theirs."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MULTIPART:
        no_files = msg("A workbook comes as a form with files.")
        return Failure(415, no_files, fix=msg("Send it as {kind}.", kind=MULTIPART))
    if _under_way.locked():
        return Failure(503, msg("Other workbooks are being sent just now."), fix=WAIT_AND_SEND)
    return None


def _taken(visit: UploadVisit, files: list[tuple[str, BinaryIO]]) -> Response:
    try:
        require_own(visit)
        upload = stage(visit.settings, visit.store, visit.viewer, files, visit.now)
        read_and_keep(visit, upload, None)
    except (InputError, WorkbookError, ServiceError) as error:
        return visit.page("workbooks", _list_values(visit, error), 422)
    return see_other(visit.reader, f"{PATH}/{upload.id}")


def require_own(visit: UploadVisit) -> None:
    """Raises InputError in the demonstration, which takes no workbook of a school."""
    if visit.settings.is_demonstration:
        raise InputError(
            msg("This is the demonstration, with invented pupils. It takes no workbook of a school."),
            fix=msg(
                "For your own school, open Farol by its icon (Farol.bat, Farol.command or Farol.desktop), and send the "
                "workbook there."
            ),
        )


def read_and_keep(visit: UploadVisit, upload: Upload, year: int | None) -> None:
    """Read an upload and keep what was read beside it. What cannot be read is deleted at once, its reasons stay."""
    profile = visit.service.profile
    headers = headers_of(visit.store, profile)
    request = ReadRequest.of(workbook_of(visit.settings, upload), profile, headers, visit.settings, year)
    try:
        review = in_child(read_upload, request)
        write_review(visit.settings, upload.id, review)
    except FarolError:
        remove_upload(visit.settings, visit.store, upload.id)
        raise
    counts = {"year": year, "pupils": {str(part["year"]): part["pupils"] for part in review["years"]}}
    is_hopeless = review["problem"] and not review["asks_year"] and not review["unknown"]
    if is_hopeless:
        remove_files(visit.settings, upload.id)
        counts["problem"] = review["problem"]
    set_state(visit.store, upload.id, "refused" if review["problem"] else "read", counts)
    has_faults = review["problem"] or any(fault["severity"] in MARKED_FAULTS for fault in review["faults"])
    is_small = sum(file.size for file in upload.files) <= SOON_BYTES
    if has_faults and is_small and not is_hopeless and not review["unknown"] and not review["asks_year"]:
        begin_copy(visit, upload, year)
