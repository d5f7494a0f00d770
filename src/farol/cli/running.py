"""Whether a service of this data folder runs on this machine, and where.

A service that has started notes its port and its moment of starting in the data folder. The note counts only while a
Farol that started at that very moment answers at that port: not what a crash left behind, nor another school's Farol.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from farol.files import canonical_json, parse_json, replace_file

if TYPE_CHECKING:
    from farol.settings import Settings

NOTE = "running.json"
PATIENCE = 3.0
"""Seconds in which a service on this machine answers whether it is alive."""


def note_running(settings: Settings, started: datetime) -> None:
    """Note where this service is. A folder that cannot be written has no note, and then nobody finds the service."""
    with suppress(OSError):  # a folder that is away is not made: the database may be on a disk to come
        replace_file(_note(settings), canonical_json({"port": settings.port, "started_at": _second(started)}))


def forget_running(settings: Settings) -> None:
    """Remove the note of a service that has ended."""
    with suppress(OSError):
        _note(settings).unlink(missing_ok=True)


def running_base(settings: Settings) -> str | None:
    """The address of the service of this data folder, as `http://127.0.0.1:8000`; None where none answers."""
    try:
        note = parse_json(_note(settings).read_bytes())
    except (OSError, ValueError):
        return None
    match note:
        case {"port": int(port), "started_at": int(started)} if 0 < port < 65_536:
            base = f"http://127.0.0.1:{port}"
            return base if _started(base) == started else None
        case _:
            return None


def _started(base: str) -> int | None:
    """When the Farol at an address started; None where no Farol answers."""
    try:
        with build_opener(ProxyHandler({})).open(f"{base}/health", timeout=PATIENCE) as answer:
            health = json.loads(answer.read(100_000))
            return _second(datetime.fromisoformat(health["started_at"]))
    except (URLError, OSError, ValueError, LookupError, TypeError):
        return None


def _second(moment: datetime) -> int:
    return int(moment.timestamp())


def _note(settings: Settings) -> Path:
    return settings.data / NOTE
