"""pyarrow, an extra, imported where it is first needed and with an error of ours where it is not installed."""

from __future__ import annotations

from typing import Any

from farol.errors import MissingExtraError
from farol.i18n import msg


def arrow() -> Any:
    """The `pyarrow` package with the parts that scoring files uses. Raises MissingExtraError."""
    try:
        import pyarrow as pa  # noqa: PLC0415  an extra
        import pyarrow.compute  # noqa: PLC0415
        import pyarrow.csv  # noqa: PLC0415
        import pyarrow.fs  # noqa: PLC0415
        import pyarrow.ipc  # noqa: PLC0415
        import pyarrow.json  # noqa: PLC0415
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(msg("`farol score` needs a library that is not installed."), extra="parquet") from error
    return pa
