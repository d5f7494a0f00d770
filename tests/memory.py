"""Memory that a piece of work takes, in a process where a service's periodic jobs may be at work beside it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Memory:
    """Bytes that Python allocated beside what it had: at the peak, and still held at the end."""

    peak = kept = 0


@contextmanager
def allocated() -> Iterator[Memory]:
    memory = Memory()
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    try:
        yield memory
    finally:
        now, peak = tracemalloc.get_traced_memory()
        memory.kept, memory.peak = now - before, peak - before
        tracemalloc.stop()


def least(measure: Callable[[], int], limit: int, times: int = 5) -> int:
    """The first of `times` measurements within `limit`, or the smallest.

    Every thread of the process is counted: what another takes in one of them comes on top and never makes it less,
    and what the work itself takes comes each time.
    """
    smallest = measure()
    for _ in range(times - 1):
        if smallest <= limit:
            break
        smallest = min(smallest, measure())
    return smallest
