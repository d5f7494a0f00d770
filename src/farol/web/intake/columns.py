"""The pages of columns: what a person says of unknown headers, and what the site keeps of it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from farol.access import access
from farol.accounts.audit import Action
from farol.intake.columns import KeptColumn, forget_column, keep_columns, kept_columns
from farol.intake.uploads import Upload, read_review
from farol.store.keys import Role
from farol.web.frame import see_other
from farol.web.intake.faults import unknown_headers
from farol.web.intake.uploads import read_and_keep
from farol.web.intake.visit import PATH, UploadVisit, answered, text_of, with_upload

router = APIRouter(include_in_schema=False)

COLUMNS = f"{PATH}/columns"
MOST_FIELDS = 600


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

    return answered(request, answer)


@access(Role.manage, is_page=True)
@router.post(f"{COLUMNS}/forget")
async def forget(request: Request) -> Response:
    """Revoke a choice."""
    form = await request.form(max_files=0, max_fields=10)

    def answer(visit: UploadVisit) -> Response:
        profile, header = text_of(form, "profile"), text_of(form, "header")
        forget_column(visit.store, profile, header, visit.now, audited=visit.changed("columns", "revoked"))
        return see_other(visit.reader, COLUMNS)

    return await run_in_threadpool(answered, request, answer)


@access(Role.manage, is_page=True)
@router.post(f"{PATH}/{{upload}}/columns")
async def choose(request: Request, upload: str) -> Response:
    """Keep which columns unknown headers are, and the year of a file that does not say it; then read again."""
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)

    def answer(visit: UploadVisit, known: Upload) -> Response:
        read = read_review(visit.settings, known.id)
        if read is None:
            return see_other(visit.reader, f"{PATH}/{known.id}")
        profile, day = visit.service.profile, visit.now.astimezone(visit.service.timezone).date().isoformat()
        chosen = []
        for place, column in enumerate(unknown_headers(read, kept_columns(visit.store))):
            value = form.get(f"column-{place}")
            if isinstance(value, str) and (not value or value in profile.columns):
                chosen.append(KeptColumn(profile.name, column["general"], value, day))
        if chosen:
            keep_columns(visit.store, chosen, visit.now, audited=visit.changed("columns", "chosen"))
        year = text_of(form, "year")
        visit.note(Action.changed, "workbook", "read again")
        read_and_keep(visit, known, int(year) if year.isdecimal() and len(year) == 4 else known.review.get("year"))
        return see_other(visit.reader, f"{PATH}/{known.id}")

    return await run_in_threadpool(with_upload, request, upload, answer)
