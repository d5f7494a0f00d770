"""Panels of many schools and states as Parquet files: `farol sample --out DIR`.

The same arguments give the same values on every machine, and with the same pyarrow the same bytes, however many threads
make them. The files hold whole pupils: all years of a pupil stand in one file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from farol.errors import InputError, Place, reason_of
from farol.files import replace_file
from farol.i18n import msg
from farol.profile import load_profile
from farol.workbook.csv_parquet import parquet_library
from farol.workbook.sample_network import MISSING, BlockYear, Ends, Network, block_years

PROFILE = "_profile.toml"
MOST_YEARS = 30
FILE_BLOCKS = 8
"""Blocks of places in a file."""

_OWN_COLUMNS = """\
[periods]
column = "survey"

[columns.survey]
kind = "number"
integer = true
aliases = ["year"]
range = [2000, 2100]
meaning = { pt = "Ano da pesquisa", en = "Year of the survey" }

[columns.school]
kind = "category"
aliases = ["school"]
meaning = { pt = "Escola", en = "School" }

[columns.state]
kind = "category"
aliases = ["state"]
meaning = { pt = "Estado", en = "State" }

"""

Progress = Callable[[int], None]
"""Called with the rows that were written since it was called last, from any thread."""


def panel_profile() -> bytes:
    """The profile of the panels: PEDE's, with the year, the school and the state in columns of their own."""
    source = load_profile("pede").source.decode()
    changes = (
        ('sheets = "PEDE{year}"\n', ""),
        ('audit = ["sex", "school_type"]', 'audit = ["sex", "school_type", "state"]'),
        ('aliases = ["RA"]', 'aliases = ["RA", "student"]'),
        ("[columns.student]\n", f"{_OWN_COLUMNS}[columns.student]\n"),
    )
    for before, after in changes:
        source = source.replace(before, after, 1)
    return re.sub(r"aliases = \[[^\]]*\{[^\]]*\]", _without_years, source).encode()


def _without_years(aliases: re.Match[str]) -> str:
    names = re.findall(r'"([^"{]*?) ?(?:\{[a-z]+\})?"', aliases[0])
    return f"aliases = {json.dumps(list(dict.fromkeys(names)))}"


def write_panels(
    folder: Path, network: Network, *, threads: int | None = None, progress: Progress = lambda _: None
) -> None:
    """Write the pupils of a network into a new folder, with a profile that reads them. Whole, or not at all.

    Raises InputError for impossible numbers, a folder that is there, and one that cannot be written; MissingExtraError
    without pyarrow.
    """
    _, parquet = parquet_library()
    _check(network)
    if folder.exists():
        raise InputError(
            msg("The folder exists already."), where=Place(file=str(folder)), fix=msg("Name a new folder.")
        )
    work = folder.with_name(f"{folder.name}.partial")
    write = partial(_write_file, parquet=parquet, network=network, ends=network.ends(), progress=progress)
    with _writable(folder):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        replace_file(work / PROFILE, panel_profile())
        pool = ThreadPoolExecutor(max_workers=threads or os.cpu_count(), thread_name_prefix="farol-sample")
        try:
            starts = range(0, network.blocks, FILE_BLOCKS)
            tasks = [
                pool.submit(write, work / f"part-{number:05}.parquet", start) for number, start in enumerate(starts)
            ]
            for task in wait(tasks, return_when=FIRST_EXCEPTION).done:
                task.result()
            work.replace(folder)
        finally:
            pool.shutdown(cancel_futures=True)
            shutil.rmtree(work, ignore_errors=True)


def _check(network: Network) -> None:
    wanted = {
        "--pupils": (network.pupils, 1, 10**9),
        "--years": (network.years, 1, MOST_YEARS),
        "--schools": (network.schools, 1, network.pupils),
    }
    for option, (value, low, high) in wanted.items():
        if not low <= value <= high:
            raise InputError(
                msg("These numbers do not make a panel."),
                expected=msg("{option} from {low} to {high}", option=option, low=low, high=high),
                got=msg("{option} {value}", option=option, value=value),
                fix=msg("Choose a number within these limits."),
            )


def _write_file(path: Path, first: int, *, parquet: Any, network: Network, ends: Ends, progress: Progress) -> None:
    """A file of some blocks; each year of a block is a row group."""
    blocks = range(first, min(first + FILE_BLOCKS, network.blocks))
    batches = (_record_batch(year) for block in blocks for year in block_years(network, block, ends))
    batch = next(batches)
    encoded = [name for name in batch.schema.names if name != "student"]
    with parquet.ParquetWriter(
        path, batch.schema, compression="zstd", compression_level=1, use_dictionary=encoded
    ) as writer:
        for rows in chain([batch], batches):
            writer.write_batch(rows)
            progress(rows.num_rows)


_TENTHS = np.arange(1001) / 100
"""What hundredths stand for. A quotient of whole numbers is the same on every machine."""


def _record_batch(block: BlockYear) -> Any:
    """The rows of a block in one year, as pyarrow.RecordBatch."""
    import pyarrow as pa  # noqa: PLC0415  an extra

    def named(places: Any, names: list[str]) -> Any:
        return pa.DictionaryArray.from_arrays(pa.array(places), pa.array(names))

    def grade(hundredths: Any) -> Any:
        missing = hundredths == MISSING
        return pa.array(_TENTHS[hundredths], mask=missing if missing.any() else None)

    attending, places = block.attending, block.places
    school, first = places.school, int(places.school[0])
    schools = [f"school-{number + 1:06}" for number in range(first, int(school[-1]) + 1)]
    state, first_state = places.state, int(places.state[0])
    states = [f"state-{number + 1:02}" for number in range(first_state, int(state[-1]) + 1)]
    columns = {
        "student": pa.array(attending.number),
        "year": pa.array(np.full(school.size, block.year, dtype=np.int16)),
        "school": named(school - np.int32(first), schools),
        "state": named(state - np.int8(first_state), states),
        "phase": pa.array(attending.phase),
        "ideal_phase": pa.array(block.ideal_phase),
        "lag": pa.array(block.lag),
        "age": pa.array(block.age.astype(np.int8)),
        "birth_year": pa.array(attending.birth_year),
        "birth_month": pa.array((attending.birthday // 100).astype(np.int8)),
        "sex": named(attending.girl.astype(np.int8), ["M", "F"]),
        "year_joined": pa.array(attending.joined),
        "school_type": named(attending.public.astype(np.int8), ["private", "public"]),
        **{name: grade(values) for name, values in block.values.items()},
    }
    return pa.RecordBatch.from_pydict(columns)


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            msg("The output cannot be written: {reason}.", reason=reason_of(error)),
            where=Place(file=str(folder)),
            fix=msg("Choose another folder, with --out."),
        ) from error
