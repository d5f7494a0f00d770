"""The SQLite that Farol uses, and a check that the open file is still the one at the path.

SQLite up to 3.51.2 has the WAL-reset fault (https://sqlite.org/wal.html#the_wal_reset_bug): where one connection begins
a checkpoint while another starts the log anew, a later checkpoint may leave out part of what was committed. Two workers
that write are enough for it. Farol uses Python's own SQLite where it has no such fault, else the one that `pysqlite3`
brings.

Every module takes `sqlite3` from here. Two SQLites in one process do not see each other's locks on a file
(https://sqlite.org/howtocorrupt.html, section 2.2).
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from farol.files import PRIVATE, write_file

__all__ = ["SOUND", "VERSION", "choose", "is_sound", "make_private_file", "sqlite3", "watch_file"]

_FIXED = (3, 51, 3)
_BACKPORTED = (((3, 44, 6), (3, 45)), ((3, 50, 7), (3, 51)))
_FILE = "farol_file"


def is_sound(version: tuple[int, ...]) -> bool:
    """Whether an SQLite of this version has no WAL-reset fault: 3.51.3 and newer, 3.50.7 and 3.44.6 of their series."""
    return version >= _FIXED or any(first <= version < after for first, after in _BACKPORTED)


def choose(own: ModuleType, other: str) -> ModuleType:
    """Python's own module where it is sound, else `other` where that is installed and newer."""
    if is_sound(own.sqlite_version_info):
        return own
    try:
        newer = import_module(other)
    except ModuleNotFoundError:  # there is no build of it for this system
        return own
    return max(own, newer, key=lambda module: module.sqlite_version_info)


if TYPE_CHECKING:
    import sqlite3
else:
    sqlite3 = choose(import_module("sqlite3"), "pysqlite3.dbapi2")

VERSION: str = sqlite3.sqlite_version
SOUND: bool = is_sound(sqlite3.sqlite_version_info)


def watch_file(engine: Engine, path: Path) -> None:
    """Uses a connection only while its file is the one at `path`, which costs a `stat` each time.

    A program goes on writing a file that was removed or replaced, SQLite too, and those rows are lost. A connection
    of a replaced file is opened anew. While there is no file, every use of `engine` fails: only the first connection
    makes one. An empty database in place of one that is away would take rows that are hidden when the other is back.
    """
    made = False

    def make_once(*_arguments: Any) -> None:
        if _identity(path) is None:
            if made:
                raise _gone()
            make_private_file(path)

    def remember(_connection: Any, entry: ConnectionPoolEntry) -> None:
        nonlocal made
        entry.info[_FILE] = _identity(path)
        made = True

    def compare(_connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
        now = _identity(path)
        if now is None:
            raise _gone()
        if now != entry.info[_FILE]:
            raise DisconnectionError

    event.listen(engine, "do_connect", make_once)
    event.listen(engine, "connect", remember)
    event.listen(engine, "checkout", compare)


def make_private_file(path: Path) -> None:
    """Make an empty database that only its owner may read, unless there is a file: SQLite itself lets others read."""
    with suppress(OSError):  # SQLite meets the same fault next, and has a name for it
        write_file(path, b"", mode=PRIVATE)


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file; None where it is away, or in a folder that is away or may not be entered."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _gone() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("the database file is not where it was")
    error.sqlite_errorname = "SQLITE_CANTOPEN"
    return error
