"""How headers, sheet names and texts are compared: case, accents, degree signs and extra spaces do not count."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_DEGREES = dict.fromkeys(map(ord, "ºª°"))

_LONGEST = 1_000
"""Unicode's normalisation takes quadratic time on a long row of combining marks."""


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """`text` without case, accents, º, ª and °, and with single spaces between its words.

    Only its first 1,000 characters count.

    >>> fold("  Nº  Av"), fold("N° Av"), fold("Inglês"), fold("ALFA  (2º e 3º ano)")
    ('n av', 'n av', 'ingles', 'alfa (2 e 3 ano)')
    """
    text = text[:_LONGEST]
    decomposed = unicodedata.normalize("NFKD", text.translate(_DEGREES)).translate(_DEGREES)
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(plain.casefold().split())
