"""Who looks at the page that is being made."""

from __future__ import annotations

from starlette.requests import Request

from farol.accounts.viewer import STRANGER, Viewer


def viewer_of(request: Request) -> Viewer:
    """The person behind a request, as `farol.api.auth` found them; without users, nobody in particular."""
    viewer: Viewer = getattr(request.state, "viewer", STRANGER)
    return viewer
