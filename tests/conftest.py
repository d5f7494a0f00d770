"""Fixtures that every test may want: the two workbooks, an empty database, and a clean place to work in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from farol.profile import load_profile
from farol.store.database import Store
from farol.workbook.panel import Panel, read_panel
from farol.workbook.sample import write_sample
from tests.ports import held_port

PROJECT = Path(__file__).resolve().parents[1]

# How fast a machine is, and which examples chance draws, say nothing of a promise. So each run tries the same examples,
# however long they take. `--hypothesis-profile=search` draws others.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("search"), derandomize=True)
settings.load_profile("same")


@pytest.fixture(scope="session")
def sample_workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workbook that Farol ships, freshly generated."""
    return write_sample(tmp_path_factory.mktemp("sample") / "sample.xlsx")


@pytest.fixture(scope="session")
def real_workbook() -> Path:
    """The real workbook; where it is absent the test is skipped, except in CI, where it must be there."""
    path = Path(os.environ.get("FAROL_PEDE_WORKBOOK", PROJECT.parent / "shared" / "data" / "pede-2022-2024.xlsx"))
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs the real workbook: set FAROL_PEDE_WORKBOOK")
        pytest.skip("the real workbook is not here; set FAROL_PEDE_WORKBOOK to test with it")
    return path


@pytest.fixture(scope="session")
def panel(sample_workbook: Path) -> Panel:
    """Every year of that workbook."""
    return read_panel(sample_workbook, load_profile("pede"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database of this test's own."""
    with Store.open(f"sqlite:///{tmp_path / 'farol.db'}") as opened:
        yield opened


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see the default settings, whatever the shell has."""
    for name in list(os.environ):
        if name.startswith("FAROL_") and name != "FAROL_PEDE_WORKBOOK":
            monkeypatch.delenv(name)


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port for this test."""
    with held_port() as port:
        yield port
