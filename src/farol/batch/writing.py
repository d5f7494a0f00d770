"""Answers as files: Parquet, csv, NDJSON or Arrow, each part by itself, then all parts as one file."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from pydantic_core import to_json

from farol.batch.arrow import arrow

OutputFormat = Literal["parquet", "csv", "ndjson", "arrow"]

PLAIN_COLUMNS = frozenset({"probability"})
"""Columns whose values hardly repeat: Parquet would look for repetitions in vain."""


class AnswerWriter(Protocol):
    """Takes record batches of one schema."""

    def write(self, batch: Any) -> None:
        """Adds the rows of a pyarrow.RecordBatch."""


def open_private(path: Path) -> IO[bytes]:
    """A new file that only its owner may read: it holds pupils."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600), "wb")


@contextmanager
def writer_to(path: Path, form: OutputFormat, schema: Any, *, headers: bool = True) -> Iterator[AnswerWriter]:
    """A writer of a file in a form; `headers`: a csv file begins with them."""
    pa = arrow()
    with open_private(path) as file:
        if form == "parquet":
            kept = [name for name in schema.names if name not in PLAIN_COLUMNS]
            with pa.parquet.ParquetWriter(file, schema, use_dictionary=kept) as parquet:
                yield _Arrow(parquet)
        elif form == "arrow":
            with pa.ipc.new_file(file, schema) as ipc:
                yield _Arrow(ipc)
        elif form == "csv":
            plain = _without_dictionaries(schema)
            options = pa.csv.WriteOptions(include_header=headers)
            with pa.csv.CSVWriter(file, plain, write_options=options) as text:
                yield _Csv(text, plain)
        else:
            yield _Ndjson(file)


def join(parts: Sequence[Path], out: Path, form: OutputFormat, schema: Any) -> None:
    """All parts as one file, in their order; parts of a csv file have no headers."""
    pa = arrow()
    if form in ("csv", "ndjson"):
        if form == "csv":
            with writer_to(out, form, schema):
                pass
        with out.open("ab") if form == "csv" else open_private(out) as file:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, file, 1 << 20)
        return
    with writer_to(out, form, schema) as writer:
        for part in parts:
            for batch in _batches(pa, part, form):
                writer.write(batch)


def _batches(pa: Any, part: Path, form: OutputFormat) -> Iterator[Any]:
    with part.open("rb") as file:
        if form == "parquet":
            yield from pa.parquet.ParquetFile(file).iter_batches()
            return
        with pa.ipc.open_file(file) as reader:
            for place in range(reader.num_record_batches):
                yield reader.get_batch(place)


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

    def write(self, batch: Any) -> None:
        self._writer.write_batch(batch)


class _Csv:
    def __init__(self, writer: Any, schema: Any) -> None:
        self._writer, self._schema = writer, schema

    def write(self, batch: Any) -> None:
        self._writer.write_batch(batch.cast(self._schema))


class _Ndjson:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, batch: Any) -> None:
        self._file.write(b"".join(to_json(row) + b"\n" for row in batch.to_pylist()))
