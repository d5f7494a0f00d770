"""Rows go into the file that stands at the path, or nowhere.

A program that has a file open goes on writing it after the file was removed or put elsewhere, and SQLite with a
write-ahead log does not look. What is acknowledged then is gone at the next start. So a connection is used only while
its file is the one at the path, which costs a `stat`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from farol.store.driver import sqlite

_FILE = "farol_file"


def watch(engine: Engine, path: Path) -> None:
    """Connections of a file that was replaced are opened anew; while there is none, every use of `engine` fails.

    The file is made by the first connection of an engine, never by a later one: an empty database in the place of one
    that is away would take answers that are lost, or hidden, when the other comes back.
    """
    made = False

    def refuse_to_make(*_arguments: Any) -> None:
        if made and _identity(path) is None:
            raise _gone()

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

    event.listen(engine, "do_connect", refuse_to_make)
    event.listen(engine, "connect", remember)
    event.listen(engine, "checkout", compare)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:  # away, or in a folder that is, or that nobody may enter any more
        return None
    return found.st_dev, found.st_ino


def _gone() -> sqlite.OperationalError:
    error = sqlite.OperationalError("the database file is not where it was")
    error.sqlite_errorname = "SQLITE_CANTOPEN"
    return error
