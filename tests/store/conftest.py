"""Every promise of the store is kept on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from farol.store.database import Store
from tests.postgresql import postgresql_server, postgresql_url, store, url

__all__ = ["postgresql_server", "postgresql_url", "store", "url"]


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return url_of(tmp_path / "farol.db")


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    with Store.open(sqlite_url) as opened:
        yield opened
