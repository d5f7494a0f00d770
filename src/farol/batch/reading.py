"""Files as record batches: Parquet, csv, NDJSON, Arrow, and workbooks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from farol.batch.arrow import arrow
from farol.batch.columns import ColumnMap
from farol.batch.filesystem import open_seekable, open_stream
from farol.errors import InputError, Place
from farol.i18n import Message, msg
from farol.profile import Profile
from farol.workbook.panel import read_panel_isolated

Kind = Literal["parquet", "csv", "ndjson", "arrow", "workbook"]

BATCH_ROWS = 65_536
"""Rows of a record batch. A worker holds one at a time."""

BLOCK_BYTES = 8 << 20
"""Bytes of text that become one record batch."""

_BEGINNING = 1 << 20
"""Bytes in which the headers of a csv file must end."""

_ENDINGS: dict[str, Kind] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".xlsx": "workbook",
    ".xls": "workbook",
    ".ods": "workbook",
}
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of rows. `separator` is that of a csv file."""

    path: str
    kind: Kind
    compression: str | None
    separator: str = ","


def source_file(path: str) -> SourceFile:
    """A file by its name's endings, such as `.csv.gz`. Raises InputError for another kind of file."""
    name = PurePosixPath(path.replace("\\", "/"))
    compression = _COMPRESSIONS.get(name.suffix.lower())
    kind = _ENDINGS.get((name.with_suffix("") if compression else name).suffix.lower())
    if kind is None or (compression and kind in ("parquet", "workbook")):
        raise InputError(
            msg("This kind of file cannot be read."),
            expected=msg("a file that ends in {endings}, csv and NDJSON also in {packed}",
                         endings=", ".join(_ENDINGS), packed=", ".join(_COMPRESSIONS)),
            where=Place(file=path),
        )  # fmt: skip
    separator = _separator(path, compression) if kind == "csv" else ","
    return SourceFile(path, kind, compression, separator)


def headers_of(file: SourceFile, profile: Profile) -> Any:
    """The pyarrow.Schema of a file; of a csv file every column is text, of a workbook the schema of its panel."""
    pa = arrow()
    if file.kind == "parquet":
        with open_seekable(file.path) as stream:
            return pa.parquet.ParquetFile(stream).schema_arrow
    if file.kind == "csv":
        return pa.schema([(name, pa.string()) for name in _csv_headers(file)])
    if file.kind == "workbook":
        return _workbook(file, profile).schema
    with _opened(file) as stream, _reader(file, stream) as reader:
        return reader.schema


def row_groups(file: SourceFile) -> list[int]:
    """The rows of each row group of a Parquet file."""
    with open_seekable(file.path) as stream:
        metadata = arrow().parquet.ParquetFile(stream).metadata
        return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


def batches_of(
    file: SourceFile, groups: Sequence[int] | None, columns: ColumnMap, schema: Any, profile: Profile, *, texts: bool
) -> Iterator[Any]:
    """The record batches of a file, or of some row groups of a Parquet file, with the columns of `schema` that
    `columns` names, in its order.

    `texts`: the numbers of a csv file come as text, so that a row without a number can be refused alone.
    """
    wanted = [schema.names[place] for place in columns.wanted]
    if file.kind == "parquet":
        with open_seekable(file.path) as stream:
            source = arrow().parquet.ParquetFile(stream)
            # One group at a time: where a page is damaged, the error names its row group.
            for group in groups or ():
                with readable(file.path, group):
                    for batch in source.iter_batches(BATCH_ROWS, row_groups=[group], columns=wanted):
                        yield batch.select(wanted)
    elif file.kind == "workbook":
        yield _workbook(file, profile).select(wanted)
    else:
        with (
            _opened(file) as stream,
            _reader(file, stream, columns, schema, numbers=_numbers(columns, profile, texts=texts)) as reader,
        ):
            for batch in reader:
                yield batch.select(wanted)


@contextmanager
def readable(path: str, group: int | None = None) -> Iterator[None]:
    """What reading the file raises, as InputError. Arrow's own words may quote a cell, so they are left out."""
    try:
        yield
    except (arrow().ArrowException, OSError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise InputError(
            msg("The file cannot be read."),
            expected=msg("a whole file, of the kind that its name says"),
            got=Message(reason)
            if reason
            else None
            if group is None
            else msg("damage in row group {group}", group=group),
            where=Place(file=path),
            fix=msg("Write or copy the file again."),
        ) from None


def _opened(file: SourceFile) -> Any:
    return open_seekable(file.path) if file.compression is None else open_stream(file.path, file.compression)


def _reader(
    file: SourceFile,
    stream: Any,
    columns: ColumnMap | None = None,
    schema: Any = None,
    *,
    numbers: frozenset[int] = frozenset(),
) -> Any:
    pa = arrow()
    if file.kind == "ndjson":
        return pa.json.open_json(stream, read_options=pa.json.ReadOptions(block_size=BLOCK_BYTES))
    if file.kind == "arrow":
        return _arrow_reader(pa, stream, seekable=file.compression is None)
    assert columns is not None  # noqa: S101  only headers are asked without, and those of a csv file are read apart
    types = {schema.names[place]: pa.float64() if place in numbers else pa.string() for place in columns.wanted}
    return pa.csv.open_csv(
        stream,
        read_options=pa.csv.ReadOptions(block_size=BLOCK_BYTES),
        parse_options=pa.csv.ParseOptions(delimiter=file.separator),
        convert_options=pa.csv.ConvertOptions(
            column_types=types,
            include_columns=list(types),
            decimal_point="," if file.separator == ";" else ".",
            strings_can_be_null=True,
        ),
    )


def _numbers(columns: ColumnMap, profile: Profile, *, texts: bool) -> frozenset[int]:
    """The places of the columns that are read as numbers, of a csv file."""
    if texts:
        return frozenset()
    inputs = columns.inputs.items()
    places = {place for name, place in inputs if profile.columns[name].kind == "number"}
    return frozenset(places if columns.year is None or profile.periods is not None else {*places, columns.year})


def _arrow_reader(pa: Any, stream: Any, *, seekable: bool) -> Any:
    """Both forms of Arrow's files: the one that is read in places begins with its name."""
    if not seekable:
        return pa.ipc.open_stream(stream)
    is_file = stream.read(6) == b"ARROW1"
    stream.seek(0)
    return _FileReader(pa.ipc.open_file(stream)) if is_file else pa.ipc.open_stream(stream)


class _FileReader:
    """Arrow's file form, read as its stream form is."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.schema = reader.schema

    def __enter__(self) -> _FileReader:
        return self

    def __exit__(self, *raised: object) -> None:
        self._reader.__exit__(*raised)

    def __iter__(self) -> Iterator[Any]:
        for place in range(self._reader.num_record_batches):
            batch = self._reader.get_batch(place)
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield batch.slice(start, BATCH_ROWS)


def _separator(path: str, compression: str | None) -> str:
    with open_stream(path, compression) as stream:
        line = _text(stream.read(_BEGINNING)).partition("\n")[0]
    return max(",;\t|", key=line.count)


def _csv_headers(file: SourceFile) -> list[str]:
    with open_stream(file.path, file.compression) as stream:
        text = _text(stream.read(_BEGINNING))
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=file.separator), [])


def _text(content: bytes) -> str:
    return content.decode("utf-8-sig", "replace")


def _workbook(file: SourceFile, profile: Profile) -> Any:
    """A workbook's pupils of all years as one record batch, cleaned as for training."""
    pa = arrow()
    panel = read_panel_isolated(Path(file.path), profile)
    numbers = {name: pa.array(values, from_pandas=True) for name, values in panel.numbers.items()}
    words = {name: pa.array(values.tolist(), pa.string()) for name, values in panel.categories.items()}
    identifier = next(iter(profile.identifiers), "row")
    year = "year" if profile.periods is None else profile.periods.column
    table = {identifier: pa.array(panel.student.tolist()), year: pa.array(panel.year), **numbers, **words}
    return pa.RecordBatch.from_pydict(table)
