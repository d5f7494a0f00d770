"""A school with invented pupils of three classes, for the tests of case work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from farol.accounts.viewer import User, UserRole, Viewer
from farol.store.database import Store
from farol.store.records import microseconds
from farol.store.tables import json_text, pupil_answers, pupil_years, sessions, users

THEN = datetime(2025, 3, 10, 15, tzinfo=UTC)

PUPILS: Mapping[str, str | None] = {"RA-1": "3B", "RA-2": "3B", "RA-3": "3C", "RA-4": "4A", "RA-5": None}
"""Pupil → class in 2024. In 2023 RA-1 was in 2C, and RA-3 in 3B."""

ANA = User("u-ana", "ana", "Ana Lima", UserRole.coordinator, frozenset({"3B"}))
BIA = User("u-bia", "bia", "Bia Reis", UserRole.coordinator, frozenset({"3C", "3B"}))
LEO = User("u-leo", "leo", "Leo Reader", UserRole.reader)
DIR = User("u-dir", "dir", "Dora Dias", UserRole.administrator)

ana, bia, leo, director = map(Viewer, (ANA, BIA, LEO, DIR))


def fill(store: Store, *, with_users: bool = True) -> None:
    """The pupils and, if asked for, the users."""
    old = [year_row(2023, "RA-1", "2C"), year_row(2023, "RA-3", "3B")]
    rows = [*old, *(year_row(2024, student, group) for student, group in PUPILS.items())]
    with store.engine.begin() as connection:
        connection.execute(pupil_years.insert(), rows)
        if with_users:
            staff = (ANA, BIA, LEO, DIR)
            connection.execute(users.insert(), [user_row(user) for user in staff])
            connection.execute(sessions.insert(), [session_row(user) for user in staff])


def year_row(year: int, student: str, group: str | None, label: int | None = None) -> dict[str, object]:
    """A row of `pupil_years`."""
    values: dict[str, object] = {
        "year": year,
        "student": student,
        "class": group,
        "level": 3.0,
        "label": label,
        "values": "{}",
        "fingerprint": "f",
        "recorded": microseconds(THEN),
    }
    return {name: value for name, value in values.items() if name in pupil_years.c}


def session_row(user: User) -> dict[str, object]:
    """A session of a user that began now; its cookie is `cookie_of`."""
    now = datetime.now(UTC)
    return {
        "digest": sha256(f"token-of-{user.id}".encode()).hexdigest(),
        "user": user.id,
        "created": microseconds(now),
        "seen": microseconds(now),
        "ends": microseconds(now + timedelta(hours=1)),
    }


def cookie_of(viewer: Viewer) -> str:
    """The cookie by which the site knows a user."""
    return f"farol-session=token-of-{viewer.id}"


def user_row(user: User) -> dict[str, object]:
    """A row of `users`."""
    return {
        "id": user.id,
        "login": user.login,
        "name": user.name,
        "role": user.role.value,
        "classes": json_text(sorted(user.classes)),
        "password": None,
        "created": microseconds(THEN),
        "disabled": None,
        "failures": 0,
        "locked_until": None,
    }


def answer_row(task: str, year: int, student: str, group: str | None, probability: float | None) -> dict[str, object]:
    """A row of `pupil_answers`."""
    values: dict[str, object] = {
        "task": task,
        "year": year,
        "student": student,
        "version": "v1",
        "prediction": f"{task}-{year}-{student}",
        "at": microseconds(THEN),
        "class": group,
        "level": 3.0,
        "probability": probability,
        "reasons": "[]",
        "missing": "[]",
    }
    return {**{column.name: "" for column in pupil_answers.c if not column.nullable}, **values}
