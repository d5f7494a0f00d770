"""A store, and workbooks that were sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from farol.accounts.viewer import NOBODY_IN_PARTICULAR
from farol.intake.review import ReadRequest
from farol.intake.uploads import Upload, stage
from farol.profile import load_profile
from farol.settings import Settings
from farol.store.database import Store

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
PEDE = load_profile("pede")


def settings_of(folder: Path, **values: object) -> Settings:
    """Settings of a site in a folder."""
    return Settings(data=folder / "data", artifacts=folder / "artifacts", **values)  # type: ignore[arg-type]


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The store of a site."""
    settings.data.mkdir(parents=True, exist_ok=True)
    with Store.open(settings.store_url) as store:
        yield store


def send(settings: Settings, store: Store, *paths: Path, at: datetime = NOW) -> Upload:
    """Stage files as the page does."""
    with ExitStack() as stack:
        files = [(path.name, stack.enter_context(path.open("rb"))) for path in paths]
        return stage(settings, store, NOBODY_IN_PARTICULAR, files, at)


def request_for(path: Path, settings: Settings | None = None, year: int | None = None) -> ReadRequest:
    """What the child is asked for a workbook of PEDE."""
    return ReadRequest.of(path, PEDE, {}, settings or Settings(), year)
