"""Who may own a case: the users who may record, by name."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import select

from farol.accounts.viewer import Duty, User, UserRole, Viewer
from farol.store.database import Store
from farol.store.engine import store_errors
from farol.store.tables import users


@dataclass(frozen=True, slots=True)
class Staff:
    """The users of the site by id; those who were switched off are there for their name alone."""

    members: dict[str, User]
    enabled: frozenset[str]

    def name(self, id_: str) -> str:
        """The name of a user; empty where there is no such user (any more)."""
        return self.members[id_].name if id_ in self.members else ""

    def owners(self, group: str | None) -> dict[str, str]:
        """Id → name of those who may own the case of a pupil of a class, by name."""
        fit = [
            user
            for id_, user in self.members.items()
            if id_ in self.enabled and Viewer(user).may(Duty.record) and Viewer(user).sees(group)
        ]
        return {user.id: user.name for user in sorted(fit, key=lambda user: user.name.casefold())}


def staff(store: Store) -> Staff:
    """All users of the site. Raises StoreError."""
    columns = users.c
    query = select(columns.id, columns.login, columns.name, columns.role, columns.classes, columns.disabled)
    members, enabled = {}, set()
    with store_errors(store.engine.url), store.engine.connect() as connection:
        for row in connection.execute(query).mappings():
            classes = frozenset(json.loads(row["classes"]))
            members[row["id"]] = User(row["id"], row["login"], row["name"], UserRole(row["role"]), classes)
            if row["disabled"] is None:
                enabled.add(row["id"])
    return Staff(members, frozenset(enabled))
