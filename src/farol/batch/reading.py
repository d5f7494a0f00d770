"""Files as record batches: Parquet, csv, NDJSON, Arrow, and workbooks."""

from __future__ import annotations

import codecs
import csv
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from farol.batch.arrow import arrow, rewritten
from farol.batch.columns import ColumnMap
from farol.batch.filesystem import is_address, open_seekable, store_errors, without_secrets
from farol.batch.partitions import folder_field, folder_values, with_folders
from farol.csv_form import unguarded
from farol.errors import InputError, Place
from farol.i18n import Message, count, msg
from farol.profile import Profile
from farol.workbook.csv_parquet import mostly_utf_8, wide_encoding, without_stray_quotes
from farol.workbook.panel import read_panel_isolated

Kind = Literal["parquet", "csv", "ndjson", "arrow", "workbook"]

BATCH_ROWS = 32_768
"""Rows of a record batch. A worker holds one at a time."""

BLOCK_BYTES = 2 << 20
"""Bytes of text that become one record batch."""

_LONGEST_ROW = 64 << 20
"""Bytes in which a row of text must end."""

_PACKED_BYTES = 1 << 20

_ONE_BYTE = "cp1252"
"""The encoding, a byte a character, in which spreadsheets here save."""

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
    """A file of rows.

    Of text: its encoding if that is not UTF-8. Of a csv file: its separator, its headers, and the lines that they take.
    """

    path: str
    kind: Kind
    compression: str | None
    separator: str = ","
    encoding: str | None = None
    headers: tuple[str, ...] = ()
    header_lines: int = 0


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
            where=Place(file=without_secrets(path)),
            fix=msg("Save it in one of these forms, such as csv or Parquet."),
        )  # fmt: skip
    if kind == "csv":
        return _csv_file(path, compression)
    encoding = _beginning(_first_bytes(path, compression))[1] if kind == "ndjson" else None
    return SourceFile(path, kind, compression, encoding=encoding)


def schema_of(file: SourceFile, profile: Profile) -> Any:
    """The pyarrow.Schema of a file, with the columns that its folders name behind its own.

    Of a csv file every column is text, of a workbook the schema is that of its panel.
    """
    schema = _own_schema(file, profile)
    for column, value in folder_values(file.path).items():
        schema = schema.append(folder_field(column, value))
    return schema


def _own_schema(file: SourceFile, profile: Profile) -> Any:
    pa = arrow()
    if file.kind == "parquet":
        with open_seekable(file.path) as stream:
            return pa.parquet.ParquetFile(stream).schema_arrow
    if file.kind == "csv":
        return pa.schema([(name, pa.string()) for name in file.headers])
    if file.kind == "workbook":
        return _workbook(file, profile).batch.schema
    if file.kind == "ndjson":
        with _opened(file) as (stream, _):
            block = _as_utf_8(file, next(blocks_of(stream, file.path, quoted=False), b""), is_first=True)
        return pa.json.read_json(pa.BufferReader(block), pa.json.ReadOptions(block_size=len(block) + 1)).schema
    with _opened(file) as (stream, _), _arrow_reader(stream, seekable=file.compression is None) as reader:
        return reader.schema


def row_groups(file: SourceFile) -> list[int]:
    """The rows of each row group of a Parquet file."""
    with open_seekable(file.path) as stream:
        metadata = arrow().parquet.ParquetFile(stream).metadata
        return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


@dataclass(frozen=True, slots=True)
class LostRow:
    """A row of a workbook that is no pupil's to be scored: its number in the sheet, from 1, and why."""

    sheet: str
    row: int
    reason: Message


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of a file: a pyarrow.RecordBatch with the columns that are wanted, and how many stood in the file.

    `places` (n,) are those of the batch's rows among them, from 0; None where all could be read. `read`: how many bytes
    of the file had been read with them; None where nobody knows. `lost` counts in `total`.
    """

    batch: Any
    total: int
    places: NDArray[np.int64] | None = None
    read: int | None = None
    lost: tuple[LostRow, ...] = ()


Piece = Callable[[], Rows]
"""A piece of a file that is decoded when it is called, in any thread."""


def pieces_of(
    file: SourceFile, groups: Sequence[int] | None, columns: ColumnMap, schema: Any, profile: Profile
) -> Iterator[Piece]:
    """The rows of a file, or of some row groups of a Parquet file, in their order, with the columns of `schema` that
    `columns` names, in its order. Text is cut into blocks here and decoded when a piece is called.
    """
    folders = folder_values(file.path)
    width = len(schema.names) - len(folders)
    values = list(folders.values())
    said = {schema.field(place): values[place - width] for place in columns.wanted if place >= width}
    own = arrow().schema([schema.field(place) for place in range(width)])

    def placed(piece: Piece) -> Rows:
        rows = piece()
        return replace(rows, batch=with_folders(rows.batch, said))

    for piece in _pieces_of(file, groups, columns.in_file(width), own, profile):
        yield partial(placed, piece) if said else piece


def _pieces_of(
    file: SourceFile, groups: Sequence[int] | None, columns: ColumnMap, schema: Any, profile: Profile
) -> Iterator[Piece]:
    wanted = [schema.names[place] for place in columns.wanted]
    if file.kind == "parquet":
        with open_seekable(file.path) as stream:
            source = arrow().parquet.ParquetFile(stream, pre_buffer=False)  # a group may be larger than memory
            # By their places: a column that is not wanted may have the name of one that is.
            named = [place for place, name in enumerate(schema.names) if name in wanted]
            places = [named.index(place) for place in columns.wanted]
            # One group at a time: where a page is damaged, the error names its row group.
            for group in groups or ():
                with readable(file.path, group):
                    for batch in source.iter_batches(BATCH_ROWS, row_groups=[group], columns=wanted, use_threads=False):
                        yield _read(batch.select(places))
    elif file.kind == "workbook":
        rows = _workbook(file, profile)
        yield lambda: replace(rows, batch=rows.batch.select(list(columns.wanted)))
    elif file.kind == "arrow":
        with _opened(file) as (stream, raw), _arrow_reader(stream, seekable=file.compression is None) as reader:
            tell = reader.tell if isinstance(reader, _FileReader) else raw
            for batch in reader:
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield _read(batch.slice(start, BATCH_ROWS).select(list(columns.wanted)), tell())
    else:
        is_csv = file.kind == "csv"
        decode = _csv_block(file, columns, schema, profile) if is_csv else _json_block(file, columns, schema)
        with _opened(file) as (stream, tell):
            for place, block in enumerate(blocks_of(stream, file.path, quoted=is_csv)):
                yield partial(_decoded, file.path, decode, block, place == 0, tell())


def _read(batch: Any, read: int | None = None) -> Piece:
    rows = Rows(batch, batch.num_rows, read=read)
    return lambda: rows


def _decoded(path: str, decode: Callable[[Any, bool], Rows], block: Any, is_first: bool, read: int) -> Rows:
    with readable(path):
        return replace(decode(block, is_first), read=read)


def blocks_of(stream: Any, path: str, *, quoted: bool) -> Iterator[Any]:
    """The bytes of a stream in blocks of whole rows. `quoted`: no row ends between quotes.

    Raises InputError where a row has no end: reading on would fill the memory.
    """
    pa, rest = arrow(), b""
    while more := stream.read(BLOCK_BYTES):
        block = rest + more
        end = _end_of_row(block, quoted=quoted)
        if end:
            yield pa.py_buffer(block).slice(0, end)
        rest = block[end:]
        if len(rest) > _LONGEST_ROW:
            raise InputError(
                msg("A row of the file has no end."),
                expected=msg("rows that end in a line feed, each of at most {most} bytes", most=count(_LONGEST_ROW)),
                where=Place(file=without_secrets(path)),
                fix=msg("Write the file again, with one row in each line."),
            )
    if rest:
        yield pa.py_buffer(rest)


def _end_of_row(block: bytes, *, quoted: bool) -> int:
    """Where the last whole row of a block ends; 0 where none does."""
    end = block.rfind(b"\n") + 1
    quotes = block.count(b'"', 0, end) if quoted else 0
    longest = end
    while quotes % 2 and end:
        before = block.rfind(b"\n", 0, block.rfind(b'"', 0, end)) + 1
        quotes -= block.count(b'"', before, end)
        end = before
    # A quote that is never closed would make a row of all that follows.
    return longest if not end and len(block) > 4 * BLOCK_BYTES else end


def _csv_block(file: SourceFile, columns: ColumnMap, schema: Any, profile: Profile) -> Callable[[Any, bool], Rows]:
    """Decodes a block of a csv file. A row of too many or too few cells is left out."""
    pa = arrow()
    csv_, numbers = pa.csv, _numbers(columns, profile)
    # By their places: a csv file may have two columns of one name.
    names = [str(place) for place in range(len(schema.names))]
    wanted, headers = [str(place) for place in columns.wanted], [schema.names[place] for place in columns.wanted]

    def decode(block: Any, is_first: bool, *, texts: bool = False, apart: bool = False) -> Rows:
        skipped: list[int] = []

        def leave_out(row: Any) -> str:
            skipped.append(row.number - 1 - header)
            return "skip"

        header = file.header_lines if is_first else 0
        types = {name: pa.float64() if int(name) in numbers and not texts else pa.string() for name in wanted}
        source = block
        if file.encoding == _ONE_BYTE:
            source = pa.py_buffer(bytes(block).decode(_ONE_BYTE, "replace").encode())
        elif texts:  # a byte of another encoding is no reason to refuse the file
            source = pa.py_buffer(mostly_utf_8(bytes(block)).encode())
        try:
            table = csv_.read_csv(
                pa.BufferReader(source),
                # One block: a thread decodes it as a whole, and rows are numbered through.
                csv_.ReadOptions(use_threads=False, block_size=len(source) + 1, column_names=names, skip_rows=header),
                csv_.ParseOptions(delimiter=file.separator, invalid_row_handler=leave_out, newlines_in_values=True),
                csv_.ConvertOptions(
                    column_types=types,
                    include_columns=wanted,
                    decimal_point="," if file.separator == ";" else ".",
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid:
            if texts:
                raise
            # Something is no number: as text, so that its row can be refused alone.
            return decode(block, is_first, texts=True, apart=apart)
        if not apart and _may_swallow(bytes(block), table.num_rows + len(skipped) + header, skipped):
            return decode(_each_row(block, file.separator, len(names)), is_first, apart=True)
        columns = [_one(column) for column in table.columns]
        # Farol's own files guard what a spreadsheet would run.
        columns = [rewritten(column, "'", unguarded) for column in columns] if b"'" in bytes(block) else columns
        batch = pa.RecordBatch.from_arrays(columns, names=headers)
        return _without(batch, skipped)

    return decode


def _may_swallow(content: bytes, rows: int, skipped: Sequence[int]) -> bool:
    """Whether a quotation mark may have made one row, or cell, of several."""
    return (bool(skipped) or rows < content.count(b"\n") + (not content.endswith(b"\n"))) and b'"' in content


def _each_row(block: Any, separator: str, width: int) -> Any:
    """A block of csv without the quotation marks that would swallow the rows below them."""
    # Every byte stands for itself: separators, marks and ends of lines are ASCII.
    text = bytes(block).decode("latin-1")
    try:
        return arrow().py_buffer("".join(without_stray_quotes(text, separator, width, (), [])).encode("latin-1"))
    except csv.Error:  # a cell of more characters than csv reads is no pupil's: its row is refused
        return block


def _without(batch: Any, skipped: Sequence[int]) -> Rows:
    total = batch.num_rows + len(skipped)
    return Rows(batch, total, np.delete(np.arange(total), skipped) if skipped else None)


def _one(column: Any) -> Any:
    """A pyarrow.ChunkedArray as one array."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _as_utf_8(file: SourceFile, block: Any, *, is_first: bool) -> Any:
    """A block of text without the mark that files may begin with, in UTF-8 whatever bytes other programs wrote in."""
    content = bytes(block)
    if file.encoding == _ONE_BYTE:
        content = content.decode(_ONE_BYTE, "replace").encode()
    if is_first:
        content = content.removeprefix(codecs.BOM_UTF8)
    try:
        content.decode()
    except UnicodeDecodeError:
        content = mostly_utf_8(content).encode()
    return arrow().py_buffer(content)


def _json_block(file: SourceFile, columns: ColumnMap, schema: Any) -> Callable[[Any, bool], Rows]:
    """Decodes a block of NDJSON: inputs have the types that the block has, what is carried those of the schema."""
    pa, wanted = arrow(), [schema.names[place] for place in columns.wanted]
    carried = pa.schema([schema.field(place) for place in columns.carried])

    def decode(block: Any, is_first: bool) -> Rows:
        block = _as_utf_8(file, block, is_first=is_first)
        table = pa.json.read_json(
            pa.BufferReader(block),
            pa.json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            pa.json.ParseOptions(explicit_schema=carried),
        )
        arrays = [
            _one(table.column(name)) if name in table.column_names else pa.nulls(table.num_rows) for name in wanted
        ]
        return Rows(pa.RecordBatch.from_arrays(arrays, names=wanted), table.num_rows)

    return decode


@contextmanager
def readable(path: str, group: int | None = None) -> Iterator[None]:
    """What reading the file raises, as InputError. Arrow's own words may quote a cell, so they are left out."""
    try:
        yield
    except MemoryError:  # Arrow's is an error of its own, too, and says nothing of the file
        raise
    except store_errors() as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise InputError(
            msg("The file cannot be read."),
            expected=msg("a whole file, of the kind that its name says"),
            got=Message(reason)
            if reason
            else None
            if group is None
            else msg("damage in row group {group}", group=group),
            where=Place(file=without_secrets(path)),
            fix=msg("Write or copy the file again."),
        ) from None


@contextmanager
def _opened(file: SourceFile) -> Iterator[tuple[Any, Callable[[], int]]]:
    """A file's unpacked bytes, and what says how many bytes of the file itself have been read."""
    with open_seekable(file.path) as raw, _unpacked(raw, file.compression) as stream:
        if file.encoding in (None, _ONE_BYTE):
            yield stream, raw.tell
        else:
            yield arrow().transcoding_input_stream(stream, file.encoding, "utf-8"), raw.tell


def _unpacked(raw: Any, compression: str | None) -> Any:
    """A file's bytes. Packed ones are taken in large pieces: each may be a request to a server."""
    pa = arrow()
    if compression is None:
        return raw
    return pa.CompressedInputStream(pa.BufferedInputStream(raw, _PACKED_BYTES), compression)


def _numbers(columns: ColumnMap, profile: Profile) -> frozenset[int]:
    """The places of the columns that are read as numbers, of a csv file; what is carried stays as it is written."""
    inputs = columns.inputs.items()
    places = {place for name, place in inputs if profile.columns[name].kind == "number"}
    if columns.year is not None and profile.periods is None:
        places.add(columns.year)
    return frozenset(places.difference(columns.carried))


def _arrow_reader(stream: Any, *, seekable: bool) -> Any:
    """Both forms of Arrow's files: the one that is read in places begins with its name."""
    pa = arrow()
    if not seekable:
        return pa.ipc.open_stream(stream)
    is_file = stream.read(6) == b"ARROW1"
    stream.seek(0)
    return _FileReader(pa.ipc.open_file(stream), stream.size()) if is_file else pa.ipc.open_stream(stream)


class _FileReader:
    """Arrow's file form, read as its stream form is."""

    def __init__(self, reader: Any, size: int) -> None:
        self._reader = reader
        self._size = size
        self._at = 0
        self.schema = reader.schema

    def __enter__(self) -> _FileReader:
        return self

    def __exit__(self, *raised: object) -> None:
        self._reader.__exit__(*raised)

    def __iter__(self) -> Iterator[Any]:
        for place in range(self._reader.num_record_batches):
            self._at = place + 1
            yield self._reader.get_batch(place)

    def tell(self) -> int:
        """About how many bytes have been read: the file is read in places."""
        batches: int = self._reader.num_record_batches
        return self._size * self._at // max(batches, 1)


def _csv_file(path: str, compression: str | None) -> SourceFile:
    """A csv file by its beginning: its separator, its encoding, and how many lines its headers have."""
    text, encoding = _beginning(_first_bytes(path, compression))
    separator = max(",;\t|", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    headers = [unguarded(header) for header in next(reader, [])]
    return SourceFile(path, "csv", compression, separator, encoding, tuple(headers), reader.line_num)


def _first_bytes(path: str, compression: str | None) -> bytes:
    with open_seekable(path) as raw, _unpacked(raw, compression) as stream:
        beginning: bytes = stream.read(_BEGINNING)
    return beginning


def _beginning(content: bytes) -> tuple[str, str | None]:
    """A text's beginning, and its encoding if it is not UTF-8, into which others may have written."""
    wide = wide_encoding(content)
    if wide is not None:
        return codecs.getincrementaldecoder(wide)("replace").decode(content), wide
    content = content.removeprefix(codecs.BOM_UTF8)
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(content)  # it may be cut in a character
    strange = sum("\udc80" <= character <= "\udcff" for character in text)
    if 2 * strange > sum(not character.isascii() for character in text):
        return content.decode(_ONE_BYTE, "replace"), _ONE_BYTE
    return (mostly_utf_8(content) if strange else text), None


_LOST = ("missing_student", "unusable_code", "other_headers", "no_period")
"""Findings whose rows have values and are left out."""


def _workbook(file: SourceFile, profile: Profile) -> Rows:
    """A workbook's pupils of all years as one record batch, cleaned as for training."""
    pa = arrow()
    with _on_this_machine(file.path) as path:
        panel = read_panel_isolated(path, profile)
    lost = [
        LostRow(finding.sheet, row, finding.message)
        for finding in panel.findings
        if finding.code in _LOST
        for row in finding.rows
    ]
    numbers = {name: pa.array(values, from_pandas=True) for name, values in panel.numbers.items()}
    words = {name: pa.array(values.tolist(), pa.string()) for name, values in panel.categories.items()}
    identifier = next(iter(profile.identifiers), "row")
    year = "year" if profile.periods is None else profile.periods.column
    table = {identifier: pa.array(panel.student.tolist()), year: pa.array(panel.year), **numbers, **words}
    return Rows(pa.RecordBatch.from_pydict(table), len(panel.year) + len(lost), lost=tuple(lost))


@contextmanager
def _on_this_machine(path: str) -> Iterator[Path]:
    """A workbook as a file of this machine."""
    if not is_address(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="farol-workbook-") as folder, open_seekable(path) as source:
        copy = Path(folder) / PurePosixPath(path.partition("?")[0]).name
        with copy.open("wb") as file:
            shutil.copyfileobj(source, file)
        yield copy
