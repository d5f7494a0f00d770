"""Waiting for what another process or thread does and says nothing about: the one place where a test looks again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE = 0.02
"""Seconds between two looks."""


def eventually(look: Callable[[], T], *, seconds: float = 300) -> T:
    """The first true value that `look` gives; AssertionError after `seconds` without one.

    The limit only ends a test that would wait for ever: no test passes because time went by.
    """
    end = time.monotonic() + seconds
    while True:
        value = look()
        if value:
            return value
        assert time.monotonic() < end, f"still waiting after {seconds:g} s"
        time.sleep(PAUSE)
