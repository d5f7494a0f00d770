"""Who looks at the page that is being made."""

from __future__ import annotations

from starlette.requests import Request

from farol.accounts.viewer import NOBODY_IN_PARTICULAR, Viewer


def viewer_of(request: Request) -> Viewer:
    """The person behind a request, as the middleware found them; without users, nobody in particular."""
    viewer: Viewer = getattr(request.state, "viewer", NOBODY_IN_PARTICULAR)
    return viewer
