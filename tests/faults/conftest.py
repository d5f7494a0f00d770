"""A trained place to serve from, and a store of each kind for a service that will be hurt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bundles import make_bundle, put_into_use
from tests.postgresql import Cluster, running_cluster


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts with a promoted version of both tasks and another one of `current`; not to be changed."""
    artifacts = tmp_path_factory.mktemp("faults") / "artifacts"
    put_into_use(artifacts)
    make_bundle(artifacts, "current", seed=1)
    return artifacts


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL that these tests may hurt: no other test uses it."""
    with running_cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, one after the other of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'farol.db'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.new_database()
