"""The counters of answers: how many answers fell in each bin, as one vector.

The layout says which part of the vector counts what: the bins of each feature and, under names that no feature can
have, the answers themselves. Drift is computed from these counts alone, so a day costs one vector, however many
answers it had.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, chain
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from farol.files import parse_json
from farol.model.reference import ANSWERS, SCORE_BINS

SCORE = "=score"
"""The bins of the probability, as `farol.model.reference.score_index` has them."""

PREDICTION = "=prediction"
"""0, 1, and 2 for no answer."""

OUTSIDE = "=outside"
"""The positions of the features whose value lies outside those of training; an answer may count in none or several."""

WITHOUT = "=without"
"""The bins of the probability once more, of answers without a hidden feature; for tasks that hide features."""

WHOLE = ""
"""The slice of all answers but those of TRAINING_SHEET."""

TRAINING_SHEET: Final = "training-sheet"
"""The source of forecasts for the very workbook that the model was trained with. They count in a slice of their own and
in no other: training knew these pupils, and the test of the card measured what a step from year to year costs, so they
say nothing about what has changed since."""

SHEET_SLICE = f"source={TRAINING_SHEET}"
"""The slice of those."""

FILE_SLICE = "source=file"
"""The slice of answers of `farol score --record`, which count in no other: the log has no row of theirs."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CounterLayout:
    """What each cell counts: for every name in order, as many cells as it has bins."""

    sizes: tuple[tuple[str, int], ...]
    starts: Mapping[str, int] = field(init=False, repr=False, compare=False, hash=False)
    width: int = field(init=False, repr=False, compare=False, hash=False)
    text: str = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        ends = list(accumulate((size for _, size in self.sizes), initial=0))
        object.__setattr__(self, "starts", {name: start for (name, _), start in zip(self.sizes, ends, strict=False)})
        object.__setattr__(self, "width", ends[-1])
        object.__setattr__(self, "text", json.dumps(self.sizes, ensure_ascii=False, separators=(",", ":")))

    def __hash__(self) -> int:
        return hash(self.text)  # which a text remembers: rows are added up by their layout

    @classmethod
    def of(cls, features: Sequence[str], bins: Sequence[int], *, hides: bool = False) -> Self:
        """The layout of a model's answers: its features, each with its number of bins, then the answers' own.

        `hides`: whether its task hides features.
        """
        answers = ((SCORE, SCORE_BINS + 1), (PREDICTION, ANSWERS), (OUTSIDE, len(features)))
        without = ((WITHOUT, SCORE_BINS + 1),) if hides else ()
        return cls((*zip(features, bins, strict=True), *answers, *without))

    def counts(self, cells: Counts) -> dict[str, dict[int, int]]:
        """Name → bin → how often, of a vector (width,); bins in which nothing was counted are left out."""
        counts = {}
        for name, size in self.sizes:
            part = cells[self.starts[name] : self.starts[name] + size]
            bins = np.flatnonzero(part)
            if bins.size:
                counts[name] = dict(zip(bins.tolist(), part[bins].tolist(), strict=True))
        return counts

    def vector(self, counts: Mapping[str, Mapping[int, int]]) -> Counts:
        """The inverse of `counts`. KeyError and IndexError for what has no cell."""
        cells = np.zeros(self.width, dtype=np.int64)
        for name, bins in counts.items():
            for bin_, count in bins.items():
                cells[self.starts[name] + bin_] = count
        return cells


@dataclass(frozen=True, slots=True)
class Counted:
    """Where one answer counts: cells of a layout, each once, in the whole and in each of the slices.

    In SHEET_SLICE it counts in that slice alone.
    """

    layout: CounterLayout
    cells: tuple[int, ...]
    slices: tuple[str, ...] = ()

    @classmethod
    def of(cls, bins: Mapping[str, int]) -> Self:
        """One bin of each name, in a layout that has no more cells than that needs."""
        layout = CounterLayout(tuple((name, bin_ + 1) for name, bin_ in bins.items()))
        return cls(layout, tuple(layout.starts[name] + bin_ for name, bin_ in bins.items()))


@lru_cache(maxsize=256)
def read_layout(text: str) -> CounterLayout:
    """The layout of `CounterLayout.text`; ValueError when it is something else."""
    match parse_json(text.encode()):
        case [*parts]:
            return CounterLayout(tuple(map(_read_part, parts)))
        case _:
            raise ValueError("not a layout")


def _read_part(part: object) -> tuple[str, int]:
    match part:
        case [str(name), int(size)]:
            return name, size
        case _:
            raise ValueError("not a part of a layout")


def union(first: CounterLayout, second: CounterLayout) -> CounterLayout:
    """A layout with room for what either counts; the first one itself where it has that."""
    if first == second:
        return first
    sizes = dict(first.sizes)
    for name, size in second.sizes:
        sizes[name] = max(size, sizes.get(name, 0))
    return first if sizes == dict(first.sizes) else CounterLayout(tuple(sizes.items()))


def moved(cells: Counts, layout: CounterLayout, into: CounterLayout) -> Counts:
    """The counts (width,) of one layout in the cells of another that has room for them."""
    if layout == into:
        return cells
    result = np.zeros(into.width, dtype=np.int64)
    for name, size in layout.sizes:
        start = into.starts[name]
        result[start : start + size] = cells[layout.starts[name] : layout.starts[name] + size]
    return result


def slices_of(
    source: str, level: str | None, values: Mapping[str, float | str | None], group: str | None
) -> tuple[str, ...]:
    """The slices an answer counts in besides the whole: its source and, where they are known, its level and class.

    `level` names the column of the pupils' stage in `values`; `group` is the class as the programme calls it. An answer
    of TRAINING_SHEET counts in that slice alone.
    """
    if source == TRAINING_SHEET:
        return (SHEET_SLICE,)
    stage = None if level is None else values.get(level)
    return (
        f"source={source}",
        *(() if stage is None else (f"{level}={stage:g}",)),
        *(() if group is None else (f"class={group}",)),
    )


def with_whole(slices: tuple[str, ...]) -> tuple[str, ...]:
    """All slices that an answer counts in, of those besides the whole."""
    return slices if slices == (SHEET_SLICE,) else (WHOLE, *slices)


def total(layout: CounterLayout, groups: Iterable[Sequence[int]]) -> Counts:
    """The vector (width,) of answers that count in these cells."""
    cells = np.fromiter(chain.from_iterable(groups), dtype=np.int64)
    vector: Counts = np.bincount(cells, minlength=layout.width)
    return vector
