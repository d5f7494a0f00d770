"""Files written whole: a crash leaves the old content or the new. JSON written so that a value gives the same bytes."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import NoReturn

FOLDERS_CAN_SYNC = os.name != "nt"
"""Windows cannot open a folder to sync it, and its file systems keep a rename in their own journal."""


def write_file(path: Path, content: bytes) -> None:
    """Write a new file and wait until the disk has it. FileExistsError when it is there already."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` in place of the file, if any, in one step: a reader sees the old bytes or the new."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write_file(fresh, content)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until the disk has the folder's entries: the names of new and renamed files."""
    if not FOLDERS_CAN_SYNC:
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
