"""pyarrow, an extra, imported where it is first needed and with an error of ours where it is not installed."""

from __future__ import annotations

from collections.abc import Callable
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


def rewritten(column: Any, pattern: str, change: Callable[[str], str]) -> Any:
    """An array of texts, or bytes, with `change` made to those in which the `pattern` (RE2) is; any other as it is."""
    pa = arrow()
    kind, types = column.type, pa.types
    is_binary = types.is_binary(kind) or types.is_large_binary(kind)
    if not (is_binary or types.is_string(kind) or types.is_large_string(kind)):
        return column
    # The pattern's characters are not bytes.
    places = column.is_valid() if is_binary else pa.compute.match_substring_regex(column, pattern)
    places = pa.compute.fill_null(places, fill_value=False)
    if not pa.compute.any(places).as_py():
        return column
    texts = column.filter(places).to_pylist()
    changed = [
        change(text.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if is_binary
        else change(text)
        for text in texts
    ]
    return pa.compute.replace_with_mask(column, places, pa.array(changed, kind))
