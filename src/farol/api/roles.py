"""Which role each route needs, in one table, pages included. What it does not name needs the highest.

The table is read before the framework looks for the route, so it must say the same as the routes do: a test walks
through all of them and fails for one that is not here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Scope

from farol.store.keys import Role

_ROLES: Mapping[str, Role | None] = {
    "POST /predict": Role.predict,
    "POST /forecast": Role.predict,
    "POST /predict/batch": Role.predict,
    "POST /forecast/batch": Role.predict,
    "POST /v2/models/{name}/infer": Role.predict,
    "POST /v2/models/{name}/versions/{version}/infer": Role.predict,
    # A client of the protocol reads these with the key it infers with.
    "GET /v2": Role.predict,
    "GET /v2/models/{name}": Role.predict,
    "GET /v2/models/{name}/versions/{version}": Role.predict,
    "GET /v2/models/{name}/ready": None,
    "GET /v2/models/{name}/versions/{version}/ready": None,
    "GET /v2/health/live": None,
    "GET /v2/health/ready": None,
    "GET /": Role.read,
    "GET /models": Role.read,
    "GET /models/{task}": Role.read,
    "GET /models/{task}/card": Role.read,
    "GET /metrics": Role.read,
    "GET /monitoring/dashboard": Role.read,
    "GET /monitoring/predictions": Role.read,
    "GET /monitoring/predictions.csv": Role.read,
    "GET /monitoring/drift": Role.read,
    "GET /monitoring/drift/history": Role.read,
    "GET /monitoring/outcomes": Role.read,
    "GET /monitoring/results": Role.read,
    "GET /monitoring/status": Role.read,
    "GET /monitoring/advice": Role.read,
    "GET /monitoring/history": Role.read,
    "GET /monitoring/report": Role.read,
    "GET /monitoring/report.html": Role.read,
    "GET /monitoring/performance": Role.read,
    "POST /monitoring/drift/snapshots": Role.manage,
    "POST /monitoring/dashboard/snapshot": Role.manage,
    "GET /health": None,
    "GET /ready": None,
    "GET /docs": None,
    "GET /openapi.json": None,
}

_FOLDERS = ("/docs/assets", "/static")
"""Files of the package, the same for everybody."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request wants: the route's template (`-`: none we know) and the role it needs (None: none)."""

    route: str
    role: Role | None


UNSTATED = Wanted("-", Role.manage)

_ROUTES = {name: Wanted(name.partition(" ")[2], role) for name, role in _ROLES.items()}
_TEMPLATES = tuple(
    (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(name))), wanted)
    for name, wanted in _ROUTES.items()
    if "{" in name
)


def wanted_of(scope: Scope) -> Wanted:
    """What the request of this scope wants, from its method and path alone."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    name = f"{method} {path}"
    found = _ROUTES.get(name)
    if found is not None:
        return found
    for folder in _FOLDERS:
        if path.startswith(f"{folder}/"):
            return Wanted(folder, None)
    return next((wanted for template, wanted in _TEMPLATES if template.fullmatch(name)), UNSTATED)


def role_of(method: str, path: str) -> Role | None:
    """The role that a route needs, by its method and template; None when it needs none."""
    return _ROUTES.get(f"{method} {path}", UNSTATED).role
