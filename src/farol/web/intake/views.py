"""The pages of intake: what was read of a workbook, one class of faults at a time, and its end."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from farol.access import access
from farol.accounts.audit import Action
from farol.intake.columns import kept_columns
from farol.intake.jobs import active_job
from farol.intake.uploads import Upload, read_review, remove_upload
from farol.intake.work import training_is_installed
from farol.store.keys import Role
from farol.web.frame import see_other
from farol.web.intake import columns, jobs, marked_copy, uploads
from farol.web.intake.faults import normal_faults, steps_of
from farol.web.intake.visit import PATH, UploadVisit, with_upload

router = APIRouter(include_in_schema=False)
for module in (uploads, columns, jobs, marked_copy):  # before /workbooks/{upload}, which would match theirs too
    router.routes.extend(module.router.routes)

Step = Annotated[str, Query(max_length=10)]


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

    return with_upload(request, upload, answer)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/{{upload}}/delete")
def delete(request: Request, upload: str) -> Response:
    """Delete a workbook that was sent."""

    def answer(visit: UploadVisit, known: Upload) -> Response:
        busy = active_job(visit.store)
        if busy is not None and busy.details.get("upload") == known.id:
            return see_other(visit.reader, f"/jobs/{busy.id}", busy="1")
        visit.note(Action.changed, "workbook", "deleted")
        remove_upload(visit.settings, visit.store, known.id)
        return see_other(visit.reader, PATH)

    return with_upload(request, upload, answer)
