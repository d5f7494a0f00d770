"""What every page of case work begins with: who looks, in which language, at which store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fastapi import Request
from fastapi.responses import Response

from farol.accounts.audit import Action, record
from farol.accounts.viewer import Duty, Viewer
from farol.casework.cases import Case
from farol.errors import FarolError
from farol.i18n import msg
from farol.school.names import names_are_on, names_of
from farol.service import Service
from farol.store.database import Store
from farol.web.casework.case_view import CaseWords
from farol.web.casework.panel import case_words
from farol.web.error_pages import Failure, failed, failure_in
from farol.web.locale import Reader, reader_of
from farol.web.templating import page
from farol.web.viewer import viewer_of


@dataclass(frozen=True, slots=True)
class Visit:
    """What answers a request: who asks, in which language, of which store."""

    request: Request
    service: Service
    store: Store
    reader: Reader
    viewer: Viewer
    words: CaseWords
    now: datetime

    def page(self, template: str, values: dict[str, object], status: int = 200) -> Response:
        """A page of ours."""
        may_record = bool(self.viewer.may(Duty.record))
        common: dict[str, object] = {
            "here": "cases",
            "may_record": may_record,
            "today": self.reader.day(self.words.today),
        }
        return page(self.request, self.reader, f"casework/{template}.html", common | values, status=status)

    def record(self, action: Action, subject: str, *, student: str | None = None, details: str = "") -> None:
        """Add a line to the audit. Raises StoreError, and then nothing may be shown."""
        record(self.store, self.viewer, action, subject, at=self.now, student=student, details=details)

    def naming(self, known: Iterable[Case]) -> CaseWords:
        """The words with the names of these pupils, if the school shows names. Raises StoreError."""
        if not names_are_on(self.store):
            return self.words
        with self.store.snapshot() as connection:
            return replace(self.words, names=names_of(connection, [case.student for case in known]))

    def nothing(self) -> Response:
        """The answer for what is not there, or is not for this viewer."""
        return failed(self.request, self.reader, Failure(404, msg("There is no such case.")))


def visit(request: Request, answer: Callable[[Visit], Response]) -> Response:
    """What `answer` makes of the request; an error of the tree is answered by its page."""
    service: Service = request.app.state.service
    reader, viewer = reader_of(request), viewer_of(request)
    try:
        store = service.store
        words = case_words(store, reader, service.timezone)
        return answer(Visit(request, service, store, reader, viewer, words, datetime.now(UTC)))
    except FarolError as error:
        return failed(request, reader, failure_in(error))
