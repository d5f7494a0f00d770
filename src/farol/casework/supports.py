"""The kinds of support that a school gives: a list to begin with, which the school changes.

A kind that is no longer offered stays in the list, since cases name it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from farol.accounts.audit import AuditValues
from farol.accounts.site import change_setting, read_setting
from farol.casework.personal_numbers import plain_text
from farol.errors import InputError
from farol.i18n import Message, count, msg
from farol.store.database import Store

SETTING = "support-kinds"
"""Its name in `site_settings`: a JSON array of objects with id, name (null: the one we gave it) and offered."""

Row = dict[str, Any]

LONGEST_NAME = 60
MOST_KINDS = 60

FIRST_KINDS: Mapping[str, Message] = {
    "lessons": msg("extra lessons"),
    "tutoring": msg("tutoring"),
    "study-group": msg("study group"),
    "reading": msg("help with reading and writing"),
    "psychology": msg("psychological support"),
    "special-education": msg("special education service"),
    "family": msg("talk with the family"),
    "active-search": msg("active search"),
    "social-work": msg("social worker or protection network"),
    "health": msg("referral to health services"),
    "material": msg("material, transport or meals"),
}


@dataclass(frozen=True, slots=True)
class SupportKind:
    """A kind of support. `given_name` is the school's own; without one it has the name we gave it."""

    id: str
    given_name: str | None = None
    is_offered: bool = True

    @property
    def name(self) -> Message:
        """Its name, in the reader's language if it is ours."""
        if self.given_name is not None:
            return Message("{name}", {"name": self.given_name})
        return FIRST_KINDS.get(self.id, Message(self.id))


Kinds = Mapping[str, SupportKind]
"""Id → kind, in the school's order."""


def support_kinds(store: Store) -> dict[str, SupportKind]:
    """Id → kind, in the school's order; those that are no longer offered too. Raises StoreError."""
    return _kinds_of(read_setting(store, SETTING, list[Row]()))


def add_kind(store: Store, name: str, *, at: datetime, audited: AuditValues | None = None) -> SupportKind:
    """A new kind at the end of the list. InputError for a name that is empty, too long or there already."""
    id_ = secrets.token_hex(8)

    def added(kinds: Kinds) -> SupportKind:
        if len(kinds) >= MOST_KINDS:
            raise InputError(
                msg("The list has {n} kinds of support already.", n=count(MOST_KINDS)),
                fix=msg("Give one of them a new name."),
            )
        return SupportKind(id_, _new_name(kinds, name))

    return _change(store, id_, added, at, audited)


def rename_kind(store: Store, id_: str, name: str, *, at: datetime, audited: AuditValues | None = None) -> None:
    """Another name for a kind, in cases of the past too. InputError as in `add_kind`, and for an unknown kind."""

    def renamed(kinds: Kinds) -> SupportKind:
        kind = _known(kinds, id_)
        others = {key: other for key, other in kinds.items() if key != id_}
        return replace(kind, given_name=_new_name(others, name))

    _change(store, id_, renamed, at, audited)


def offer_kind(store: Store, id_: str, *, is_offered: bool, at: datetime, audited: AuditValues | None = None) -> None:
    """Offer a kind, or no longer. InputError for an unknown kind."""
    _change(store, id_, lambda kinds: replace(_known(kinds, id_), is_offered=is_offered), at, audited)


def _kinds_of(rows: list[Row]) -> dict[str, SupportKind]:
    if not rows:
        return {id_: SupportKind(id_) for id_ in FIRST_KINDS}
    return {row["id"]: SupportKind(row["id"], row["name"], row["offered"]) for row in rows}


def _known(kinds: Kinds, id_: str) -> SupportKind:
    if id_ not in kinds:
        raise InputError(msg("There is no such kind of support."), fix=msg("Choose one of the list."))
    return kinds[id_]


def _new_name(others: Kinds, name: str) -> str:
    kept = " ".join(plain_text(name, msg("Name"), longest=LONGEST_NAME).split())
    if not kept:
        raise InputError(msg("The kind of support has no name."), fix=msg("Write a name, such as “reading club”."))
    taken = {kind.name.render(locale).casefold() for kind in others.values() for locale in ("pt_BR", "en")}
    if kept.casefold() in taken:
        raise InputError(
            msg("The list has a kind of support of this name already."),
            fix=msg("Choose another name, or offer that one again."),
        )
    return kept


def _change(
    store: Store, id_: str, make: Callable[[Kinds], SupportKind], at: datetime, audited: AuditValues | None
) -> SupportKind:
    """Put the kind that is made into the list as it is now, at its place or the end."""

    def changed(rows: list[Row]) -> list[Row]:
        kinds = _kinds_of(rows)
        kinds[id_] = make(kinds)
        return [{"id": kind.id, "name": kind.given_name, "offered": kind.is_offered} for kind in kinds.values()]

    return _kinds_of(change_setting(store, SETTING, list[Row](), changed, at, audited=audited))[id_]
