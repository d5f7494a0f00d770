"""What is odd about the cells of one column: which positions, under which finding's code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from farol.workbook.raw import EMPTY_TEXT, NESTED, UNCALCULATED, Cell, CellError, is_empty
from farol.workbook.texts import error_kind

_NO_FAILURE = {EMPTY_TEXT: "empty_text", UNCALCULATED: "uncalculated", NESTED: "nested_value"}


@dataclass(frozen=True, slots=True)
class Note:
    """What is odd about some cells: a finding's code, their positions, and words for its message."""

    code: str
    positions: tuple[int, ...]
    details: Mapping[str, object] = field(default_factory=dict)


class Notes:
    """Positions by code while a column is read. Of the cells only error kinds are kept, never a pupil's value."""

    def __init__(self) -> None:
        self._positions: defaultdict[str, list[int]] = defaultdict(list)
        self._kinds: set[str] = set()
        self._details: dict[str, Mapping[str, object]] = {}

    def add(self, code: str | None, position: int, cell: Cell) -> None:
        """Note one cell; no code is nothing to note."""
        if code is None:
            return
        self._positions[code].append(position)
        if code == "error_cell":
            self._kinds.add(_error_kind(cell) or "")

    def add_nothing(self, position: int, cell: Cell) -> bool:
        """Whether a cell holds no value. An error and an empty text are noted."""
        code = nothing_in(cell)
        self.add(code or None, position, cell)
        return code is not None

    def add_all(self, code: str, positions: Iterable[int]) -> None:
        """Note many cells."""
        for position in positions:
            self._positions[code].append(position)

    def detail(self, code: str, details: Mapping[str, object]) -> None:
        """Words for the message of a code."""
        self._details[code] = details

    def all(self) -> tuple[Note, ...]:
        """The notes, by code."""
        details = self._details | {"error_cell": {"kinds": ", ".join(sorted(self._kinds))}}
        return tuple(
            Note(code, tuple(positions), details.get(code, {})) for code, positions in sorted(self._positions.items())
        )


def nothing_in(cell: Cell) -> str | None:
    """None when a cell holds a value; else the code of the note to make, "" for no note."""
    if isinstance(cell, CellError) and cell in _NO_FAILURE:
        return _NO_FAILURE[cell]
    if _error_kind(cell) is not None:
        return "error_cell"
    return "" if is_empty(cell) else None


def _error_kind(cell: Cell) -> str | None:
    if isinstance(cell, CellError):
        return cell.kind
    return error_kind(cell) if isinstance(cell, str) else None


def error_notes(cells: Sequence[Cell]) -> tuple[Note, ...]:
    """Notes of the failed formulas in a column that is not read."""
    noted = Notes()
    for position, cell in enumerate(cells):
        if isinstance(cell, CellError) and cell is not EMPTY_TEXT:
            noted.add(_NO_FAILURE.get(cell, "error_cell"), position, cell)
    return noted.all()
