"""The store: predictions, the counters that drift is measured by, snapshots of drift. SQLAlchemy Core, no ORM."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Self, cast

from sqlalchemy import Connection, Engine, RowMapping, Select, event, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry

from farol.errors import StoreError
from farol.model.counters import FILE_SLICE, WHOLE
from farol.settings import Settings
from farol.store.counters import Counters, CounterVector, add_up
from farol.store.engine import IMMEDIATE, location, open_engine, parse_url, require_file, store_errors
from farol.store.identity import note_database, remember, require_mounted
from farol.store.partitions import Months
from farol.store.patience import Patience
from farol.store.records import Prediction, Snapshot, microseconds, moment
from farol.store.schema import migrate
from farol.store.statements import (
    InsertRows,
    InsertSet,
    Steps,
    carry_out,
    copy_rows,
    cursor_of,
    driver_errors,
    driver_transaction,
    patience_of,
)
from farol.store.tables import (
    PREDICTION_COLUMNS,
    counters,
    drift_snapshots,
    json_text,
    prediction_keys,
    prediction_of,
    prediction_values,
    predictions,
)

PAGE = 1_000
"""Rows read at once."""

COPIED_ROWS = 500
"""From this number on rows are copied into PostgreSQL, not inserted."""


class Store:
    """An open database. Threads may share it, and several processes may have the same one open.

    Every method raises StoreError when the database cannot do what is asked, and then nothing was changed.
    """

    def __init__(self, engine: Engine, patience: Patience | None = None) -> None:
        self.engine = engine
        self.patience = patience or Patience()
        self._written = engine.execution_options(**{IMMEDIATE: True})
        is_postgresql = engine.dialect.name == "postgresql"
        # SQLite's transactions see one moment in any case.
        self._of_one_moment = engine.execution_options(isolation_level="REPEATABLE READ") if is_postgresql else engine
        insert = postgresql.insert if is_postgresql else sqlite.insert
        self.counters = Counters(engine)
        self._copies = is_postgresql
        self._add = (
            InsertSet(predictions, PREDICTION_COLUMNS, engine)
            if is_postgresql
            else InsertRows(predictions.insert(), PREDICTION_COLUMNS, engine)
        )
        self._add_keys = insert(prediction_keys).on_conflict_do_nothing().returning(prediction_keys.c.id)
        self.months = Months(engine)

    @classmethod
    def open(cls, url: str, *, seconds: float | None = None, existing: bool = False) -> Store:
        """The store at an SQLAlchemy URL; its tables are made or brought up to date first.

        `existing`, for whoever only looks or removes: no folder and no SQLite file is made, and without one it raises
        InputError.

        PostgreSQL may say nothing for `seconds`; while its tables are changed this does not count.

        Raises StoreError for a database that cannot be reached, read or written, is damaged, or has tables that this
        Farol does not know; MissingExtraError where the driver is not installed.
        """
        if existing:
            require_file(parse_url(url))
        patience = Patience(seconds)
        engine = open_engine(url, patience)
        try:
            with store_errors(engine.url):
                migrate(engine, patience)
        except BaseException:
            engine.dispose()
            raise
        if engine.dialect.name == "sqlite" and not str(engine.url.database).startswith("file:"):
            remember(Path(str(engine.url.database)))
        return cls(engine, patience)

    @classmethod
    def of(cls, settings: Settings) -> Store:
        """The store of a site, as `open`; that it is there is noted beside the models.

        Raises StoreError, besides, where it was there and its file is away: none is made in an empty folder in which a
        disk should be mounted.
        """
        require_site(settings)
        store = cls.open(settings.store_url, seconds=settings.store_timeout)
        store.note(settings)
        return store

    def note(self, settings: Settings, *, has_keys: bool = False) -> bool:
        """Remember beside the models that the site has this database, or that it has keys; see `note_database`."""
        return note_database(settings.artifacts, location(self.engine.url), has_keys=has_keys)

    def close(self) -> None:
        """Closes the connections, those that a thread still uses as soon as it gives them back. A store that is used
        again opens one for each use.
        """
        if not event.contains(self.engine, "checkin", _close_returned):
            event.listen(self.engine, "checkin", _close_returned)
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ping(self) -> None:
        """Raises StoreError unless the database answers."""
        with self.reading() as connection:
            connection.execute(select(1))

    def write(self, rows: Sequence[Prediction]) -> list[Prediction]:
        """Stores all rows and adds to the counters in one transaction: all of it, flushed to the disk, or nothing.

        Returns what is stored, row for row. A row whose `key_hash` is stored already, by whichever process, or stands
        earlier among `rows`, is neither stored nor counted: the one that has it comes back instead. Whether its
        `body_hash` is the same is for the caller to see.
        """
        if not rows:
            return []
        self.months.make(self.months.missing(rows))
        try:
            if (self._copies and len(rows) >= COPIED_ROWS) or any(row.key_hash is not None for row in rows):
                return self._write_many(rows)
            with driver_transaction(self.engine) as cursor:
                carry_out(cast(DBAPICursor, cursor), self.writing(rows))
        except StoreError:
            self.months.forget()
            raise
        return list(rows)

    def _write_many(self, rows: Sequence[Prediction]) -> list[Prediction]:
        """As `write`, for rows with keys and for many rows, which PostgreSQL takes as a stream (COPY)."""
        keyed = {row.key_hash: row for row in reversed(rows) if row.key_hash is not None}
        with driver_errors(self.engine), self.transaction() as connection:
            first = self._first_with_keys(connection, keyed) if keyed else {}
            fresh = [row for row in rows if row.key_hash is None or first[row.key_hash] is row]
            cursor = cursor_of(connection)
            if self._copies and len(fresh) >= COPIED_ROWS:
                copy_rows(cursor, predictions, PREDICTION_COLUMNS, map(prediction_values, fresh))
                self.counters.add(cursor, add_up(fresh))
            else:
                carry_out(cursor, self.writing(fresh))
        return [row if row.key_hash is None else first[row.key_hash] for row in rows]

    def write_now(self, rows: Sequence[Prediction]) -> list[Prediction] | None:
        """As `write`, but None, and nothing written, where that would have to wait or to look for keys.

        On SQLite it waits while somebody else is writing; on PostgreSQL always. For `farol.store.journal`.
        """
        if self.engine.dialect.name != "sqlite" or any(row.key_hash is not None for row in rows):
            return None
        with driver_transaction(self.engine, patient=False) as cursor:
            if cursor is None:
                return None
            carry_out(cursor, self.writing(rows))
        return list(rows)

    def writing(self, rows: Sequence[Prediction]) -> Steps:
        """The steps that store rows as they are, and count them."""
        yield from self._add.steps([tuple(prediction_values(row).values()) for row in rows])
        yield from self.counters.adding(add_up(rows))

    def _first_with_keys(self, connection: Connection, keyed: Mapping[str, Prediction]) -> dict[str, Prediction]:
        """Key hash → the row that has the key: the one given, or the one that is stored already.

        Keys are in a table of their own, since a part of the predictions cannot tell which keys another part has.
        """
        # In one order everywhere: two processes that wait for each other's keys would wait for ever.
        rows = [keyed[key] for key in sorted(keyed)]
        values = [{"key_hash": row.key_hash, "id": row.id, "at": microseconds(row.at)} for row in rows]
        taken = set(connection.execute(self._add_keys, values).scalars())
        first = {key: row for key, row in keyed.items() if row.id in taken}
        lost = [key for key in keyed if key not in first]
        if lost:
            same = (predictions.c.id == prediction_keys.c.id) & (predictions.c.at == prediction_keys.c.at)
            query = select(predictions).join(prediction_keys, same).where(prediction_keys.c.key_hash.in_(lost))
            first |= {row["key_hash"]: prediction_of(row) for row in connection.execute(query).mappings()}
        return first

    def latest(self, limit: int, task: str | None = None) -> list[Prediction]:
        """The last `limit` predictions, the newest first."""
        query = _of_task(select(predictions), task).order_by(predictions.c.seq.desc()).limit(limit)
        with self.reading() as connection:
            return [prediction_of(row) for row in connection.execute(query).mappings()]

    def stream(self, task: str | None = None) -> Iterator[Prediction]:
        """All predictions stored by now, the oldest first, in constant memory.

        Read in pages of a short transaction each: a slow reader holds nothing back.
        """
        with self.reading() as connection:
            end = connection.execute(select(func.max(predictions.c.seq))).scalar() or 0
        seq = 0
        while True:
            query = _of_task(select(predictions), task).where(predictions.c.seq > seq, predictions.c.seq <= end)
            with self.reading() as connection:
                page = connection.execute(query.order_by(predictions.c.seq).limit(PAGE)).mappings().all()
            if not page:
                return
            yield from map(prediction_of, page)
            seq = page[-1]["seq"]

    def total(self, task: str | None = None) -> int:
        """The number of predictions that are stored."""
        with self.reading() as connection:
            return int(connection.execute(_of_task(select(func.count()).select_from(predictions), task)).scalar_one())

    def answered(self, task: str) -> int:
        """The number of predictions of a task by the counters. The cost does not depend on that number."""
        with self.reading() as connection:
            return self.counters.answered(connection, task)

    def counts(
        self, task: str, version: str, first: date, last: date, slice_: str = WHOLE
    ) -> dict[str, dict[int, int]]:
        """Name → bin → number of answers, over the days (America/Sao_Paulo) from `first` to `last`, both included.

        The names are those of the version's features and of `farol.model.counters`. The cost depends on the number of
        days, never on the number of predictions.
        """
        with self.reading() as connection:
            return self.counters.counts(connection, (task, version), first=first, last=last, slice_=slice_)

    def add_file_counts(self, version: tuple[str, str], day: date, vector: CounterVector) -> None:
        """Adds the counts of answers to a file, of a task and version, to those of a day, in a slice of their own."""
        with self.transaction() as connection:
            self.counters.add(cursor_of(connection), {(*version, day, FILE_SLICE): vector})

    def first_day(self, task: str, version: str) -> date | None:
        """The first day (America/Sao_Paulo) on which a version answered; None where it never did."""
        table = counters.c
        query = select(func.min(table.day)).where(table.task == task, table.version == version)
        with self.reading() as connection:
            day: date | None = connection.execute(query).scalar_one()
            return day

    def slices(self, task: str, version: str, first: date, last: date) -> dict[str, int]:
        """Slice → number of answers counted in it over these days; WHOLE is all but those of the training sheet."""
        with self.reading() as connection:
            return self.counters.sizes(connection, (task, version), first=first, last=last)

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Keeps a drift report."""
        values = {
            "id": snapshot.id,
            "at": microseconds(snapshot.at),
            "task": snapshot.task,
            "version": snapshot.version,
            "first": snapshot.first,
            "last": snapshot.last,
            "payload": json_text(dict(snapshot.payload)),
        }
        with self.transaction() as connection:
            connection.execute(drift_snapshots.insert(), [values])

    def snapshots(self, task: str, limit: int) -> list[Snapshot]:
        """The last `limit` snapshots of a task, the newest first."""
        table = drift_snapshots.c
        query = select(drift_snapshots).where(table.task == task).order_by(table.seq.desc()).limit(limit)
        with self.reading() as connection:
            return [_snapshot(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with. Raises StoreError."""
        with store_errors(self.engine.url), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction that may write: kept whole or not at all. Raises StoreError."""
        with store_errors(self.engine.url), self._written.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that sees the database as it was at one moment, whoever writes meanwhile. It must not write."""
        with store_errors(self.engine.url), self._of_one_moment.begin() as connection:
            yield connection

    @contextmanager
    def exclusive(self) -> Iterator[Connection]:
        """One transaction, during which other writers of predictions wait. It is kept whole or not at all."""
        with self.transaction() as connection:
            if self.engine.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE predictions IN SHARE ROW EXCLUSIVE MODE"))
            yield connection

    def checkpoint(self) -> bool:
        """SQLite: empties the write-ahead log into the database file, so that erased rows are no longer in the log.

        Whether it is empty now. While somebody reads what was, it cannot be, and we do not wait: nobody could write
        meanwhile. On PostgreSQL nothing happens.
        """
        if self.engine.dialect.name != "sqlite":
            return True
        with store_errors(self.engine.url):
            connection = self.engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute("PRAGMA busy_timeout = 0")
                try:
                    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    ((is_busy, *_pages),) = cursor.fetchall()
                finally:
                    cursor.execute(patience_of(self.engine))
            finally:
                connection.close()
        return not is_busy


def require_site(settings: Settings) -> None:
    """Raises StoreError where a database would be made in place of one that is away."""
    url = parse_url(settings.store_url)
    if url.get_backend_name() == "sqlite" and url.database and not url.database.startswith("file:"):
        require_mounted(settings.artifacts, Path(url.database))


def _close_returned(_connection: object, entry: ConnectionPoolEntry) -> None:
    """Of a store that was closed: nobody would take this connection out of its pool again, nor close it."""
    entry.invalidate()


def _of_task(query: Select[Any], task: str | None) -> Select[Any]:
    return query if task is None else query.where(predictions.c.task == task)


def _snapshot(row: RowMapping) -> Snapshot:
    return Snapshot(
        id=row["id"],
        at=moment(row["at"]),
        task=row["task"],
        version=row["version"],
        first=row["first"],
        last=row["last"],
        payload=json.loads(row["payload"]),
    )
