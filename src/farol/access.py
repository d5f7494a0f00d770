"""What a route says of itself where it is defined: who may ask, whether it answers people, how large a body may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from farol.settings import Settings
from farol.store.keys import Role

Endpoint = TypeVar("Endpoint")


def usual_bytes(settings: Settings) -> int:
    """The largest body of a route that says nothing else."""
    return settings.max_body_bytes


@dataclass(frozen=True, slots=True)
class RouteAccess:
    """`role` is the least that may ask, None where everybody may; the errors of a page are pages for browsers."""

    role: Role | None
    is_page: bool = False
    most_bytes: Callable[[Settings], int] = usual_bytes


UNSTATED = RouteAccess(Role.manage)
"""A route that says nothing needs the highest role."""


def access(
    role: Role | None, *, is_page: bool = False, most_bytes: Callable[[Settings], int] = usual_bytes
) -> Callable[[Endpoint], Endpoint]:
    """Declares the access of a route: a decorator of what answers it."""

    def declare(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ATTRIBUTE, RouteAccess(role, is_page, most_bytes))
        return endpoint

    return declare


def access_of(endpoint: object) -> RouteAccess:
    """What was declared of what answers a route."""
    declared: RouteAccess = getattr(endpoint, _ATTRIBUTE, UNSTATED)
    return declared


_ATTRIBUTE = "route_access"
