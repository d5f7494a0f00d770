"""Which rows of a sheet are no pupils, though there is something in the column of the pupils' codes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from farol.profile import fold
from farol.workbook.cells import Objects
from farol.workbook.raw import Cell, is_empty, plain_text

_SUMMARY = re.compile(
    r"(?:sub ?)?(?:total|totais)|medias?|mediana|somas?|somatorio|desvio|minimo|maximo|contagem|quantidade|qtde?"
    r"|fontes?|obs|observac(?:ao|oes)|notas?|legenda|elabora(?:do|cao)|atualiza(?:do|cao)"
    r"|turmas?|salas?|series?|fases?|escolas?|turnos?|geral|gerais|resultados?|numeros?|n de .*|percentua(?:l|is)"
    r"|porcentage(?:m|ns)|taxas?|moda|variancia|quartil|aprovad[ao]s?|reprovad[ao]s?"
    r"|averages?|means?|median|sum|std|min|max|count|sources?|notes?|class(?:es)?|grades?|schools?|overall|results?"
)
_FIRST_WORD = re.compile(r"(?:sub )?[a-z]+")
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
            elif _is_summary(folded, alike=shape == usual):
                kinds["summary_row"].append(at)
    known = {at for positions in kinds.values() for at in positions}
    full = {shape for shape, positions in shapes.items() if shape and _any_full(positions, known, columns)}
    for shape, positions in shapes.items():
        if full and shape not in full:
            bare = [at for at in positions if at not in known and not _is_full(at, columns)]
            kinds["note_row"] += bare
    kinds["unlike_code"] = _unlike(shapes, usual, {at for positions in kinds.values() for at in positions})
    return {kind: sorted(positions) for kind, positions in kinds.items() if positions}


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


def _is_summary(folded: str, *, alike: bool) -> bool:
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
