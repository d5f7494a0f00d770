"""The pages that take a workbook in: send it, look at what was read, accept it, and follow the work to its end."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from farol.access import access
from farol.accounts.audit import Action, AuditValues, audit_values, record
from farol.accounts.viewer import Viewer
from farol.errors import FarolError, InputError, ServiceError, WorkbookError
from farol.i18n import msg
from farol.intake import jobs
from farol.intake.child import WAIT_AND_SEND, in_child
from farol.intake.columns import KeptColumn, forget_column, headers_of, keep_columns, kept_columns
from farol.intake.jobs import SiteJob, active_job, find_job, latest_jobs
from farol.intake.review import ReadRequest, read_upload
from farol.intake.uploads import (
    MARKED,
    MOST_FILES,
    Upload,
    cannot_keep,
    find_upload,
    folder_of,
    list_uploads,
    read_review,
    remove_files,
    remove_upload,
    set_state,
    stage,
    workbook_of,
    write_review,
)
from farol.intake.work import training_is_installed
from farol.service import Service
from farol.settings import Settings
from farol.store.database import Store
from farol.store.keys import Role
from farol.web.error_pages import Failure, failed, failure_in
from farol.web.home import counted
from farol.web.intake.faults import normal_faults, steps_of, unknown_headers
from farol.web.locale import Reader, reader_of
from farol.web.templating import page
from farol.web.viewer import viewer_of
from farol.web.wording import told_error

logger = logging.getLogger("farol.web")
router = APIRouter(include_in_schema=False)

PATH = "/workbooks"
COLUMNS = f"{PATH}/columns"
MULTIPART = "multipart/form-data"
FRAME_BYTES = 100_000
"""What a form adds to its files."""
MOST_FIELDS = 600
MOST_BESIDE, LONGEST_BESIDE = 10, 10_000
"""Fields beside the files of an upload, and the bytes of one: they stand in memory, and files do not."""
UNDER_WAY = 4
"""Uploads that one worker receives and reads at once: each may fill 100 MB of the disk while it comes."""
JOBS_SHOWN = 10
PIECE = 65_536
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LIST = "/pupils"

_under_way = asyncio.Semaphore(UNDER_WAY)

Step = Annotated[str, Query(max_length=10)]


def upload_bytes(settings: Settings) -> int:
    """The largest body of an upload."""
    return settings.max_workbook_bytes + FRAME_BYTES


@dataclass(frozen=True, slots=True)
class UploadVisit:
    """A request for one of these pages."""

    request: Request
    service: Service
    reader: Reader
    viewer: Viewer
    now: datetime

    @classmethod
    def of(cls, request: Request) -> UploadVisit:
        """What a request brings."""
        return cls(request, request.app.state.service, reader_of(request), viewer_of(request), datetime.now(UTC))

    @property
    def store(self) -> Store:
        """The store; StoreError while it cannot be opened."""
        return self.service.store

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.service.settings

    def page(self, name: str, values: Mapping[str, object], status: int = 200) -> Response:
        """A page of ours."""
        whole = {"here": "workbooks", "list_path": LIST, **values}
        return page(self.request, self.reader, f"intake/{name}.html", whole, status=status)

    def go(self, path: str, **query: str) -> Response:
        """To another page, by GET."""
        return RedirectResponse(self.reader.url(path, **query), 303)

    def changed(self, subject: str, details: str) -> AuditValues:
        """A line of the audit for the transaction that changes something."""
        return audit_values(self.viewer.id, Action.changed, subject, at=self.now, details=details)

    def note(self, action: Action, subject: str, details: str = "") -> None:
        """A line of the audit."""
        record(self.store, self.viewer, action, subject, at=self.now, details=details)


def _answer(request: Request, make: Callable[[UploadVisit], Response]) -> Response:
    visit = UploadVisit.of(request)
    try:
        return make(visit)
    except (WorkbookError, ServiceError) as error:  # the file's fault, or many files at once: nothing for the log
        status = 422 if isinstance(error, WorkbookError) else 503
        return failed(request, visit.reader, Failure(status, error.problem, fix=error.fix))
    except FarolError as error:
        return failed(request, visit.reader, failure_in(error))


def _with_upload(request: Request, upload: str, make: Callable[[UploadVisit, Upload], Response]) -> Response:
    def answer(visit: UploadVisit) -> Response:
        known = find_upload(visit.store, upload)
        if known is None:
            gone = msg("This workbook is no longer here. It may have been deleted because it was old.")
            return failed(request, visit.reader, Failure(404, gone))
        return make(visit, known)

    return _answer(request, answer)


@access(Role.manage, is_page=True)
@router.get(PATH)
def workbooks(request: Request) -> Response:
    """Send a workbook; those that were sent, and the work they led to."""
    return _answer(request, lambda visit: visit.page("workbooks", _list_values(visit, None)))


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
                return await run_in_threadpool(_answer, request, lambda visit: _taken(visit, files))
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
        _require_own(visit)
        upload = stage(visit.settings, visit.store, visit.viewer, files, visit.now)
        _read(visit, upload, None)
    except (InputError, WorkbookError, ServiceError) as error:
        return visit.page("workbooks", _list_values(visit, error), 422)
    return visit.go(f"{PATH}/{upload.id}")


def _require_own(visit: UploadVisit) -> None:
    if visit.settings.is_demonstration:
        raise InputError(
            msg("This is the demonstration, with invented pupils. It takes no workbook of a school."),
            fix=msg(
                "For your own school, open Farol by its icon (Farol.bat, Farol.command or Farol.desktop), and send the "
                "workbook there."
            ),
        )


def _read(visit: UploadVisit, upload: Upload, year: int | None) -> None:
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


@access(Role.manage, is_page=True)
@router.get(COLUMNS)
def columns(request: Request) -> Response:
    """The headers that this site taught Farol."""

    def answer(visit: UploadVisit) -> Response:
        known, locale = visit.service.profile.columns, visit.reader.locale
        rows = [
            (kept, known[kept.column].meaning.in_locale(locale) if kept.column in known else "")
            for kept in reversed(kept_columns(visit.store))
        ]
        return visit.page("columns", {"rows": rows})

    return _answer(request, answer)


@access(Role.manage, is_page=True)
@router.post(f"{COLUMNS}/forget")
async def forget(request: Request) -> Response:
    """Revoke a choice."""
    form = await request.form(max_files=0, max_fields=10)

    def answer(visit: UploadVisit) -> Response:
        profile, header = _text(form, "profile"), _text(form, "header")
        forget_column(visit.store, profile, header, visit.now, audited=visit.changed("columns", "revoked"))
        return visit.go(COLUMNS)

    return await run_in_threadpool(_answer, request, answer)


@access(Role.manage, is_page=True)
@router.get(f"{PATH}/{{upload}}")
def review(request: Request, upload: str, step: Step = "1") -> Response:
    """What was read, one class of faults at a time."""

    def answer(visit: UploadVisit, known: Upload) -> Response:
        read = read_review(visit.settings, known.id)
        if read is None:
            return visit.page("gone", {"upload": known, "problem": known.review.get("problem")})
        visit.note(Action.saw, "workbook")
        kept, profile = kept_columns(visit.store), visit.service.profile
        steps = steps_of(read, kept, profile, visit.reader)
        place = min(max(int(step) if step.isdecimal() else 1, 1), max(len(steps), 1))
        linked = any(part["linked"] for part in read["years"])
        values = {
            "upload": known,
            "review": read,
            "steps": steps,
            "place": place,
            "now": steps[place - 1] if steps else None,
            "normal": normal_faults(read),
            "pupils": sum(part["pupils"] for part in read["years"]),
            "is_served": bool(visit.service.bundles),
            "can_train": training_is_installed() and (linked or not any(t.horizon for t in profile.tasks.values())),
            "has_training": training_is_installed(),
            "active": active_job(visit.store),
            "path": f"{PATH}/{known.id}",
        }
        return visit.page("review", values)

    return _with_upload(request, upload, answer)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/{{upload}}/columns")
async def choose(request: Request, upload: str) -> Response:
    """Keep which columns unknown headers are, and the year of a file that does not say it; then read again."""
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)

    def answer(visit: UploadVisit, known: Upload) -> Response:
        read = read_review(visit.settings, known.id)
        if read is None:
            return visit.go(f"{PATH}/{known.id}")
        profile, day = visit.service.profile, visit.now.astimezone(visit.service.timezone).date().isoformat()
        chosen = []
        for place, column in enumerate(unknown_headers(read, kept_columns(visit.store))):
            value = form.get(f"column-{place}")
            if isinstance(value, str) and (not value or value in profile.columns):
                chosen.append(KeptColumn(profile.name, column["general"], value, day))
        if chosen:
            keep_columns(visit.store, chosen, visit.now, audited=visit.changed("columns", "chosen"))
        year = _text(form, "year")
        visit.note(Action.changed, "workbook", "read again")
        _read(visit, known, int(year) if year.isdecimal() and len(year) == 4 else known.review.get("year"))
        return visit.go(f"{PATH}/{known.id}")

    return await run_in_threadpool(_with_upload, request, upload, answer)


@access(Role.manage, is_page=True)
@router.get(f"{PATH}/{{upload}}/{MARKED}")
def marked(request: Request, upload: str) -> Response:
    """The workbook with its faulty cells coloured and commented."""

    def answer(visit: UploadVisit, known: Upload) -> Response:
        from farol.intake.marking import write_marked  # noqa: PLC0415  the service starts without openpyxl

        profile = visit.service.profile
        path = workbook_of(visit.settings, known)
        if not path.exists():
            return visit.go(f"{PATH}/{known.id}")
        read = ReadRequest.of(path, profile, headers_of(visit.store, profile), visit.settings, known.review.get("year"))
        target = folder_of(visit.settings, known.id) / MARKED
        visit.note(Action.exported, "workbook")
        in_child(write_marked, read, visit.reader.locale, target.absolute())
        try:
            copy = target.open("rb")  # open, it can be sent whatever is deleted or written anew meanwhile
        except OSError:
            return visit.go(f"{PATH}/{known.id}")
        stem = known.files[0].name.rpartition(".")[0] or known.files[0].name
        words = visit.reader.gettext("marked")
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{stem} ({words}).xlsx')}",
            "Content-Length": str(os.fstat(copy.fileno()).st_size),
        }
        return StreamingResponse(_pieces(copy), headers=headers, media_type=XLSX)

    return _with_upload(request, upload, answer)


def _pieces(copy: BinaryIO) -> Iterator[bytes]:
    with copy:
        yield from iter(lambda: copy.read(PIECE), b"")


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/{{upload}}/accept")
async def accept(request: Request, upload: str) -> Response:
    """Begin the work that was asked for: to train and forecast, or only to forecast."""
    form = await request.form(max_files=0, max_fields=10)

    def answer(visit: UploadVisit, known: Upload) -> Response:
        _require_own(visit)
        kind = "forecast" if _text(form, "kind") == "forecast" else "train"
        if known.state == "refused" or not workbook_of(visit.settings, known).exists():
            return visit.go(f"{PATH}/{known.id}")
        if kind == "train" and not training_is_installed():
            raise InputError(
                msg("The libraries that train are not installed on this computer."),
                fix=msg("In Farol's folder run {make}.", make="make install EXTRAS=train"),
            )
        return _begun(visit, kind, known, {})

    return await run_in_threadpool(_with_upload, request, upload, answer)


def _begun(visit: UploadVisit, kind: str, upload: Upload, more: Mapping[str, Any]) -> Response:
    profile = visit.service.profile
    details = {
        "upload": upload.id,
        "file": upload.name,
        "year": upload.review.get("year"),
        "profile": profile.source.decode(),
        "origin": profile.name,
        **more,
    }
    job = jobs.begin(visit.store, kind, visit.viewer, details, visit.now)
    if job is None:
        busy = active_job(visit.store)
        return visit.go(PATH if busy is None else f"/jobs/{busy.id}", busy="1")
    visit.request.app.state.job_runner.start(job)
    return visit.go(f"/jobs/{job.id}")


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/{{upload}}/delete")
def delete(request: Request, upload: str) -> Response:
    """Delete a workbook that was sent."""

    def answer(visit: UploadVisit, known: Upload) -> Response:
        busy = active_job(visit.store)
        if busy is not None and busy.details.get("upload") == known.id:
            return visit.go(f"/jobs/{busy.id}", busy="1")
        visit.note(Action.changed, "workbook", "deleted")
        remove_upload(visit.settings, visit.store, known.id)
        return visit.go(PATH)

    return _with_upload(request, upload, answer)


@access(Role.manage, is_page=True)
@router.get("/jobs/{job}")
def follow(request: Request, job: str, busy: Annotated[str, Query(max_length=10)] = "") -> Response:
    """How far a job is, and what came of it."""

    def answer(visit: UploadVisit, known: SiteJob) -> Response:
        return visit.page("job", {"job": known, "busy": bool(busy), "counted": counted})

    return _with_job(request, job, answer)


def _with_job(request: Request, job: str, make: Callable[[UploadVisit, SiteJob], Response]) -> Response:
    def answer(visit: UploadVisit) -> Response:
        known = find_job(visit.store, job)
        if known is None:
            return failed(request, visit.reader, Failure(404, msg("There is no such job.")))
        return make(visit, known)

    return _answer(request, answer)


@access(Role.manage, is_page=True)
@router.post("/jobs/{job}/cancel")
def cancel(request: Request, job: str) -> Response:
    """Stop a job that has changed nothing yet."""

    def answer(visit: UploadVisit, known: SiteJob) -> Response:
        jobs.cancel(visit.store, known.id, visit.viewer, visit.now)
        return visit.go(f"/jobs/{known.id}")

    return _with_job(request, job, answer)


@access(Role.manage, is_page=True)
@router.post("/jobs/{job}/use")
async def use(request: Request, job: str) -> Response:
    """Put a model into use that its own report advises against, by an administrator's decision."""
    form = await request.form(max_files=0, max_fields=10)

    def answer(visit: UploadVisit, known: SiteJob) -> Response:
        left = dict(known.result.get("left", {}))
        task = _text(form, "task")
        upload = find_upload(visit.store, str(known.details.get("upload")))
        if task not in left or upload is None or not folder_of(visit.settings, upload.id).is_dir():
            raise InputError(
                msg("This model is no longer kept."), fix=msg("Send the workbook again and train with it.")
            )
        version = left.pop(task)
        visit.note(Action.changed, "model", f"used all the same: {task} {version}")
        return _begun(visit, "use", upload, {"use": {task: version}, "left": left})

    return await run_in_threadpool(_with_job, request, job, answer)


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
