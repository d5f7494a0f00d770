"""How long predictions are kept: whole days of rows go, and their counters with them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import delete, func, select

from farol.errors import InputError
from farol.i18n import msg
from farol.store.database import Store
from farol.store.outcomes import purge_outcomes
from farol.store.records import day_of, microseconds, moment, start_of
from farol.store.tables import counters, predictions

_AGE = re.compile(r"([1-9]\d{0,4})d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows and outcomes went, and the first day that was kept."""

    rows: int
    first: date
    outcomes: int = 0


def parse_age(text: str, *, now: datetime) -> date:
    """The first day to keep for an age such as `400d`; today is none of these days. InputError for other texts."""
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise InputError(
            msg("The age cannot be read."), expected=msg("a number of days such as {example}", example="400d")
        )
    return day_of(now) - timedelta(days=int(match[1]))


def purge(store: Store, first: date) -> Purged:
    """Removes every row and counter of the days (America/Sao_Paulo) before `first`.

    A day a transaction, the oldest first: whoever writes waits for one day only, and what is interrupted can be run
    again. Rows and counters of a day go together, so that they agree at every moment. Outcomes that no sheet has said
    anew since then go too. Snapshots of drift stay.
    """
    rows = outcomes = 0
    while True:
        with store.exclusive() as connection:
            oldest = connection.execute(select(func.min(predictions.c.at))).scalar()
            day = first if oldest is None else min(first, day_of(moment(oldest)) + timedelta(days=1))
            before = predictions.c.at < microseconds(start_of(day))
            rows += connection.execute(delete(predictions).where(before)).rowcount
            connection.execute(delete(counters).where(counters.c.day < day))
            outcomes += purge_outcomes(connection, microseconds(start_of(day)))
        if day == first:
            break
    store.checkpoint()
    return Purged(rows, first, outcomes)
