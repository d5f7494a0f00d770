"""Random bits of the operating system, drawn many at a time.

Asking the system lets another thread run, and in a busy service each such turn is waited for: a draw for every id of a
group would cost more than all else that is done for it.
"""

from __future__ import annotations

import os

_WORDS = 512
_pool: list[int] = []


def random_word() -> int:
    """64 random bits that nobody else gets. Safe between threads, and in processes that were forked."""
    try:
        return _pool.pop()
    except IndexError:
        drawn = memoryview(os.urandom(8 * _WORDS)).cast("Q")
        _pool.extend(drawn[1:])
        return drawn[0]


if hasattr(os, "register_at_fork"):  # a child must not draw what its parent draws
    os.register_at_fork(after_in_child=_pool.clear)
