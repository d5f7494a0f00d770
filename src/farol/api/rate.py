"""How often a key may ask: a token bucket for each, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable


class RateLimit:
    """`rate` requests a second for each name, and up to `burst` at once after a pause; a rate of 0 limits nothing.

    The bucket of a name fills steadily and holds `burst`; a request takes one (Turner 1986, the leaky bucket as a
    meter). Names are those of keys that exist, so there are never more buckets than keys.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, name: str) -> float:
        """Take one from the bucket of `name`: 0, or, when there is none, the seconds until there is."""
        if not self._rate:
            return 0.0
        now = self._clock()
        held, since = self._buckets.get(name, (self._burst, now))
        held = min(self._burst, held + (now - since) * self._rate)
        if held < 1:
            self._buckets[name] = held, now
            return (1 - held) / self._rate
        self._buckets[name] = held - 1, now
        return 0.0
