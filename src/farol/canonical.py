"""One way to write JSON: the same value always gives the same bytes."""

from __future__ import annotations

import json
from typing import NoReturn


def canonical_json(value: object) -> bytes:
    """`value` as UTF-8 JSON with sorted keys, two spaces of indent and a newline at the end.

    Raises ValueError for NaN and infinity: JSON has none, and readers disagree about what they would mean.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False)
    return text.encode() + b"\n"


def parse_json(source: bytes) -> object:
    """The value of UTF-8 JSON; ValueError for what is not JSON, NaN and infinity included."""
    return json.loads(source.decode(), parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
