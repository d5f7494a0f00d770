"""What every page of intake begins with: who looks, in which language, and at which workbook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from farol.accounts.audit import Action, AuditValues, audit_values, record
from farol.accounts.viewer import Viewer
from farol.errors import FarolError, ServiceError, WorkbookError
from farol.i18n import msg
from farol.intake.uploads import Upload, find_upload
from farol.service import Service
from farol.settings import Settings
from farol.store.database import Store
from farol.web.error_pages import Failure, failed, failure_in
from farol.web.locale import Reader, reader_of
from farol.web.templating import page
from farol.web.viewer import viewer_of

PATH = "/workbooks"
LIST = "/pupils"


@dataclass(frozen=True, slots=True)
class UploadVisit:
    """A request for one of these pages."""

    request: Request
    service: Service
    reader: Reader
    viewer: Viewer
    now: datetime

    @classmethod
    def of(cls, request: Request) -> UploadVisit:
        """What a request brings."""
        return cls(request, request.app.state.service, reader_of(request), viewer_of(request), datetime.now(UTC))

    @property
    def store(self) -> Store:
        """The store; StoreError while it cannot be opened."""
        return self.service.store

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.service.settings

    def page(self, name: str, values: Mapping[str, object], status: int = 200) -> Response:
        """A page of ours."""
        whole = {"here": "workbooks", "list_path": LIST, **values}
        return page(self.request, self.reader, f"intake/{name}.html", whole, status=status)

    def changed(self, subject: str, details: str) -> AuditValues:
        """A line of the audit for the transaction that changes something."""
        return audit_values(self.viewer.id, Action.changed, subject, at=self.now, details=details)

    def note(self, action: Action, subject: str, details: str = "") -> None:
        """A line of the audit."""
        record(self.store, self.viewer, action, subject, at=self.now, details=details)


def answered(request: Request, make: Callable[[UploadVisit], Response]) -> Response:
    """What `make` gives; the page of a failure where an error of ours is raised."""
    visit = UploadVisit.of(request)
    try:
        return make(visit)
    except (WorkbookError, ServiceError) as error:  # the file's fault, or many files at once: nothing for the log
        status = 422 if isinstance(error, WorkbookError) else 503
        return failed(request, visit.reader, Failure(status, error.problem, fix=error.fix))
    except FarolError as error:
        return failed(request, visit.reader, failure_in(error))


def with_upload(request: Request, upload: str, make: Callable[[UploadVisit, Upload], Response]) -> Response:
    """The same about a workbook that was sent; 404 where it is no longer here."""

    def answer(visit: UploadVisit) -> Response:
        known = find_upload(visit.store, upload)
        if known is None:
            gone = msg("This workbook is no longer here. It may have been deleted because it was old.")
            return failed(request, visit.reader, Failure(404, gone))
        return make(visit, known)

    return answered(request, answer)


def text_of(form: FormData, name: str) -> str:
    """A field of a form; empty where it is absent or a file."""
    value = form.get(name)
    return value if isinstance(value, str) else ""
