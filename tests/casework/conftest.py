"""Case work is kept alike on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from farol.store.database import Store
from tests.casework.site import fill
from tests.postgresql import postgresql_server, postgresql_url, url

__all__ = ["postgresql_server", "postgresql_url", "url"]


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A school with pupils and users, and no cases yet."""
    with Store.open(url) as opened:
        fill(opened)
        yield opened
