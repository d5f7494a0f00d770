"""The store: rows of predictions, the counters drift is read from, snapshots. SQLAlchemy Core, no objects mapped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, Self

from sqlalchemy import Connection, Engine, RowMapping, Select, func, select
from sqlalchemy.dialects import postgresql, sqlite

from farol.store.engine import IMMEDIATE, open_engine, store_errors
from farol.store.records import Prediction, Snapshot, day_of, microseconds, moment
from farol.store.schema import migrate
from farol.store.tables import drift_snapshots, feature_counts, predictions

_PAGE = 1_000


class Store:
    """A database in use. Safe to share between threads; several processes may have the same one open.

    Every method raises StoreError when the database cannot do what is asked, and then nothing was changed.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._written = engine.execution_options(**{IMMEDIATE: True})
        insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        counted = insert(feature_counts)
        self._add_counts = counted.on_conflict_do_update(
            index_elements=list(feature_counts.primary_key),
            set_={"count": feature_counts.c.count + counted.excluded.count},
        )

    @classmethod
    def open(cls, url: str) -> Store:
        """The store at an SQLAlchemy URL, made or brought up to date where needed.

        Raises StoreError for a database that cannot be reached, read or written, is damaged, or was made by a newer
        Farol; MissingExtraError where the driver is not installed.
        """
        engine = open_engine(url)
        try:
            with store_errors(engine.url):
                migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Gives the connections back. A store that was closed opens new ones when it is used again."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ping(self) -> None:
        """Raises StoreError unless the database answers."""
        with self._reading() as connection:
            connection.execute(select(1))

    def write(self, rows: Sequence[Prediction]) -> None:
        """Stores all rows and adds to the counters in one transaction: all of it, flushed to the disk, or nothing."""
        if not rows:
            return
        counts = Counter(
            (row.task, row.version, day_of(row.at), feature, position)
            for row in rows
            for feature, position in row.bins.items()
        )
        with self._writing() as connection:
            connection.execute(predictions.insert(), [_prediction_values(row) for row in rows])
            if counts:
                # In one order, so that two processes never wait for each other's counters in a ring.
                names = ("task", "version", "day", "feature", "bin")
                values = [{**dict(zip(names, key, strict=True)), "count": n} for key, n in sorted(counts.items())]
                connection.execute(self._add_counts, values)

    def latest(self, limit: int, task: str | None = None) -> list[Prediction]:
        """The last `limit` predictions, the newest first."""
        query = _of_task(select(predictions), task).order_by(predictions.c.seq.desc()).limit(limit)
        with self._reading() as connection:
            return [_prediction(row) for row in connection.execute(query).mappings()]

    def stream(self, task: str | None = None) -> Iterator[Prediction]:
        """All predictions stored by now, the oldest first, in constant memory.

        Read in pages of a short transaction each: a slow reader holds nothing back.
        """
        with self._reading() as connection:
            end = connection.execute(select(func.max(predictions.c.seq))).scalar() or 0
        seq = 0
        while True:
            query = _of_task(select(predictions), task).where(predictions.c.seq > seq, predictions.c.seq <= end)
            with self._reading() as connection:
                page = connection.execute(query.order_by(predictions.c.seq).limit(_PAGE)).mappings().all()
            if not page:
                return
            yield from map(_prediction, page)
            seq = page[-1]["seq"]

    def total(self, task: str | None = None) -> int:
        """How many predictions are stored."""
        with self._reading() as connection:
            return int(connection.execute(_of_task(select(func.count()).select_from(predictions), task)).scalar_one())

    def counts(self, task: str, version: str, first: date, last: date) -> dict[str, dict[int, int]]:
        """Feature → bin → predictions, over the days (America/Sao_Paulo) from `first` to `last`, both included.

        Read from the counters, so the cost depends on days, features and bins, never on the number of predictions.
        """
        table = feature_counts.c
        query = (
            select(table.feature, table.bin, func.sum(table.count))
            .where(table.task == task, table.version == version, table.day.between(first, last))
            .group_by(table.feature, table.bin)
            .order_by(table.feature, table.bin)
        )
        found: dict[str, dict[int, int]] = {}
        with self._reading() as connection:
            for feature, position, count in connection.execute(query):
                found.setdefault(feature, {})[position] = int(count)
        return found

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Keeps a drift report."""
        values = {
            "id": snapshot.id,
            "at": microseconds(snapshot.at),
            "task": snapshot.task,
            "version": snapshot.version,
            "first": snapshot.first,
            "last": snapshot.last,
            "payload": _json(dict(snapshot.payload)),
        }
        with self._writing() as connection:
            connection.execute(drift_snapshots.insert(), [values])

    def snapshots(self, task: str, limit: int) -> list[Snapshot]:
        """The last `limit` snapshots of a task, the newest first."""
        table = drift_snapshots.c
        query = select(drift_snapshots).where(table.task == task).order_by(table.seq.desc()).limit(limit)
        with self._reading() as connection:
            return [_snapshot(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with store_errors(self.engine.url), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with store_errors(self.engine.url), self._written.begin() as connection:
            yield connection


def _of_task(query: Select[Any], task: str | None) -> Select[Any]:
    return query if task is None else query.where(predictions.c.task == task)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _prediction_values(row: Prediction) -> dict[str, object]:
    return {
        "id": row.id,
        "at": microseconds(row.at),
        "task": row.task,
        "version": row.version,
        "source": row.source,
        "features": _json(dict(row.features)),
        "prediction": row.prediction,
        "label": row.label,
        "probability": row.probability,
        "threshold": row.threshold,
        "warnings": _json(list(row.warnings)),
    }


def _prediction(row: RowMapping) -> Prediction:
    return Prediction(
        id=row["id"],
        at=moment(row["at"]),
        task=row["task"],
        version=row["version"],
        source=row["source"],
        features=json.loads(row["features"]),
        prediction=row["prediction"],
        label=row["label"],
        probability=row["probability"],
        threshold=row["threshold"],
        warnings=tuple(json.loads(row["warnings"])),
    )


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
