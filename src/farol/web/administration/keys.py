"""The keys for programs: made and shown once, listed, revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from farol.accounts.users import has_users
from farol.errors import InputError, Place
from farol.i18n import msg
from farol.service import Service
from farol.store.keys import ApiKey, Keys, Role, make_key
from farol.web.locale import NOTHING, Reader

LONGEST_NAME = 100
TERMS = (0, 30, 90, 365)
"""Days a key may be valid; 0: until it is revoked."""


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key in the table; never the key itself."""

    prefix: str
    name: str
    role: Markup
    created: str
    expires: str
    key: str
    word: Markup
    is_active: bool


def keys_values(service: Service, reader: Reader, now: datetime) -> dict[str, object]:
    """What the template needs. Raises StoreError."""
    _ = reader.gettext
    lines = [_line(key, reader, now) for key in Keys(service.store).all()]
    return {
        "lines": lines,
        "roles": [(role.value, _role_words(role, reader)) for role in Role],
        "terms": [(days, _("{n} days", n=days) if days else _("until it is revoked")) for days in TERMS],
        "longest": LONGEST_NAME,
        "is_first": not lines and not has_users(service.store),
    }


def new_key_of(name: str, role: str, days: str, now: datetime) -> tuple[str, ApiKey]:
    """A new key and its text, which is stored nowhere. InputError for values that the form does not offer."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(
            msg("The name of the key cannot be used."),
            expected=msg("1 to {most} characters, on one line", most=LONGEST_NAME),
            where=Place(field="name"),
            fix=msg("Go back and say which program or person the key is for."),
        )
    if role not in set(Role) or days not in map(str, TERMS):
        raise InputError(
            msg("The key cannot be made like this."),
            where=Place(field="role"),
            fix=msg("Go back and choose what the key may do, and how long it is valid."),
        )
    expires = now + timedelta(days=int(days)) if days != "0" else None
    return make_key(Role(role), name, at=now, expires=expires)


def keep_key(service: Service, key: ApiKey) -> None:
    """Let a key in from now on. Raises StoreError."""
    Keys(service.store).add(key)
    service.store.note(service.settings, has_keys=True)


def _line(key: ApiKey, reader: Reader, now: datetime) -> KeyLine:
    _ = reader.gettext
    if key.revoked is not None:
        state, word = "insufficient_data", _("revoked")
    elif key.is_active(now):
        state, word = "none", _("active")
    else:
        state, word = "insufficient_data", _("expired")
    created, expires = (
        NOTHING if at is None else reader.day(at.astimezone(reader.timezone)) for at in (key.created, key.expires)
    )
    role = _role_words(key.role, reader)
    return KeyLine(key.prefix, key.name, role, created, expires, state, word, key.is_active(now))


def _role_words(role: Role, reader: Reader) -> Markup:
    _ = reader.gettext
    words = {
        Role.predict: _("ask for predictions"),
        Role.read: _("read what was answered"),
        Role.manage: _("everything"),
    }
    return words[role]
