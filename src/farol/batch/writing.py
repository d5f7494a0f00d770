"""Answers as files: Parquet, csv, NDJSON or Arrow, each part by itself, then all parts as one file."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Literal, Protocol
from uuid import uuid4

import numpy as np
from pydantic_core import to_json

from farol.batch.arrow import arrow, rewritten
from farol.batch.partitions import folder_name
from farol.csv_form import MAY_RUN, guarded
from farol.errors import InputError, Place
from farol.i18n import count, msg

OutputFormat = Literal["parquet", "csv", "ndjson", "arrow"]

MOST_PARTITIONS = 500
"""Partitions that an output may have: each is an open file."""

GROUP_ROWS = 1 << 18
"""Rows of a row group of a Parquet file that we write, about."""


def require_writable(schema: Any, form: OutputFormat, partition_by: Sequence[str] = ()) -> None:
    """InputError where a form, or the name of a folder, has no way to hold a column of the answers."""
    nested = [field.name for field in schema if arrow().types.is_nested(field.type)]
    folders = [name for name in nested if name in partition_by]
    if folders:
        raise InputError(
            msg("The name of a folder cannot hold the lists or records of a column."),
            got=msg("{names}", names=", ".join(folders)),
            where=Place(field="--partition-by"),
            fix=msg("Name columns of numbers or texts."),
        )
    if nested and form == "csv":
        raise InputError(
            msg("A csv file cannot hold the lists or records of a column."),
            got=msg("{names}", names=", ".join(nested)),
            where=Place(field="--keep"),
            fix=msg("Choose another form of the answers, such as Parquet, or leave the column out."),
        )


class AnswerWriter(Protocol):
    """Takes record batches of one schema."""

    def encode(self, batch: Any) -> Any:
        """A pyarrow.RecordBatch as `write` takes it. Safe to use from several threads at once."""

    def write(self, encoded: Any) -> None:
        """Adds what `encode` made to the file."""


def open_private(path: Path) -> IO[bytes]:
    """A new file that only its owner may read: it holds pupils."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600), "wb")


@contextmanager
def writer_to(path: Path, form: OutputFormat, schema: Any, *, headers: bool = True) -> Iterator[AnswerWriter]:
    """A writer of a file in a form; `headers`: a csv file begins with them."""
    pa = arrow()
    with open_private(path) as file:
        if form == "parquet":
            # Codes and probabilities hardly repeat: Parquet would look for repetitions in vain.
            repeated = [field.name for field in schema if pa.types.is_dictionary(field.type)]
            with pa.parquet.ParquetWriter(file, schema, use_dictionary=repeated) as parquet:
                writer = _Parquet(parquet)
                yield writer
                writer.flush()
        elif form == "arrow":
            with pa.ipc.new_file(file, schema) as ipc:
                yield _Arrow(ipc)
        elif form == "csv":
            plain = _without_dictionaries(schema)
            if headers:
                named = pa.schema([field.with_name(guarded(field.name)) for field in plain])
                pa.csv.write_csv(named.empty_table(), file)
            yield _Csv(file, plain)
        else:
            yield _Ndjson(file)


@contextmanager
def joined_to(path: Path, form: OutputFormat, schema: Any) -> Iterator[Callable[[Path], None]]:
    """A file of finished parts, one after the other: yields what appends one.

    Parts of text have no headers; those of any other form are Arrow files.
    """
    with writer_to(path, form, schema) as writer:

        def append(part: Path) -> None:
            if form not in ("csv", "ndjson"):
                for batch in _arrow_batches(part):
                    writer.write(writer.encode(batch))
                return
            with part.open("rb") as source:
                while content := source.read(1 << 20):
                    writer.write(content)

        yield append


@contextmanager
def partitioned_to(
    folder: Path, form: OutputFormat, schema: Any, columns: Sequence[str]
) -> Iterator[Callable[[Path], None]]:
    """A folder of finished parts, which are Arrow files, with a folder for each value of the columns as Hive names
    them (`year=2024/level=3/`), and in each of these one file without them: yields what appends a part.
    """
    kept = [place for place, name in enumerate(schema.names) if name not in columns]
    inner = arrow().schema([schema.field(place) for place in kept])
    with ExitStack() as stack:
        writers: dict[str, AnswerWriter] = {}

        def writer_for(name: str) -> AnswerWriter:
            if name not in writers:
                if len(writers) == MOST_PARTITIONS:
                    raise InputError(
                        msg("The output would have more than {most} partitions.", most=count(MOST_PARTITIONS)),
                        where=Place(field=", ".join(columns)),
                        fix=msg("Name columns with fewer values."),
                    )
                path = folder / name / f"answers.{form}"
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                writers[name] = stack.enter_context(writer_to(path, form, inner))
            return writers[name]

        def append(part: Path) -> None:
            for batch in _arrow_batches(part):
                for name, rows in _partitions(batch, columns):
                    writer = writer_for(name)
                    writer.write(writer.encode(batch.take(rows).select(kept)))

        folder.mkdir(mode=0o700, exist_ok=True)
        yield append


def _partitions(batch: Any, columns: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The folder of each partition that a record batch has rows of, and the places of these rows."""
    pa = arrow()
    number, parts = np.zeros(batch.num_rows, dtype=np.int64), []
    for name in columns:
        column = batch.column(name)
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        size = len(encoded.dictionary)
        number = number * (size + 1) + encoded.indices.fill_null(size).to_numpy(zero_copy_only=False)
        parts.append((name, encoded.dictionary.to_pylist(), size + 1))
    for value in np.unique(number).tolist():
        rest, folders = value, []
        for name, values, size in reversed(parts):
            rest, place = divmod(rest, size)
            folders.append(folder_name(name, None if place == size - 1 else values[place]))
        yield "/".join(reversed(folders)), pa.array(np.flatnonzero(number == value))


def _arrow_batches(part: Path) -> Iterator[Any]:
    with part.open("rb") as source, arrow().ipc.open_file(source) as reader:
        for place in range(reader.num_record_batches):
            yield reader.get_batch(place)


def write_refused(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """A csv file of refused rows: file, row in it (from 1, the first row of data), column, reason."""
    with io.TextIOWrapper(open_private(path), encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in (("file", "row", "column", "reason"), *rows):
            writer.writerow([guarded(value) if isinstance(value, str) else value for value in row])


def join_refused(parts: Sequence[Path], out: Path) -> None:
    """One csv file of several that `write_refused` made."""
    with out.open("wb") as file:
        for place, part in enumerate(parts):
            with part.open("rb") as source:
                if place:
                    source.readline()
                shutil.copyfileobj(source, file)


def replace_folder(new: Path, path: Path) -> None:
    """Puts a folder in the place of another; no system does that in one step."""
    old = path.with_name(f".{path.name}.{uuid4().hex}")
    if path.exists():
        path.replace(old)
    new.replace(path)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """What writing at or below a path raises, as InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(
            msg("The output cannot be written: {reason}.", reason=error.strerror or type(error).__name__),
            where=Place(file=str(path)),
            fix=msg("Make room or choose another place, then start again: finished parts are kept."),
        ) from error


def _without_dictionaries(schema: Any) -> Any:
    pa = arrow()
    return pa.schema(
        [
            pa.field(field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
            for field in schema
        ]
    )


def _with_texts_for_times(batch: Any) -> Any:
    pa = arrow()
    columns = [column.cast(pa.string()) if pa.types.is_temporal(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


class _Arrow:
    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def encode(self, batch: Any) -> Any:
        return batch

    def write(self, encoded: Any) -> None:
        self._writer.write_batch(encoded)


class _Parquet:
    """Gathers batches, so that row groups are of the usual size."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._batches: list[Any] = []
        self._rows = 0

    def encode(self, batch: Any) -> Any:
        return batch

    def write(self, encoded: Any) -> None:
        self._batches.append(encoded)
        self._rows += encoded.num_rows
        if self._rows >= GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(arrow().Table.from_batches(self._batches))
        self._batches, self._rows = [], 0


class _Csv:
    def __init__(self, file: IO[bytes], schema: Any) -> None:
        self._file, self._schema = file, schema

    def encode(self, batch: Any) -> Any:
        pa = arrow()
        sink = pa.BufferOutputStream()
        columns = [_guarded(column).cast(field.type) for column, field in zip(batch.columns, self._schema, strict=True)]
        batch = pa.RecordBatch.from_arrays(columns, schema=self._schema)
        pa.csv.write_csv(batch, sink, pa.csv.WriteOptions(include_header=False))
        return sink.getvalue()

    def write(self, encoded: Any) -> None:
        self._file.write(encoded)


def _guarded(column: Any) -> Any:
    """A column without texts that a spreadsheet would run; of words that repeat, each is looked at once."""
    pa = arrow()
    if not pa.types.is_dictionary(column.type):
        return rewritten(column, MAY_RUN, guarded)
    return pa.DictionaryArray.from_arrays(column.indices, rewritten(column.dictionary, MAY_RUN, guarded))


class _Ndjson:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def encode(self, batch: Any) -> Any:
        try:
            rows = batch.to_pylist()
        except (OverflowError, ValueError):  # a day that Python's calendar does not have
            rows = _with_texts_for_times(batch).to_pylist()
        return b"".join(to_json(row, inf_nan_mode="null") + b"\n" for row in rows)

    def write(self, encoded: Any) -> None:
        self._file.write(encoded)
