"""The panel of case work on a pupil's page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from farol.accounts.viewer import Duty, Viewer
from farol.casework.cases import CaseState, cases_of_pupil, seen_pupils
from farol.casework.entries import entries_of
from farol.casework.staff import staff
from farol.casework.supports import support_kinds
from farol.service import Service
from farol.store.database import Store
from farol.web.casework.case_view import CaseView, CaseWords, EntryView, pupil_path
from farol.web.casework.forms import USUAL_DAYS, CaseForm, case_form
from farol.web.locale import Reader

ENTRIES = 3
"""Entries of the history that the panel shows."""


@dataclass(frozen=True, slots=True)
class CasePanel:
    """What the template shows. `form` opens a case; None where one is open or the viewer may not record."""

    year: int
    may_record: bool
    open_url: str
    case: CaseView | None
    entries: tuple[EntryView, ...]
    count: int
    older: tuple[CaseView, ...]
    form: CaseForm | None
    is_asking: bool = False

    @property
    def more(self) -> bool:
        """Whether the history is longer than what the panel shows."""
        return self.count > len(self.entries)


def case_words(store: Store, reader: Reader, timezone: ZoneInfo) -> CaseWords:
    """What turns the cases of a store into texts. Raises StoreError."""
    return CaseWords(reader, staff(store), support_kinds(store), datetime.now(UTC).astimezone(timezone).date())


def case_panel(service: Service, reader: Reader, viewer: Viewer, student: str, year: int) -> dict[str, object]:
    """The values of `casework/_panel.html` for a pupil whom the viewer may see; `year` is the year of a new case.

    A case of another year that is still open is shown as the open one. Raises StoreError.
    """
    store = service.store
    words = case_words(store, reader, service.timezone)
    known = cases_of_pupil(store, viewer, student)
    current = next((case for case in known if case.closed is None), None)
    entries = [] if current is None else entries_of(store, viewer, [current.id])[current.id]
    may_record = bool(viewer.may(Duty.record))
    form = None
    if may_record and current is None:
        due = words.today + timedelta(days=USUAL_DAYS)
        with store.snapshot() as connection:
            group = seen_pupils(connection, viewer, [student]).get(student)
        form = case_form(words, group, CaseState(owner=viewer.id, due=due), 0, None)
    return {
        "case_panel": CasePanel(
            year=year,
            may_record=may_record,
            open_url=reader.url(f"{pupil_path(student)}/cases"),
            case=None if current is None else words.case(current),
            entries=words.entries(entries[:ENTRIES], viewer),
            count=len(entries),
            older=tuple(words.case(case) for case in known if case is not current),
            form=form,
        )
    }
