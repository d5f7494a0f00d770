"""The users of the pages: made, listed, changed, disabled; the one-time links by which each chooses a password."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, RowMapping, delete, func, select, update

from farol.accounts.audit import Action, AuditValues, audit_values
from farol.accounts.viewer import User, UserRole
from farol.errors import InputError, Place
from farol.i18n import msg
from farol.store.database import Store
from farol.store.engine import insert_new
from farol.store.records import microseconds, moment, uuid7
from farol.store.tables import audit, invitations, json_text, pupil_years, sessions, users
from farol.workbook.student_code import class_name

LINK_TERM = timedelta(days=7)
"""How long a one-time link for a password is good."""
FIRST_TERM = timedelta(hours=1)
"""The same for the link that a service without users prints at its start."""
LONGEST_NAME = 100
MOST_CLASSES = 200

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,99}")


@dataclass(frozen=True, slots=True)
class Account:
    """A user as administrators see them. `locked_until` is None unless wrong passwords lock the account."""

    user: User
    created: datetime  # aware, as the other two
    disabled: datetime | None
    locked_until: datetime | None
    has_password: bool


def has_users(store: Store) -> bool:
    """Whether there ever was a user: users are disabled, never removed. Raises StoreError."""
    with store.reading() as connection:
        return connection.execute(select(users.c.id).limit(1)).first() is not None


def has_active_user(store: Store) -> bool:
    """Whether somebody may sign in, or will be able to. Raises StoreError."""
    with store.reading() as connection:
        return connection.execute(select(users.c.id).where(users.c.disabled.is_(None)).limit(1)).first() is not None


def all_accounts(store: Store) -> list[Account]:
    """Every user there ever was, by their names."""
    with store.reading() as connection:
        rows = connection.execute(select(users).order_by(func.lower(users.c.name), users.c.login)).mappings()
        return [_account(row) for row in rows]


def known_classes(store: Store) -> list[str]:
    """The classes of the latest year whose pupils are known, to choose from. Raises StoreError."""
    latest = select(func.max(pupil_years.c.year)).scalar_subquery()
    query = select(pupil_years.c["class"]).where(pupil_years.c.year == latest, pupil_years.c["class"].is_not(None))
    with store.reading() as connection:
        return sorted(connection.execute(query.distinct()).scalars())


def account_of(store: Store, key: str) -> Account:
    """The account of an id or a login. InputError where nobody has it."""
    with store.reading() as connection:
        return _account(_row(connection, key))


def create_user(
    store: Store,
    login: str,
    name: str,
    role: UserRole,
    classes: Iterable[str],
    *,
    at: datetime,
    audited: AuditValues | None = None,
) -> tuple[User, str]:
    """A new user, and the token of the link by which they choose a password. InputError; the first is administrator.

    Here and below `audited` joins the audit in the same transaction.
    """
    user = User(uuid7(at), _login(login), _name(name), role, _classes(role, classes))
    values = {
        "id": user.id,
        "login": user.login,
        "name": user.name,
        "role": role.value,
        "classes": json_text(sorted(user.classes)),
        "password": None,
        "created": microseconds(at),
        "disabled": None,
        "failures": 0,
        "locked_until": None,
    }
    with _writing(store, audited) as connection:
        is_first = connection.execute(select(users.c.id).limit(1)).first() is None
        if is_first and role is not UserRole.administrator:
            raise InputError(
                msg("The first user must be an administrator: else nobody could make the others."),
                where=Place(field="role"),
                fix=msg("Make an administrator first, then the others."),
            )
        if not insert_new(connection, users, values):
            raise InputError(
                msg("Somebody has this login already."), where=Place(field="login"), fix=msg("Choose another one.")
            )
        connection.execute(delete(invitations).where(invitations.c.user == ""))
        return user, _invite(connection, user.id, at + LINK_TERM)


def change_user(
    store: Store,
    key: str,
    *,
    name: str,
    role: UserRole,
    classes: Iterable[str],
    audited: AuditValues | None = None,
) -> User:
    """Another name, role or classes. InputError; there is always an administrator."""
    with _writing(store, audited) as connection:
        row = _row(connection, key)
        if role is not UserRole.administrator:
            _require_another_administrator(connection, row)
        values = {"name": _name(name), "role": role.value, "classes": json_text(sorted(_classes(role, classes)))}
        connection.execute(update(users).where(users.c.id == row["id"]).values(values))
        return _account(_row(connection, row["id"])).user


def disable_user(store: Store, key: str, *, at: datetime, audited: AuditValues | None = None) -> User:
    """Nobody signs in by this account any more, and all its sessions and links end. InputError."""
    with _writing(store, audited) as connection:
        row = _row(connection, key)
        _require_another_administrator(connection, row)
        connection.execute(update(users).where(users.c.id == row["id"]).values(disabled=microseconds(at)))
        _end_all(connection, row["id"])
        return _account(row).user


def reset_user(store: Store, key: str, *, at: datetime, audited: AuditValues | None = None) -> tuple[User, str]:
    """A new one-time link, also for a disabled or locked account: its password and sessions are gone. InputError."""
    with _writing(store, audited) as connection:
        row = _row(connection, key)
        values = {"password": None, "disabled": None, "failures": 0, "locked_until": None}
        connection.execute(update(users).where(users.c.id == row["id"]).values(values))
        _end_all(connection, row["id"])
        return _account(row).user, _invite(connection, row["id"], at + LINK_TERM)


def invite_first(store: Store, *, at: datetime) -> str | None:
    """The token of a link by which the first administrator makes themselves; None where there are users."""
    with _writing(store) as connection:
        if connection.execute(select(users.c.id).limit(1)).first() is not None:
            return None
        connection.execute(delete(invitations))
        return _invite(connection, "", at + FIRST_TERM)


def invited(store: Store, token: str, *, at: datetime) -> User | None:
    """Whose password the link of this token sets; a user without id: the first administrator. None: it is not valid."""
    with store.reading() as connection:
        return _invited(connection, token, at)


def accept_invitation(
    store: Store, token: str, encoded: str, *, at: datetime, login: str = "", name: str = ""
) -> User | None:
    """Set the password (its hash) by a link, which is then used up; the first administrator gets a login and a name.

    None where the link is not valid. InputError for a login or a name that cannot be used.
    """
    with _writing(store) as connection:
        user = _invited(connection, token, at)
        if user is None:
            return None
        if not user.id:
            user = User(uuid7(at), _login(login), _name(name), UserRole.administrator)
            values = {"id": user.id, "login": user.login, "name": user.name, "role": user.role.value, "classes": "[]"}
            connection.execute(users.insert(), [{**values, "created": microseconds(at), "failures": 0}])
        used = connection.execute(delete(invitations).where(invitations.c.digest == digest_of(token)))
        if not used.rowcount:  # somebody else was quicker
            raise InputError(
                msg("This link was used already."),
                fix=msg("Sign in with the password that was chosen, or ask an administrator for a new link."),
            )
        _end_all(connection, user.id)
        changed = update(users).where(users.c.id == user.id)
        connection.execute(changed.values(password=encoded, failures=0, locked_until=None))
        chosen = audit_values(user.id, Action.changed, "account", at=at, details="password")
        connection.execute(audit.insert(), [chosen])
        return user


def set_name(store: Store, key: str, name: str, *, audited: AuditValues | None = None) -> None:
    """Another name for oneself. InputError."""
    with _writing(store, audited) as connection:
        connection.execute(update(users).where(users.c.id == key).values(name=_name(name)))


def digest_of(token: str) -> str:
    """What is kept of a token of 256 random bits: nobody can guess it, so a fast hash does."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def user_of(row: RowMapping) -> User:
    """The user that a row of the table holds."""
    return User(row["id"], row["login"], row["name"], UserRole(row["role"]), frozenset(json.loads(row["classes"])))


@contextmanager
def _writing(store: Store, audited: AuditValues | None = None) -> Iterator[Connection]:
    with store.transaction() as connection:
        yield connection
        if audited is not None:
            connection.execute(audit.insert(), [audited])


def _invite(connection: Connection, user: str, ends: datetime) -> str:
    token = secrets.token_urlsafe(32)
    connection.execute(delete(invitations).where(invitations.c.user == user))
    values = {"digest": digest_of(token), "user": user, "ends": microseconds(ends)}
    connection.execute(invitations.insert(), [values])
    return token


def _invited(connection: Connection, token: str, at: datetime) -> User | None:
    query = select(invitations.c.user).where(
        invitations.c.digest == digest_of(token), invitations.c.ends > microseconds(at)
    )
    key = connection.execute(query).scalar_one_or_none()
    if key is None:
        return None
    if not key:
        is_first = connection.execute(select(users.c.id).limit(1)).first() is None
        return User("", "", "", UserRole.administrator) if is_first else None
    row = connection.execute(select(users).where(users.c.id == key, users.c.disabled.is_(None))).mappings().first()
    return None if row is None else user_of(row)


def _end_all(connection: Connection, user: str) -> None:
    connection.execute(delete(sessions).where(sessions.c.user == user))
    connection.execute(delete(invitations).where(invitations.c.user == user))


def _row(connection: Connection, key: str) -> RowMapping:
    query = select(users).where((users.c.id == key) | (users.c.login == key.strip().lower()))
    row = connection.execute(query).mappings().first()
    if row is None:
        raise InputError(
            msg("There is no such user."),
            where=Place(field="LOGIN"),
            fix=msg("Look among all users. In a terminal: {command}.", command="`farol users list`"),
        )
    return row


def _require_another_administrator(connection: Connection, row: RowMapping) -> None:
    others = select(users.c.id).where(
        users.c.role == UserRole.administrator.value, users.c.disabled.is_(None), users.c.id != row["id"]
    )
    if row["role"] == UserRole.administrator.value and connection.execute(others.limit(1)).first() is None:
        raise InputError(
            msg("This is the only administrator: without one, nobody could make users or let anybody in again."),
            where=Place(field="role"),
            fix=msg("Make somebody else administrator first."),
        )


def _login(login: str) -> str:
    login = login.strip().lower()
    if not _LOGIN.fullmatch(login):
        raise InputError(
            msg("This login cannot be used."),
            expected=msg("2 to 100 letters without accents, digits, or . _ - @ +, such as maria.souza"),
            where=Place(field="login"),
            fix=msg("Choose another login, such as the first part of the person's e-mail address."),
        )
    return login


def _name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(
            msg("The name cannot be used."),
            expected=msg("1 to {most} characters, on one line", most=LONGEST_NAME),
            where=Place(field="name"),
            fix=msg("Type the person's name on one line."),
        )
    return name


def _classes(role: UserRole, classes: Iterable[str]) -> frozenset[str]:
    """Of a coordinator alone: the other roles see the whole school. Written as those of the pupils are."""
    if role is not UserRole.coordinator:
        return frozenset()
    names = {class_name(name) for name in classes if name.strip()}
    chosen = frozenset(name for name in names if name is not None)
    if not chosen or len(chosen) > MOST_CLASSES or None in names:
        raise InputError(
            msg("A coordinator needs classes."),
            expected=msg("1 to {most} classes, named as in the workbook", most=MOST_CLASSES),
            where=Place(field="classes"),
            fix=msg("Name the classes that this person coordinates."),
        )
    return chosen


def _account(row: RowMapping) -> Account:
    return Account(
        user=user_of(row),
        created=moment(row["created"]),
        disabled=None if row["disabled"] is None else moment(row["disabled"]),
        locked_until=None if row["locked_until"] is None else moment(row["locked_until"]),
        has_password=row["password"] is not None,
    )
