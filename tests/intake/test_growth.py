"""An upload costs no more than its bytes to look at and to mark, and the stored part of it is small."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import openpyxl
import pytest

from farol.errors import WorkbookError
from farol.intake.marking import MOST_COLUMNS, write_marked
from farol.intake.review import MOST_FAULTS, MOST_UNKNOWN, read_upload
from tests.intake.sending import request_for
from tests.workbook.hostile import HOSTILE
from tests.workbook.test_growth import GROWTH, NOISE, SIZES


def _headers(n: int) -> bytes:
    return b"RA;IAA;" + b";".join(b"h%d" % i for i in range(n)) + b"\n1;5" + b";7" * n + b"\n"


SENT: dict[str, Callable[[int], bytes]] = {
    **{name: make for name, make in HOSTILE.items() if not name.endswith("ods")},
    "a header.csv": lambda n: b"RA;IAA;" + b"h" * (100 * n) + b"\n1;5;6\n",
    "headers with values.csv": _headers,
    "codes of faults.csv": lambda n: b"RA;IAA\n" + b"".join(b"%d;x%d\n" % (i, i) for i in range(n)),
}
MOST_BYTES = 3_000_000
"""Of a review. A file of a hundred megabytes could have millions of headers, each with what it might mean."""


@pytest.mark.parametrize("name", SENT)
def test_an_upload_costs_no_more_than_its_length(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"PEDE2022.{name.rpartition('.')[2]}"
    sizes = []

    def cost(units: int) -> float:
        path.write_bytes(SENT[name](units))
        begin = time.process_time()
        with suppress(WorkbookError):
            sizes.append(len(json.dumps(read_upload(request_for(path)))))
        with suppress(WorkbookError):
            write_marked(request_for(path), "en", tmp_path / "marked.xlsx")
        return time.process_time() - begin

    cost(100)
    before, large, after = map(cost, (*SIZES, SIZES[0]))
    assert large <= 2 * GROWTH * max(before, after) + NOISE  # others may come or go meanwhile, and slow one down
    assert max(sizes) <= MOST_BYTES


def test_a_review_asks_about_a_limited_number_of_headers(tmp_path: Path) -> None:
    path = tmp_path / "PEDE2022.csv"
    path.write_bytes(_headers(3_000))
    review = read_upload(request_for(path))
    assert len(review["unknown"]) == MOST_UNKNOWN
    assert len(review["faults"]) == MOST_FAULTS


def test_a_marked_copy_has_as_many_columns_as_a_sheet_may_have(tmp_path: Path) -> None:
    path = tmp_path / "PEDE2022.csv"
    path.write_bytes(_headers(MOST_COLUMNS + 10))
    write_marked(request_for(path), "en", tmp_path / "marked.xlsx")
    book = openpyxl.load_workbook(tmp_path / "marked.xlsx")
    assert max(sheet.max_column for sheet in book.worksheets) == MOST_COLUMNS
