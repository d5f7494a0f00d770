"""A site, and its store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from farol.settings import Settings
from farol.store.database import Store
from tests.intake.sending import opened, settings_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with opened(settings) as store:
        yield store
