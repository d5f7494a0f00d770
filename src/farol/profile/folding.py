"""How headers, sheet names and texts are compared.

Case, accents, degree signs, extra spaces, other widths of a character and what nobody sees do not count.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_DEGREES = dict.fromkeys(map(ord, "ºª°"))

_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Characters without width that Unicode does not count among the format characters (Cf)."""

_ENDING = re.compile(r"(.{4,}?)(?:[oa]s?|[oa]?/[oa]|[oa]?\([oa]\))$")
_LONGEST = 1_000
"""Unicode's normalisation takes quadratic time on a long row of combining marks."""


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """`text` without case, accents, º, ª, ° and invisible characters, in plain width, with single spaces between words.

    Only its first 1,000 characters count.

    >>> fold("  Nº  Av"), fold("N° Av"), fold("Inglês"), fold("ALFA  (2º e 3º ano)")
    ('n av', 'n av', 'ingles', 'alfa (2 e 3 ano)')
    >>> fold("Retido\u200b"), fold("\uff2d")
    ('retido', 'm')
    """
    text = text[:_LONGEST]
    decomposed = visible(unicodedata.normalize("NFKD", text.translate(_DEGREES)).translate(_DEGREES))
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(plain.casefold().split())


def stem(text: str) -> str:
    """`text` folded, without the endings of gender and number that Portuguese has: whom a school calls "Retido" in one
    year, it calls "Retida" or "Retido(a)" in another.

    >>> stem("Retida"), stem("Retido(a)"), stem("APROVADOS por conselho"), stem("Pass"), stem("Sala")
    ('retid', 'retid', 'aprovad por conselh', 'pass', 'sala')
    """
    return " ".join(_ENDING.sub(r"\1", word) for word in fold(text).split())


def visible(text: str) -> str:
    """`text` without the characters that nobody sees: zero-width ones, the soft hyphen, marks of direction."""
    return text if text.isascii() else "".join(character for character in text if not is_invisible(character))


def is_invisible(character: str) -> bool:
    """Whether nobody sees a character."""
    return unicodedata.category(character) == "Cf" or _INVISIBLE.match(character) is not None
