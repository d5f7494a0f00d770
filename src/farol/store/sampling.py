"""A random sample of a window's rows. Counters cannot say how the values of one pupil go together; rows can.

The random digits at the end of its id decide whether a row is drawn. So every call draws the same rows, whatever their
time and their values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, func, select

from farol.model.counters import WHOLE, slices_of, with_whole
from farol.store.database import PAGE, Store
from farol.store.records import Prediction, microseconds, start_of
from farol.store.tables import prediction_of, predictions

_DIGITS, _BASE = 4, 16**4
_LAST = 33


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows, the oldest first. `whole` says that they are all rows of the window."""

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
    """About this share of the rows in the slice `part`, of the days (America/Sao_Paulo) from `first` to `last`.

    `level` names the column of the pupils' school level, for slices by level. The database looks at all rows of the
    window and gives those that are drawn. Raises StoreError.
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
    drawn: list[Prediction] = []
    with store.snapshot() as connection:
        for page in connection.execute(select(predictions).where(*chosen)).mappings().partitions(PAGE):
            rows = map(prediction_of, page)
            drawn += [row for row in rows if part in with_whole(slices_of(row.source, level, row.features, row.group))]
    return Sample(tuple(sorted(drawn, key=lambda row: (row.at, row.id))), limit >= _BASE)
