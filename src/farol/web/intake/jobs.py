"""The pages of the work: accept a workbook, follow the job to its end, stop it, or use its model all the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from farol.access import access
from farol.accounts.audit import Action
from farol.errors import InputError
from farol.i18n import msg
from farol.intake import jobs
from farol.intake.jobs import SiteJob, active_job, find_job
from farol.intake.uploads import Upload, find_upload, folder_of, workbook_of
from farol.intake.work import training_is_installed
from farol.store.keys import Role
from farol.web.error_pages import Failure, failed
from farol.web.frame import see_other
from farol.web.home import counted
from farol.web.intake.uploads import require_own
from farol.web.intake.visit import PATH, UploadVisit, answered, text_of, with_upload

router = APIRouter(include_in_schema=False)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/{{upload}}/accept")
async def accept(request: Request, upload: str) -> Response:
    """Begin the work that was asked for: to train and forecast, or only to forecast."""
    form = await request.form(max_files=0, max_fields=10)

    def answer(visit: UploadVisit, known: Upload) -> Response:
        require_own(visit)
        kind = "forecast" if text_of(form, "kind") == "forecast" else "train"
        if known.state == "refused" or not workbook_of(visit.settings, known).exists():
            return see_other(visit.reader, f"{PATH}/{known.id}")
        if kind == "train" and not training_is_installed():
            raise InputError(
                msg("The libraries that train are not installed on this computer."),
                fix=msg("In Farol's folder run {make}.", make="make install EXTRAS=train"),
            )
        return _begun(visit, kind, known, {})

    return await run_in_threadpool(with_upload, request, upload, answer)


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
        return see_other(visit.reader, PATH if busy is None else f"/jobs/{busy.id}", busy="1")
    visit.request.app.state.job_runner.start(job)
    return see_other(visit.reader, f"/jobs/{job.id}")


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

    return answered(request, answer)


@access(Role.manage, is_page=True)
@router.post("/jobs/{job}/cancel")
def cancel(request: Request, job: str) -> Response:
    """Stop a job that has changed nothing yet."""

    def answer(visit: UploadVisit, known: SiteJob) -> Response:
        jobs.cancel(visit.store, known.id, visit.viewer, visit.now)
        return see_other(visit.reader, f"/jobs/{known.id}")

    return _with_job(request, job, answer)


@access(Role.manage, is_page=True)
@router.post("/jobs/{job}/use")
async def use(request: Request, job: str) -> Response:
    """Put a model into use that its own report advises against, by an administrator's decision."""
    form = await request.form(max_files=0, max_fields=10)

    def answer(visit: UploadVisit, known: SiteJob) -> Response:
        left = dict(known.result.get("left", {}))
        task = text_of(form, "task")
        upload = find_upload(visit.store, str(known.details.get("upload")))
        if task not in left or upload is None or not folder_of(visit.settings, upload.id).is_dir():
            raise InputError(
                msg("This model is no longer kept."), fix=msg("Send the workbook again and train with it.")
            )
        version = left.pop(task)
        visit.note(Action.changed, "model", f"used all the same: {task} {version}")
        return _begun(visit, "use", upload, {"use": {task: version}, "left": left})

    return await run_in_threadpool(_with_job, request, job, answer)
