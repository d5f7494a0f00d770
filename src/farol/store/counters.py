"""The counters in the database: read, added to and written inside the caller's transaction.

All counts of a day and a slice are one vector in one row, which is read, added to in memory and written back. One count
a row would be hundreds of rows. Nobody else writes meanwhile: on SQLite there is one writer at a time, on PostgreSQL a
lock for the version holds others back. It is taken last, so that it is held no longer than the commit takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache

import numpy as np
from sqlalchemy import Connection, Engine, Function, bindparam, delete, func, literal_column, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPICursor

from farol.model.counters import (
    FILE_SLICE,
    PREDICTION,
    SHEET_SLICE,
    WHOLE,
    CounterLayout,
    Counts,
    moved,
    read_layout,
    total,
    union,
    with_whole,
)
from farol.store.records import Prediction, day_of
from farol.store.statements import InsertRows, Statement, Steps, carry_out
from farol.store.tables import counters

CounterKey = tuple[str, str, date, str]
"""Task, version, day, slice."""

CounterVector = tuple[CounterLayout, Counts]

_CELL = np.dtype("<u4")


def add_up(rows: Iterable[Prediction]) -> dict[CounterKey, CounterVector]:
    """What rows add to the counters; rows whose `counted` is None add nothing."""
    alike: dict[tuple[str, str, date, CounterLayout, tuple[str, ...]], list[Sequence[int]]] = {}
    for row in rows:
        counted = row.counted
        if counted is not None:
            key = row.task, row.version, day_of(row.at), counted.layout, counted.slices
            alike.setdefault(key, []).append(counted.cells)
    sums: dict[CounterKey, CounterVector] = {}
    for (task, version, day, layout, slices), groups in alike.items():
        vector = layout, total(layout, groups)
        for slice_ in with_whole(slices):
            key_ = task, version, day, slice_
            sums[key_] = vector if key_ not in sums else added(sums[key_], vector)
    return sums


def added(first: CounterVector, second: CounterVector) -> CounterVector:
    """The sum of both, in a layout that has room for both."""
    layout = union(first[0], second[0])
    return layout, moved(first[1], first[0], layout) + moved(second[1], second[0], layout)


class Counters:
    """The statements on the counters of one database."""

    def __init__(self, engine: Engine) -> None:
        is_postgresql = engine.dialect.name == "postgresql"
        insert = (postgresql.insert if is_postgresql else sqlite.insert)(counters)
        put = insert.on_conflict_do_update(
            index_elements=list(counters.primary_key),
            set_={"layout": insert.excluded.layout, "cells": insert.excluded.cells},
        )
        lock = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name"), literal_column("0"))))
        self._engine = engine
        self._put = InsertRows(put, [column.name for column in counters.columns], engine)
        self._lock = Statement.of(lock, engine) if is_postgresql else None
        self._select = lru_cache(maxsize=64)(self._selecting)
        # What the driver takes for a day.
        self._day: Callable[[date], object] = (lambda day: day) if is_postgresql else date.isoformat

    def add(self, cursor: DBAPICursor, sums: Mapping[CounterKey, CounterVector]) -> None:
        """Adds to the counters that are stored."""
        carry_out(cursor, self.adding(sums))

    def put(self, cursor: DBAPICursor, sums: Mapping[CounterKey, CounterVector]) -> None:
        """Replaces the counters that are stored under these keys."""
        carry_out(cursor, self.putting(sums))

    def adding(self, sums: Mapping[CounterKey, CounterVector]) -> Steps:
        """The steps of `add`."""
        versions: dict[tuple[str, str, date], list[str]] = {}
        for task, version, day, slice_ in sorted(sums):  # always in this order: two writers never wait for each other
            versions.setdefault((task, version, day), []).append(slice_)
        for (task, version, day), slices in versions.items():
            if self._lock is not None:
                yield self._lock.step({"name": f"farol {task} {version}"}, wants=False)
            values = {"task": task, "version": version, "day": self._day(day)}
            values |= {f"slice_{position}": slice_ for position, slice_ in enumerate(slices)}
            together = {(task, version, day, slice_): sums[task, version, day, slice_] for slice_ in slices}
            for slice_, layout, cells in (yield self._select(len(slices)).step(values, wants=True)):
                key = task, version, day, slice_
                together[key] = added(_vector(layout, cells), together[key])
            yield from self.putting(together)

    def putting(self, sums: Mapping[CounterKey, CounterVector]) -> Steps:
        """The steps of `put`."""
        return self._put.steps(
            [
                (task, version, self._day(day), slice_, layout.text, cells.astype(_CELL).tobytes())
                for (task, version, day, slice_), (layout, cells) in sums.items()
            ]
        )

    def counts(
        self, connection: Connection, version: tuple[str, str], *, first: date, last: date, slice_: str
    ) -> dict[str, dict[int, int]]:
        """Name → bin → how often, for a task and version, over the days from `first` to `last`, both included."""
        table = counters.c
        query = select(table.layout, table.cells).where(
            table.task == version[0],
            table.version == version[1],
            table.slice == slice_,
            table.day.between(first, last),
        )
        days: dict[str, list[bytes]] = {}
        for layout, cells in connection.execute(query):
            days.setdefault(layout, []).append(cells)
        whole: CounterVector | None = None
        for layout_text, blobs in days.items():
            layout = read_layout(layout_text)
            vectors = np.frombuffer(b"".join(blobs), dtype=_CELL).reshape(len(blobs), layout.width)
            sums = layout, vectors.sum(axis=0, dtype=np.int64)
            whole = sums if whole is None else added(whole, sums)
        return {} if whole is None else whole[0].counts(whole[1])

    def sizes(self, connection: Connection, version: tuple[str, str], *, first: date, last: date) -> dict[str, int]:
        """Slice → how many answers were counted in it over these days; only the cells of the answers are read."""
        table = counters.c
        chosen = table.task == version[0], table.version == version[1], table.day.between(first, last)
        sizes: dict[str, int] = {}
        for text in connection.execute(select(table.layout).where(*chosen).distinct()).scalars().all():
            query = select(table.slice, _answers_in(read_layout(text))).where(*chosen, table.layout == text)
            for slice_, cells in connection.execute(query):
                sizes[slice_] = sizes.get(slice_, 0) + int(np.frombuffer(cells, dtype=_CELL).sum())
        return dict(sorted(sizes.items()))

    def answered(self, connection: Connection, task: str) -> int:
        """How many answers of a task were counted, those for the sheet of training too."""
        table, total = counters.c, 0
        chosen = table.task == task, table.slice.in_((WHOLE, SHEET_SLICE))
        for text in connection.execute(select(table.layout).where(*chosen).distinct()).scalars().all():
            part = _answers_in(read_layout(text))
            for cells in connection.execute(select(part).where(*chosen, table.layout == text)).scalars():
                total += int(np.frombuffer(cells, dtype=_CELL).sum())
        return total

    def drop(self, connection: Connection, task: str, version: str, day: date) -> None:
        """Removes all counters of a day that come from rows."""
        table = counters.c
        of_day = table.task == task, table.version == version, table.day == day
        connection.execute(delete(counters).where(*of_day, table.slice != FILE_SLICE))

    def stored(self, connection: Connection) -> dict[CounterKey, CounterVector]:
        """All counters that come from rows."""
        return {
            (row.task, row.version, row.day, row.slice): _vector(row.layout, row.cells)
            for row in connection.execute(select(counters).where(counters.c.slice != FILE_SLICE))
        }

    def _selecting(self, n: int) -> Statement:
        """Reads the counters of a day in `n` slices."""
        table = counters.c
        query = select(table.slice, table.layout, table.cells).where(
            table.task == bindparam("task"),
            table.version == bindparam("version"),
            table.day == bindparam("day"),
            or_(*(table.slice == bindparam(f"slice_{position}") for position in range(n))),
        )
        return Statement.of(query, self._engine)


def _answers_in(layout: CounterLayout) -> Function[bytes]:
    """The part of the cells that counts answers."""
    start, size = layout.starts.get(PREDICTION, 0), dict(layout.sizes).get(PREDICTION, 0)
    return func.substr(counters.c.cells, 1 + _CELL.itemsize * start, _CELL.itemsize * size)


def _vector(layout: str, cells: bytes) -> CounterVector:
    return read_layout(layout), np.frombuffer(cells, dtype=_CELL).astype(np.int64)
