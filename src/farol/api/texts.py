"""Texts of the API's description: written in English where they are used, translated when the page is made."""

from __future__ import annotations

from typing import Any

from farol.i18n import translate

_KEYS = frozenset({"description", "summary"})


def marked(text: str) -> str:
    """The text itself. Imported as `_`, so that the catalogue finds what it is called with."""
    return text


def translated(document: Any, locale: str) -> Any:
    """A copy of a JSON document with its descriptions and summaries in `locale`."""
    if isinstance(document, list):
        return [translated(item, locale) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        key: translate(value, locale) if key in _KEYS and isinstance(value, str) else translated(value, locale)
        for key, value in document.items()
    }
