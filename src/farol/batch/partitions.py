"""Folders that say a column's value of all rows in them, as Hive, Spark and pandas name them: `state=SP/year=2024/`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from farol.batch.arrow import arrow
from farol.batch.columns import YEAR_HEADERS
from farol.batch.filesystem import is_address
from farol.profile import fold

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def folder_name(column: str, value: object) -> str:
    """The folder of the rows that have a value, None for those that have none."""
    return f"{column}={_NO_VALUE if value is None else quote(str(value), safe=' ')}"


def folder_values(path: str) -> dict[str, str | None]:
    """Column → value, of the folders of a file, from the outermost to the innermost; None where they say that it has
    none.
    """
    path = unquote(path.partition("?")[0]) if is_address(path) else path.replace("\\", "/")
    named = [name.partition("=") for name in path.split("/")[:-1]]
    values = {unquote(column): unquote(value) for column, equals, value in named if column and equals}
    return {column: None if value == _NO_VALUE else value for column, value in values.items()}


def folder_year(values: Mapping[str, str | None]) -> int | None:
    """The year of four digits that folders say; None where none does."""
    said = [value for column, value in values.items() if value is not None and fold(column) in YEAR_HEADERS]
    return next((int(value) for value in said if re.fullmatch("[0-9]{4}", value)), None)


def folder_field(column: str, value: str | None) -> Any:
    """The pyarrow.Field of a column that a folder says: a year is a number, and all else a text, so that all folders
    have one type.
    """
    is_year = fold(column) in YEAR_HEADERS and (value is None or re.fullmatch("[0-9]{1,9}", value))
    return arrow().field(column, arrow().int64() if is_year else arrow().string())


def with_folders(batch: Any, said: Mapping[Any, str | None]) -> Any:
    """A record batch with the columns that its folders say behind its own: `said` has each field's value."""
    pa = arrow()
    columns = [
        pa.repeat(
            pa.scalar(int(value) if value is not None and pa.types.is_integer(field.type) else value, field.type),
            batch.num_rows,
        )
        for field, value in said.items()
    ]
    names = [*batch.schema.names, *(field.name for field in said)]
    return pa.RecordBatch.from_arrays([*batch.columns, *columns], names=names)
