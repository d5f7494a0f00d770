"""Who is answered with a page when something fails: a browser that asks for a page, and nobody else."""

from __future__ import annotations

import re

from starlette.types import Scope

from farol.api.requests import fields_of
from farol.api.roles import UNSTATED, wanted_of

PAGES = frozenset(
    {
        "/",
        "/docs",
        "/models/{task}/card",
        "/monitoring/advice",
        "/monitoring/dashboard",
        "/monitoring/dashboard/snapshot",
        "/monitoring/report.html",
        "/monitoring/results",
        UNSTATED.route,  # an address that is none: a slip of the pen in a browser's bar
    }
)
"""Templates of the routes that people look at. All others are for programs, and keep the one shape for everybody."""

_QUALITY = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)", re.ASCII)


def wants_page(scope: Scope) -> bool:
    """Whether this request comes from a browser that wants a page: it names HTML, and prefers it to JSON."""
    accepted = fields_of(scope).get(b"accept", b"")
    if b"text/html" not in accepted:  # all programs, at no cost
        return False
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    if path == "/v2" or path.startswith("/v2/") or wanted_of(scope).route not in PAGES:
        return False
    qualities = dict(map(_quality, accepted.decode("latin-1").split(",")))
    return qualities.get("text/html", 0.0) > qualities.get("application/json", 0.0)


def _quality(part: str) -> tuple[str, float]:
    """A media type and its quality (RFC 9110, section 12.5.1): 1 where none is given, 0 where it is none."""
    name, *parameters = (one.strip().lower() for one in part.split(";"))
    given = [one.removeprefix("q=").strip() for one in parameters if one.startswith("q=")]
    if not given:
        return name, 1.0
    return name, float(given[0]) if _QUALITY.fullmatch(given[0]) else 0.0
