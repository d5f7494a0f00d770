"""What the administrator decides and sees of case work: the kinds of support, and how much lists and cases are used."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from farol.access import access
from farol.accounts.audit import Action, audit_values
from farol.casework.supports import LONGEST_NAME, add_kind, offer_kind, rename_kind
from farol.casework.usage import use_by_week
from farol.errors import InputError
from farol.i18n import msg
from farol.store.keys import Role
from farol.web.casework.forms import Sent, Typed, refused, sent_text
from farol.web.casework.visit import Visit, visit
from farol.web.frame import see_other

router = APIRouter(include_in_schema=False)

SUPPORT = "/administration/support"


@access(Role.manage, is_page=True)
@router.get(SUPPORT)
def show_kinds(request: Request) -> Response:
    """The kinds of support of this school."""
    return visit(request, lambda asked: _kinds_page(asked, Typed()))


@access(Role.manage, is_page=True)
@router.post(SUPPORT)
def change_kinds(request: Request, form: Sent) -> Response:
    """Add a kind, give one another name, offer one or no longer."""

    def answer(asked: Visit) -> Response:
        kind, name, wish = (sent_text(form, field) for field in ("kind", "name", "wish"))
        try:
            _carry_out(asked, kind, name, wish)
        except InputError as error:
            return _kinds_page(asked, refused(asked.words, error), 422, name=name if wish == "add" else "")
        return see_other(asked.reader, SUPPORT, taken="1")

    return visit(request, answer)


@access(Role.manage, is_page=True)
@router.get("/administration/use")
def show_use(request: Request) -> Response:
    """How much lists and cases are used, week by week."""

    def answer(asked: Visit) -> Response:
        weeks = use_by_week(asked.store, asked.words.today, asked.reader.timezone)
        rows = [(asked.reader.day(week.first), week) for week in weeks]
        return asked.page("use", {"rows": rows, "here": "administration", "part": "use"})

    return visit(request, answer)


def _carry_out(asked: Visit, kind: str, name: str, wish: str) -> None:
    audited = audit_values(asked.viewer.id, Action.changed, "support-kinds", at=asked.now, details=wish)
    match wish:
        case "add":
            add_kind(asked.store, name, at=asked.now, audited=audited)
        case "rename":
            rename_kind(asked.store, kind, name, at=asked.now, audited=audited)
        case "offer" | "retire":
            offer_kind(asked.store, kind, is_offered=wish == "offer", at=asked.now, audited=audited)
        case _:
            raise InputError(msg("A choice in the form no longer exists."), fix=msg("Load the page again."))


def _kinds_page(asked: Visit, typed: Typed, status: int = 200, *, name: str = "") -> Response:
    kinds = [(kind.id, asked.words.text(kind.name), kind.is_offered) for kind in asked.words.kinds.values()]
    values: dict[str, object] = {
        "kinds": kinds,
        "typed": typed,
        "name": name,
        "longest": LONGEST_NAME,
        "taken": bool(asked.request.query_params.get("taken")),
        "here": "administration",
        "part": "support",
    }
    return asked.page("support", values, status)
