"""The pages of pupils."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, UploadFile
from fastapi.responses import Response

from farol.access import access
from farol.accounts.audit import Action
from farol.school.listing import every_pupil
from farol.store.keys import Role
from farol.web.frame import see_other
from farol.web.school.answering import Asking, answer
from farol.web.school.class_pages import PATH as CLASSES
from farol.web.school.class_pages import class_values, classes_values
from farol.web.school.list_files import class_sheets, csv_of, xlsx_of
from farol.web.school.lists import KEEP_PATH, PATH, Asked, PrintAsked, keep_capacity, list_values, prepared
from farol.web.school.name_pages import MOST_BYTES, decide_names, names_values, take_names
from farol.web.school.name_pages import PATH as NAMES
from farol.web.school.pupil_pages import pupil_values, referral_values, scenario_values, seen_pupil

router = APIRouter(include_in_schema=False)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


Audience = Annotated[str, Query(alias="for", max_length=20)]
Number = Annotated[int, Query(ge=0, le=10**7)]


async def fields_of(request: Request) -> dict[str, str]:
    """The fields of a form that are texts."""
    form = await request.form(max_files=0, max_fields=100)
    return {name: value for name, value in form.items() if isinstance(value, str)}


GivenFields = Annotated[dict[str, str], Depends(fields_of)]
AskedList = Annotated[Asked, Query()]
AskedPrint = Annotated[PrintAsked, Query()]


@access(Role.read, is_page=True)
@router.get(PATH)
def pupils(request: Request, asked: AskedList) -> Response:
    """Whom to see first."""

    def make(asking: Asking) -> Response:
        made = prepared(asking, asked)
        if made is None:
            return asking.page("empty.html", {}, here="pupils")
        values = list_values(asking, made)
        asking.record(Action.saw, "list", details=made.query.group or "")
        is_part = request.headers.get("HX-Request") == "true"
        return asking.page("_list.html" if is_part else "pupils.html", values, here="pupils")

    return answer(request, make)


@access(Role.read, is_page=True)
@router.get(f"{PATH}.csv")
def pupils_csv(request: Request, asked: AskedList) -> Response:
    """The list for a spreadsheet, as text."""
    return _file(request, asked, "csv")


@access(Role.read, is_page=True)
@router.get(f"{PATH}.xlsx")
def pupils_xlsx(request: Request, asked: AskedList) -> Response:
    """The list for a spreadsheet."""
    return _file(request, asked, "xlsx")


@access(Role.read, is_page=True)
@router.get(f"{PATH}/print")
def pupils_print(request: Request, asked: AskedPrint) -> Response:
    """The list for paper, class by class."""

    def make(asking: Asking) -> Response:
        made = prepared(asking, asked)
        if made is None:
            return asking.page("empty.html", {}, here="pupils")
        pupils = every_pupil(asking.store, made.profile, made.standings, made.query, made.reader)
        asking.record(Action.printed, "list", details=made.query.group or "")
        values = list_values(asking, made) | {
            "sheets": class_sheets(pupils, made, asking.reader, two_sided=asked.sides != "1"),
            "two_sided": asked.sides != "1",
            "foot": asking.by_whom(),
        }
        return asking.page("print.html", values, here="pupils")

    return answer(request, make)


@access(Role.read, is_page=True)
@router.get(CLASSES)
def classes(request: Request, asked: AskedList) -> Response:
    """Where whole classes fall behind."""

    def make(asking: Asking) -> Response:
        # There `q` is a class's name, and a pupil's in the list, which it makes one of all pupils.
        made = prepared(asking, asked.model_copy(update={"search": ""}))
        if made is None:
            return asking.page("empty.html", {}, here="classes")
        return asking.page("classes.html", classes_values(asking, asked, made), here="classes")

    return answer(request, make)


@access(Role.read, is_page=True)
@router.get(f"{CLASSES}/one")
def one_class(request: Request, asked: AskedList) -> Response:
    """A class, and its pupils."""

    def make(asking: Asking) -> Response:
        made = prepared(asking, asked)
        values = None if made is None else class_values(asking, made, asked.group)
        if values is None:
            return asking.missing()
        asking.record(Action.saw, "class", details=asked.group)
        return asking.page("class.html", values, here="classes")

    return answer(request, make)


@access(Role.read, is_page=True)
@router.get(f"{PATH}/{{student:path}}/referral")
def referral(
    request: Request, student: str, audience: Annotated[str, Query(alias="for", max_length=20)] = ""
) -> Response:
    """A sheet about a pupil to hand on."""

    def make(asking: Asking) -> Response:
        record = seen_pupil(asking, student)
        if record is None:
            return asking.missing()
        values = referral_values(asking, record, audience)
        asking.record(Action.printed, "referral", student=record.student, details=str(values["audience"]))
        return asking.page("referral.html", values, here="pupils")

    return answer(request, make)


@access(Role.read, is_page=True)
@router.post(f"{PATH}/{{student:path}}/scenario")
def ask_scenario(request: Request, student: str, given: GivenFields) -> Response:
    """What the answer would be with other values: nothing is stored, and so the values stand in no address."""

    def make(asking: Asking) -> Response:
        record = seen_pupil(asking, student)
        if record is None:
            return asking.missing()
        values = scenario_values(asking, record, given) | {"student": record.student, "name": record.name}
        is_part = request.headers.get("HX-Request") == "true"
        return asking.page("_scenario.html" if is_part else "scenario.html", values, here="pupils")

    return answer(request, make)


@access(Role.read, is_page=True)
@router.get(f"{PATH}/{{student:path}}")
def pupil(request: Request, student: str) -> Response:
    """A pupil."""

    def make(asking: Asking) -> Response:
        record = seen_pupil(asking, student)
        if record is None:
            return asking.missing()
        asking.record(Action.saw, "pupil", student=record.student)
        return asking.page("pupil.html", pupil_values(asking, record), here="pupils")

    return answer(request, make)


@access(Role.manage, is_page=True)
@router.post(KEEP_PATH)
def change_capacity(request: Request, given: GivenFields) -> Response:
    """Keep how many pupils the team of the school can see."""

    def make(asking: Asking) -> Response:
        places = keep_capacity(asking, given.get("capacity", ""))
        shown = {name: given[name] for name in ("task", "by") if given.get(name)}
        return see_other(asking.reader, PATH, **shown, capacity=str(places))

    return answer(request, make)


@access(Role.manage, is_page=True)
@router.get(NAMES)
def names(
    request: Request, done: Annotated[str, Query(max_length=20)] = "", n: Number = 0, strangers: Number = 0
) -> Response:
    """Whether names are kept."""
    return answer(
        request, lambda asking: asking.page("names.html", names_values(asking, done, n, strangers), here="names")
    )


@access(Role.manage, is_page=True)
@router.post(NAMES)
def change_names(request: Request, given: GivenFields) -> Response:
    """Turn names on or off, or erase them all."""

    def make(asking: Asking) -> Response:
        done, n = decide_names(asking, given.get("decision", ""), is_sure=bool(given.get("sure")))
        return see_other(asking.reader, NAMES, done=done, n=str(n))

    return answer(request, make)


@access(Role.manage, is_page=True, most_bytes=lambda _settings: MOST_BYTES)
@router.post(f"{NAMES}/file")
def send_names(request: Request, file: UploadFile) -> Response:
    """Take names from a file of two columns."""

    def make(asking: Asking) -> Response:
        kept = take_names(asking, file.filename or "", file.file)
        return see_other(asking.reader, NAMES, done="kept", n=str(kept.kept), strangers=str(kept.strangers))

    return answer(request, make)


def _file(request: Request, asked: Asked, kind: str) -> Response:
    def make(asking: Asking) -> Response:
        made = prepared(asking, asked)
        if made is None:
            return asking.page("empty.html", {}, here="pupils")
        pupils = every_pupil(asking.store, made.profile, made.standings, made.query, made.reader)
        asking.record(Action.exported, "list", details=f"{kind}: {len(pupils)}")
        content = (csv_of if kind == "csv" else xlsx_of)(pupils, made, asking.reader)
        name = asking.reader.gettext("pupils")
        return Response(
            content,
            media_type="text/csv; charset=utf-8" if kind == "csv" else XLSX,
            headers={"Content-Disposition": f'attachment; filename="{name}-{made.standings.year}.{kind}"'},
        )

    return answer(request, make)
