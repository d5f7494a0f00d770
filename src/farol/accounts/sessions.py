"""Sessions: a random token in a cookie, its digest in the store. They end by idling, by age, and with the password.

Signing in is here, too: wrong passwords lock the account for a growing while, but no browser that signed in before.
"""

from __future__ import annotations

import hmac
import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from farol.accounts.audit import Action, AuditValues, audit_values
from farol.accounts.passwords import hashed, is_outdated, matches
from farol.accounts.users import digest_of, user_of
from farol.accounts.viewer import User
from farol.store.database import Store
from farol.store.engine import IMMEDIATE, store_errors
from farol.store.records import microseconds, moment
from farol.store.tables import audit, sessions, users

SIGN_IN_PAGE = "/login"
COOKIE = "farol-session"
BROWSER_COOKIE = "farol-browser"

IDLE = timedelta(hours=2)
"""A session ends when nothing was asked by it for so long."""
LONGEST = timedelta(hours=12)
"""And so long after the sign-in in any case."""
KNOWN_BROWSER = timedelta(days=180)

SEEN_EVERY = timedelta(minutes=1)
"""How often it is written down that a session is used."""

FREE_FAILURES = 5
"""Wrong passwords in a row before an account waits."""
FIRST_WAIT = timedelta(seconds=30)
"""The first wait; each further wrong password doubles it."""
LONGEST_WAIT = timedelta(minutes=15)

_WRONG: Counter[str] = Counter()
"""Wrong passwords of browsers that are known: after FREE_FAILURES they wait as all others do. Of signed ones alone."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its user sees it."""

    digest: str
    user: User
    created: datetime  # aware, as the other two
    seen: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in gives the browser: the session's token, and by what it is known again."""

    user: User
    token: str
    browser: str


def cookie_name(name: str, scheme: str) -> str:
    """Over https a cookie's name says that nobody but this very host can have set it (RFC 6265bis, __Host-)."""
    return f"__Host-{name}" if scheme == "https" else name


def sign_in(store: Store, login: str, password: str, *, at: datetime, browser: str = "") -> SignedIn | None:
    """A new session; None where login and password do not fit, where the account waits, or is disabled.

    All these take the same time and the same writes, so that nobody learns which logins there are. `browser` is what
    an earlier sign-in gave: whoever has it does not wait because of what others typed (OWASP, device cookies). Raises
    StoreError, BusyError.
    """
    login = login.strip().lower()[:100]
    with store_errors(store.engine.url), store.engine.connect() as connection:
        row = connection.execute(select(users).where(users.c.login == login)).mappings().first()
    encoded: str | None = None if row is None else row["password"]
    fits = matches(encoded, password)
    is_known = encoded is not None and row is not None and _is_known_browser(browser, row["id"], encoded, at)
    fresh = hashed(password) if fits and encoded is not None and is_outdated(encoded) else encoded
    token = secrets.token_urlsafe(32)
    key = "" if row is None else row["id"]
    user = _entered(store, key, encoded, fresh if fits else None, token=token, at=at, is_known=is_known)
    if user is None or fresh is None:
        if is_known:
            _WRONG[browser] += 1
        return None
    _WRONG.pop(browser, None)
    return SignedIn(user, token, _browser(user.id, fresh, at + KNOWN_BROWSER))


def session_of(store: Store, token: str, *, at: datetime) -> Session | None:
    """The session of a token that is still good, and its user as they are now. Raises StoreError."""
    digest, now = digest_of(token), microseconds(at)
    query = select(users, sessions.c.created.label("since"), sessions.c.seen, sessions.c.ends).where(
        sessions.c.digest == digest,
        sessions.c.ends > now,
        sessions.c.seen > microseconds(at - IDLE),
        users.c.id == sessions.c.user,
        users.c.disabled.is_(None),
    )
    with store_errors(store.engine.url), store.engine.connect() as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        return None
    session = Session(digest, user_of(row), moment(row["since"]), moment(row["seen"]), moment(row["ends"]))
    if at - session.seen > SEEN_EVERY:
        writing = store.engine.execution_options(**{IMMEDIATE: True})
        with store_errors(store.engine.url), writing.begin() as connection:
            connection.execute(update(sessions).where(sessions.c.digest == digest).values(seen=now))
    return session


def sessions_of(store: Store, user: str, *, at: datetime) -> list[Session]:
    """The sessions of a user that are still good, the latest first."""
    query = (
        select(users, sessions.c.digest, sessions.c.created.label("since"), sessions.c.seen, sessions.c.ends)
        .where(sessions.c.user == user, users.c.id == sessions.c.user)
        .where(sessions.c.ends > microseconds(at), sessions.c.seen > microseconds(at - IDLE))
        .order_by(sessions.c.created.desc())
    )
    with store_errors(store.engine.url), store.engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return [
        Session(row["digest"], user_of(row), moment(row["since"]), moment(row["seen"]), moment(row["ends"]))
        for row in rows
    ]


def end_session(store: Store, session: Session, *, at: datetime) -> None:
    """Sign out."""
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        connection.execute(delete(sessions).where(sessions.c.digest == session.digest))
        connection.execute(audit.insert(), [audit_values(session.user.id, Action.signed_out, "session", at=at)])


def end_sessions(store: Store, user: str, *, but: str = "", audited: AuditValues | None = None) -> None:
    """End all sessions of a user but one; `audited` joins the audit in the same transaction."""
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        connection.execute(delete(sessions).where(sessions.c.user == user, sessions.c.digest != but))
        if audited is not None:
            connection.execute(audit.insert(), [audited])


def change_password(store: Store, user: User, old: str, new: str, *, keep: str, at: datetime) -> bool:
    """Another password for oneself; every session but `keep` ends. Whether the old one was right, and is taken now.

    A wrong one counts as at a sign-in, and the account waits: an open screen is no place to guess at.
    """
    with store_errors(store.engine.url), store.engine.connect() as connection:
        known = connection.execute(select(users.c.password).where(users.c.id == user.id)).scalar_one_or_none()
    encoded = hashed(new) if matches(known, old) else None
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        row = connection.execute(select(users).where(users.c.id == user.id).with_for_update()).mappings().one()
        own = update(users).where(users.c.id == user.id)
        if row["locked_until"] is not None and row["locked_until"] > microseconds(at):
            return False
        if encoded is None:
            connection.execute(own.values(_failed(row["failures"] + 1, at)))
            connection.execute(audit.insert(), [audit_values(user.id, Action.refused, "account", at=at)])
            return False
        # A reset that came between holds: whoever had the old password has nothing left.
        if row["password"] != known:
            return False
        connection.execute(own.values(password=encoded, failures=0, locked_until=None))
        connection.execute(delete(sessions).where(sessions.c.user == user.id, sessions.c.digest != keep))
        changed = audit_values(user.id, Action.changed, "account", at=at, details="password")
        connection.execute(audit.insert(), [changed])
    return True


def _entered(
    store: Store, key: str, checked: str | None, fresh: str | None, *, token: str, at: datetime, is_known: bool
) -> User | None:
    """What becomes of the account, the audit, and the session of `token`, in one transaction; the user who is in.

    The account is read again: while the password was checked, others may have guessed, and it may have got another
    password, or been disabled. `checked` is the hash that was looked at; `fresh` the one to keep, None where the
    password does not fit. The writes are the same whether there is such a user or not.
    """
    now = microseconds(at)
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        row = connection.execute(select(users).where(users.c.id == key).with_for_update()).mappings().first()
        is_waiting = row is not None and row["locked_until"] is not None and row["locked_until"] > now
        is_in = row is not None and fresh is not None and row["password"] == checked and row["disabled"] is None
        user = user_of(row) if row is not None and is_in and (is_known or not is_waiting) else None
        changes: dict[str, object] = {"failures": 0, "locked_until": None, "password": fresh}
        if user is None:
            changes = {} if is_waiting else _failed(0 if row is None else row["failures"] + 1, at)
        connection.execute(update(users).where(users.c.id == key).values({"login": users.c.login, **changes}))
        action = Action.refused if user is None else Action.signed_in
        connection.execute(audit.insert(), [audit_values(key, action, "session", at=at)])
        if user is not None:
            connection.execute(delete(sessions).where(sessions.c.ends < now))
            values = {"digest": digest_of(token), "user": key, "created": now, "seen": now}
            connection.execute(sessions.insert(), [{**values, "ends": microseconds(at + LONGEST)}])
    return user


def _failed(failures: int, at: datetime) -> dict[str, object]:
    """What an account keeps after that number of wrong passwords, one after another."""
    wait = timedelta() if failures < FREE_FAILURES else FIRST_WAIT * 2 ** min(failures - FREE_FAILURES, 10)
    return {"failures": failures, "locked_until": microseconds(at + min(wait, LONGEST_WAIT))}


def _browser(user: str, encoded: str, ends: datetime) -> str:
    """By what a browser is known again: signed with the password's hash, so it ends with the password."""
    stated = f"{user}.{microseconds(ends)}"
    return f"{stated}.{hmac.new(encoded.encode(), stated.encode(), 'sha256').hexdigest()}"


def _is_known_browser(shown: str, user: str, encoded: str, at: datetime) -> bool:
    of, _, rest = shown.partition(".")
    ends = rest.partition(".")[0]
    if of != user or _WRONG[shown] >= FREE_FAILURES:
        return False
    if not ends.isdecimal() or len(ends) > 20 or int(ends) < microseconds(at):
        return False
    signed = hmac.new(encoded.encode(), f"{of}.{ends}".encode(), "sha256").hexdigest()
    return hmac.compare_digest(f"{of}.{ends}.{signed}".encode(), shown.encode())
