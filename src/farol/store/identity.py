"""The database is itself: its file and the two beside it are those we opened, and nothing is made in place of one.

SQLite keeps what was committed last in `-wal`, which fits one file alone. A copy that is moved over the file under a
running program, or beside the log that a killed one left, gives a database that is part of each, and nobody notices
for weeks. So we know the files by device and inode: while they are open, and in a file beside them for the next start.

https://sqlite.org/howtocorrupt.html, sections 1.4, 2.4 and 2.6.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from farol.errors import Place, StoreError
from farol.files import replace_file
from farol.i18n import msg

Identity = tuple[int, int]
"""Device and inode of a file."""

_NOTE = ".farol-site.json"


@dataclass(frozen=True, slots=True)
class DatabaseFiles:
    """The three files of an SQLite database as they are now; None for one that is not there."""

    main: Identity | None
    log: Identity | None
    index: Identity | None

    @classmethod
    def at(cls, path: Path) -> DatabaseFiles:
        """Those at a path. Costs three calls of `stat`."""
        name = str(path)
        return cls(identity_of(name), identity_of(f"{name}-wal"), identity_of(f"{name}-shm"))


def identity_of(name: str) -> Identity | None:
    """Device and inode of the file; None where it is away, or in a folder that is away or may not be entered."""
    try:
        status = os.stat(name)  # noqa: PTH116  asked before every transaction: a Path would cost as much again
    except OSError:
        return None
    return status.st_dev, status.st_ino


def sidecar_of(path: Path) -> Path:
    """The file in which the identity of a database is kept between two starts."""
    return path.with_name(f".{path.name}.files")


def remember(path: Path) -> None:
    """Keep the identity for the next start, as far as the folder may be written."""
    files = DatabaseFiles.at(path)
    known = {"main": files.main, "log": files.log}
    if files.main is not None and _kept(path) != known:
        with suppress(OSError):
            replace_file(sidecar_of(path), json.dumps(known).encode())


def require_own(path: Path) -> None:
    """Raises StoreError where the log at `path` belongs to another file, or the file is away and its log is not."""
    files, kept = DatabaseFiles.at(path), _kept(path)
    has_rows = files.log is not None and _size(Path(f"{path}-wal")) > 0
    if files.main is None or _size(path) == 0:
        if has_rows or (kept and files.main is None):
            raise missing(path, sidecar_of(path))
    elif has_rows and kept.get("log") == files.log and kept.get("main") not in (None, files.main):
        raise foreign(path, newest_rescued(path, kept["main"], _changed(sidecar_of(path))))


def rescued_at(path: Path, main: Identity | None, made: str) -> Path:
    """Where a copy of what was in the file `main` is put, once another stands in its place."""
    return path.with_name(f"{path.stem}-rescued-{made}-{main[1] if main else 0}.db")


def newest_rescued(path: Path, main: Identity | None, since: float) -> Path | None:
    """The last copy of what was in the file `main`; its number may have belonged to another file before `since`."""
    copies = path.parent.glob(rescued_at(path, main, "*").name)
    return max((copy for copy in copies if _changed(copy) >= since), key=_changed, default=None)


def foreign(path: Path, rescued: Path | None = None) -> StoreError:
    """Another file stands where the database was."""
    problem = msg("Another file was put in place of the database, so nothing is read or written.")
    if rescued is None:
        fix = msg(
            "Stop Farol. Put the old file back; or move the file and those that end in -wal and -shm to another folder "
            "and restore a backup with {command}. Then start Farol.",
            command="farol store restore",
        )
    else:
        fix = msg(
            "Stop Farol and move the file and those that end in -wal and -shm to another folder. All that was stored "
            "until now is in {file}: restore it with {command}, and start Farol.",
            file=str(rescued),
            command="farol store restore",
        )
    return StoreError(problem, where=Place(file=str(path)), fix=fix)


def severed(path: Path) -> StoreError:
    """The log or its index was taken away or replaced under us."""
    return StoreError(
        msg("A file that belongs to the database was removed or replaced, so nothing more is read or written."),
        where=Place(file=f"{path}-wal"),
        fix=msg("Never touch the files that end in -wal and -shm. Start Farol again: what was stored is kept."),
    )


def removed(path: Path, copy: Path | None = None) -> StoreError:
    """The file is away while it is open; where its folder is there, `copy` has all that was in it."""
    problem = msg("The database is not where it was, so nothing is read or written.")
    if copy is None:
        fix = msg(
            "Mount its folder, or put the file back: Farol goes on by itself. Or stop Farol, restore a backup with "
            "{command}, and start it again.",
            command="farol store restore",
        )
    else:
        fix = msg(
            "Put the file back: Farol goes on by itself. If it was deleted, all that was stored is in {file}: stop "
            "Farol, restore that with {command}, and start it again.",
            file=str(copy),
            command="farol store restore",
        )
    return StoreError(problem, where=Place(file=str(path)), fix=fix)


def missing(path: Path, *notes: Path) -> StoreError:
    """The file is away, and there was one, as the `notes` say."""
    names = ", ".join(str(note) for note in dict.fromkeys([*notes, sidecar_of(path)]) if note.exists())
    problem = msg("The database is not where it was, so no empty one is made in its place.")
    rescued = newest_rescued(path, _kept(path).get("main"), _changed(sidecar_of(path)))
    if rescued is None:
        fix = msg(
            "Mount its folder or put the file back, or restore a backup with {command}. To begin anew, and without "
            "keys, delete {file}.",
            command="farol store restore",
            file=names,
        )
    else:
        fix = msg(
            "Put the file back. If it was deleted, all that was stored is in {copy}: restore that with {command}. To "
            "begin anew, and without keys, delete {file}.",
            copy=str(rescued),
            command="farol store restore",
            file=names,
        )
    return StoreError(problem, where=Place(file=str(path)), fix=fix)


def set_aside(path: Path) -> None:
    """Rename a log whose database is away: SQLite would put its pages into whatever comes in that place. OSError."""
    if identity_of(str(path)) is None:
        made = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(f"{path.name}{suffix}").rename(path.with_name(f"{path.name}-left-{made}{suffix}"))


def note_database(artifacts: Path, database: str, *, has_keys: bool = False) -> bool:
    """Remember outside the database that it is there, or that it has keys; whether that is remembered now.

    It stands in the folder of the models, which is made for keys alone. `database` is an absolute path, or host, port
    and name.
    """
    name = "keys_in" if has_keys else "databases"
    try:
        site = _site(artifacts)
        if database not in site[name]:
            if has_keys:
                artifacts.mkdir(parents=True, exist_ok=True)
            known = {**site, name: [*site[name], database]}
            replace_file(artifacts / _NOTE, json.dumps(known).encode())
    except (OSError, ValueError, TypeError):  # a note that cannot be read counts for every database as it is
        return False
    return True


def keys_were_made(artifacts: Path, database: str) -> bool:
    """Whether there ever were keys in the database that is, or was, there. A note that cannot be read says so, too."""
    try:
        return database in _site(artifacts)["keys_in"]
    except (OSError, ValueError, TypeError):
        return True


def require_mounted(artifacts: Path, path: Path) -> None:
    """Raises StoreError where this site had a database and its file is away, as on a disk that is not mounted."""
    if identity_of(str(path)) is not None:
        return
    database = str(path.absolute())
    try:
        site = _site(artifacts)
        was_there = database in site["databases"] or database in site["keys_in"]
    except (OSError, ValueError, TypeError):
        was_there = True
    if was_there:
        raise missing(path, artifacts / _NOTE)


def _site(artifacts: Path) -> dict[str, list[str]]:
    """What the note says: the databases of this site, and those that had keys."""
    try:
        content = _json((artifacts / _NOTE).read_bytes())
    except FileNotFoundError:
        content = {"databases": [], "keys_in": []}
    databases, keys_in = content.get("databases"), content.get("keys_in")
    if not isinstance(databases, list) or not isinstance(keys_in, list):
        raise TypeError("no lists")
    return {"databases": [str(name) for name in databases], "keys_in": [str(name) for name in keys_in]}


def _kept(path: Path) -> Mapping[str, Identity | None]:
    try:
        kept: Any = _json(sidecar_of(path).read_bytes())
        return {name: (int(pair[0]), int(pair[1])) if pair else None for name, pair in kept.items()}
    except (OSError, ValueError, TypeError, IndexError):
        return {}


def _json(source: bytes) -> dict[str, Any]:
    content = json.loads(source)
    if not isinstance(content, dict):
        raise TypeError("no object")
    return content


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
