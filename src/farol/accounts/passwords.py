"""Passwords of people: kept as Argon2id hashes (RFC 9106), checked a few at a time.

19 MiB, 2 passes, 1 lane: the least that OWASP's Password Storage Cheat Sheet asks for, about 20 ms on a laptop. When
these figures are raised, a password is hashed anew at its next sign-in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from farol.errors import InputError, Place
from farol.i18n import msg

LEAST, MOST = 10, 200
"""Characters of a password. No rule asks for digits or signs: length is what helps (NIST SP 800-63B, 5.1.1.2)."""

AT_ONCE = 2
"""Hashes of one process at the same time, each of 19 MiB; whoever waits longer than WAIT_SECONDS is sent away."""
WAIT_SECONDS = 5.0
PLACES = 12
"""Who is checked or waits, at most; whoever comes then is sent away at once, so that other pages have threads left."""

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODYS = _HASHER.hash("a password that nobody has")
_TURNS = BoundedSemaphore(AT_ONCE)
_PLACES = BoundedSemaphore(PLACES)


class BusyError(Exception):
    """More people sign in than this machine can check at once."""


def hashed(password: str) -> str:
    """The hash of a new password, as it is stored. BusyError."""
    with _turn():
        return _HASHER.hash(password)


def matches(encoded: str | None, password: str) -> bool:
    """Whether it is the password of this hash. Without a hash it takes as long, and the answer is no. BusyError."""
    with _turn():
        try:
            fits = _HASHER.verify(_NOBODYS if encoded is None else encoded, password[: MOST + 1])
        except (VerificationError, InvalidHashError):
            return False
        return fits and encoded is not None


def is_outdated(encoded: str) -> bool:
    """Whether the hash was made with other figures than those of today."""
    return _HASHER.check_needs_rehash(encoded)


def require_usable(password: str, again: str, login: str) -> None:
    """Raises InputError unless the password may be chosen; `again` is what was typed the second time."""
    if password != again:
        raise InputError(
            msg("The two passwords are not the same."),
            where=Place(field="again"),
            fix=msg("Type the same password in both fields."),
        )
    if not LEAST <= len(password) <= MOST or password.lower() == login or len(set(password)) < 4:
        raise InputError(
            msg("This password cannot be used."),
            expected=msg(
                "{least} to {most} characters, not your login, and not one character again and again",
                least=LEAST,
                most=MOST,
            ),
            where=Place(field="password"),
            fix=msg("Three or four words that you can remember are a good password."),
        )


@contextmanager
def _turn() -> Iterator[None]:
    if not _PLACES.acquire(blocking=False):
        raise BusyError
    try:
        if not _TURNS.acquire(timeout=WAIT_SECONDS):
            raise BusyError
        try:
            yield
        finally:
            _TURNS.release()
    finally:
        _PLACES.release()
