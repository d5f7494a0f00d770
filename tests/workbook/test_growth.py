"""Reading a file costs no more than its bytes: the processor's time is counted while the file grows eightfold."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from farol.errors import WorkbookError
from farol.workbook.limits import DEFAULT_LIMITS
from farol.workbook.markup import read_ods_marks
from farol.workbook.panel import read_panel
from farol.workbook.unfamiliar import read_unfamiliar
from tests.workbook.hostile import HOSTILE
from tests.workbook.making import PEDE

SIZES = (2_500, 20_000)
GROWTH = SIZES[1] / SIZES[0]
NOISE = 0.3
"""Seconds of the processor. What grows with the square takes several."""


def seconds(path: Path) -> float:
    """The processor seconds of reading, with a profile and without. Nothing but our errors may come.

    Of ods what is ours alone: its reader never ends on some of these, and is ended in its own process.
    """
    begin = time.process_time()
    if path.suffix == ".ods":
        with zipfile.ZipFile(path) as archive:
            read_ods_marks(archive.read("content.xml"))
        return time.process_time() - begin
    for read in (lambda: read_panel(path, PEDE), lambda: read_unfamiliar(path, DEFAULT_LIMITS)):
        with suppress(WorkbookError):
            read()
    return time.process_time() - begin


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_costs_no_more_than_its_length(name: str, tmp_path: Path) -> None:
    def cost(size: int, make: Callable[[int], bytes] = HOSTILE[name]) -> float:
        path = tmp_path / f"PEDE2022.{name.rpartition('.')[2]}"
        path.write_bytes(make(size))
        return seconds(path)

    cost(100)
    before, large, after = map(cost, (*SIZES, SIZES[0]))
    assert large <= 2 * GROWTH * max(before, after) + NOISE  # others may come or go meanwhile, and slow one down
