"""How features went together in training: for each two of them, how many rows fell in which groups of bins.

The bins of a feature are joined to at most five ordered groups of about as many rows each. Five groups show how two
features go together, and leave most cells with many rows. Missing values, and values that training never had, are in no
group: a row counts for two features where both are known.

Only tables of a hundred rows or more are kept, of all of training and of each level of the programme. Many tables of
fewer rows could together point to one pupil, and would hold little more than chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

Ints = NDArray[np.int64]
Tables = tuple[Ints | None, ...]

MOST_GROUPS = 5
"""Groups of a feature's bins. The rank correlation of five equal groups tells nearly as much as that of all values."""

LEAST_ROWS = 100
"""Rows of training that a table needs."""

NO_GROUP = -1


def groups_of(counts: Sequence[int], ordered: int) -> tuple[int, ...]:
    """The group of each bin, from training rows a bin: the first `ordered` bins are in order, the rest in no group.

    A bin goes where its middle row stands among the fifths of all; so a heap of many rows keeps a group of its own.
    """
    groups = np.arange(ordered)
    if ordered > MOST_GROUPS:
        among = np.array(counts[:ordered], dtype=np.int64)
        total = max(int(among.sum()), 1)
        doubled = 2 * np.cumsum(among) - among  # twice the place of the middle row
        groups = np.unique(np.minimum(MOST_GROUPS * doubled // (2 * total), MOST_GROUPS - 1), return_inverse=True)[1]
    return (*groups.tolist(), *[NO_GROUP] * (len(counts) - ordered))


@dataclass(frozen=True, slots=True)
class PairwiseLines:
    """`PairwiseCounts` in reference.json: a line of text for each sequence of numbers, since there are thousands."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    groups: tuple[str, ...]
    tables: tuple[str, ...]
    by_level: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class PairwiseCounts:
    """Training rows by the groups of each two features.

    `groups` has the group of each bin of each feature, -1 for none. `tables` are counts in the order of `pairs`, each
    (groups of the first, groups of the second) row by row; empty where fewer than a hundred rows know both. `by_level`
    has the same for levels of the programme, under the level as text ("3").
    """

    groups: tuple[tuple[int, ...], ...]
    tables: tuple[tuple[int, ...], ...]
    by_level: Mapping[str, tuple[tuple[int, ...], ...]]

    @classmethod
    def fit(cls, groups: Sequence[tuple[int, ...]], bins: Ints, levels: Mapping[str, NDArray[np.bool_]]) -> Self | None:
        """Count rows by their bins (n, k), and those of each level; None where no two features have a table."""
        whole = cls(tuple(groups), (), {})
        tables = whole._kept(bins)
        if not any(tables):
            return None
        by_level = {level: kept for level, rows in levels.items() if any(kept := whole._kept(bins[rows]))}
        return cls(tuple(groups), tables, by_level)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The positions of each two features."""
        return tuple(combinations(range(len(self.groups)), 2))

    def shape(self, first: int, second: int) -> tuple[int, int]:
        """How many groups the two features at these positions have."""
        return max(self.groups[first], default=NO_GROUP) + 1, max(self.groups[second], default=NO_GROUP) + 1

    def count(self, bins: Ints) -> tuple[Ints, ...]:
        """Rows (n, k) of bins, as `Reference.index` gives them, counted by the groups of each two features."""
        grouped = [np.array(groups, dtype=np.int64)[column] for groups, column in zip(self.groups, bins.T, strict=True)]
        tables = []
        for first, second in self.pairs:
            rows, columns = self.shape(first, second)
            known = (grouped[first] != NO_GROUP) & (grouped[second] != NO_GROUP)
            cells = grouped[first][known] * columns + grouped[second][known]
            tables.append(np.bincount(cells, minlength=rows * columns).reshape(rows, columns))
        return tuple(tables)

    def of(self, level: str | None = None) -> Tables:
        """The tables of training, or of one level of it; None for two features that have none."""
        tables = self.tables if level is None else self.by_level.get(level, ((),) * len(self.tables))
        return tuple(
            np.array(table, dtype=np.int64).reshape(self.shape(*pair)) if table else None
            for pair, table in zip(self.pairs, tables, strict=True)
        )

    def _kept(self, bins: Ints) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(table.ravel().tolist()) if table.sum() >= LEAST_ROWS else () for table in self.count(bins))

    def to_lines(self) -> PairwiseLines:
        """The counts as reference.json holds them."""
        by_level = {level: _lines(tables) for level, tables in self.by_level.items()}
        return PairwiseLines(_lines(self.groups), _lines(self.tables), by_level)

    @classmethod
    def of_lines(cls, source: PairwiseLines, sizes: Sequence[int]) -> Self:
        """The counts that `to_lines` gave, of features with as many bins as `sizes`; ValueError if they do not fit."""
        groups = _numbers(source.groups, NO_GROUP)
        if [len(line) for line in groups] != list(sizes):
            raise ValueError("each bin of each feature has a group, or -1")
        empty = cls(groups, (), {})
        by_level = {level: empty._read_tables(lines) for level, lines in source.by_level.items()}
        return cls(groups, empty._read_tables(source.tables), by_level)

    def _read_tables(self, lines: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        tables = _numbers(lines, 0)
        shapes = [self.shape(*pair) for pair in self.pairs]
        if len(tables) != len(shapes) or any(
            len(table) not in (0, rows * columns) for table, (rows, columns) in zip(tables, shapes, strict=False)
        ):
            raise ValueError("each two features have one table, with one count for each two groups")
        return tables


def _lines(numbers: Sequence[Sequence[int]]) -> tuple[str, ...]:
    return tuple(" ".join(map(str, line)) for line in numbers)


def _numbers(lines: Sequence[str], least: int) -> tuple[tuple[int, ...], ...]:
    rows = tuple(tuple(int(number) for number in line.split()) for line in lines)
    if any(number < least for line in rows for number in line):
        raise ValueError("not counts")
    return rows
