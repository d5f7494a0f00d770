"""How long snapshots of drift are kept: the older, the fewer.

Every one for DETAILED days; then the last of each day for DAILY days; then the last of each week, for ever: 52 a year
for each task, version and length of window. What changed stands among the events, which stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from sqlalchemy import delete, select

from farol.store.database import Store
from farol.store.engine import IMMEDIATE, store_errors
from farol.store.records import day_of, microseconds, moment
from farol.store.tables import drift_snapshots

DETAILED = 30
"""Days for which every snapshot is kept."""
DAILY = 400
"""Days for which one snapshot a day is kept."""
_AT_ONCE = 500


def compact(store: Store, now: datetime) -> int:
    """Removes the snapshots that need not be kept; how many those were. Doing it twice removes nothing more.

    Raises StoreError.
    """
    table = drift_snapshots.c
    columns = (table.seq, table.at, table.task, table.version, table.first, table.last)
    old = select(*columns).where(table.at < microseconds(now - timedelta(days=DETAILED)))
    writing = store.engine.execution_options(**{IMMEDIATE: True})
    with store_errors(store.engine.url), writing.begin() as connection:
        rows = [(seq, moment(at), kind) for seq, at, *kind in connection.execute(old)]
        spare = sorted(_spare(rows, day_of(now)))
        for some in _batches(spare):
            connection.execute(delete(drift_snapshots).where(table.seq.in_(some)))
    return len(spare)


def _spare(rows: Iterable[tuple[int, datetime, list[object]]], today: date) -> set[int]:
    """All but the last of each period and kind."""
    kept: dict[tuple[object, ...], tuple[datetime, int]] = {}
    every = set()
    for seq, at, (task, version, first, last) in rows:
        day = day_of(at)
        period: object = day if (today - day).days <= DAILY else day.isocalendar()[:2]
        length = (last - first).days if isinstance(first, date) and isinstance(last, date) else None
        kind = (task, version, length, period)
        every.add(seq)
        kept[kind] = max(kept.get(kind, (at, seq)), (at, seq))
    return every - {seq for _, seq in kept.values()}


def _batches(numbers: list[int]) -> Iterator[tuple[int, ...]]:
    for start in range(0, len(numbers), _AT_ONCE):
        yield tuple(numbers[start : start + _AT_ONCE])
