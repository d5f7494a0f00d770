"""Where the inputs are: files and folders of this machine, or what an address such as `s3://` names. All by pyarrow."""

from __future__ import annotations

import glob
from typing import Any

from farol.batch.arrow import arrow
from farol.errors import InputError, Place
from farol.i18n import msg


def open_stream(path: str, compression: str | None = None) -> Any:
    """A stream of a file's bytes, unpacked."""
    system, inner = _system(path)
    return system.open_input_stream(inner, compression=compression)


def open_seekable(path: str) -> Any:
    """A file that is read in places."""
    system, inner = _system(path)
    return system.open_input_file(inner)


def stamp(path: str) -> tuple[int, int]:
    """Size in bytes, and when it was changed in nanoseconds since 1970; (-1, 0) where there is no file."""
    system, inner = _system(path)
    info = system.get_file_info(inner)
    return int(-1 if info.size is None else info.size), int(info.mtime_ns or 0)


def files_of(given: str) -> list[str]:
    """The files that an argument names: a file, a pattern, or a folder with all below it but what is hidden."""
    is_address = "://" in given
    system, inner = _system(given)
    info = system.get_file_info(inner)
    if info.is_file:
        return [given]
    if info.type == arrow().fs.FileType.Directory:
        selector = arrow().fs.FileSelector(inner, recursive=True)
        below = [item.path for item in system.get_file_info(selector) if item.is_file]
        prefix = given.removesuffix(inner) if is_address else ""
        return sorted(prefix + path for path in below if not _is_hidden(path[len(inner) :]))
    if is_address:
        return []
    # `Path.glob` takes no pattern that begins at the root.
    fitting = sorted(glob.glob(given, recursive=True))  # noqa: PTH207
    return [file for path in fitting if not _is_hidden(path) for file in files_of(path)]


def _is_hidden(path: str) -> bool:
    return any(name.startswith((".", "_")) and name not in (".", "..") for name in path.split("/"))


def _system(path: str) -> tuple[Any, str]:
    pa = arrow()
    if "://" not in path:
        return pa.fs.LocalFileSystem(), path
    try:
        system, inner = pa.fs.FileSystem.from_uri(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            msg("The address cannot be used."),
            expected=msg("an address that pyarrow knows, such as {example}", example="s3://bucket/folder"),
            where=Place(file=path),
        ) from error
    return system, str(inner)
