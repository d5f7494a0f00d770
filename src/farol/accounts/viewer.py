"""Who looks at a page, what they may do, and which pupils they may see; every answer comes with its reason.

There is one authorizer, `Viewer`. Pages, exports, searches, prints and counters ask it, or filter by `Viewer.classes`,
and nothing else decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from farol.i18n import Listing, Message, msg


class UserRole(StrEnum):
    """What a person is: a coordinator of chosen classes, a reader of the whole school, an administrator."""

    coordinator = "coordinator"
    reader = "reader"
    administrator = "administrator"


class Duty(StrEnum):
    """What a page is for: to see pupils, to record what was done with them, or to run the site."""

    see = "see"
    record = "record"
    administer = "administer"


_DUTIES = {
    UserRole.coordinator: frozenset({Duty.see, Duty.record}),
    UserRole.reader: frozenset({Duty.see}),
    UserRole.administrator: frozenset(Duty),
}


@dataclass(frozen=True, slots=True)
class User:
    """A person with an account. `classes` bound what a coordinator sees; the other roles see the whole school."""

    id: str
    login: str
    name: str
    role: UserRole
    classes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something is allowed, and why, in words for the person who asks."""

    allowed: bool
    reason: Message

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever looks: a user, or nobody in particular while the site has no users (`user` is None)."""

    user: User | None = None

    @property
    def name(self) -> str:
        """The name that stands under what is printed and recorded; empty in the mode without users."""
        return "" if self.user is None else self.user.name

    @property
    def id(self) -> str:
        """The user's id, as records keep it; empty in the mode without users."""
        return "" if self.user is None else self.user.id

    @property
    def classes(self) -> frozenset[str] | None:
        """The classes whose pupils may be seen; None: the whole school. Every query of pupils is bounded by it."""
        if self.user is None or self.user.role is not UserRole.coordinator:
            return None
        return self.user.classes

    def may(self, duty: Duty) -> Decision:
        """Whether this person may do what a page is for."""
        if self.user is None:
            return Decision(allowed=True, reason=msg("This site has no users: whoever uses this computer may do all."))
        if duty in _DUTIES[self.user.role]:
            return Decision(allowed=True, reason=msg("Your role on this site allows it."))
        return Decision(allowed=False, reason=msg("Your role on this site does not allow it."))

    def sees(self, group: str | None) -> Decision:
        """Whether pupils of a class may be seen; None: pupils without a class."""
        if self.user is None:
            return Decision(
                allowed=True, reason=msg("You see this pupil because this site has no users and shows all pupils.")
            )
        if self.user.role is not UserRole.coordinator:
            return Decision(allowed=True, reason=msg("You see this pupil because you may see the whole school."))
        if group is not None and group in self.user.classes:
            return Decision(
                allowed=True, reason=msg("You see this pupil because you coordinate the class {name}.", name=group)
            )
        return Decision(
            allowed=False,
            reason=msg("You see only pupils of: {names}.", names=Listing(tuple(sorted(self.user.classes)))),
        )


NOBODY_IN_PARTICULAR = Viewer()
"""Whoever looks while the site has no users."""
