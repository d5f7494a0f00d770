"""Numbers, dates and errors that stand in a cell as text."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.workbook.texts import DateOrder, error_kind, has_decimal_comma, parse_date, parse_number, small_number_date

EXCEL = dt.date(1899, 12, 31)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7.0),
        ("7,5", 7.5),
        ("7.5", 7.5),
        (" -0,25\t", -0.25),
        ("+3", 3.0),
        (",5", 0.5),
        ("7,", 7.0),
        ("1.234,5", 1234.5),
        ("1,234,567.25", 1234567.25),
        ("1e-3", 0.001),
    ],
)
def test_a_number_is_read_with_comma_or_dot(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["", "-", ",", "7 8", "7,5,1", "nan", "inf", "1_000", "0x10", "٣", "7%", "INCLUIR"])
def test_only_a_plain_number_becomes_a_number(text: str) -> None:
    assert parse_number(text) is None


@given(st.floats(-1e6, 1e6).map(lambda number: f"{number:.6f}"))
def test_comma_and_dot_mean_the_same(text: str) -> None:
    assert parse_number(text) == parse_number(text.replace(".", ",")) == float(text)


def test_a_decimal_comma_is_distinguished_from_a_decimal_point() -> None:
    assert [has_decimal_comma(text) for text in ("7,5", "7.5", "1.234,5", "1,234.5", "7")] == [
        True,
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "order", "date"),
    [
        ("6/17/2015", "mdy", dt.date(2015, 6, 17)),
        ("17/06/2015", "dmy", dt.date(2015, 6, 17)),
        ("17-06-15", "dmy", dt.date(2015, 6, 17)),
        ("17.06.98 00:00", "dmy", dt.date(1998, 6, 17)),
        ("2015-06-17", "dmy", dt.date(2015, 6, 17)),
        ("2015-06-17T10:30:00", None, dt.date(2015, 6, 17)),
        ("17/06/2015", "mdy", None),
        ("17/06/2015", None, None),
        ("17/06/2015", "ymd", None),
        ("17/06-2015", "dmy", None),
        ("0/0/0", "dmy", None),
        ("", "dmy", None),
    ],
)
def test_a_date_is_read_in_the_order_given(text: str, order: DateOrder | None, date: dt.date | None) -> None:
    assert parse_date(text, order) == date


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1/8/1900", 8.0),
        ("08/01/1900", 8.0),
        ("1900-01-12 00:00:00", 12.0),
        ("1/1/1900", 1.0),
        ("5/8/1900", None),
        ("1/8/1901", None),
        ("1/40/1900", None),
        ("8", None),
    ],
)
def test_a_small_number_is_found_behind_a_date_of_january_1900(text: str, number: float | None) -> None:
    assert small_number_date(text, EXCEL) == number


@pytest.mark.parametrize(
    ("text", "kind"),
    [("#N/A", "#N/A"), (" #n/d ", "#N/D"), ("#DIV/0!", "#DIV/0!"), ("#NÚM!", "#NÚM!"), ("#tag", None), ("N/A", None)],
)
def test_a_spreadsheet_error_is_known_as_text(text: str, kind: str | None) -> None:
    assert error_kind(text) == kind
