"""How long a database may say nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Patience:
    """How many seconds PostgreSQL may say nothing; None: for ever. It may be changed while connections are open."""

    seconds: float | None = None
