"""What every page of pupils begins with: who looks, in which language, at which store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request
from fastapi.responses import Response

from farol.accounts.audit import Action, record
from farol.accounts.viewer import Viewer
from farol.errors import FarolError
from farol.i18n import msg
from farol.profile import Profile
from farol.school.listing import ListReader
from farol.school.names import names_are_on
from farol.service import Service
from farol.store.database import Store
from farol.web.advice import doubts
from farol.web.error_pages import Failure, failed, failure_in
from farol.web.locale import Reader, reader_of
from farol.web.templating import page
from farol.web.viewer import viewer_of


@dataclass(frozen=True, slots=True)
class Asking:
    """A request for a page of pupils."""

    request: Request
    service: Service
    store: Store
    reader: Reader
    viewer: Viewer
    at: datetime

    @property
    def with_names(self) -> bool:
        """Whether names are shown. Raises StoreError."""
        return names_are_on(self.store)

    def list_reader(self) -> ListReader:
        """Whom the lists are made for. Raises StoreError."""
        return ListReader(self.viewer.classes, self.with_names)

    def profile(self, task: str) -> Profile:
        """The profile of a task's answers."""
        return self.service.profile_of(task)

    def record(self, action: Action, subject: str, *, student: str | None = None, details: str = "") -> None:
        """Add a line to the audit. Raises StoreError, and then nothing may be shown."""
        record(self.store, self.viewer, action, subject, at=self.at, student=student, details=details)

    def page(self, template: str, values: dict[str, object], *, here: str) -> Response:
        """A page of ours."""
        known = {"here": here, "doubts": doubts(self.service, self.reader, self.viewer)}
        return page(self.request, self.reader, f"school/{template}", values | known)

    def by_whom(self) -> str:
        """Who prints, and when, for the foot of a sheet."""
        who = self.viewer.name or self.reader.gettext("somebody at this computer (the site has no users)")
        return self.reader.gettext("Printed by {who}, {when}", who=who, when=self.reader.moment(self.at))

    def missing(self) -> Response:
        """The answer for what does not exist, and for whom this person may not see: nothing tells them apart."""
        return failed(self.request, self.reader, Failure(404, msg("There is no such pupil or class here.")))


def answer(request: Request, make: Callable[[Asking], Response]) -> Response:
    """What `make` gives; the page of a failure where an error of ours is raised."""
    service: Service = request.app.state.service
    reader = reader_of(request)
    try:
        return make(Asking(request, service, service.store, reader, viewer_of(request), datetime.now(UTC)))
    except FarolError as error:
        return failed(request, reader, failure_in(error))
