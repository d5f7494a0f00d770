"""A trained place to serve from, made once; a running app on top of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from farol.app import create_app
from farol.settings import Settings
from tests.api.client import Client, running
from tests.bundles import make_bundle, put_into_use


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts with a promoted version of both tasks and another one of `current`; not to be changed."""
    artifacts = tmp_path_factory.mktemp("api") / "artifacts"
    put_into_use(artifacts)
    make_bundle(artifacts, "current", seed=1)
    return artifacts


@pytest.fixture
def artifacts(trained: Path, tmp_path: Path) -> Path:
    """A copy of `trained` for this test to change."""
    return Path(shutil.copytree(trained, tmp_path / "artifacts"))


@pytest.fixture
def settings(artifacts: Path, tmp_path: Path) -> Settings:
    """Settings for a service of this test's own."""
    return Settings(artifacts=artifacts, data=tmp_path / "data")


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """A client of a service of this test's own."""
    with running(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="session")
def shared_settings(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the shared service."""
    return Settings(artifacts=trained, data=tmp_path_factory.mktemp("api-data"))


@pytest.fixture(scope="session")
def shared(shared_settings: Settings) -> Iterator[Client]:
    """A client of one service for all tests that only ask."""
    with running(create_app(shared_settings)) as client:
        yield client
