"""A token bucket for each key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farol.api.keyring import RateLimit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_the_rate_then_a_burst_again_after_a_pause() -> None:
    clock = Clock()
    limit = RateLimit(2.0, 3, clock)
    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]
    clock.now = 0.25
    assert limit.wait("a") == pytest.approx(0.25)
    clock.now = 0.5
    assert [limit.wait("a"), limit.wait("a")] == [0, pytest.approx(0.5)]
    clock.now = 1_000.0
    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)], "a long pause saves no more"
    assert limit.wait("b") == 0


def test_a_rate_of_zero_limits_nothing_and_keeps_nothing() -> None:
    limit = RateLimit(0, 1)
    assert {limit.wait("a") for _ in range(100)} == {0}
    assert limit._buckets == {}


@given(
    rate=st.floats(0.01, 1000),
    burst=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 5), max_size=200),
)
def test_never_more_than_the_burst_and_what_the_time_gives(rate: float, burst: int, pauses: list[float]) -> None:
    clock = Clock()
    limit = RateLimit(rate, burst, clock)
    taken = 0
    for pause in pauses:
        clock.now += pause
        seconds = limit.wait("a")
        taken += not seconds
        assert 0 <= seconds <= 1 / rate
        assert taken <= burst + rate * clock.now + 1e-6
