"""Which rows of a sheet are no pupils, though there is something in the column of the pupils' codes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from farol.profile import Column, fold
from farol.workbook.cells import Objects, number_column, read_category
from farol.workbook.dates import date_column
from farol.workbook.raw import Cell, Source, is_empty, plain_text

_SUMMARY = re.compile(
    r"(?:sub ?)?(?:total|totais)|medias?|mediana|somas?|somatorio|desvio|minimo|maximo|contagem|quantidade|qtde?"
    r"|fontes?|obs|observac(?:ao|oes)|notas?|legenda|elabora(?:do|cao)|atualiza(?:do|cao)"
    r"|turmas?|salas?|series?|fases?|escolas?|turnos?|geral|gerais|resultados?|numeros?|n de .*|percentua(?:l|is)"
    r"|porcentage(?:m|ns)|taxas?|moda|variancia|quartil|aprovad[ao]s?|reprovad[ao]s?|pesos?|unidades?|escalas?|valor(?:es)?"
    r"|averages?|means?|median|sum|std|min|max|count|sources?|notes?|class(?:es)?|grades?|schools?|overall|results?"
)
_FIRST_WORD = re.compile(r"(?:sub )?[a-z]+")
_ABOUT_CODES = re.compile(
    r"(?:(?:o |a )?(?:codigos?|cod|matriculas?|id|identifica[a-z]*|inscric[a-z]*|registros?|numeros?|alun[ao]s?"
    r"|estudantes?|ex|exemplos?|codes?|students?|pupils?|number|example|key|chave)\b|[(\[<]).*"
    r"|.*\b(?:digit|caracter|character)[a-z]*\b.*"
)
"""What stands above pupils' codes, or below their header, to explain it."""

_SECOND_HEADERS = 3
"""Headers are explained in no more rows than this."""

_LEADING_SIGNS = "%*#=-–—>→ "
_ENOUGH_CODES = 20
_USUAL_SHARE = 0.9


def code_shape(text: str) -> str:
    """How a code looks, with A for letters and 9 for digits.

    >>> code_shape("RA-1203"), code_shape("Fonte: PEDE")
    ('A-9', 'A: A')
    """
    return re.sub("[0-9]+", "9", re.sub(r"[^\W\d_]+", "A", text))


def rows_without_pupil(
    header: str, cells: Sequence[Cell], codes: Objects, columns: Sequence[Sequence[Cell]]
) -> dict[str, list[int]]:
    """The positions of the rows that are no pupils, by the finding's code; and `unlike_code`, which may be pupils.

    `cells` are those below `header`, the header of the codes, and `codes` what they were read as; `columns` are all
    columns of the sheet. A row is not a pupil's when it repeats the header, begins with a word for a sum or a note
    and is not written like most codes, or holds a text unlike every pupil's code and nothing else. Words for a sum are
    those of a group's row, too ("Turma A", "Geral").
    """
    kinds: defaultdict[str, list[int]] = defaultdict(list)
    texts = {at: plain_text(cell) for at, cell in enumerate(cells) if not is_empty(cell)}
    shapes: defaultdict[str, list[int]] = defaultdict(list)
    for at in texts:
        shapes["" if codes[at] is None else code_shape(codes[at])].append(at)
    usual = max(shapes, key=lambda shape: len(shapes[shape]), default="")
    folded_header = fold(header)
    for shape, positions in shapes.items():
        # Texts of one shape differ from each other too, but a fold of each code would take long.
        for at in positions if shape != usual or "9" not in shape else ():
            folded = fold(texts[at])
            if folded == folded_header:
                kinds["header_row_again"].append(at)
            elif is_summary(folded, alike=shape == usual):
                kinds["summary_row"].append(at)
    known = {at for positions in kinds.values() for at in positions}
    full = {shape for shape, positions in shapes.items() if shape and _any_full(positions, known, columns)}
    for shape, positions in shapes.items():
        if full and shape not in full:
            bare = [at for at in positions if at not in known and not _is_full(at, columns)]
            kinds["note_row"] += bare
    kinds["unlike_code"] = _unlike(shapes, usual, {at for positions in kinds.values() for at in positions})
    return {kind: sorted(positions) for kind, positions in kinds.items() if positions}


def second_headers(
    starts: Iterable[int], codes: Sequence[Cell], columns: Sequence[tuple[Column, Sequence[Cell]]], source: Source
) -> list[int]:
    """The positions of the rows that go on with the headers: units, ranges ("0 a 10") or explanations, and no pupil.

    `starts` are the positions right below headers, `codes` the cells of the codes (all None without such a column), and
    `columns` the columns that are read. In such a row nothing is a value: no number, no date, no word of another row;
    and what stands in place of the code is not written like one. At least one cell is no value of its column, or it is
    the code's that says what codes are.
    """
    second = []
    values = _Values(columns, source)
    with_digits = _have_digits(codes)
    for start in starts:
        for at in range(start, min(start + _SECOND_HEADERS, len(codes))):
            if _explains(at, codes, values, with_digits=with_digits):
                second.append(at)
            elif not all(is_empty(cells[at]) for cells in (codes, *(cells for _, cells in columns))):
                break
    return second


def other_tables(
    codes: Sequence[Cell],
    columns: Sequence[tuple[Column, Sequence[Cell]]],
    all_columns: Sequence[Sequence[Cell]],
    source: Source,
) -> list[int]:
    """The positions of the rows of other tables, below a blank row: their headers, of texts alone, and what follows.

    `codes` and `columns` as in `second_headers`. A row whose code is written as most are is a pupil's wherever it
    stands.
    """
    others: list[int] = []
    usual: str | None = None
    values = _Values(columns, source)
    for at in range(1, len(codes)):
        if not _is_text(codes[at]) or not is_empty(codes[at - 1]) or not _is_blank(at - 1, all_columns):
            continue
        filled = [column[at] for column in all_columns if not is_empty(column[at])]
        usual = _usual_shape(codes) if usual is None else usual
        if len(filled) < 2 or "9" not in usual or not all(map(_is_text, filled)):
            continue
        if any(values.is_value(place, at, only_above=True) for place in range(len(columns))):
            continue
        for below in range(at, len(codes)):
            if _is_blank(below, all_columns) or code_shape(plain_text(codes[below])) == usual:
                break
            others.append(below)
    return others


def _is_text(cell: Cell) -> bool:
    """Whether a cell has words without any digit."""
    return isinstance(cell, str) and not is_empty(cell) and not re.search("[0-9]", cell)


def _is_blank(at: int, columns: Sequence[Sequence[Cell]]) -> bool:
    return all(is_empty(column[at]) for column in columns)


def _usual_shape(codes: Sequence[Cell]) -> str:
    return Counter(code_shape(plain_text(code)) for code in codes if not is_empty(code)).most_common(1)[0][0]


def _explains(at: int, codes: Sequence[Cell], values: _Values, *, with_digits: bool) -> bool:
    written = fold(plain_text(codes[at])) if not is_empty(codes[at]) else ""
    about_codes = _ABOUT_CODES.fullmatch(written) is not None
    if written and not about_codes and (re.search("[0-9]", written) or not with_digits):
        return False
    explained = about_codes
    for place in range(len(values.columns)):
        is_value = values.is_value(place, at)
        if is_value:
            return False
        explained = explained or is_value is False
    return explained


def _have_digits(codes: Sequence[Cell]) -> bool:
    """Whether most codes have digits."""
    given = [plain_text(code) for code in codes if not is_empty(code)]
    return 2 * sum(any(map(str.isdigit, code)) for code in given) > len(given)


class _Values:
    """Whether cells are values of their columns. The words of a column are looked through once, and if asked for."""

    def __init__(self, columns: Sequence[tuple[Column, Sequence[Cell]]], source: Source) -> None:
        self.columns = columns
        self._source = source
        self._words = lru_cache(maxsize=None)(self._places_of_words)

    def is_value(self, place: int, at: int, *, only_above: bool = False) -> bool | None:
        """Whether the cell at a position of a column is one; None where it says nothing.

        A word is one where another row of the column has it (`only_above`: a row above), if the profile lists none.
        """
        column, cells = self.columns[place]
        cell = cells[at]
        if is_empty(cell):
            return None
        if column.kind == "category":
            if column.categories:
                return read_category(cell, column)[0] is not None
            first, last = self._words(place)[fold(plain_text(cell))]
            return True if first < at or (last > at and not only_above) else None
        notes = (number_column([cell], column, self._source) if column.kind == "number" else date_column([cell])).notes
        codes = {note.code for note in notes}
        if codes & {"word_for_nothing", "error_cell", "uncalculated", "nested_value"}:
            return None
        return "unreadable_text" not in codes or not isinstance(cell, str)

    def _places_of_words(self, place: int) -> Mapping[str, tuple[int, int]]:
        """Word, folded → the first and the last position in a column."""
        places: dict[str, tuple[int, int]] = {}
        for at, cell in enumerate(self.columns[place][1]):
            if not is_empty(cell):
                word = fold(plain_text(cell))
                places[word] = places.get(word, (at, at))[0], at
        return places


def rows_without_code(headers: Sequence[str], columns: Sequence[Sequence[Cell]]) -> dict[str, list[int]]:
    """The positions of the rows that are no pupils, by the finding's code, in a sheet without a column of codes.

    A row is not a pupil's when it repeats the headers of the `columns`, begins with a word for a sum, or has a single
    cell where there are at least three columns.
    """
    kinds: defaultdict[str, list[int]] = defaultdict(list)
    folded_headers = [fold(header) for header in headers]
    for at, cells in enumerate(zip(*columns, strict=True)):
        filled = [cell for cell in cells if not is_empty(cell)]
        if not filled:
            continue
        if [fold(plain_text(cell)) for cell in cells] == folded_headers:
            kinds["header_row_again"].append(at)
        elif isinstance(filled[0], str) and len(filled) < len(cells) and _SUMMARY.fullmatch(fold(filled[0])):
            kinds["summary_row"].append(at)
        elif len(filled) == 1 and len(cells) > 2:
            kinds["note_row"].append(at)
    return dict(kinds)


def is_summary(folded: str, *, alike: bool) -> bool:
    """Whether a text is a word for a sum or a note, or (not `alike`: not written like most codes) begins with one."""
    folded = folded.lstrip(_LEADING_SIGNS)
    word = _FIRST_WORD.match(folded)
    if _SUMMARY.fullmatch(folded) or word is None:
        return word is not None
    return not alike and any(_SUMMARY.fullmatch(part) for part in (word[0], word[0].split()[0]))


def _any_full(positions: Iterable[int], known: set[int], columns: Sequence[Sequence[Cell]]) -> bool:
    return any(at not in known and _is_full(at, columns) for at in positions)


def _is_full(at: int, columns: Sequence[Sequence[Cell]]) -> bool:
    """Whether a row has more than one cell with something in it."""
    filled = 0
    for column in columns:
        filled += not is_empty(column[at])
        if filled > 1:
            return True
    return False


def _unlike(shapes: Mapping[str, Sequence[int]], usual: str, known: set[int]) -> list[int]:
    """Where a code is written as hardly any other, in a sheet where nearly all are written alike."""
    others = {shape: [at for at in positions if at not in known] for shape, positions in shapes.items() if shape}
    count = sum(map(len, others.values()))
    if count < _ENOUGH_CODES or len(others.get(usual, ())) < _USUAL_SHARE * count:
        return []
    return [at for positions in others.values() if len(positions) <= max(count // 100, 1) for at in positions]
