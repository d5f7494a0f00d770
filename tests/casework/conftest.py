"""Case work is kept alike on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from farol.store.database import Store
from tests.casework.site import fill
from tests.postgresql import postgresql_server, postgresql_url

__all__ = ["postgresql_server", "postgresql_url"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A school with pupils and users, and no cases yet."""
    sqlite = f"sqlite:///{tmp_path / 'farol.db'}"
    with Store.open(sqlite if request.param == "sqlite" else request.getfixturevalue("postgresql_url")) as opened:
        fill(opened)
        yield opened
