"""How the words of a column are written, where a rule of the profile reads several spellings as one value."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from farol.profile import fold
from farol.workbook.cells import Cell, Floats, Objects

Spellings = Mapping[float | str, frozenset[str]]
"""Value → the texts that stand for it in one sheet."""


def spellings_of(cells: Sequence[Cell], values: Floats | Objects) -> tuple[Spellings, tuple[int, ...]]:
    """The spellings of a column's values, and the positions of the odd ones out.

    Odd are cells whose text differs from the commonest of their column only in case, accents, signs or spaces.
    `values` (n,) are what the `cells` (n,) were read as; cells without a value (None, NaN) do not count.
    """
    texts = {at: cell for at, cell in enumerate(cells) if isinstance(cell, str) and cell and _has_value(values[at])}
    counts = Counter(texts.values())
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for text in counts:
        alike[fold(text)].append(text)
    rare = {text for group in alike.values() for text in _but_the_commonest(group, counts)}
    by_value: defaultdict[float | str, set[str]] = defaultdict(set)
    for at, text in texts.items():
        by_value[values[at]].add(text)
    odd = tuple(at for at, text in texts.items() if text in rare)
    return {value: frozenset(words) for value, words in by_value.items()}, odd


def respelled(earlier: Spellings, later: Spellings) -> frozenset[float | str]:
    """The values of both years of which no spelling is common to them."""
    return frozenset(value for value in earlier.keys() & later.keys() if not earlier[value] & later[value])


def _but_the_commonest(group: Sequence[str], counts: Mapping[str, int]) -> Iterator[str]:
    commonest = max(group, key=lambda text: (counts[text], text))
    return (text for text in group if text != commonest)


def _has_value(value: object) -> bool:
    # NaN is the only value that differs from itself.
    return value is not None and value == value  # noqa: PLR0124
