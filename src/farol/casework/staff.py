"""Who may own a case: the users who may record, by name."""

from __future__ import annotations

from dataclasses import dataclass

from farol.accounts.users import all_accounts
from farol.accounts.viewer import Duty, User, Viewer
from farol.store.database import Store


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
    accounts = all_accounts(store)
    enabled = frozenset(account.user.id for account in accounts if account.disabled is None)
    return Staff({account.user.id: account.user for account in accounts}, enabled)
