"""What pupils' data are processed for, on which legal basis, and who answers for it, as administrators wrote it down.

LGPD (Lei 13.709/2018), articles 7 and 11 name the bases, the second for sensitive data; article 14 asks that the data
of children and adolescents be processed in their best interest, on any of these bases (Enunciado CD/ANPD 1/2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from farol.accounts.audit import AuditValues
from farol.accounts.site import read_setting, write_setting
from farol.errors import InputError, Place
from farol.i18n import Message, msg
from farol.store.database import Store

LONGEST = 1_000
"""Characters of each text."""

BASES: Mapping[str, Message] = {
    "policy": msg("public policies of a public body (LGPD, art. 7, III; sensitive data: art. 11, II, b)"),
    "obligation": msg("a duty by law or regulation (LGPD, art. 7, II; sensitive data: art. 11, II, a)"),
    "consent": msg("specific consent of a parent or guardian (LGPD, art. 14, § 1; art. 7, I; art. 11, I)"),
    "interest": msg("legitimate interest, for data that are not sensitive (LGPD, art. 7, IX)"),
}
"""The bases to choose from; the words say where the law has them."""

_SETTING = "purpose"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What was recorded; all empty where nothing was yet."""

    purpose: str = ""
    basis: str = ""
    controller: str = ""
    contact: str = ""


def read_purpose(store: Store) -> Purpose:
    """What was recorded last. Raises StoreError."""
    return Purpose(**read_setting(store, _SETTING, {}))


def write_purpose(store: Store, purpose: Purpose, at: datetime, *, audited: AuditValues | None = None) -> None:
    """Record it. InputError for a text that is missing or too long, or a basis that is not in BASES."""
    for name, text in asdict(purpose).items():
        if not text.strip() or len(text) > LONGEST:
            raise InputError(
                msg("Part of this is missing or too long."),
                expected=msg("1 to {most} characters", most=LONGEST),
                where=Place(field=name),
                fix=msg("Fill in every field, and shorten the one that is too long."),
            )
    if purpose.basis not in BASES:
        raise InputError(msg("Choose one of the legal bases."), where=Place(field="basis"))
    texts = {name: text.strip() for name, text in asdict(purpose).items()}
    write_setting(store, _SETTING, texts, at, audited=audited)


def purpose_words(store: Store, locale: str) -> tuple[str, ...]:
    """Sentences for the foot of what is printed and exported; none where nothing was recorded. Raises StoreError."""
    known = read_purpose(store)
    if known.basis not in BASES:
        return ()
    lines = (
        msg("Purpose: {text}", text=known.purpose),
        msg("Legal basis: {text}, in the best interest of the child (LGPD, art. 14).", text=BASES[known.basis]),
        msg("Responsible: {name}. Questions and requests: {contact}", name=known.controller, contact=known.contact),
    )
    return tuple(line.render(locale) for line in lines)
