"""A parquet file's columns are values, whatever their type, or a finding says that they are not."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from farol.errors import WorkbookError
from farol.workbook.panel import Panel, read_panel
from tests.workbook.making import PEDE, findings_of, only, pupils, values

ROWS = pupils(3)
CODES = [b"RA-1", b"ra-2", b"Jos\xc3\xa9"]
BORN = dt.date(2012, 6, 17)


def panel_of(folder: Path, **columns: object) -> Panel:
    table = {str(header): [row[at] for row in ROWS[1:]] for at, header in enumerate(ROWS[0])}
    path = folder / "PEDE2022.parquet"
    parquet.write_table(pa.table({**table, **columns}), path)
    return read_panel(path, PEDE)


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.dictionary(pa.int8(), pa.binary())]
)
def test_codes_in_bytes_are_text(tmp_path: Path, kind: pa.DataType) -> None:
    assert panel_of(tmp_path, RA=pa.array(CODES, kind)).student.tolist() == ["RA-1", "RA-2", "JOSÉ"]


def test_bytes_that_are_not_utf_8_are_those_of_windows(tmp_path: Path) -> None:
    assert panel_of(tmp_path, RA=[b"RA-1", b"RA-2", b"Jos\xe9"]).student.tolist() == ["RA-1", "RA-2", "JOSÉ"]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(np.array([7.25, 7.5, 8], dtype=np.float16)),
        pa.array([7.25, 7.5, 8], pa.float32()),
        pa.array([Decimal("7.25"), Decimal("7.5"), Decimal(8)]),
        pa.array(["7.25", "7,5", "8"]).dictionary_encode(),
    ],
)
def test_every_type_of_number_gives_the_same(tmp_path: Path, column: pa.Array) -> None:
    assert values(panel_of(tmp_path, IAA=column), "IAA") == [7.25, 7.5, 8.0]


def test_a_number_of_four_bytes_is_not_longer_than_it_was(tmp_path: Path) -> None:
    assert values(panel_of(tmp_path, IAA=pa.array([7.3, None, 0.1], pa.float32())), "IAA") == [7.3, None, 0.1]


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64(), pa.timestamp("ns"), pa.timestamp("s", "America/Sao_Paulo")])
def test_every_type_of_date_is_a_birthday(tmp_path: Path, kind: pa.DataType) -> None:
    noon = dt.datetime(2012, 6, 17, 15, tzinfo=dt.UTC)
    given = [noon if pa.types.is_timestamp(kind) else BORN] * 3
    panel = panel_of(tmp_path, **{"Data de Nasc": pa.array(given, kind)})
    assert values(panel, "birth_month") == [6.0] * 3


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1.0], [], [2.0]]),
        pa.array([{"a": 1}] * 3),
        pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int64())),
    ],
)
def test_lists_and_records_are_named_and_read_as_empty(tmp_path: Path, column: pa.Array) -> None:
    panel = panel_of(tmp_path, IAA=column, Turma=column)
    assert values(panel, "IAA") == [None] * 3
    assert panel.categories["class"].tolist() == [None] * 3
    assert {finding.column for finding in findings_of(panel, "nested_value")} == {"IAA", "Turma"}
    with pytest.raises(WorkbookError, match="no pupil"):
        panel_of(tmp_path, RA=column)


@pytest.mark.parametrize("value", [True, dt.time(7, 5), dt.timedelta(1)])
def test_an_unreadable_number_is_refused_in_a_needed_column(tmp_path: Path, value: object) -> None:
    with pytest.raises(WorkbookError, match="does not hold numbers"):
        panel_of(tmp_path, IAA=[value] * 3)


def test_an_empty_cell_of_any_type_is_missing(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, IAA=pa.nulls(3), Turma=pa.array([None, [1], None]))
    assert values(panel, "IAA") == [None] * 3
    assert only(panel, "nested_value").rows == (3,)


def test_an_encrypted_parquet_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "PEDE2022.parquet"
    path.write_bytes(b"PARE" + b"x" * 40 + b"PARE")
    with pytest.raises(WorkbookError, match="protected by a password"):
        read_panel(path, PEDE)


LONG = [9007199254740993, 12345678901234567, 2**63 - 1]


@pytest.mark.parametrize(
    ("column", "written"),
    [
        (pa.array(LONG), LONG),
        (pa.array([2**64 - 1, *LONG[:2]], pa.uint64()), [2**64 - 1, *LONG[:2]]),
        (pa.array([Decimal(10**30 + 1), Decimal(10**30), Decimal(7)]), [10**30 + 1, 10**30, 7]),
        (pa.array([Decimal("9007199254740993.00"), Decimal("2.00"), Decimal("3.00")]), [9007199254740993, 2, 3]),
        (pa.array(LONG).dictionary_encode(), LONG),
    ],
)
def test_long_codes_keep_every_digit(tmp_path: Path, column: pa.Array, written: list[int]) -> None:
    panel = panel_of(tmp_path, RA=column)
    assert panel.student.tolist() == [str(code) for code in written]
    assert not findings_of(panel, "inexact_code")


@pytest.mark.parametrize(
    ("column", "rows"),
    [
        (pa.array([9007199254740992.0, 12.0, 13.0]), (2,)),
        (pa.array(np.array([20240000, 12, 16777215], dtype=np.float32)), (2,)),
        (pa.array(np.array([12, 2050, 2047], dtype=np.float16)), (3,)),
    ],
)
def test_codes_that_may_have_lost_digits_are_named(tmp_path: Path, column: pa.Array, rows: tuple[int, ...]) -> None:
    panel = panel_of(tmp_path, RA=column)
    finding = only(panel, "inexact_code")
    assert (finding.rows, finding.severity, len(panel.student)) == (rows, "error", 3)


def test_a_long_number_of_few_bytes_is_no_code_but_a_number(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, **{"Ano ingresso": pa.array(np.array([2048, 2049, 2016], dtype=np.float16))})
    assert values(panel, "year_joined") == [2048.0, 2048.0, 2016.0]
    assert values(panel_of(tmp_path, IAA=pa.array([1e30, np.inf, 7], pa.float32())), "IAA") == [None, None, 7.0]


FAR = 10_000_000
"""Days since 1970: in the year 29349."""


@pytest.mark.parametrize(
    "column",
    [
        pa.array([FAR, 0, 0], pa.int32()).view(pa.date32()),
        pa.array([FAR * 86_400_000, 0, 0]).view(pa.date64()),
        pa.array([FAR * 86_400, 0, 0]).view(pa.timestamp("s")),
        pa.array([0, 0, None]).view(pa.timestamp("us", "Mars/Olympus")),
    ],
)
@pytest.mark.parametrize("header", ["Data de Nasc", "matrícula em"])
def test_dates_that_no_calendar_has_are_said_with_their_column(tmp_path: Path, column: pa.Array, header: str) -> None:
    with pytest.raises(WorkbookError) as error:
        panel_of(tmp_path, **{header: column})
    assert (error.value.where.file, error.value.where.column) == ("PEDE2022.parquet", header)
    said = "\n".join(error.value.lines("pt_BR"))
    assert "danific" not in said
    assert "escreva-os como texto" in said
