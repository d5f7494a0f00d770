from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from farol.store.records import day_of, microseconds, moment, utc_text, uuid7

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis wants naive bounds


def test_an_id_is_a_uuid_of_version_7_of_its_millisecond() -> None:
    # The example of RFC 9562, appendix A.6: 2022-02-22 14:22:22 -05:00 is 0x017F22E279B0.
    at = datetime(2022, 2, 22, 14, 22, 22, tzinfo=timezone(timedelta(hours=-5)))
    made = UUID(uuid7(at))
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == 0x017F22E279B0


def test_the_microseconds_are_in_the_bits_after_the_version() -> None:
    half = UUID(uuid7(datetime(2024, 1, 1, 0, 0, 0, 500, tzinfo=UTC)))
    assert half.int >> 64 & 0xFFF == 2048


@given(MOMENTS, st.integers(1, 10**9))
def test_ids_of_later_moments_sort_later(at: datetime, later: int) -> None:
    after = min(at + timedelta(microseconds=later), datetime(9999, 12, 31, tzinfo=UTC))
    assert uuid7(at) < uuid7(after)


def test_ids_of_one_moment_differ() -> None:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    assert len({uuid7(at) for _ in range(1000)}) == 1000


@given(MOMENTS)
def test_a_moment_survives_as_microseconds(at: datetime) -> None:
    assert moment(microseconds(at)) == at


def test_a_day_is_the_day_in_sao_paulo() -> None:
    assert day_of(datetime(2024, 5, 10, 2, 59, 59, tzinfo=UTC)) == date(2024, 5, 9)
    assert day_of(datetime(2024, 5, 10, 3, 0, tzinfo=UTC)) == date(2024, 5, 10)
    # Summer time was kept until 2019: two hours behind UTC, not three.
    assert day_of(datetime(2018, 12, 10, 2, 0, tzinfo=UTC)) == date(2018, 12, 10)


def test_a_moment_is_written_in_utc_to_the_second() -> None:
    at = datetime(2022, 2, 22, 22, 22, 22, 900_000, tzinfo=timezone(timedelta(hours=-5)))
    assert utc_text(at) == "2022-02-23T03:22:22+00:00"
