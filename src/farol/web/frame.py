"""What every page of people begins with: the service, the reader, who looks, the store, the moment; and how one page
leads to another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from farol.accounts.viewer import Viewer
from farol.errors import FarolError
from farol.service import Service
from farol.store.database import Store
from farol.web.error_pages import failed, failure_in
from farol.web.locale import Reader, reader_of
from farol.web.templating import page
from farol.web.viewer import viewer_of

Given = ParamSpec("Given")


@dataclass(frozen=True, slots=True)
class Frame:
    """One request for a page."""

    request: Request
    service: Service
    reader: Reader
    viewer: Viewer
    now: datetime

    @property
    def store(self) -> Store:
        """The store. StoreError while it cannot be opened."""
        return self.service.store

    def page(self, template: str, here: str, values: dict[str, object], *, status: int = 200) -> Response:
        """The page, which stands in the navigation under `here`."""
        return page(self.request, self.reader, template, values | {"here": here}, status=status)


def frame_of(request: Request) -> Frame:
    """The frame of a request."""
    service: Service = request.app.state.service
    return Frame(request, service, reader_of(request), viewer_of(request), datetime.now(UTC))


def answering(make: Callable[Given, Response]) -> Callable[Given, Response]:
    """What answers a page's route, with a page for errors of the tree. Its first parameter is the request."""

    @wraps(make)
    def answer(*args: Given.args, **kwargs: Given.kwargs) -> Response:
        try:
            return make(*args, **kwargs)
        except FarolError as error:
            request = next(value for value in (*args, *kwargs.values()) if isinstance(value, Request))
            return failed(request, reader_of(request), failure_in(error))

    return answer


def see_other(reader: Reader, path: str, /, **query: str) -> RedirectResponse:
    """Leads to another page by GET, in the language that the reader chose: after a form was sent, mostly."""
    return RedirectResponse(reader.url(path, **query), 303)


def note_users(request: Request) -> None:
    """Let the service know at once that there are users now; it would within a second."""
    request.app.state.keyring.read_now()
