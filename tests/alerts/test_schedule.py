from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.alerts.schedule import parse_schedule
from farol.errors import InputError

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOON = datetime(2024, 6, 30, 12, 0, tzinfo=UTC)  # a Sunday, 09:00 in São Paulo


def after(text: str, moment: datetime = NOON, timezone: ZoneInfo = SAO_PAULO) -> datetime:
    schedule = parse_schedule(text, timezone)
    assert schedule is not None
    return schedule.after(moment)


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_is_no_schedule(text: str) -> None:
    assert parse_schedule(text, SAO_PAULO) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", NOON + timedelta(minutes=30)),
        ("6h", NOON + timedelta(hours=6)),
        (" 1d ", NOON + timedelta(days=1)),
        ("0 6 * * *", datetime(2024, 7, 1, 9, 0, tzinfo=UTC)),  # six o'clock in São Paulo
        ("30 9 * * *", datetime(2024, 6, 30, 12, 30, tzinfo=UTC)),
        ("0  8 *  * 1-5", datetime(2024, 7, 1, 11, 0, tzinfo=UTC)),  # Monday
        ("0 8 * * 0", datetime(2024, 7, 7, 11, 0, tzinfo=UTC)),  # Sunday is 0, as in cron
        ("*/15 * * * *", datetime(2024, 6, 30, 12, 15, tzinfo=UTC)),
    ],
)
def test_the_next_time_is_that_of_cron_in_the_programmes_time_zone(text: str, expected: datetime) -> None:
    assert after(text) == expected


def test_a_time_that_a_clock_change_skips_is_made_up_for() -> None:
    # São Paulo went from 00:00 to 01:00 on 4 November 2018.
    skipped = after("30 0 * * *", datetime(2018, 11, 3, 12, 0, tzinfo=UTC))
    assert skipped == datetime(2018, 11, 4, 3, 0, tzinfo=UTC)


@given(st.integers(0, 20 * 366 * 24 * 60))
def test_the_next_time_is_always_later_and_never_more_than_two_days(minutes: int) -> None:
    moment = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    assert moment < after("0 6 * * *", moment) <= moment + timedelta(days=2)


@pytest.mark.parametrize(
    "text", ["soon", "0h", "6w", "1 2 3", "61 * * * *", "0 0 31 2 *", "0 0 6 * * *", "-5m", "@daily"]
)
def test_what_is_no_schedule_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InputError, match=r"0 6 \* \* \*") as caught:
        parse_schedule(text, SAO_PAULO)
    assert caught.value.where.field == "FAROL_CHECK_SCHEDULE"
