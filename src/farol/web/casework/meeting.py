"""The sheet for a meeting: who gets what from whom, and what was agreed last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from farol.access import access
from farol.accounts.audit import Action
from farol.casework.cases import Case
from farol.casework.listing import MOST_ROWS, CaseQuery, classes_of_cases, list_cases
from farol.i18n import msg
from farol.store.keys import Role
from farol.web.casework.case_view import CaseView, CaseWords
from farol.web.casework.lists import Group, case_lines, picked
from farol.web.casework.visit import Visit, visit

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Giver:
    """Who gives support, and what to whom: pairs of a kind and the pupils."""

    name: str
    gives: tuple[tuple[str, tuple[CaseView, ...]], ...]


@access(Role.read, is_page=True)
@router.get("/meeting")
def meeting(request: Request, group: Group = "") -> Response:
    """The sheet for a meeting: who gets what from whom."""
    return visit(request, lambda asked: _meeting(asked, group, is_print=False))


@access(Role.read, is_page=True)
@router.get("/meeting/print")
def print_meeting(request: Request, group: Group = "") -> Response:
    """The same for the printer, with who printed it and when in its foot."""
    return visit(request, lambda asked: _meeting(asked, group, is_print=True))


def _meeting(asked: Visit, group: str, *, is_print: bool) -> Response:
    words = asked.words
    known = list_cases(asked.store, asked.viewer, CaseQuery(group=group or None), words.today, limit=MOST_ROWS + 1)
    asked.record(Action.printed if is_print else Action.saw, "meeting", details=group)
    shown = known[:MOST_ROWS]
    who = asked.viewer.name or words.text(msg("somebody at this computer (the site has no users)"))
    printed = msg("Printed by {who}, {when}", who=who, when=asked.reader.moment(asked.now))
    query = {"class": group} if group else {}
    values: dict[str, object] = {
        "rows": case_lines(asked, shown),
        "givers": _givers(asked.naming(shown), shown),
        "is_cut": len(known) > MOST_ROWS,
        "most": MOST_ROWS,
        "group": group,
        "classes": picked(((name, name) for name in classes_of_cases(asked.store, asked.viewer)), group),
        "is_print": is_print,
        "print_url": asked.reader.url("/meeting/print", **query),
        "printed": words.text(printed),
    }
    return asked.page("meeting", values)


def _givers(words: CaseWords, known: Iterable[Case]) -> list[Giver]:
    """Who gives what to whom; the owner of a case where nobody was named, and last what nobody gives yet."""
    gifts: dict[str, dict[str, list[CaseView]]] = {}
    for case in known:
        for item in case.state.supports:
            name = item.by or words.staff.name(case.state.owner)
            gifts.setdefault(name, {}).setdefault(words.support_name(item.kind), []).append(words.case(case))
    named = sorted(gifts.items(), key=lambda pair: (not pair[0], pair[0].casefold()))
    nobody = words.text(msg("nobody yet"))
    return [
        Giver(name or nobody, tuple((kind, tuple(pupils)) for kind, pupils in sorted(kinds.items())))
        for name, kinds in named
    ]
