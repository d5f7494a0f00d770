"""The SQLite that Farol runs on: Python's own where it is sound, else the one that `pysqlite3` brings.

SQLite up to 3.51.2 has the "WAL-reset" fault (https://sqlite.org/wal.html#the_wal_reset_bug): where one connection
begins a checkpoint at the very moment another one starts the log anew, a later checkpoint may leave out a part of
what was committed. It needs two connections that write, so two workers are enough.

Nobody may open Farol's file with another SQLite in the same process: when a library closes a file, the system drops
the locks that the other one holds on it (https://sqlite.org/howtocorrupt.html, section 2.2). So everything here
imports `sqlite` from this module, and nothing else.
"""

from __future__ import annotations

import sqlite3
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["SOUND", "VERSION", "chosen", "is_sound", "sqlite"]

_FIXED = (3, 51, 3)
_BACKPORTED = (((3, 44, 6), (3, 45)), ((3, 50, 7), (3, 51)))


def is_sound(version: tuple[int, ...]) -> bool:
    """Whether an SQLite of this version is without the WAL-reset fault: 3.51.3 on, 3.50.7 on, 3.44.6 on."""
    return version >= _FIXED or any(first <= version < after for first, after in _BACKPORTED)


def chosen(own: ModuleType, other: str) -> ModuleType:
    """Python's own module where it is sound, else `other` where that is installed and newer."""
    if is_sound(own.sqlite_version_info):
        return own
    try:
        found = import_module(other)
    except ModuleNotFoundError:  # there is no build of it for this system
        return own
    return max(own, found, key=lambda module: module.sqlite_version_info)


if TYPE_CHECKING:
    import sqlite3 as sqlite
else:
    sqlite = chosen(sqlite3, "pysqlite3.dbapi2")

VERSION: str = sqlite.sqlite_version
SOUND: bool = is_sound(sqlite.sqlite_version_info)
