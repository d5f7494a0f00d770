"""What a route says of itself where it is defined: who may ask, whether it answers people, how large a body may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from farol.accounts.viewer import Duty
from farol.settings import Settings
from farol.store.keys import Role

Endpoint = TypeVar("Endpoint")


def usual_bytes(settings: Settings) -> int:
    """The largest body of a route that says nothing else."""
    return settings.max_body_bytes


@dataclass(frozen=True, slots=True)
class RouteAccess:
    """`role` is the least that may ask with a key, None where everybody may; the errors of a page are pages.

    `duty` is what a person with an account must be allowed; None: the route is for programs, and no session opens it.
    """

    role: Role | None
    is_page: bool = False
    most_bytes: Callable[[Settings], int] = usual_bytes
    duty: Duty | None = None


UNSTATED = RouteAccess(Role.manage)
"""A route that says nothing needs the highest role."""


def access(
    role: Role | None,
    *,
    is_page: bool = False,
    most_bytes: Callable[[Settings], int] = usual_bytes,
    duty: Duty | None = None,
) -> Callable[[Endpoint], Endpoint]:
    """Declares the access of a route: a decorator of what answers it.

    A page whose `duty` is not said is for whoever may see pupils, and where keys need `manage`, for administrators.
    """
    if duty is None and is_page and role is not None:
        duty = Duty.administer if role is Role.manage else Duty.see

    def declare(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ATTRIBUTE, RouteAccess(role, is_page, most_bytes, duty))
        return endpoint

    return declare


def access_of(endpoint: object) -> RouteAccess:
    """What was declared of what answers a route."""
    declared: RouteAccess = getattr(endpoint, _ATTRIBUTE, UNSTATED)
    return declared


_ATTRIBUTE = "route_access"
