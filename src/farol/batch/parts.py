"""The work as parts: each is read, scored and written whole, by itself.

A part is some row groups of a Parquet file, or another file whole. Every file is looked at before the first row is
scored, so that a missing column in the last file is found at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from farol.batch.columns import ColumnMap, column_map
from farol.batch.filesystem import files_of, stamp, without_secrets
from farol.batch.partitions import folder_values, folder_year
from farol.batch.reading import Piece, SourceFile, pieces_of, readable, row_groups, schema_of, source_file
from farol.batch.score import BatchScorer
from farol.errors import InputError, Place
from farol.i18n import msg
from farol.model.bundle import Bundle
from farol.workbook.headers import sheet_year

PART_ROWS = 1_000_000
"""Rows of a part of a Parquet file, in whole row groups."""


@dataclass(frozen=True, slots=True, eq=False)
class PlannedFile:
    """A file as it is when the work begins; `stamp` (size, time of change) tells whether it stays the same."""

    source: SourceFile
    stamp: tuple[int, int]
    schema: Any  # pyarrow.Schema
    columns: ColumnMap
    year: int  # of the rows, where they do not say it
    is_year_said: bool

    @property
    def name(self) -> str:
        """The file for a reader."""
        return without_secrets(self.source.path)


@dataclass(frozen=True, slots=True, eq=False)
class FilePart:
    """A piece of the work: row groups of a Parquet file, or None for a whole file.

    `rows` is known of Parquet alone; `first` is how many rows of the file stand before the part; `size` is in bytes of
    the file, of row groups as many as their share of the rows.
    """

    file: PlannedFile
    groups: tuple[int, ...] | None
    first: int = 0
    rows: int | None = None
    size: int = 0

    @property
    def name(self) -> str:
        """The part for a reader: its file, and its row groups."""
        if not self.groups:
            return self.file.name
        return f"{self.file.name}, {self.groups[0]}-{self.groups[-1]}"


def plan_parts(
    bundle: Bundle, inputs: Sequence[str], *, year: int | None, this_year: int, keep: Sequence[str]
) -> list[FilePart]:
    """The parts of all inputs, in the order given.

    `year` is that of all rows; without it a column, a partition or the name of the file says it, else it is
    `this_year`. Raises InputError for an input that names no file, a file that cannot be read or has no known column,
    and for two files that disagree about the columns that are carried into the output.
    """
    files = [path for given in inputs for path in _files(given)]
    planned = [_planned(bundle, path, year=year, this_year=this_year, keep=keep) for path in files]
    for file in planned[1:]:
        _check_same(planned[0], file)
    return [part for file in planned for part in _parts(file)]


def _files(given: str) -> list[str]:
    paths = files_of(given)
    if not paths:
        raise InputError(
            msg("There is no such file."),
            expected=msg("a file, a folder with files, or a pattern that fits at least one file"),
            where=Place(file=without_secrets(given)),
            fix=msg("Check the path and the name."),
        )
    return paths


def _planned(bundle: Bundle, path: str, *, year: int | None, this_year: int, keep: Sequence[str]) -> PlannedFile:
    seen = stamp(path)
    if seen[0] == 0:
        raise InputError(
            msg("The file is empty."), where=Place(file=without_secrets(path)), fix=msg("Remove it, or write it again.")
        )
    with readable(path):
        source = source_file(path)
        schema = schema_of(source, bundle.profile)
    folders = folder_values(path)
    said = _said_year(bundle, path, folder_year(folders), year)
    of_rows = this_year if said is None else said
    headers, name = schema.names[: len(schema.names) - len(folders)], without_secrets(path)
    columns = column_map(bundle, headers, of_rows, keep=keep, file=name, folders=list(folders))
    return PlannedFile(source, seen, schema, columns, of_rows, said is not None)


def _said_year(bundle: Bundle, path: str, of_folder: int | None, year: int | None) -> int | None:
    """The year that a folder says, else the option, else the name of a file (`PEDE2024.csv`)."""
    if of_folder is not None:
        return of_folder
    if year is not None:
        return year
    return sheet_year(bundle.profile.sheet_pattern, PurePosixPath(path.replace("\\", "/")).name.split(".")[0])


def _check_same(first: PlannedFile, other: PlannedFile) -> None:
    if _carried(first) != _carried(other):
        raise InputError(
            msg("Two files have different columns to carry into the output."),
            expected=msg("{columns}, as in {file}", columns=_carried(first), file=first.name),
            got=msg("{columns}", columns=_carried(other)),
            where=Place(file=other.name),
            fix=msg("Give these columns the same names and types in all files, or run the command once for each file."),
        )


def _carried(file: PlannedFile) -> str:
    places = file.columns.carried
    return ", ".join(f"{file.schema.names[place]} ({file.schema.types[place]})" for place in places) or "–"


def _parts(file: PlannedFile) -> Iterator[FilePart]:
    """Row groups gathered into parts of about PART_ROWS; another file whole."""
    if file.source.kind != "parquet":
        yield FilePart(file, None, size=file.stamp[0])
        return
    with readable(file.source.path):
        counts = row_groups(file.source)
    a_row = file.stamp[0] / max(sum(counts), 1)
    groups: list[int] = []
    first = rows = 0
    for group, count in enumerate(counts):
        if groups and rows + count > PART_ROWS:
            yield FilePart(file, tuple(groups), first, rows, round(rows * a_row))
            groups, first, rows = [], first + rows, 0
        groups.append(group)
        rows += count
    yield FilePart(file, tuple(groups), first, rows, round(rows * a_row))


def pieces_in(part: FilePart, scorer: BatchScorer) -> Iterator[Piece]:
    """The rows of a part in pieces, in their order. Raises InputError where the file cannot be read."""
    file, profile = part.file, scorer.scorer.bundle.profile
    with readable(file.source.path):
        yield from pieces_of(file.source, part.groups, file.columns, file.schema, profile)
