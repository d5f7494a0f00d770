"""Backing up a database that is in use, and restoring it. SQLite's own online backup does both.

The copy shows one moment; others read and write while it is made. Restoring replaces the content of the database in one
transaction, so that a service that has it open sees the old content or the restored one.
"""

from __future__ import annotations

import errno
import os
import secrets
import shlex
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL

from farol.errors import InputError, Place, StoreError, reason_of
from farol.files import sync_folder
from farol.i18n import msg
from farol.store.database import Store
from farol.store.engine import LIVENESS, open_engine, parse_url, require_file, store_errors
from farol.store.identity import set_aside
from farol.store.schema import require_known
from farol.store.sqlite import UNFINISHED, make_private_file, sqlite3

_KEPT = ("predictions", "drift_snapshots")
_PRECIOUS = ("api_keys", "outcomes", "users", "pupil_years", "cases")
"""Further tables, not in every copy, whose rows nobody wants replaced unasked."""
_ENDED = frozenset({"sessions", "invitations"})
"""Tables of what lets somebody in, which a restored copy begins without."""
_BUSY_SECONDS = 10
_UNFINISHED_SECONDS = 3_600
"""A copy that nobody has written to for so long is not being made any more."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy: the number of predictions in it, and the bytes of its file."""

    rows: int
    size: int


def backup(url: str, file: Path) -> Copied:
    """Writes a copy of the store at `url` to a new file, verified, whole or not at all; only its owner may read it.

    The store is copied as it is, without being brought up to date. InputError for a file that exists already, a place
    that cannot be written, a store that does not exist, and for PostgreSQL, which has its own tool; StoreError for a
    store that is damaged.
    """
    source = _file_of(url, "pg_dump --format=custom --file={file}", file)
    require_file(parse_url(url))
    if file.exists():
        raise InputError(msg("The file exists already."), where=Place(file=str(file)), fix=msg("Name a new file."))
    file = Path(os.path.realpath(file))
    fresh = file.with_name(f"{UNFINISHED}{secrets.token_hex(4)}.db")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(file.parent)
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            _copy_out(url, fresh)
            copied = Copied(_verified(fresh, of=source), fresh.stat().st_size)
            with fresh.open("rb+") as written:
                os.fsync(written.fileno())
            fresh.replace(file)
        finally:
            fresh.unlink(missing_ok=True)
        sync_folder(file.parent)
    except OSError as error:
        raise InputError(
            msg("The file cannot be written: {reason}.", reason=reason_of(error)),
            where=Place(file=str(file)),
            fix=msg("Choose another place for the file."),
        ) from error
    return copied


def _remove_unfinished(folder: Path) -> None:
    """A backup that was killed leaves a copy with data of pupils, which nobody sees and no pruning finds."""
    now = time.time()
    for path in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            if now - path.stat().st_mtime > _UNFINISHED_SECONDS:
                path.unlink()


def restore(url: str, file: Path, *, force: bool = False) -> Copied:
    """Restores a file that `backup` wrote into the store at `url`, verified first, and brings it up to date.

    InputError for a file that does not exist or is not a copy of a store, for a store that is not empty unless
    `force`d, and for PostgreSQL, which has its own tool; StoreError for a copy that is damaged, or that a newer
    Farol made. Sessions and one-time links end: some were ended or used since the copy was made.
    """
    target = _file_of(url, "pg_restore --clean --if-exists --single-transaction {file}", file)
    if not file.is_file():
        raise InputError(
            msg("There is no such file."), where=Place(file=str(file)), fix=msg("Check the path and the name.")
        )
    rows = _verified(file, of=file)
    engine = open_engine(url)
    set_aside(target)
    make_private_file(target)
    try:
        with store_errors(engine.url), closing(sqlite3.connect(target, timeout=_BUSY_SECONDS)) as into:
            if not force and _holds_anything(into):
                raise InputError(
                    msg("The database is not empty: restoring would replace its content."),
                    where=Place(file=str(target)),
                    fix=msg("Keep a copy with `farol store backup FILE`, then restore with --force."),
                )
            with _opened(file) as copy:
                copy.backup(into)
            with into:
                for name in sorted(_tables(into).intersection(_ENDED)):
                    into.execute(f"DELETE FROM {name}")  # noqa: S608  our names
            into.execute("PRAGMA journal_mode = WAL")
    finally:
        engine.dispose()
    Store.open(url).close()
    return Copied(rows, file.stat().st_size)


def _file_of(url: str, tool: str, file: Path) -> Path:
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Path(str(parsed.database))
    raise InputError(
        msg("The predictions are in a PostgreSQL database, which has its own tool for this."),
        fix=msg("Run: {command}", command=_command(tool, parsed, file)),
    )


def _command(tool: str, url: URL, file: Path) -> str:
    """The command of PostgreSQL's tool for this database; it asks for the password, or finds it in ~/.pgpass."""
    shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    name = shlex.quote(shown.difference_update_query(["password", *LIVENESS]).render_as_string())
    return f"{tool.format(file=shlex.quote(str(file)))} --dbname={name}"


def _copy_out(url: str, file: Path) -> None:
    engine = open_engine(url)
    try:
        with store_errors(engine.url), closing(sqlite3.connect(file)) as into:
            connection = engine.raw_connection()
            try:
                driver = connection.driver_connection
                assert isinstance(driver, sqlite3.Connection)  # noqa: S101  `_file_of` let nothing else through
                driver.backup(into)
                # One file without a log beside it, which can also be read from a read-only folder.
                into.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.OperationalError as error:
                # Reading needs no room: it is the copy that has none. The copying itself has an error without a code.
                code = getattr(error, "sqlite_errorname", None) or str(error)
                is_full = code.startswith(("SQLITE_FULL", "SQLITE_IOERR_WRITE", "database or disk is full"))
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if is_full else error from None
            finally:
                connection.close()
    finally:
        engine.dispose()


def _verified(file: Path, *, of: Path) -> int:
    """The number of predictions in a copy. Raises unless it is a sound copy of a store that this Farol can use."""
    revision, rows = None, 0
    with store_errors(URL.create("sqlite", database=str(of))), _opened(file) as copy:
        sound = copy.execute("PRAGMA integrity_check(1)").fetchall() == [("ok",)]
        ours = {"alembic_version", *_KEPT} <= _tables(copy)
        if sound and ours:
            revision = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            rows = copy.execute("SELECT count(*) FROM predictions").fetchone()[0]
    if not sound:
        raise StoreError(msg("The database file is damaged."), where=Place(file=str(of)), fix=msg("Use another copy."))
    if revision is None:
        fix = msg("Name a file that `farol store backup` wrote.")
        raise InputError(msg("The file is not a database of Farol."), where=Place(file=str(of)), fix=fix)
    require_known(str(revision[0]), str(of))
    return int(rows)


def _holds_anything(connection: sqlite3.Connection) -> bool:
    tables = _tables(connection)
    kept = sorted(tables.intersection((*_KEPT, *_PRECIOUS)))
    if tables and not kept:
        return True  # somebody else's database
    rows = (connection.execute(f"SELECT EXISTS (SELECT 1 FROM {name})").fetchone() for name in kept)  # noqa: S608  our names
    return any(has_rows for (has_rows,) in rows)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro", uri=True)) as connection:
        yield connection
