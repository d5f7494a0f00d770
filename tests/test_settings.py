"""The demonstration's folder: it brings its models and database with it, and meets no school's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from farol.settings import Settings


@pytest.fixture
def demonstration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return Settings(database_url="postgresql://school/own").demonstration()


def test_a_demonstration_stands_apart_below_the_data_folder(demonstration: Settings) -> None:
    assert demonstration.is_demonstration
    assert not Settings().is_demonstration
    assert (demonstration.data, demonstration.artifacts) == (
        Path("data/demonstration"),
        Path("data/demonstration/artifacts"),
    )
    assert demonstration.store_url == f"sqlite:///{Path.cwd() / 'data/demonstration/farol.db'}"
    assert demonstration.demonstration() == demonstration


@pytest.mark.parametrize(
    "named",
    [
        {"data": "data/demonstration"},
        {"artifacts": "data/demonstration/artifacts"},
        {"data": "data/demonstration", "artifacts": "artifacts", "database_url": "postgresql://school/own"},
    ],
    ids="+".join,
)
def test_data_or_models_bring_the_rest_with_them(
    demonstration: Settings, named: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in named.items():
        monkeypatch.setenv(f"FAROL_{name.upper()}", value)
    configured = Settings()
    assert (configured.data, configured.artifacts, configured.store_url) == (
        demonstration.data,
        demonstration.artifacts,
        demonstration.store_url,
    )


def test_another_folder_is_nobodys_demonstration(demonstration: Settings, tmp_path: Path) -> None:
    own = Settings(data=tmp_path / "own", artifacts=demonstration.artifacts)
    assert (own.data, own.is_demonstration) == (tmp_path / "own", False)
