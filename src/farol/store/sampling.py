"""Some of a window's rows, drawn by chance, for what the counters cannot tell: how the values of one pupil go together.

Whether a row is drawn depends on the random end of its id alone: the same rows each time, in no order of time, and
unlike any pupil's values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, func, select

from farol.model.counters import WHOLE, slices_of
from farol.store.database import PAGE, Store, prediction_of
from farol.store.records import Prediction, microseconds, start_of
from farol.store.tables import predictions

_DIGITS, _BASE = 4, 16**4
_LAST = 33


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows, the oldest first; `whole` where they are all that the window has."""

    rows: tuple[Prediction, ...]
    whole: bool


def sample(
    store: Store,
    task: str,
    version: str,
    first: date | None,
    last: date,
    *,
    part: str = WHOLE,
    level: str | None = None,
    share: float = 1.0,
) -> Sample:
    """About this share of the rows of the days (America/Sao_Paulo) from `first` to `last` that are of the slice `part`.

    `level` names the column of the pupils' stage, for slices by it. All rows of the window are looked at, those drawn
    are read. Raises StoreError.
    """
    table = predictions.c
    chosen: list[ColumnElement[bool]] = [table.task == task, table.version == version]
    if first is not None:
        chosen.append(table.at >= microseconds(start_of(first)))
    if last < date.max:
        chosen.append(table.at < microseconds(start_of(last + timedelta(days=1))))
    limit = int(share * _BASE)
    if limit < _BASE:
        chosen.append(func.substr(table.id, _LAST, _DIGITS) < f"{limit:0{_DIGITS}x}")
    found = []
    with store.snapshot() as connection:
        for page in connection.execute(select(predictions).where(*chosen)).mappings().partitions(PAGE):
            rows = map(prediction_of, page)
            found += [
                row for row in rows if part == WHOLE or part in slices_of(row.source, level, row.features, row.group)
            ]
    return Sample(tuple(sorted(found, key=lambda row: (row.at, row.id))), limit >= _BASE)
