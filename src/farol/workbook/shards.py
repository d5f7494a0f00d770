"""Parquet panels that need not fit in memory, dealt out to shards: small panels, each with all years of its pupils.

A shard is chosen by the checksum of the pupil's code in its one form, so that a pupil's rows of all files come together
and each shard is a random sample of the pupils. A shard is read as any workbook is, with the same findings.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farol.errors import InputError, Place
from farol.i18n import msg
from farol.profile import NO_PERIOD, Profile
from farol.workbook.csv_parquet import parquet_library
from farol.workbook.headers import HeaderIndex, sheet_year
from farol.workbook.limits import Limits, damaged
from farol.workbook.panel import Panel, read_panel
from farol.workbook.student_code import student_code

SHARD_ROWS = 50_000
MOST_SHARDS = 500
"""Files that are open at once. With more rows than these hold, shards are larger."""
MANY_ROWS = 200_000
"""A folder of sheets with more rows than this is dealt out, too."""

_BATCH = 65_536
_NO_LIMIT = 1 << 40

Progress = Callable[[float], None]
"""Called with the share (0–1) of the rows that are done."""


@dataclass(frozen=True, slots=True)
class Shards:
    """A folder of shards of `rows` in all."""

    folder: Path
    count: int
    rows: int

    def panel(self, shard: int, profile: Profile) -> Panel:
        """The panel of one shard. Raises `WorkbookError`."""
        place = self.folder / f"{shard:05}"
        files = sorted(place.iterdir())
        limits = Limits(sum(file.stat().st_size for file in files), _NO_LIMIT, _NO_LIMIT)
        return read_panel(files[0] if profile.periods is not None else place, profile, limits)


def is_large(source: Path, profile: Profile) -> bool:
    """Whether a folder holds Parquet panels to be dealt out: rows of many years in a file, or many rows."""
    if not source.is_dir() or not (files := panel_files(source)):
        return False
    return profile.periods is not None or _rows(files) > MANY_ROWS


def panel_files(source: Path) -> list[Path]:
    """The Parquet files below a folder but hidden ones, in order of their names."""
    below = sorted(source.rglob("*.parquet"))
    return [file for file in below if not any(part[0] in "._" for part in file.relative_to(source).parts)]


def deal_out(source: Path, profile: Profile, folder: Path, progress: Progress = lambda _: None) -> Shards:
    """Deal the panels of a folder out to shards in `folder`, one file after the other, in little memory.

    Raises `InputError` for a file without a column of the pupils' codes or without a year, `WorkbookError` for a
    damaged one, `MissingExtraError` without pyarrow.
    """
    pa, _ = parquet_library()
    files = panel_files(source)
    rows = _rows(files)
    shards = Shards(folder, min(MOST_SHARDS, max(1, round(rows / SHARD_ROWS))), rows)
    for shard in range(shards.count):
        (folder / f"{shard:05}").mkdir(parents=True)
    done = 0
    for number, file in enumerate(files):
        try:
            for read in _dealt(file, profile, shards, number):
                done += read
                progress(done / max(rows, 1))
        except (pa.ArrowException, OSError) as error:
            raise damaged(file.name) from error
    for shard in range(shards.count):
        _join(folder / f"{shard:05}")
    return shards


def _rows(files: Sequence[Path]) -> int:
    _, parquet = parquet_library()
    return sum(parquet.ParquetFile(file).metadata.num_rows for file in files)


def _dealt(file: Path, profile: Profile, shards: Shards, number: int) -> Iterator[int]:
    """Deals one file out; gives the rows of each piece."""
    pa, parquet = parquet_library()
    with ExitStack() as opened:
        source = opened.enter_context(parquet.ParquetFile(file))
        sheet = _sheet_of(file, profile)
        schema = pa.schema([(field.name, _plain_type(pa, field.type)) for field in source.schema_arrow])
        places = _code_places(schema.names, profile, file, sheet_year(profile.sheet_pattern, sheet))
        writers: dict[int, Any] = {}
        for batch in source.iter_batches(_BATCH):
            table = pa.Table.from_batches([batch]).cast(schema)
            shard = _shard_of(table, places, shards.count)
            order = np.argsort(shard, kind="stable")
            table = table.take(pa.array(order))
            ends = np.searchsorted(shard[order], np.arange(shards.count + 1))
            for at in np.flatnonzero(np.diff(ends)).tolist():
                if at not in writers:
                    path = shards.folder / f"{at:05}" / f"{sheet}@{number:05}.arrow"
                    options = pa.ipc.IpcWriteOptions(compression="lz4")
                    writers[at] = opened.enter_context(pa.ipc.new_stream(path, schema, options=options))
                writers[at].write_table(table.slice(ends[at], ends[at + 1] - ends[at]))
            yield table.num_rows


def _plain_type(pa: Any, kind: Any) -> Any:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _join(place: Path) -> None:
    """The pieces of a shard as one Parquet file for each sheet."""
    pa, parquet = parquet_library()
    pieces: dict[str, list[Path]] = {}
    for path in sorted(place.iterdir()):
        pieces.setdefault(path.name.partition("@")[0], []).append(path)
    for sheet, paths in pieces.items():
        tables = []
        for path in paths:
            with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
                tables.append(stream.read_all())
        joined = pa.concat_tables(tables, promote_options="permissive")
        parquet.write_table(joined, place / f"{sheet}.parquet", compression="lz4")
        for path in paths:
            path.unlink()


def _sheet_of(file: Path, profile: Profile) -> str:
    """The name of the sheet that the rows of a file belong to, as the profile writes it."""
    if profile.periods is not None:
        return "rows"
    partition = next((part[5:] for part in file.parts if part.startswith("year=")), None)
    year = sheet_year(profile.sheet_pattern, file.stem) if partition is None else int(partition)
    if year is None:
        raise InputError(
            msg("It is not clear of which year a file is."),
            expected=msg("a name such as {name}, or a folder such as {folder}",
                         name=profile.sheet_pattern.replace("{year}", "2024"), folder="year=2024"),
            where=Place(file=str(file)),
            fix=msg("Rename the file or its folder."),
        )  # fmt: skip
    return profile.sheet_pattern.replace("{year}", str(year))


def _code_places(headers: Sequence[str], profile: Profile, file: Path, year: int | None) -> list[int]:
    index = HeaderIndex(profile, NO_PERIOD if year is None else year)
    meant = {index.heading(place, header).column: place for place, header in enumerate(headers)}
    places = [meant[name] for name in profile.identifiers if name in meant]
    if not places or len(places) < len(profile.identifiers):
        raise InputError(
            msg("The file has no column with the pupils' codes."),
            expected=msg("one or more of the headers {headers}", headers=", ".join(
                alias for name in profile.identifiers for alias in profile.columns[name].aliases)),
            got=msg("the columns {names}", names=", ".join(headers)),
            where=Place(file=str(file)),
            fix=msg("Rename the header of the codes, or add it to the aliases of that column in the profile."),
        )  # fmt: skip
    return places


def _shard_of(table: Any, places: Sequence[int], count: int) -> NDArray[np.int64]:
    """The shard (n,) of each row, by the checksum of its code; rows without one are in the first."""
    total = np.zeros(table.num_rows, dtype=np.int64)
    for place in places:
        encoded = table.column(place).combine_chunks().dictionary_encode()
        sums = np.array(
            [zlib.crc32((student_code(_text(code)) or "").encode()) for code in encoded.dictionary.to_pylist()]
        )
        total += np.append(sums, 0)[encoded.indices.fill_null(len(sums)).to_numpy(zero_copy_only=False)]
    return total % count


def _text(code: object) -> str:
    return code.decode("utf-8", "replace") if isinstance(code, bytes) else str(code)
