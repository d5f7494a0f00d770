"""Windows of time: how they are asked for, and which days they have."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from farol.drift.windows import WINDOW_PATTERN, parse_window
from farol.errors import InputError

NOW = datetime(2024, 7, 1, 2, 30, tzinfo=UTC)  # still 30 June in São Paulo


@pytest.mark.parametrize(
    ("text", "first", "last", "days"),
    [
        ("7d", date(2024, 6, 24), date(2024, 6, 30), 7),
        (" 30D ", date(2024, 6, 1), date(2024, 6, 30), 30),
        ("90d", date(2024, 4, 2), date(2024, 6, 30), 90),
        ("1d@2024-01-31", date(2024, 1, 31), date(2024, 1, 31), 1),
        ("all", None, date(2024, 6, 30), None),
        ("all@2023-12-31", None, date(2023, 12, 31), None),
        ("year:2023", date(2023, 1, 1), date(2023, 12, 31), 365),
        ("2024-03-01..2024-05-31", date(2024, 3, 1), date(2024, 5, 31), 92),
        ("2024-03-01 .. 2024-03-01", date(2024, 3, 1), date(2024, 3, 1), 1),
    ],
)
def test_a_window_is_days_of_sao_paulo_up_to_now_or_to_a_day(
    text: str, first: date | None, last: date, days: int | None
) -> None:
    window = parse_window(text, now=NOW)
    assert (window.first, window.last, window.days) == (first, last, days)


def test_a_window_as_json() -> None:
    assert parse_window("7d", now=NOW).as_dict() == {"name": "7d", "from": "2024-06-24", "to": "2024-06-30", "days": 7}
    assert parse_window("all", now=NOW).as_dict() == {"name": "all", "from": None, "to": "2024-06-30", "days": None}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0d",
        "3661d",
        "30",
        "d",
        "-7d",
        "7 d",
        "week",
        "٣d",
        "99999d",
        "@2024-01-01",
        "year:24",
        "year:0000",
    ],
)
def test_an_invalid_window_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InputError, match="30d, 90d") as caught:
        parse_window(text, now=NOW)
    assert caught.value.problem.template == "This is not a window of time."


@pytest.mark.parametrize("text", ["..", "2024-02-30..2024-03-01", "2024-01-01..", "march..april"])
def test_days_that_are_none_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match=r"2024-03-01\.\.2024-05-31"):
        parse_window(text, now=NOW)


def test_a_window_does_not_end_before_it_begins() -> None:
    with pytest.raises(InputError, match="ends before it begins"):
        parse_window("2024-05-31..2024-03-01", now=NOW)


@pytest.mark.parametrize("text", ["30d@", "30d@2024-02-30", "all@yesterday"])
def test_an_invalid_day_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match="30d@2024-06-30"):
        parse_window(text, now=NOW)


def test_a_window_does_not_reach_before_the_calendar() -> None:
    with pytest.raises(InputError, match="before the calendar"):
        parse_window("30d@0001-01-05", now=NOW)


@pytest.mark.parametrize(
    "text",
    ["7d", "3660d", "all", "30d@2024-06-30", "all@2024-12-31", "year:2024", "2024-03-01..2024-05-31", "since:2024-0"],
)
def test_the_pattern_takes_every_form_of_a_window(text: str) -> None:
    assert re.search(WINDOW_PATTERN, text)


@pytest.mark.parametrize("text", ["", "0d", "3661d", "7", "7d@", "2024-13-01..2024-05-31", "year:24", "since:", "now"])
def test_the_pattern_takes_nothing_that_is_no_window(text: str) -> None:
    assert not re.search(WINDOW_PATTERN, text)
    with pytest.raises(InputError):
        parse_window(text, now=NOW)
