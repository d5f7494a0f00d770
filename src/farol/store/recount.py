"""Counts the stored rows anew, by the bundles that answered them: this proves the counters, and repairs them.

A row has its inputs and their year, and with its bundle these give the bins that it was counted in. Where the bundle is
gone, the counters of a day with rows cannot be proved; a day without rows must have no counters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from sqlalchemy import ColumnElement, Connection, select

from farol.errors import BundleError
from farol.model.counters import CounterLayout
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.store.counters import CounterKey, CounterVector, add_up, added
from farol.store.database import PAGE, Store
from farol.store.records import Prediction, counted_in, day_of, microseconds, start_of
from farol.store.statements import cursor_of
from farol.store.tables import prediction_of, predictions

Cell = tuple[str, str, date]
"""Task, version, day: these are counted anew together."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A counter that differs from the rows. `name` is a feature, or a name of `farol.model.counters`."""

    task: str
    version: str
    day: date
    slice: str
    name: str
    bin: int
    counted: int
    rows: int


@dataclass(frozen=True, slots=True)
class Unproven:
    """A version whose rows cannot be counted anew, with the reason."""

    task: str
    version: str
    rows: int
    problem: BundleError


@dataclass(frozen=True, slots=True)
class Recount:
    """The counters compared with the rows. `rows` is the number of rows that were counted anew."""

    rows: int
    differences: tuple[Difference, ...]
    unproven: tuple[Unproven, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells in which a counter differs."""
        return tuple(
            dict.fromkeys((difference.task, difference.version, difference.day) for difference in self.differences)
        )


class Binner:
    """Rows → the bins their bundle counts them in. Each bundle is read once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[tuple[str, str], Scorer | BundleError] = {}

    def problem(self, task: str, version: str) -> BundleError | None:
        """Why the rows of a version cannot be binned; None when they can."""
        scorer = self._of(task, version)
        return scorer if isinstance(scorer, BundleError) else None

    def count(self, rows: Sequence[Prediction]) -> dict[CounterKey, CounterVector]:
        """The counters of the rows; rows whose bundle cannot be read add nothing."""
        groups: dict[tuple[str, str], list[Prediction]] = {}
        for row in rows:
            groups.setdefault((row.task, row.version), []).append(row)
        counted: list[Prediction] = []
        for (task, version), group in groups.items():
            scorer = self._of(task, version)
            if not isinstance(scorer, BundleError):
                counted += _counted(scorer, group)
        return add_up(counted)

    def _of(self, task: str, version: str) -> Scorer | BundleError:
        if (task, version) not in self._known:
            try:
                self._known[task, version] = Scorer(self._registry.load(task, version))
            except BundleError as error:
                self._known[task, version] = error
        return self._known[task, version]


def recount(store: Store, registry: Registry) -> Recount:
    """Compares every counter with the rows, as they were at one moment; others may write meanwhile. Changes nothing."""
    binner = Binner(registry)
    counted: dict[CounterKey, CounterVector] = {}
    rows: Counter[tuple[str, str]] = Counter()
    unproven: set[Cell] = set()
    with store.snapshot() as connection:
        for page in _pages(connection):
            _take_in(counted, binner.count(page))
            for row in page:
                rows[row.task, row.version] += 1
                if binner.problem(row.task, row.version) is not None:
                    unproven.add((row.task, row.version, day_of(row.at)))
        stored = store.counters.stored(connection)
    differences = [
        Difference(*key, *difference)
        for key in sorted(stored.keys() | counted.keys())
        if key[:3] not in unproven
        for difference in _differences(stored.get(key, _EMPTY), counted.get(key, _EMPTY))
    ]
    without = [
        Unproven(task, version, n, problem)
        for (task, version), n in sorted(rows.items())
        if (problem := binner.problem(task, version)) is not None
    ]
    proven = rows.total() - sum(version.rows for version in without)
    return Recount(proven, tuple(differences), tuple(without))


def repair(store: Store, registry: Registry, cells: Iterable[Cell]) -> None:
    """Replaces the counters of these cells by those of the rows, one cell a transaction: writers wait for one day."""
    binner = Binner(registry)
    for cell in cells:
        binner.problem(*cell[:2])  # the bundle is read before anybody has to wait
        with store.exclusive() as connection:
            count_anew(store, connection, binner, cell)


def count_anew(store: Store, connection: Connection, binner: Binner, cell: Cell) -> bool:
    """Replaces the counters of a day by those of its rows, in a transaction of `Store.exclusive`.

    False, and nothing is changed, where there are rows and no bundle to count them by.
    """
    task, version, day = cell
    counted: dict[CounterKey, CounterVector] = {}
    for page in connection.execute(select(predictions).where(_in_cell(cell))).mappings().partitions(PAGE):
        if binner.problem(task, version) is not None:
            return False
        _take_in(counted, binner.count([prediction_of(row) for row in page]))
    store.counters.drop(connection, task, version, day)
    store.counters.put(cursor_of(connection), counted)
    return True


def _in_cell(cell: Cell) -> ColumnElement[bool]:
    task, version, day = cell
    table = predictions.c
    first, after = microseconds(start_of(day)), microseconds(start_of(day + timedelta(days=1)))
    return (table.task == task) & (table.version == version) & (table.at >= first) & (table.at < after)


def _pages(connection: Connection) -> Iterator[list[Prediction]]:
    seq = 0
    while True:
        query = select(predictions).where(predictions.c.seq > seq).order_by(predictions.c.seq).limit(PAGE)
        page = connection.execute(query).mappings().all()
        if not page:
            return
        yield [prediction_of(row) for row in page]
        seq = page[-1]["seq"]


_EMPTY: CounterVector = CounterLayout(()), np.zeros(0, dtype=np.int64)


def _take_in(counted: dict[CounterKey, CounterVector], more: Mapping[CounterKey, CounterVector]) -> None:
    for key, vector in more.items():
        counted[key] = added(counted[key], vector) if key in counted else vector


def _differences(stored: CounterVector, rows: CounterVector) -> Iterator[tuple[str, int, int, int]]:
    """Name, bin, stored count and count of the rows, where the two differ."""
    first, second = stored[0].counts(stored[1]), rows[0].counts(rows[1])
    for name in sorted(first.keys() | second.keys()):
        before, after = first.get(name, {}), second.get(name, {})
        for bin_ in sorted(before.keys() | after.keys()):
            if before.get(bin_, 0) != after.get(bin_, 0):
                yield name, bin_, before.get(bin_, 0), after.get(bin_, 0)


def _counted(scorer: Scorer, rows: Sequence[Prediction]) -> list[Prediction]:
    """The rows, each with its `counted` made anew."""
    answers = scorer.answers(scorer.score_rows([row.features for row in rows], [row.year for row in rows]))
    return [
        replace(row, counted=counted_in(scorer, answer, row.features, source=row.source, group=row.group))
        for row, answer in zip(rows, answers, strict=True)
    ]
