"""Answers as files: Parquet, csv, NDJSON or Arrow, each part by itself, then all parts as one file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from pydantic_core import to_json

from farol.batch.arrow import arrow

OutputFormat = Literal["parquet", "csv", "ndjson", "arrow"]

GROUP_ROWS = 1 << 18
"""Rows of a row group of a Parquet file that we write, about."""


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
                pa.csv.write_csv(plain.empty_table(), file)
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
            with part.open("rb") as source:
                if form in ("csv", "ndjson"):
                    while content := source.read(1 << 20):
                        writer.write(content)
                    return
                with arrow().ipc.open_file(source) as reader:
                    for place in range(reader.num_record_batches):
                        writer.write(writer.encode(reader.get_batch(place)))

        yield append


def write_refused(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """A csv file of refused rows: file, row in it (from 1, the first row of data), column, reason."""
    with io.TextIOWrapper(open_private(path), encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("file", "row", "column", "reason"), *rows])


def _without_dictionaries(schema: Any) -> Any:
    pa = arrow()
    return pa.schema(
        [
            pa.field(field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
            for field in schema
        ]
    )


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
        pa.csv.write_csv(batch.cast(self._schema), sink, pa.csv.WriteOptions(include_header=False))
        return sink.getvalue()

    def write(self, encoded: Any) -> None:
        self._file.write(encoded)


class _Ndjson:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def encode(self, batch: Any) -> Any:
        return b"".join(to_json(row) + b"\n" for row in batch.to_pylist())

    def write(self, encoded: Any) -> None:
        self._file.write(encoded)
