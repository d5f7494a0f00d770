"""A client made from the description of the API, by a tool that is not ours, calls every route."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.generated_client import problems_with
from tests.api.server import serving
from tests.ports import held_port


@pytest.fixture(scope="module")
def base(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with held_port() as port, serving(port, trained, tmp_path_factory.mktemp("generated")) as server:
        yield server.base


@pytest.mark.parametrize("language", ["pt", "en"])
def test_a_generated_client_calls_every_operation(
    language: str, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert list(problems_with(base, tmp_path, language)) == []
