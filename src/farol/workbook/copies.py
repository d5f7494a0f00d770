"""Rows that say the same as an earlier one in every column: copies, which flatter a test that has their like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from farol.profile import Severity
from farol.workbook.cells import Floats, Objects
from farol.workbook.findings import Finding, finding
from farol.workbook.tables import YearTable

COINCIDENCE = 0.5
"""Pairs of rows that chance alone is expected to make alike, from which on likeness says nothing of copies."""

MANY = 0.01
"""Of the rows; with fewer copies nothing that is learned or counted changes much."""


def first_alike(columns: Mapping[str, Floats | Objects], rows: int) -> NDArray[np.int64]:
    """For each row (n,) the first one with the same value in every column, which may be itself.

    Each is its own where columns have so few values that rows are alike by chance, as with three of yes and no: the
    pairs that are to be expected are counted from the rows that differ, as if columns were independent.
    """
    if not rows:
        return np.arange(rows)
    codes = []
    alike = np.zeros(rows, dtype=np.int64)
    for values in columns.values():
        codes.append(_codes(values))
        alike = np.unique(alike * (int(codes[-1].max()) + 1) + codes[-1], return_inverse=True)[1]
        if int(alike.max()) == rows - 1:  # all differ
            return np.arange(rows)
    place: NDArray[np.int64] = np.unique(alike, return_index=True)[1]
    pairs = rows * (rows - 1) / 2
    for code in codes:
        times = np.bincount(code[place])
        pairs *= float((times * (times - 1.0)).sum()) / max(len(place) * (len(place) - 1.0), 1.0)
    return np.arange(rows) if pairs >= COINCIDENCE else place[alike]


def _codes(values: Floats | Objects) -> NDArray[np.int64]:
    """A number for each different value (n,); a missing one is a value too."""
    if values.dtype != np.object_:
        return np.unique(values, return_inverse=True)[1]
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)


def copied_rows(tables: Iterable[YearTable]) -> Iterator[Finding]:
    """The rows of each sheet and period that are alike to an earlier one there."""
    for table in tables:
        first = first_alike({**table.numbers, **table.dates, **table.categories}, len(table.row))
        copies = np.flatnonzero(first != np.arange(len(first)))
        if len(copies):
            severity: Severity = "warning" if len(copies) >= MANY * len(first) else "info"
            yield finding("copied_row", sheet=table.sheet, rows=table.row[copies].tolist(), severity=severity)
