"""The keys of the API: made, kept as digests, compared in constant time, revoked.

A key is `farol_`, a prefix of 12 hexadecimal digits by which people name it, `_`, and 64 more: 256 random bits. We keep
the SHA-256 of the whole. A slow hash (bcrypt, Argon2) protects secrets that people choose, which can be guessed. 256
random bits cannot, and every request would pay for a slow hash.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import RowMapping, select, update

from farol.errors import InputError, Place
from farol.i18n import msg
from farol.store.database import Store
from farol.store.records import microseconds, moment
from farol.store.tables import api_keys

BEGINNING = "farol_"
_PREFIX = slice(len(BEGINNING), len(BEGINNING) + 12)


class Role(StrEnum):
    """What a key may do: ask for predictions, read what was answered, or everything."""

    predict = "predict"
    read = "read"
    manage = "manage"

    def allows(self, needed: Role) -> bool:
        """Whether a key of this role may do what `needed` may; `manage` may do all, the others only their own."""
        return self in (needed, Role.manage)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored: everything but the key itself."""

    prefix: str
    digest: bytes = field(repr=False)
    role: Role
    name: str
    created: datetime  # aware, as the other two
    expires: datetime | None = None
    revoked: datetime | None = None

    def is_active(self, at: datetime) -> bool:
        """Whether it is neither revoked nor expired at this moment."""
        return self.revoked is None and (self.expires is None or at < self.expires)


_NOBODY = secrets.token_bytes(32)


def make_key(role: Role, name: str, *, at: datetime, expires: datetime | None = None) -> tuple[str, ApiKey]:
    """A new key, to be shown once, and its record."""
    prefix = secrets.token_hex(6)
    text = f"{BEGINNING}{prefix}_{secrets.token_hex(32)}"
    return text, ApiKey(prefix, _digest(text), role, name, at, expires)


def match_key(keys: Mapping[str, ApiKey], presented: str, at: datetime) -> ApiKey | None:
    """The active key of `keys` (prefix → key) that was presented; None where there is no such key.

    The digests are compared in constant time, also where no key has the prefix. The prefix is not secret.
    """
    key = keys.get(presented[_PREFIX])
    same = hmac.compare_digest(_digest(presented), _NOBODY if key is None else key.digest)
    return key if key is not None and same and key.is_active(at) else None


class Keys:
    """The keys in a store. Every method raises StoreError when the database cannot do what is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[ApiKey]:
        """Every key there ever was, the oldest first."""
        query = select(api_keys).order_by(api_keys.c.created, api_keys.c.prefix)
        with self._store.reading() as connection:
            return [_key(row) for row in connection.execute(query).mappings()]

    def add(self, key: ApiKey) -> None:
        """Keeps a key."""
        values = {
            "prefix": key.prefix,
            "digest": key.digest.hex(),
            "role": key.role.value,
            "name": key.name,
            "created": microseconds(key.created),
            "expires": None if key.expires is None else microseconds(key.expires),
            "revoked": None if key.revoked is None else microseconds(key.revoked),
        }
        with self._store.transaction() as connection:
            connection.execute(api_keys.insert(), values)

    def revoke(self, prefix: str, at: datetime) -> ApiKey:
        """Ends a key for good; a revoked key keeps its first moment. InputError where none has this prefix."""
        table = api_keys.c
        ended = update(api_keys).where(table.prefix == prefix, table.revoked.is_(None))
        with self._store.transaction() as connection:
            connection.execute(ended.values(revoked=microseconds(at)))
            row = connection.execute(select(api_keys).where(table.prefix == prefix)).mappings().first()
        if row is None:
            raise InputError(
                msg("No key begins like this."),
                expected=msg("the twelve characters that `farol keys list` shows"),
                where=Place(field="PREFIX"),
                fix=msg("Copy the beginning of the key from the list."),
            )
        return _key(row)


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(
        prefix=row["prefix"],
        digest=bytes.fromhex(row["digest"]),
        role=Role(row["role"]),
        name=row["name"],
        created=moment(row["created"]),
        expires=None if row["expires"] is None else moment(row["expires"]),
        revoked=None if row["revoked"] is None else moment(row["revoked"]),
    )
