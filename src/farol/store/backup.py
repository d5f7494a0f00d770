"""A copy of the database while it is in use, and the way back. SQLite's own online backup does both.

The copy is of one moment: readers and writers go on while it is made. Going back replaces what the database holds in
one transaction, so that a service that has it open sees what was before, or what was restored.
"""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL

from farol.errors import InputError, Place, StoreError
from farol.files import sync_folder
from farol.i18n import msg
from farol.store.database import Store
from farol.store.driver import sqlite
from farol.store.engine import open_engine, parse_url, store_errors
from farol.store.schema import require_known

_KEPT = ("predictions", "drift_snapshots")
_BUSY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds: predictions, and bytes of the file."""

    rows: int
    size: int


def backup(url: str, file: Path) -> Copied:
    """Writes a copy of the store at `url` to a new file, verified, whole or not at all; only its owner may read it.

    The store is not brought up to date first: a new Farol can keep what the old one made. InputError for a file that is
    there already, a place that cannot be written, a store that does not exist, and for PostgreSQL, which has its own
    tool; StoreError for a store that is damaged.
    """
    source = _file_of(url, "pg_dump --format=custom --file={file}", file)
    if not source.exists():
        raise InputError(
            msg("There is no database yet."),
            where=Place(file=str(source)),
            fix=msg("Name the folder of the service with --data, or its database with FAROL_DATABASE_URL."),
        )
    if file.exists():
        raise InputError(msg("The file is there already."), where=Place(file=str(file)), fix=msg("Name a new file."))
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
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
            msg("The file cannot be written: {reason}.", reason=error.strerror or str(error)),
            where=Place(file=str(file)),
        ) from error
    return copied


def restore(url: str, file: Path, *, force: bool = False) -> Copied:
    """Puts what `backup` wrote into the store at `url`, verified first, and brings it up to date.

    InputError for a file that is not there or is no copy of a store, for a store that holds something unless `force`d,
    and for PostgreSQL, which has its own tool; StoreError for a copy that is damaged or was made by a newer Farol.
    """
    target = _file_of(url, "pg_restore --clean --if-exists --single-transaction {file}", file)
    if not file.is_file():
        raise InputError(msg("There is no such file."), where=Place(file=str(file)))
    rows = _verified(file, of=file)
    engine = open_engine(url)
    try:
        with store_errors(engine.url), closing(sqlite.connect(target, timeout=_BUSY_SECONDS)) as into:
            if not force and _holds_anything(into):
                raise InputError(
                    msg("The database is not empty: restoring would replace all it holds."),
                    where=Place(file=str(target)),
                    fix=msg("Keep a copy with `farol store backup FILE`, then restore with --force."),
                )
            with _opened(file) as copy:
                copy.backup(into)
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
        msg("The store is a PostgreSQL database, which has its own tool for this; Farol does not stand in for it."),
        fix=msg("Run: {command}", command=_command(tool, parsed, file)),
    )


def _command(tool: str, url: URL, file: Path) -> str:
    """The command of PostgreSQL's tool for this database; it asks for the password, or finds it in ~/.pgpass."""
    shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    name = shlex.quote(shown.difference_update_query(["password", "connect_timeout"]).render_as_string())
    return f"{tool.format(file=shlex.quote(str(file)))} --dbname={name}"


def _copy_out(url: str, file: Path) -> None:
    engine = open_engine(url)
    try:
        with store_errors(engine.url), closing(sqlite.connect(file)) as into:
            connection = engine.raw_connection()
            try:
                driver = connection.driver_connection
                assert isinstance(driver, sqlite.Connection)  # noqa: S101  `_file_of` let nothing else through
                driver.backup(into)
            finally:
                connection.close()
            # One file, without a log beside it, that can be read from a folder nobody may write.
            into.execute("PRAGMA journal_mode = DELETE")
    finally:
        engine.dispose()


def _verified(file: Path, *, of: Path) -> int:
    """How many predictions a copy holds. Raises unless it is a sound copy of a store that this Farol can use."""
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


def _holds_anything(connection: sqlite.Connection) -> bool:
    tables = _tables(connection)
    kept = sorted(tables.intersection((*_KEPT, "api_keys", "outcomes")))
    if tables and not kept:
        return True  # somebody else's database
    rows = (connection.execute(f"SELECT EXISTS (SELECT 1 FROM {name})").fetchone() for name in kept)  # noqa: S608  our names
    return any(found for (found,) in rows)


def _tables(connection: sqlite.Connection) -> set[str]:
    return {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@contextmanager
def _opened(file: Path) -> Iterator[sqlite.Connection]:
    with closing(sqlite.connect(f"file:{quote(str(file.resolve()))}?mode=ro", uri=True)) as connection:
        yield connection
