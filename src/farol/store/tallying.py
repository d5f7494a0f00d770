"""The tallies in the database: read, added to, written, inside the caller's transaction.

A tally is read, added to in memory and written back: one row for a whole day's counts, where a row for each count would
be hundreds. Whoever writes is alone while it does: on SQLite every writer is, on PostgreSQL a lock for the version sees
to it, taken last so that it is held for no longer than the commit takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import numpy as np
from sqlalchemy import ColumnElement, Connection, delete, select, text
from sqlalchemy.dialects import postgresql, sqlite

from farol.store.records import Prediction, day_of
from farol.store.tables import tallies
from farol.tallies import WHOLE, Counts, Layout, moved, read_layout, total, union

TallyKey = tuple[str, str, date, str]
"""Task, version, day, slice."""

Tally = tuple[Layout, Counts]

_CELL = np.dtype("<u4")


def add_up(rows: Iterable[Prediction]) -> dict[TallyKey, Tally]:
    """What rows add to the tallies; rows that do not say where they count add nothing."""
    cells: dict[TallyKey, dict[Layout, list[Sequence[int]]]] = {}
    for row in rows:
        counted = row.counted
        if counted is not None:
            day = day_of(row.at)
            for slice_ in (WHOLE, *counted.slices):
                of_slice = cells.setdefault((row.task, row.version, day, slice_), {})
                of_slice.setdefault(counted.layout, []).append(counted.cells)
    found: dict[TallyKey, Tally] = {}
    for key, layouts in cells.items():
        for layout, groups in layouts.items():
            tally = layout, total(layout, groups)
            found[key] = tally if key not in found else added(found[key], tally)
    return found


def added(first: Tally, second: Tally) -> Tally:
    """Both together, in a layout that has room for them."""
    layout = union(first[0], second[0])
    return layout, moved(first[1], first[0], layout) + moved(second[1], second[0], layout)


class Tallying:
    """The statements for one kind of database: `sqlite` or `postgresql`."""

    def __init__(self, dialect: str) -> None:
        insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(tallies)
        self._locks = dialect == "postgresql"
        self._put = insert.on_conflict_do_update(
            index_elements=list(tallies.primary_key),
            set_={"layout": insert.excluded.layout, "cells": insert.excluded.cells},
        )

    def add(self, connection: Connection, tallied: Mapping[TallyKey, Tally]) -> None:
        """Adds to the tallies that are stored."""
        versions: dict[tuple[str, str, date], list[str]] = {}
        for task, version, day, slice_ in sorted(tallied):  # in one order: nobody waits for another in a ring
            versions.setdefault((task, version, day), []).append(slice_)
        for cell, slices in versions.items():
            if self._locks:
                lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
                connection.execute(lock, {"name": f"farol {cell[0]} {cell[1]}"})
            stored = self._read(connection, cell, slices)
            self.put(
                connection,
                {
                    (*cell, slice_): added(stored[slice_], tallied[*cell, slice_])
                    if slice_ in stored
                    else tallied[*cell, slice_]
                    for slice_ in slices
                },
            )

    def put(self, connection: Connection, tallied: Mapping[TallyKey, Tally]) -> None:
        """Writes tallies in the place of those that are stored."""
        if tallied:
            values = [
                {
                    "task": task,
                    "version": version,
                    "day": day,
                    "slice": slice_,
                    "layout": layout.text,
                    "cells": cells.astype(_CELL).tobytes(),
                }
                for (task, version, day, slice_), (layout, cells) in tallied.items()
            ]
            connection.execute(self._put, values)

    def counts(
        self, connection: Connection, version: tuple[str, str], *, first: date, last: date, slice_: str
    ) -> dict[str, dict[int, int]]:
        """Name → bin → how often, for a task and version, over the days from `first` to `last`, both included."""
        table = tallies.c
        query = select(table.layout, table.cells).where(
            table.task == version[0],
            table.version == version[1],
            table.slice == slice_,
            table.day.between(first, last),
        )
        days: dict[str, list[bytes]] = {}
        for layout, cells in connection.execute(query):
            days.setdefault(layout, []).append(cells)
        whole: Tally | None = None
        for layout_text, blobs in days.items():
            layout = read_layout(layout_text)
            vectors = np.frombuffer(b"".join(blobs), dtype=_CELL).reshape(len(blobs), layout.width)
            tally = layout, vectors.sum(axis=0, dtype=np.int64)
            whole = tally if whole is None else added(whole, tally)
        return {} if whole is None else whole[0].counts(whole[1])

    def drop(self, connection: Connection, task: str, version: str, day: date) -> None:
        """Removes all tallies of a day."""
        table = tallies.c
        connection.execute(delete(tallies).where(table.task == task, table.version == version, table.day == day))

    def stored(self, connection: Connection) -> dict[TallyKey, Tally]:
        """Every tally there is."""
        return {
            (one.task, one.version, one.day, one.slice): _tally(one.layout, one.cells)
            for one in connection.execute(select(tallies))
        }

    def _read(self, connection: Connection, cell: tuple[str, str, date], slices: Sequence[str]) -> dict[str, Tally]:
        table = tallies.c
        of_slices: ColumnElement[bool] = table.slice.in_(slices)
        of_cell = (table.task == cell[0], table.version == cell[1], table.day == cell[2])
        query = select(table.slice, table.layout, table.cells).where(*of_cell, of_slices)
        return {slice_: _tally(layout, cells) for slice_, layout, cells in connection.execute(query)}


def _tally(layout: str, cells: bytes) -> Tally:
    return read_layout(layout), np.frombuffer(cells, dtype=_CELL).astype(np.int64)
