"""The page on which a school decides about names."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from farol.accounts.audit import Action
from farol.errors import InputError, Place
from farol.i18n import msg
from farol.profile import Profile
from farol.school.names import (
    NAME,
    KeptNames,
    count_names,
    erase_names,
    keep_names,
    names_are_on,
    names_in,
    turn_names,
)
from farol.web.school.answering import Asking

PATH = "/administration/names"
MOST_BYTES = 10_000_000

_ENDING = re.compile(r"\.[A-Za-z]{2,7}$")


def names_values(asking: Asking, done: str, n: int, strangers: int) -> dict[str, object]:
    """What the page shows; `done` and the numbers say what has just happened. Raises StoreError."""
    _, number, profile = asking.reader.gettext, asking.reader.number, asking.service.profile
    happened = {
        "on": _("Names are on. They come with the next workbook, or from a file below."),
        "off": _(
            "Names are off: they are neither read nor shown. Those that were kept are still there until you erase them."
        ),
        "erased": _("All names are erased: {n}.", n=number(n, 0)),
        "kept": _(
            "Names kept: {n}. Codes that no pupil here has: {strangers}.",
            n=number(n, 0),
            strangers=number(strangers, 0),
        ),
    }.get(done)
    return {
        "path": PATH,
        "is_on": names_are_on(asking.store),
        "count": number(count_names(asking.store), 0),
        "has_names": count_names(asking.store) > 0,
        "headers": _headers(profile),
        "happened": happened,
    }


def decide_names(asking: Asking, decision: str, *, is_sure: bool) -> tuple[str, int]:
    """Do what was decided, and say what was done, with how many.

    Raises InputError for another word, and for names that are to be erased without the tick that confirms it.
    """
    if decision == "erase":
        if not is_sure:
            raise InputError(
                msg("Nothing was removed: it was not confirmed."),
                where=Place(field="sure"),
                fix=msg("Go back and tick the box above the button."),
            )
        asking.record(Action.changed, "names", details=f"erased: {count_names(asking.store)}")
        erased = erase_names(asking.store)
        return "erased", erased
    if decision in ("on", "off"):
        asking.record(Action.changed, "names", details=decision)
        turn_names(asking.store, on=decision == "on", at=asking.at)
        return decision, 0
    raise InputError(msg("This page can turn names on or off, or erase them."), fix=msg("Use one of its buttons."))


def take_names(asking: Asking, file_name: str, content: BinaryIO) -> KeptNames:
    """Keep the names of a file. Raises InputError while names are off, WorkbookError for a file that has none."""
    if not names_are_on(asking.store):
        raise InputError(msg("Names are off on this site."), fix=msg("Turn them on first."))
    ending = _ENDING.search(file_name)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # which only this user may enter
        path = Path(folder, f"names{ending[0].lower() if ending else ''}")
        with path.open("wb") as file:
            shutil.copyfileobj(content, file)
        # A list of names has no year, and needs none: any will do.
        names = names_in(path, asking.service.profile, year=asking.at.year)
    asking.record(Action.changed, "names", details=f"from a file: {len(names)}")
    return keep_names(asking.store, names)


def _headers(profile: Profile) -> list[str]:
    columns = [profile.columns[name] for name in (*profile.identifiers, NAME) if name in profile.columns]
    return [next(iter(column.aliases), column.name) for column in columns]
