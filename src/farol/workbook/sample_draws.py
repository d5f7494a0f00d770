"""Random numbers that every machine makes alike, for the panels of invented pupils.

A counter makes them from a seed and a position (Philox: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
2011), so that it does not matter in which order the blocks of a panel are made. Nothing rests on functions whose last
digit the machine decides: there are whole numbers, sums, products and tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Shorts = NDArray[np.int16]
Flags = NDArray[np.bool_]

_GRID = 32  # steps of one logit
_REACH = 8 * _GRID  # steps beyond which a chance stays the same
_RANGE = 65_536  # uniform numbers run from 0 to below this
_STEPS = [1 / (1 + (-Decimal(step) / _GRID).exp()) for step in range(-_REACH, _REACH + 1)]
_CHANCES = np.array([round(_RANGE * chance) for chance in _STEPS], dtype=np.uint32)
_TENTHS = np.array([10 * round(100 * chance) for chance in _STEPS], dtype=np.int16)


class Draws:
    """Random numbers for n places: the same for the same seed and position (up to three numbers)."""

    def __init__(self, seed: int, n: int, *position: int) -> None:
        counter = np.array([0, *position, 0, 0, 0][:4], dtype=np.uint64)
        self._bits = np.random.Philox(key=np.array([seed, 0], dtype=np.uint64), counter=counter)
        self._n = n
        self._rest: list[NDArray[np.uint16]] = []

    def uniform(self) -> NDArray[np.uint16]:
        """Whole numbers (n,) from 0 to 65,535, each as likely as another."""
        if not self._rest:
            self._rest = list(self._four())
        return self._rest.pop()

    def normal(self) -> Singles:
        """Numbers (n,) of mean 0 and deviation 1, nearly normal: each is the sum of four that are uniform."""
        first, second, third, fourth = self._four()
        total = first.astype(np.int32) + second + third + fourth
        return np.asarray((total.astype(np.float32) - np.float32(131_070)) * np.float32(1 / 37_837))

    def happens(self, logit: Singles) -> Flags:
        """Whether (n,) what has this log-odds happens."""
        return np.asarray(self.uniform() < _CHANCES[_place(logit)])

    def choose(self, shares: Sequence[float]) -> NDArray[np.int8]:
        """A place (n,) among the shares."""
        return _chosen(tuple(shares))[self.uniform()]

    def between(self, low: Shorts | int, high: Shorts | int) -> NDArray[np.int32]:
        """Whole numbers (n,) from `low` to below `high`."""
        return np.asarray(low + (self.uniform().astype(np.int32) * (high - low) >> 16), dtype=np.int32)

    def _four(self) -> NDArray[np.uint16]:
        return np.asarray(self._bits.random_raw(self._n).astype("<u8").view("<u2").reshape(4, self._n))


def ten_logistic(logit: Singles) -> Shorts:
    """Ten times the logistic function, rounded to a tenth, in hundredths."""
    return _TENTHS[_place(logit)]


def _place(logit: Singles) -> Shorts:
    step = np.clip(np.rint(logit * np.float32(_GRID)), -_REACH, _REACH)
    return np.asarray(step, dtype=np.int16) + np.int16(_REACH)


@lru_cache(maxsize=64)
def _chosen(shares: tuple[float, ...]) -> NDArray[np.int8]:
    """The place that each uniform number stands for."""
    exact = [Decimal(str(share)) for share in shares]
    ends = [int(sum(exact[: at + 1]) * _RANGE / sum(exact)) for at in range(len(exact))]
    return np.searchsorted(ends, np.arange(_RANGE), side="right").astype(np.int8)
