"""parquet: one file a year, read by pyarrow, which is an extra."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO
from typing import Any

from farol.errors import MissingExtraError
from farol.i18n import msg
from farol.workbook.cells import Cell
from farol.workbook.limits import Limits, damaged, too_large


def read_parquet(content: bytes, limits: Limits, file: str) -> list[list[Cell]]:
    """The rows of a parquet file, its headers first.

    Raises `MissingExtraError` without pyarrow, `WorkbookError` for a file that is damaged or too large.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, wanted by few
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(
            msg("Reading parquet needs a library that is not installed."),
            extra="parquet",
        ) from error
    try:
        source = parquet.ParquetFile(BytesIO(content))
        size = source.metadata
        if size.num_rows * size.num_columns > limits.max_cells:
            raise too_large(msg("cells"), limits.max_cells, file)
        if sum(size.row_group(i).total_byte_size for i in range(size.num_row_groups)) > limits.max_unpacked_bytes:
            raise too_large(msg("bytes when unpacked"), limits.max_unpacked_bytes, file)
        table = source.read()
        columns = [[_cell(value) for value in _in_microseconds(column, pa).to_pylist()] for column in table.columns]
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise damaged(file) from error
    return [list(table.column_names), *(list(row) for row in zip(*columns, strict=True))]


def _in_microseconds(column: Any, pa: Any) -> Any:
    """Python's times stop at microseconds."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return column


def _cell(value: object) -> Cell:
    return float(value) if isinstance(value, Decimal) else value
