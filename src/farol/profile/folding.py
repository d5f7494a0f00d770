"""How headers, sheet names and texts are compared: what a hurried hand varies does not count."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_DEGREES = dict.fromkeys(map(ord, "ºª°"))


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """`text` without case, accents, º, ª and °, and with single spaces between its words.

    >>> fold("  Nº  Av"), fold("N° Av"), fold("Inglês"), fold("ALFA  (2º e 3º ano)")
    ('n av', 'n av', 'ingles', 'alfa (2 e 3 ano)')
    """
    # Case folding can bring accents and degree signs back (as in "İ"), so we strip until nothing changes.
    before, after = "", text
    while before != after:
        before, after = after, _stripped(after).casefold()
    return " ".join(after.split())


def _stripped(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.translate(_DEGREES))
    return "".join(c for c in decomposed.translate(_DEGREES) if not unicodedata.combining(c))
