"""Where inputs and outputs are: files and folders of this machine, or what an address such as `s3://` names.

pyarrow reads and writes them all. Addresses that it does not know, such as `ftp://`, go through fsspec.
"""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from farol.batch.arrow import arrow
from farol.errors import InputError, MissingExtraError, Place
from farol.i18n import msg

NOWHERE = -1


def is_address(path: str) -> bool:
    """Whether this is an address, and no path of this machine."""
    return "://" in path


def open_seekable(path: str) -> Any:
    """A file that is read in places."""
    system, inner = filesystem_of(path)
    return system.open_input_file(inner)


def stamp(path: str) -> tuple[int, int]:
    """Size in bytes, and when it was changed in nanoseconds since 1970; (NOWHERE, 0) where there is no file."""
    with reachable(path):
        system, inner = filesystem_of(path)
        info = system.get_file_info(inner)
    return int(NOWHERE if info.size is None else info.size), int(info.mtime_ns or 0)


def files_of(given: str) -> list[str]:
    """The files that an argument names: a file, a pattern, or a folder with all below it but what is hidden.

    Raises InputError for an address that cannot be used or does not answer.
    """
    with reachable(given):
        return _files_of(given)


def _files_of(given: str) -> list[str]:
    base, question, query = given.partition("?") if is_address(given) else (given, "", "")
    if is_address(given) and glob.has_magic(base):
        return _fitting(given)
    system, inner = filesystem_of(given)
    info = system.get_file_info(inner)
    if info.is_file:
        return [given]
    if info.type == arrow().fs.FileType.Directory:
        below = _files_below(system, inner)
        if not is_address(given):
            return sorted(path for path in below if not _is_hidden(path[len(inner) :]))
        inside = sorted(path[len(inner.rstrip("/")) :] for path in below)
        return [f"{base.rstrip('/')}{_written(path)}{question}{query}" for path in inside if not _is_hidden(path)]
    if is_address(given):
        return []
    if os.path.lexists(given):  # a pipe, a device, a link to nothing
        raise _no_file(given)
    # `Path.glob` takes no pattern that begins at the root.
    fitting = sorted(glob.glob(given, recursive=True))  # noqa: PTH207
    return [file for path in fitting if not _is_hidden(path) for file in _files_of(path)]


def filesystem_of(path: str) -> tuple[Any, str]:
    """pyarrow's file system for a path or an address, and the path in it. Raises InputError, MissingExtraError."""
    pa = arrow()
    if not is_address(path):
        return pa.fs.LocalFileSystem(), path
    try:
        system, inner = pa.fs.FileSystem.from_uri(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        by_fsspec = _by_fsspec(path)
        if by_fsspec is None:
            raise InputError(
                msg("The address cannot be used."),
                expected=msg(
                    "an address that pyarrow or fsspec knows, such as {example}", example="s3://bucket/folder"
                ),
                where=Place(file=without_secrets(path)),
                fix=msg("Correct the address, or install the fsspec library for it."),
            ) from error
        return by_fsspec
    return system, str(inner)


@contextmanager
def reachable(path: str) -> Iterator[None]:
    """What a server raises that does not answer, or refuses, as InputError. Its own words may hold a password."""
    try:
        yield
    except store_errors() as error:
        if not is_address(path):
            raise
        raise InputError(
            msg("Nobody answers at the address, or it may not be read."),
            got=msg("{kind}", kind=type(error).__name__),
            where=Place(file=without_secrets(path)),
            fix=msg("Check the address, the access keys and the network, then try again."),
        ) from error


def store_errors() -> tuple[type[Exception], ...]:
    """What reading and writing raises here, and on other machines by the libraries that are loaded."""
    loaded = [
        getattr(sys.modules[name], error)
        for name, error in (("ftplib", "Error"), ("aiohttp", "ClientError"), ("paramiko", "SSHException"))
        if name in sys.modules
    ]
    return arrow().ArrowException, OSError, EOFError, UnicodeError, *loaded


def without_secrets(path: str) -> str:
    """An address without the password that it may hold."""
    return re.sub(r"(?<=://)[^/@?]*@", "", re.sub(r"(secret_key|password|token)=[^&]*", r"\1=…", path))


def _by_fsspec(path: str) -> tuple[Any, str] | None:
    """A file system of fsspec; None where fsspec does not know the address, either."""
    protocol = path.partition("://")[0].lower()
    if protocol in _OF_PYARROW:
        return None
    if find_spec("fsspec") is None:
        raise MissingExtraError(
            msg("An address such as {protocol} needs a library that is not installed.", protocol=f"{protocol}://"),
            extra="remote",
        )
    import fsspec  # noqa: PLC0415  an extra

    with suppress(ValueError, ImportError, OSError):  # unknown, without its own library, out of reach
        system, inner = fsspec.core.url_to_fs(path)
        return arrow().fs.PyFileSystem(arrow().fs.FSSpecHandler(system)), str(inner)
    return None


_OF_PYARROW = frozenset({"s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs", "file"})


def _fitting(given: str) -> list[str]:
    """The files that the pattern of an address fits: `*` within a name, `**` over folders."""
    base, question, query = given.partition("?")
    protocol, _, path = base.partition("://")
    names = path.split("/")
    fixed = next(place for place, name in enumerate(names) if glob.has_magic(name))
    root = f"{protocol}://{'/'.join(names[:fixed])}"
    pattern = re.compile("/".join(_regex(name) for name in names[fixed:]).replace(f"{_FOLDERS}/", _FOLDERS))
    system, inner = filesystem_of(f"{root}{question}{query}")
    if system.get_file_info(inner).type != arrow().fs.FileType.Directory:
        return []
    inside = sorted(below[len(inner.rstrip("/")) + 1 :] for below in _files_below(system, inner))
    return [
        f"{root}/{_written(path)}{question}{query}"
        for path in inside
        if pattern.fullmatch(path) and not _is_hidden(path)
    ]


_FOLDERS = "(?:.*/)?"


def _regex(name: str) -> str:
    """A name of a pattern, which fits no slash; `**` fits any folders."""
    if name == "**":
        return _FOLDERS
    pieces = re.split(r"(\*|\[[^\]]+\])", name)
    return "".join("[^/]*" if piece == "*" else piece if piece[:1] == "[" else re.escape(piece) for piece in pieces)


def _files_below(system: Any, folder: str) -> list[str]:
    files = arrow().fs
    if isinstance(system, files.LocalFileSystem):
        return _local_files_below(folder)
    return [item.path for item in system.get_file_info(files.FileSelector(folder, recursive=True)) if item.is_file]


def _local_files_below(folder: str) -> list[str]:
    """As pyarrow lists them, which leaves out a link to a file that is away: its rows would be missing unsaid."""
    paths = [
        f"{root.rstrip('/')}/{name}"
        for root, _, names in os.walk(folder, onerror=_raise, followlinks=True)
        for name in names
    ]
    for path in paths:
        if not Path(path).is_file() and not _is_hidden(path[len(folder) :]):
            raise _no_file(path)
    return paths


def _raise(error: OSError) -> None:
    raise error


def _no_file(path: str) -> InputError:
    return InputError(
        msg("This is neither a file nor a folder."),
        expected=msg("a file, a folder with files, or a pattern that fits at least one file"),
        where=Place(file=path),
        fix=msg("Remove it, or write the rows into a file."),
    )


def _written(path: str) -> str:
    """A path as an address has it."""
    return quote(path, safe="/=:+,@()!&'~ ") if "%" in path or "?" in path or "#" in path else path


def _is_hidden(path: str) -> bool:
    return any(name.startswith((".", "_")) and name not in (".", "..") for name in path.split("/"))
