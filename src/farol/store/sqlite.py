"""The SQLite that Farol uses, and a check that the open file is still the one at the path.

SQLite up to 3.51.2 has the WAL-reset fault (https://sqlite.org/wal.html#the_wal_reset_bug): where one connection begins
a checkpoint while another starts the log anew, a later checkpoint may leave out part of what was committed. Two workers
that write are enough for it. Farol uses Python's own SQLite where it has no such fault, else the one that `pysqlite3`
brings.

Every module takes `sqlite3` from here. Two SQLites in one process do not see each other's locks on a file
(https://sqlite.org/howtocorrupt.html, section 2.2).
"""

from __future__ import annotations

import os
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from farol.errors import StoreError
from farol.files import PRIVATE, sync_folder, write_file
from farol.store.identity import (
    DatabaseFiles,
    Identity,
    foreign,
    identity_of,
    newest_rescued,
    removed,
    require_own,
    rescued_at,
    severed,
)

__all__ = ["SOUND", "UNFINISHED", "VERSION", "choose", "is_sound", "make_private_file", "sqlite3", "watch_file"]

_FIXED = (3, 51, 3)
_BACKPORTED = (((3, 44, 6), (3, 45)), ((3, 50, 7), (3, 51)))
_FILES = "farol_files"

UNFINISHED = ".farol-backup-unfinished-"
"""Begins the name of a copy that is being made: one that a kill left is removed by the next backup."""

_TRIES = 200
_TRY_SECONDS = 0.05
"""For so long we copy again, or wait for another worker's copy, until nobody can write any more to what is copied."""


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
    """Uses a connection of `engine` only while the three files of its database are those at `path`."""
    watch = FileWatch(path)
    event.listen(engine, "do_connect", watch.connecting)
    event.listen(engine, "connect", watch.connected)
    event.listen(engine, "close", watch.closed)
    event.listen(engine, "checkin", watch.returned)
    event.listen(engine, "checkout", watch.taken)
    event.listen(engine, "engine_disposed", watch.ended)


class FileWatch:
    """The files of one database as the connections of one engine have them, by the events of its pool.

    A program goes on writing a file that was removed or replaced, SQLite too, and those rows are lost. While there is
    no file every use of the engine fails, and goes on when the same file is back: only the first connection makes one.
    As long as its folder is there, the file may have been deleted, so a copy of it is kept beside it until it is back.
    Whatever else is not as it was is refused for good (`farol.store.identity`), once what was stored until then is
    saved, into the file itself or into a copy beside it. For this a connection of our own is kept: those of the pool
    may be in use, or closed. Costs three calls of `stat` for each use of a connection.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._main: Identity | None = None
        self._refused: StoreError | None = None
        self._files: DatabaseFiles | None = None  # as our open connections have them; None without one
        self._folder: Identity | None = None
        self._copy: Path | None = None
        self._copied: int | None = None  # the moment of the database that `_copy` shows
        self._keeper: sqlite3.Connection | None = None
        self._kept_since = 0.0
        self._open = 0
        self._is_ended = False
        self._lock = Lock()

    def connecting(self, *_arguments: Any) -> None:
        """Raises where another connection would be one to another file, or make a second log."""
        if self._refused is not None:
            raise self._refused
        now = DatabaseFiles.at(self._path)
        if self._main is None:
            require_own(self._path)
            make_private_file(self._path)
        elif now.main is None:
            raise self._removed(self._keeper)
        elif now.main != self._main or (self._files is not None and now != self._files):
            raise self._refuse(now, self._keeper)
        elif self._copy is not None:
            self._forget_copy()

    def connected(self, _connection: Any, entry: ConnectionPoolEntry) -> None:
        """Notes the file. The log and its index are there once the connection was used."""
        opened = DatabaseFiles(DatabaseFiles.at(self._path).main, None, None)
        entry.info[_FILES] = opened
        self._main = self._main or opened.main
        self._folder = self._folder or identity_of(str(self._path.parent))
        self._open += 1

    def closed(self, *_arguments: Any) -> None:
        """SQLite removes the log with its last connection; the next one makes another."""
        self._open -= 1
        if not self._open and self._keeper is None:
            self._files = None

    def returned(self, _connection: Any, entry: ConnectionPoolEntry) -> None:
        """Notes the log and its index after the first use."""
        opened: DatabaseFiles | None = entry.info.get(_FILES)
        if opened is None or opened.log is not None:
            return
        now = DatabaseFiles.at(self._path)
        if now.main == opened.main and now.log is not None and now.index is not None:
            entry.info[_FILES], self._files = now, self._files or now
            self._keep()

    def taken(self, connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
        """Raises unless the files are as they were."""
        if self._refused is not None:
            raise self._refused
        opened: DatabaseFiles = entry.info[_FILES]
        now = DatabaseFiles.at(self._path)
        if now == opened:
            if self._copy is not None:
                self._forget_copy()
            return
        if now.main is None:
            raise self._removed(self._keeper or connection)
        if now.main == opened.main and opened.log is None and self._files in (None, now):
            return  # it was not used yet, or this file system has no shared memory, and so no log
        raise self._refuse(now, self._keeper or connection)

    def ended(self, *_arguments: Any) -> None:
        """Nobody uses the engine any more: SQLite may remove the log."""
        self._is_ended = True
        with self._lock:
            if self._keeper is not None:
                self._keeper.close()
                self._keeper = None
        if not self._open:
            self._files = None

    def _keep(self) -> None:
        """Opens the connection of our own, on the same three files as those of the pool."""
        with self._lock:
            if self._keeper is not None or self._is_ended or not _may_write(self._path):
                return
            with suppress(sqlite3.Error):  # the next connection tries it again
                keeper = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
                with suppress(sqlite3.Error):
                    keeper.execute("SELECT 1 FROM sqlite_master").fetchone()  # the first reading opens the log
                    if DatabaseFiles.at(self._path) == self._files:
                        self._keeper, self._kept_since = keeper, time.time()
                        return
                keeper.close()

    def _removed(self, keeper: sqlite3.Connection | None) -> StoreError:
        """Why nothing is read or written now, after a copy of what only an open connection can still reach was made.

        Other workers make the same copy; whichever is last, it has all: who sees a commit after its own makes it anew.
        """
        with self._lock:
            if keeper is not None and identity_of(str(self._path.parent)) == self._folder:
                with suppress(OSError, sqlite3.Error):  # no room, or no right to write
                    moment = _locked(keeper)
                    if moment is not None:
                        keeper.execute("ROLLBACK")
                        if self._copy is None or moment != self._copied or not self._copy.exists():
                            self._copy, self._copied = _copied_aside(keeper, self._path, self._main), moment
            return removed(self._path, self._copy)

    def _forget_copy(self) -> None:
        """The file is back, and goes on changing: a copy with data of pupils that nobody needs is not left."""
        with self._lock, suppress(OSError):
            if self._copy is not None:
                self._copy.unlink(missing_ok=True)
            self._copy = self._copied = None

    def _refuse(self, now: DatabaseFiles, keeper: sqlite3.Connection | None) -> StoreError:
        """Why nothing more is read or written, after what only an open connection can still reach was saved."""
        with self._lock:
            if self._refused is None:
                self._refused = self._saved(now, keeper)
            return self._refused

    def _saved(self, now: DatabaseFiles, keeper: sqlite3.Connection | None) -> StoreError:
        if now.main != self._main or (self._files is not None and now.log not in (None, self._files.log)):
            rescued = None if keeper is None else _rescued(keeper, self._path, self._main, self._kept_since)
            return foreign(self._path, rescued)
        if keeper is not None:
            _empty_log(keeper)
        return severed(self._path)


def _may_write(path: Path) -> bool:
    """Whether this process may write the three files: while one connection has the log open to be read, all others of
    the process have it so, also when the mode is mended."""
    return all(
        os.access(file, os.W_OK)
        for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm"))
    )


def make_private_file(path: Path) -> None:
    """Make an empty database that only its owner may read, unless there is a file: SQLite itself lets others read."""
    with suppress(OSError):  # SQLite meets the same fault next, and has a name for it
        write_file(path, b"", mode=PRIVATE)


def _empty_log(keeper: sqlite3.Connection) -> None:
    """The log has no name any more and goes with the process: what is in it goes into the file now."""
    with suppress(sqlite3.Error):
        keeper.execute(f"PRAGMA busy_timeout = {round(1000 * _TRIES * _TRY_SECONDS)}")
        keeper.execute("PRAGMA wal_checkpoint(FULL)").fetchall()


def _rescued(keeper: sqlite3.Connection, path: Path, main: Identity | None, since: float) -> Path | None:
    """A copy of all that the connection still sees, which has no name any more; None where none can be written.

    Other workers have the same file open. So the copy counts once nobody wrote to the file since it was begun, and
    nobody can afterwards: the connection keeps the lock for writing until the process ends. Whoever meets that lock
    takes the copy of the one that has it.
    """
    target = rescued_at(path, main, f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}")
    fresh = _unfinished(path)
    try:
        for _ in range(_TRIES):
            before = _locked(keeper)
            if before is not None:
                keeper.execute("ROLLBACK")
                _copy_to(fresh, keeper)
                if _locked(keeper) == before:
                    fresh.replace(target)
                    sync_folder(target.parent)
                    return target
                with suppress(sqlite3.Error):
                    keeper.execute("ROLLBACK")
            elif (copy := newest_rescued(path, main, since)) is not None:
                return copy
            time.sleep(_TRY_SECONDS)
    except (OSError, sqlite3.Error):  # no room, or no right to write
        return newest_rescued(path, main, since)
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
    return None


def _locked(keeper: sqlite3.Connection) -> int | None:
    """Takes the lock for writing: a number that changes with each commit of another; None while another has it."""
    try:
        keeper.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return None
    return int(keeper.execute("PRAGMA data_version").fetchone()[0])


def _copy_to(fresh: Path, keeper: sqlite3.Connection) -> None:
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(fresh)) as copy:
        keeper.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def _copied_aside(keeper: sqlite3.Connection, path: Path, main: Identity | None) -> Path:
    target, fresh = rescued_at(path, main, "removed"), _unfinished(path)
    try:
        _copy_to(fresh, keeper)
        fresh.replace(target)
        sync_folder(target.parent)
    finally:
        fresh.unlink(missing_ok=True)
    return target


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{UNFINISHED}{os.getpid()}.db")
