"""How long predictions are kept: the period, what its end would remove, and removing it; and one pupil, erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from farol.accounts.site import read_setting
from farol.errors import InputError, Place
from farol.i18n import count, msg
from farol.service import Service
from farol.store.database import Store
from farol.store.privacy import export, parse_age
from farol.store.pupils import old_pages
from farol.store.records import microseconds, start_of
from farol.store.tables import outcomes, predictions
from farol.web.locale import Reader
from farol.workbook.student_code import LONGEST_CODE, student_code

SETTING = "retention_days"
LEAST_DAYS, MOST_DAYS = 30, 36_500
PROPOSED_DAYS = 730
"""Proposed where nobody decided yet: two school years, so that last year's forecasts meet this year's outcomes."""


@dataclass(frozen=True, slots=True)
class Expired:
    """What the end of a period removes: rows before `first`."""

    first: date
    predictions: int
    outcomes: int
    pages: int


def kept_days(store: Store) -> int | None:
    """The period that the school decided, in days; None where it has not. Raises StoreError."""
    days = read_setting(store, SETTING, 0)
    return days or None


def days_of(text: str) -> int:
    """A period as it was typed. InputError for what is no whole number of days within the bounds."""
    digits = text.strip()
    if digits.isascii() and digits.isdigit() and len(digits) < 6 and LEAST_DAYS <= int(digits) <= MOST_DAYS:
        return int(digits)
    raise InputError(
        msg("The number of days cannot be used."),
        expected=msg("a whole number from {least} to {most}", least=LEAST_DAYS, most=count(MOST_DAYS)),
        where=Place(field="days"),
        fix=msg("Go back and type a number of days, such as {example}.", example=PROPOSED_DAYS),
    )


def rows_before(store: Store, now: datetime, days: int) -> Expired:
    """What is older than a number of days now. Raises StoreError."""
    first = parse_age(f"{days}d", now=now)
    before = microseconds(start_of(first))
    with store.snapshot() as connection:
        rows = select(func.count()).select_from(predictions).where(predictions.c.at < before)
        labels = select(func.count()).select_from(outcomes).where(outcomes.c.changed < before)
        kept, known = (connection.execute(count).scalar_one() for count in (rows, labels))
        return Expired(first, kept, known, old_pages(connection, before))


def retention_values(service: Service, reader: Reader, asked: str | None, now: datetime) -> dict[str, object]:
    """What the template of retention needs, for the period that was `asked`, else the one in force."""
    store = service.store
    kept = kept_days(store)
    days = days_of(asked) if asked else kept or PROPOSED_DAYS
    expired = rows_before(store, now, days)
    return {
        "kept": kept,
        "days": days,
        "least": LEAST_DAYS,
        "most": MOST_DAYS,
        "first": reader.day(expired.first),
        "expired": reader.number(expired.predictions, 0),
        "expired_outcomes": reader.number(expired.outcomes, 0),
        "expired_pages": reader.number(expired.pages, 0),
        "is_empty": not (expired.predictions or expired.outcomes or expired.pages),
        "stored": reader.number(store.total(), 0),
    }


def code_of(text: str) -> str:
    """A pupil's code as it is stored. InputError where no pupil can have it."""
    student = student_code(text)
    if student is None:
        raise InputError(
            msg("This is not the code of a pupil."),
            expected=msg("a text of 1 to {most} characters", most=LONGEST_CODE),
            where=Place(field="student"),
            fix=msg("Go back and type the pupil's code as it stands in the workbook."),
        )
    return student


def pupil_values(service: Service, reader: Reader, student: str, now: datetime) -> dict[str, object]:
    """What is stored of a pupil, in numbers: for the page that offers to erase it."""
    everything = export(service.store, student, timezone=service.timezone, now=now)
    kinds = {name: len(rows) for name, rows in everything.items() if isinstance(rows, list)}
    kinds["name"] = int(everything["name"] is not None)
    return {
        "student": student,
        "kinds": [(_kind_words(name, reader), reader.number(n, 0)) for name, n in kinds.items()],
        "is_unknown": not any(kinds.values()),
    }


def _kind_words(name: str, reader: Reader) -> str:
    _ = reader.gettext
    words = {
        "predictions": _("predictions"),
        "outcomes": _("outcomes of later years"),
        "years": _("years of the workbook"),
        "answers": _("answers on the lists"),
        "name": _("name"),
        "cases": _("cases"),
        "audit": _("lines of the audit"),
    }
    return words.get(name) or name
