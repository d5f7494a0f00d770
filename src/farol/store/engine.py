"""From a URL to an SQLAlchemy engine set up as we want it, and from a driver's error to StoreError."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any, cast
from urllib.parse import quote, quote_plus

from sqlalchemy import URL, Connection, Engine, ExceptionContext, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from farol.errors import InputError, MissingExtraError, Place, StoreError, reason_of
from farol.files import make_private_folder
from farol.i18n import Message, msg
from farol.store.patience import Patience
from farol.store.sqlite import sqlite3, watch_file

IMMEDIATE = "farol_immediate"
"""Execution option of a transaction that will write: SQLite takes the write lock at its start."""

BUSY_SECONDS = "10"
CONNECT_SECONDS = "5"

LIVENESS = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",  # milliseconds until what was sent must have arrived
}
"""After how long a server or a network that went away without a word is noticed; the URL may say otherwise."""

IDLE_SECONDS = 1.0
"""A connection that was used less long ago is not asked whether it is still alive."""

_USED = "farol_used"


def open_engine(url: str, patience: Patience | None = None) -> Engine:
    """An engine for an SQLite file or a PostgreSQL database; nothing is connected yet.

    SQLite: every transaction is explicit, a second writer waits up to ten seconds (`?timeout=` in the URL says
    otherwise), commits are flushed to the disk. PostgreSQL goes through psycopg 3, a plain `postgresql://` too; a
    server that accepts and says nothing is given up after `patience`.
    Raises StoreError, MissingExtraError.
    """
    parsed = parse_url(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(parsed)
        # Values by position, as SQLite takes them: see `farol.store.statements`.
        engine = create_engine(parsed, hide_parameters=True, paramstyle="format", pool_use_lifo=True)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            msg("PostgreSQL needs the Python package {name}, which is not installed.", name=error.name),
            extra="postgresql",
        ) from error
    if patience is not None:
        _be_patient(engine, patience)
    _ask_the_idle(engine)
    return engine


def _be_patient(engine: Engine, patience: Patience) -> None:
    from farol.store.postgresql import PatientConnection  # noqa: PLC0415  psycopg is an extra

    def connect(_dialect: object, _entry: object, args: tuple[Any, ...], options: dict[str, Any]) -> object:
        return PatientConnection.waiting(patience, *args, **options)

    event.listen(engine, "do_connect", connect)


def parse_url(url: str) -> URL:
    """The URL with its driver and our defaults; StoreError for one that Farol cannot use."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The text is not repeated: it may hold a password that we could not find in it.
        raise StoreError(
            msg("The database's URL cannot be read."),
            expected=_expected(),
            fix=msg("Correct FAROL_DATABASE_URL, or leave it out to use a file in the data folder."),
        ) from None
    backend, _, driver = parsed.drivername.partition("+")
    if backend == "sqlite" and driver in ("", "pysqlite"):
        if not parsed.database or _is_in_memory(parsed.database):
            raise StoreError(
                msg("A database in memory loses every prediction when the program ends."),
                expected=_expected(),
                fix=msg("Correct FAROL_DATABASE_URL, or leave it out to use a file in the data folder."),
            )
        return parsed.update_query_dict({"timeout": parsed.query.get("timeout", BUSY_SECONDS)})
    if backend in ("postgresql", "postgres") and driver in ("", "psycopg"):
        given = {name: parsed.query.get(name, value) for name, value in LIVENESS.items()}
        return parsed.set(drivername="postgresql+psycopg").update_query_dict(given)
    raise _unknown_database(parsed)


def _is_in_memory(database: str) -> bool:
    return database == ":memory:" or (database.startswith("file:") and ":memory:" in database)


def describe(url: URL) -> str:
    """The database without secrets: a path, or host, port and name."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    host = url.host or url.query.get("host", "localhost")
    return f"{host}:{url.port or 5432}/{url.database or ''}"


def location(url: URL) -> str:
    """Which database it is, for a note: `describe` with an absolute path."""
    return str(Path(describe(url)).absolute()) if url.get_backend_name() == "sqlite" else describe(url)


@contextmanager
def store_errors(url: URL) -> Iterator[None]:
    """Turns what the driver raises inside the block into StoreError; into InputError where a text has a NUL.

    PostgreSQL stores no such text and looks for none. It comes from whoever asks: nothing is wrong with the database.

    The driver's own error is not chained: its text may quote the row, or the URL with its password.
    """
    try:
        yield
    except IntegrityError as error:
        raise StoreError(
            msg("The database refused the row: {code}.", code=_code(error.orig)),
            where=Place(file=describe(url)),
            fix=msg("A prediction is stored once. If its id is new, Farol did not make this database."),
        ) from None
    except PoolTimeoutError:
        raise StoreError(
            msg("All connections to the database are in use."),
            where=Place(file=describe(url)),
            fix=msg("Try again in a moment."),
        ) from None
    except DBAPIError as error:
        if isinstance(error, DataError) and not _code(error.orig) and "NUL" in str(error.orig):
            raise InputError(
                msg("A text has a character that cannot be stored."),
                expected=msg("a text without the character NUL (U+0000)"),
                fix=msg("Type the text anew: the character cannot be seen, and came with what was copied."),
            ) from None
        raise _translated(error.orig, url) from None
    except sqlite3.Error as error:  # from the pragmas of a new connection, which SQLAlchemy does not wrap
        raise _translated(error, url) from None


def _ask_the_idle(engine: Engine) -> None:
    """Asks a connection whether it is alive where nobody used it for a while or the server has sent something on it,
    and replaces it where it is not.

    SQLAlchemy's own `pool_pre_ping` asks each time, which takes the journal as long as one of its statements. A server
    that ends says so on every connection; the time that has passed finds one that ended without a word.
    """

    def returned(_connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        entry.info[_USED] = time.monotonic()

    def taken(connection: DBAPIConnection, entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
        used = entry.info.get(_USED)
        try:
            if used is not None and (time.monotonic() - used >= IDLE_SECONDS or is_readable(connection)):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    event.listen(engine, "checkin", returned)
    event.listen(engine, "checkout", taken)


def is_readable(connection: object) -> bool:
    """Whether something has come from the server, or it has closed the connection."""
    with DefaultSelector() as selector:
        selector.register(cast(Any, connection), EVENT_READ)
        return bool(selector.select(0))


def require_file(url: URL) -> None:
    """Raises InputError where the file of an SQLite database is not there. PostgreSQL says so itself."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith("file:"):
        return
    file = Path(url.database)
    try:
        file.stat()
    except FileNotFoundError as error:
        raise InputError(
            msg("There is no database here yet."),
            where=Place(file=str(file)),
            fix=msg(
                "`farol forecast` and `farol serve` make one. If it is in another folder, name that with --data, or "
                "the database with FAROL_DATABASE_URL."
            ),
        ) from error
    except OSError:  # opening it says what is wrong
        return


def _sqlite_engine(url: URL) -> Engine:
    database = url.database or ""
    if not database.startswith("file:"):
        folder = Path(database).parent
        try:
            make_private_folder(folder)
        except OSError as error:
            raise StoreError(
                msg("The folder of the database cannot be made: {reason}.", reason=reason_of(error)),
                where=Place(file=str(folder)),
                fix=msg("Choose another place with FAROL_DATA or FAROL_DATABASE_URL."),
            ) from error
    # The connection that was used last has the pages in its cache; another would have to read them anew.
    engine = create_engine(url, hide_parameters=True, module=sqlite3, pool_use_lifo=True)
    if not database.startswith("file:"):
        watch_file(engine, Path(database))
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    event.listen(engine, "handle_error", _give_up_connection)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The module's own BEGIN comes too late to make schema changes part of a transaction, and is never IMMEDIATE. So
    # `_begin_sqlite` does it.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    # Erased rows must be gone from the file, and not only from its index.
    connection.execute("PRAGMA secure_delete = ON")


def _give_up_connection(context: ExceptionContext) -> None:
    """Closes a connection that met such a fault, and the idle ones: as long as one is open that was opened while the
    file could not be written, all are read-only."""
    if _code(context.original_exception).startswith(("SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN")):
        context.is_disconnect = True
        cast(Engine, context.engine).pool.dispose()  # it is None for pings alone, which we do not make this way


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_SQLITE = {
    "SQLITE_READONLY": (
        msg("The database is read-only."),
        msg("Allow this user to write the file and its folder."),
    ),
    "SQLITE_FULL": (msg("The disk is full."), msg("Free space on the disk, then try again.")),
    "SQLITE_CANTOPEN": (
        msg("The database cannot be opened."),
        msg("Check that the path is a file and that this user may read and write it."),
    ),
    "SQLITE_NOTADB": (
        msg("The file is not an SQLite database."),
        msg("Move it away, or name another file; Farol makes a new database."),
    ),
    "SQLITE_CORRUPT": (
        msg("The database file is damaged."),
        msg("Restore a backup, or save the readable part with `sqlite3 FILE .recover`."),
    ),
    "SQLITE_BUSY": (
        msg("The database is locked by another program."),
        msg("Wait a moment and try again. If it stays locked, end the other program."),
    ),
    "SQLITE_IOERR": (msg("The disk failed to read or write."), msg("Check the disk and its free space.")),
}

_POSTGRESQL = {
    "53100": _SQLITE["SQLITE_FULL"],
    "25006": (
        msg("The database is read-only."),
        msg("Connect to the primary server, not to a replica."),
    ),
    "42501": (
        msg("The database's user may not do this."),
        msg("Grant it the right to create and write tables."),
    ),
}


def _translated(error: BaseException | None, url: URL) -> StoreError:
    code = _code(error)
    if isinstance(error, sqlite3.Error):
        family = "_".join(code.split("_")[:2])
        known = _SQLITE.get(family)
    else:
        known = _POSTGRESQL.get(code)
        if known is None and (not code or code[:2] in ("08", "28", "3D", "57")):
            return StoreError(
                msg("The database cannot be reached."),
                got=Message(_without_secrets(error, url)),
                where=Place(file=describe(url)),
                fix=msg("Check that it is running, and the host, name, user and password in FAROL_DATABASE_URL."),
            )
    problem, fix = known or (msg("The database refused: {code}.", code=code), None)
    return StoreError(problem, got=Message(code), where=Place(file=describe(url)), fix=fix)


def _code(error: BaseException | None) -> str:
    """SQLite's name of the error or PostgreSQL's SQLSTATE; empty where there is neither, as on a failed connection."""
    return str(getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or "")


def _without_secrets(error: BaseException | None, url: URL) -> str:
    text = str(error).strip().splitlines()[0]
    secrets = [str(url.password or ""), str(url.query.get("password", ""))]
    for secret in filter(None, secrets):
        for form in (secret, quote(secret, safe=""), quote_plus(secret)):
            text = text.replace(form, "***")
    return text


def _unknown_database(url: URL) -> StoreError:
    return StoreError(
        msg("Farol cannot use the database {name}.", name=url.drivername),
        expected=_expected(),
        fix=msg("Correct FAROL_DATABASE_URL, or leave it out to use a file in the data folder."),
    )


def _expected() -> Message:
    return msg("{sqlite} or {postgresql}", sqlite="sqlite:///data/farol.db", postgresql="postgresql://user@host/name")


def insert_new(connection: Connection, table: Table, values: Mapping[str, object]) -> bool:
    """Inserts a row unless another has one of its unique values already; whether it was inserted."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    new = insert(table).values(**values).on_conflict_do_nothing()
    return connection.execute(new.returning(*table.primary_key)).first() is not None
