"""Merged cells: a file keeps the value in the first one alone, while people see it in all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from farol.workbook.raw import Block, Cell, is_empty

Rows = Sequence[Sequence[Cell]]


def repeated_downward(rows: Rows, blocks: Sequence[Block], last: int) -> Rows:
    """`rows` in which the first column of each block that begins above the row `last` has its value in every row.

    Headers of two rows are so: "RA" merged with the cell below it, and "Mat" below the title "Notas".
    """
    above = [block for block in blocks if block.top < min(last, len(rows)) and block.bottom > block.top]
    if not above:
        return rows
    copy = [list(row) for row in rows[:last]]
    for block in above:
        for row in copy[block.top + 1 : block.bottom + 1]:
            if block.left < len(row) and is_empty(row[block.left]):
                row[block.left] = copy[block.top][block.left]
    return [*copy, *rows[last:]]


def repeated_values(
    rows: Rows, blocks: Sequence[Block], first: int, without: Collection[int]
) -> tuple[Rows, Mapping[int, list[int]]]:
    """`rows` in which each block that begins in the row `first` or below has its value in all its empty cells.

    The columns `without` are left alone, and so are rows that have nothing beside the block. Also the rows that were
    filled, by their column; all are 0-based.
    """
    filled: defaultdict[int, list[int]] = defaultdict(list)
    copy: list[list[Cell]] = []
    counts: dict[int, int] = {}
    room = sum(map(len, rows))  # merged cells that cover each other are no spreadsheet's, and would take for ever
    for block in blocks:
        room -= (min(block.bottom + 1, len(rows)) - block.top) * (block.right - block.left + 1)
        if block.top < first or block.left in without or room < 0:
            continue
        copy = copy or [list(row) for row in rows]
        for row, column in _cells_to_fill(copy, block, counts):
            if column not in without:
                copy[row][column] = copy[block.top][block.left]
                filled[column].append(row)
                counts[row] += 1
    return copy or rows, {column: sorted(places) for column, places in sorted(filled.items())}


def _cells_to_fill(rows: Sequence[Sequence[Cell]], block: Block, counts: dict[int, int]) -> Iterator[tuple[int, int]]:
    """The empty cells of a block, row by row; `counts` keeps how many cells of a row are not, once it was looked at."""
    width = len(rows[0]) if rows else 0
    if block.top >= len(rows) or block.left >= width or is_empty(rows[block.top][block.left]):
        return
    columns = range(block.left, min(block.right + 1, width))
    for number in range(block.top, min(block.bottom + 1, len(rows))):
        row = rows[number]
        if number not in counts:
            counts[number] = sum(not is_empty(cell) for cell in row)
        empty = [column for column in columns if is_empty(row[column])]
        if counts[number] > len(columns) - len(empty):  # there is something beside the block
            yield from ((number, column) for column in empty)
